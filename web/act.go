package web

import (
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/speechqa/speechqa/storage/postgres"
)

// act reads what every act on a recording has: which one, whose, what of it the visitor saw, and how it is graded.
func (c *Console) act(w http.ResponseWriter, r *http.Request) (a postgres.Act, grade postgres.Rescore, err error) {
	id, err := pathID(r, "id")
	if err != nil {
		return a, nil, err
	}
	if _, err := form(w, r); err != nil {
		return a, nil, err
	}
	version, err := strconv.ParseInt(r.PostForm.Get("version"), 10, 64)
	if err != nil {
		return a, nil, errBadRequest
	}
	grade, err = c.grading(r, id)
	return postgres.Act{RecordingID: id, UserID: visitorOf(r).user.ID, Origin: origin(r), Version: version}, grade, err
}

// written reads a line or a note that a person wrote, of at most so many characters.
func written(r *http.Request, field string, longest int) (string, error) {
	s := strings.TrimSpace(r.PostForm.Get(field))
	if utf8.RuneCountInString(s) > longest || !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
		return "", errBadRequest
	}
	return s, nil
}

// backTo shows the recording again after an act on it.
func backTo(w http.ResponseWriter, r *http.Request, recording string) error {
	http.Redirect(w, r, "/recordings/"+recording, http.StatusSeeOther)
	return nil
}
