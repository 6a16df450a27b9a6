package web

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/speechqa/speechqa/storage/postgres"
)

// overturnReasons are why a finding may be wrong; "reason.<code>" names them. The last asks for a note.
var overturnReasons = []string{"context", "misheard", "wrong_speaker", "not_agent_duty", "rule_wrong", "other"}

// maxNote is the longest note, in characters.
const maxNote = 2000

// decide stores a reviewer's word on one finding and shows the recording again.
func (c *Console) decide(w http.ResponseWriter, r *http.Request) error {
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		return errNotFound
	}
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		return errBadRequest
	}
	d := postgres.Decision{
		RecordingID: id.String(),
		FindingKey:  r.PathValue("key"),
		Verdict:     postgres.Verdict(r.PostForm.Get("verdict")),
		Reason:      r.PostForm.Get("reason"),
		Note:        strings.TrimSpace(r.PostForm.Get("note")),
		UserID:      visitorOf(r).user.ID,
		Origin:      origin(r),
	}
	if d.Version, err = strconv.ParseInt(r.PostForm.Get("version"), 10, 64); err != nil {
		return errBadRequest
	}
	switch d.Verdict {
	case postgres.VerdictConfirmed, postgres.VerdictOpen:
		d.Reason = ""
	case postgres.VerdictOverturned:
		if !slices.Contains(overturnReasons, d.Reason) || (d.Reason == "other" && d.Note == "") {
			return errReasonNeeded
		}
	default:
		return errBadRequest
	}
	if utf8.RuneCountInString(d.Note) > maxNote || !utf8.ValidString(d.Note) || strings.ContainsRune(d.Note, 0) {
		return errBadRequest
	}
	grade, err := c.grading(r, d.RecordingID)
	if err != nil {
		return err
	}
	if err := c.store.Decide(r.Context(), d, grade); err != nil {
		return fmt.Errorf("decide on %s of %s: %w", d.FindingKey, d.RecordingID, err)
	}
	http.Redirect(w, r, "/recordings/"+d.RecordingID, http.StatusSeeOther)
	return nil
}

// nextRecording goes to the recording that comes after the one given in the list of those to judge.
func (c *Console) nextRecording(w http.ResponseWriter, r *http.Request) error {
	after := r.URL.Query().Get("after")
	if after != "" {
		id, err := uuid.Parse(after)
		if err != nil {
			return errBadRequest
		}
		after = id.String()
	}
	next, err := c.store.NextToJudge(r.Context(), visitorOf(r).scope, after)
	if err != nil {
		return fmt.Errorf("next recording: %w", err)
	}
	if next == "" {
		c.sessions.Put(r.Context(), sessFlash, "flash.all_judged")
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return nil
	}
	http.Redirect(w, r, "/recordings/"+next, http.StatusSeeOther)
	return nil
}
