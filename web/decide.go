package web

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/speechqa/speechqa/storage/postgres"
)

// overturnReasons are why a finding may be wrong; "reason.<code>" names them. The last asks for a note.
var overturnReasons = []string{"negation", "context", "misheard", "wrong_speaker", "not_agent_duty", "rule_wrong", "other"}

// maxNote is the longest note, in characters.
const maxNote = 2000

// decide stores a reviewer's word on one finding and shows the recording again.
func (c *Console) decide(w http.ResponseWriter, r *http.Request) error {
	a, grade, err := c.act(w, r)
	if err != nil {
		return err
	}
	d := postgres.Decision{
		RecordingID: a.RecordingID,
		FindingKey:  r.PathValue("key"),
		Verdict:     postgres.Verdict(r.PostForm.Get("verdict")),
		Reason:      r.PostForm.Get("reason"),
		UserID:      a.UserID,
		Origin:      a.Origin,
		Version:     a.Version,
	}
	if d.Note, err = written(r, "note", maxNote); err != nil {
		return err
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
	if err := c.store.Decide(r.Context(), d, grade); err != nil {
		return fmt.Errorf("decide on %s of %s: %w", d.FindingKey, d.RecordingID, err)
	}
	return backTo(w, r, a.RecordingID)
}

// undo takes back the visitor's last act on the recording.
func (c *Console) undo(w http.ResponseWriter, r *http.Request) error {
	a, grade, err := c.act(w, r)
	if err != nil {
		return err
	}
	if err := c.store.Undo(r.Context(), a, grade); err != nil {
		return fmt.Errorf("undo on %s: %w", a.RecordingID, err)
	}
	return backTo(w, r, a.RecordingID)
}
