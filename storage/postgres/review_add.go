package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/speechqa/speechqa/detectors"
)

// Addition is a finding that a person heard and the rules missed.
type Addition struct {
	Act
	Finding detectors.Finding
	Note    string
}

// AddFinding stores a finding of a person, confirmed, with the score that follows from it. ErrConflict when the
// recording has changed since Act.Version, or the finding is there already.
func (s *Store) AddFinding(ctx context.Context, a Addition, rescore Rescore) error {
	return s.act(ctx, a.Act, rescore, func(tx pgx.Tx) (deed, error) {
		f := a.Finding
		tag, err := tx.Exec(ctx, `INSERT INTO findings AS f (recording, key, rule, severity, doubtful, shadow, start, finding, added, verdict, note, judged_by, judged_at)
			VALUES ($1, $2, $3, $4, false, false, $5, $6, true, 'confirmed', $7, $8, now())
			ON CONFLICT (recording, key) DO UPDATE SET severity = excluded.severity, start = excluded.start, finding = excluded.finding,
				current = true, verdict = excluded.verdict, note = excluded.note, judged_by = excluded.judged_by, judged_at = excluded.judged_at
			WHERE f.added AND NOT f.current AND f.verdict = 'open' -- it was added before and that was undone`,
			a.RecordingID, f.Key, f.Rule, f.Severity, f.Start, asJSON(f), a.Note, a.UserID)
		if err == nil && tag.RowsAffected() == 0 {
			err = ErrConflict
		}
		return deed{action: "added", audit: "finding.added", finding: f.Key, rule: f.Rule, note: a.Note,
			detail: map[string]any{"finding": f.Key, "rule": f.Rule, "quote": f.Quote, "turn": f.Turn, "note": a.Note}}, err
	})
}
