package web

import (
	"fmt"
	"net/http"

	"github.com/google/uuid"
)

// nextRecording gives the visitor the next recording to judge, after the one given, and goes there.
func (c *Console) nextRecording(w http.ResponseWriter, r *http.Request) error {
	if _, err := form(w, r); err != nil {
		return err
	}
	after := r.PostForm.Get("after")
	if after != "" {
		id, err := uuid.Parse(after)
		if err != nil {
			return errBadRequest
		}
		after = id.String()
	}
	v := visitorOf(r)
	next, err := c.store.ClaimNext(r.Context(), v.scope, v.user.ID, origin(r), after)
	if err != nil {
		return fmt.Errorf("next recording: %w", err)
	}
	if next == "" {
		c.flash(r, "flash.all_judged")
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return nil
	}
	http.Redirect(w, r, "/recordings/"+next, http.StatusSeeOther)
	return nil
}
