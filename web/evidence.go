package web

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/google/uuid"

	"github.com/speechqa/speechqa/evidence"
)

// Mistakes of evidence packs.
var (
	errNoSigningKey = &userError{http.StatusConflict, "no_signing_key"}
	errNoEvidence   = &userError{http.StatusConflict, "no_evidence"}
	errStale        = &userError{http.StatusConflict, "stale_findings"}
)

func (c *Console) evidenceRoutes() []route {
	return []route{{"GET /recordings/{id}/evidence", permEvidence, c.evidencePack, "recording.evidence"}}
}

// evidencePack sends a signed pack of everything that a recording's findings rest on.
func (c *Console) evidencePack(w http.ResponseWriter, r *http.Request) error {
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		return errNotFound
	}
	if c.evidence == nil {
		return errNoSigningKey
	}
	pack, err := c.evidence.Prepare(r.Context(), visitorOf(r).user.Name, id.String())
	for known, answer := range map[error]error{evidence.ErrNoKey: errNoSigningKey, evidence.ErrNotInspected: errNoEvidence,
		evidence.ErrStale: errStale, evidence.ErrNoRules: errStale} {
		if errors.Is(err, known) {
			return fmt.Errorf("%w: %w", answer, err)
		}
	}
	if err != nil {
		return fmt.Errorf("evidence of %s: %w", id, err)
	}
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Content-Disposition", `attachment; filename="evidence-`+id.String()+`.zip"`)
	if _, err := pack.Write(r.Context(), w); err != nil {
		c.log.ErrorContext(r.Context(), "evidence pack broke off", "recording", id, "err", err)
		panic(http.ErrAbortHandler) // half a pack must not look like a whole one
	}
	return nil
}
