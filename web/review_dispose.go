package web

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/speechqa/speechqa/storage/postgres"
)

// dispositionKinds are what can be done about a recording, in the order of their weight; the last takes one back.
var dispositionKinds = []postgres.DispositionKind{postgres.DispositionAdvice, postgres.DispositionRectify, postgres.DispositionPenalty,
	postgres.DispositionRetrain, postgres.DispositionNone}

// maxTold is the longest line about who was told, in characters.
const maxTold = 100

// dispose puts on record what is done about the recording.
func (c *Console) dispose(w http.ResponseWriter, r *http.Request) error {
	a, grade, err := c.act(w, r)
	if err != nil {
		return err
	}
	d := postgres.Disposition{Kind: postgres.DispositionKind(r.PostForm.Get("kind"))}
	if !slices.Contains(dispositionKinds, d.Kind) {
		return errBadRequest
	}
	if d.Note, err = written(r, "note", maxNote); err != nil {
		return err
	}
	if d.Told, err = written(r, "told", maxTold); err != nil {
		return err
	}
	if s := r.PostForm.Get("due"); s != "" {
		if d.Due, err = time.Parse(time.DateOnly, s); err != nil {
			return errBadRequest
		}
	}
	if err := c.store.Dispose(r.Context(), a, d, grade); err != nil {
		return fmt.Errorf("disposition of %s: %w", a.RecordingID, err)
	}
	return backTo(w, r, a.RecordingID)
}

// dispositionDone puts on record that what was decided about the recording was done.
func (c *Console) dispositionDone(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	if err := c.store.DispositionDone(r.Context(), id, visitorOf(r).user.ID, origin(r)); err != nil {
		return fmt.Errorf("disposition of %s: %w", id, err)
	}
	return backTo(w, r, id)
}
