package web

import (
	"fmt"
	"net/http"

	"github.com/speechqa/speechqa/detectors"
)

// grading is how the findings of a recording are graded: as its principal asked at its time.
func (c *Console) grading(r *http.Request, id string) (func([]detectors.Finding) (int, bool), error) {
	rec, err := c.store.Recording(r.Context(), id)
	if err != nil {
		return nil, fmt.Errorf("recording %s: %w", id, err)
	}
	return func(standing []detectors.Finding) (int, bool) {
		return c.rules.Score(rec.Metadata.Principal, rec.Metadata.StartedAt, standing)
	}, nil
}
