package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/rulework"
)

var _ rulework.Source = (*Store)(nil)

// CommitShadow is described at rulework.Source.
func (s *Store) CommitShadow(ctx context.Context, version int64, recording string, found, lost []detectors.Finding) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		var b pgx.Batch
		b.Queue(`DELETE FROM shadow_findings WHERE version = $1 AND recording = $2`, version, recording)
		b.Queue(`INSERT INTO shadow_runs (version, recording) VALUES ($1, $2) ON CONFLICT DO NOTHING`, version, recording)
		for change, list := range map[string][]detectors.Finding{rulework.Found: found, rulework.Lost: lost} {
			for _, f := range list {
				b.Queue(`INSERT INTO shadow_findings (version, recording, key, rule, change, finding) VALUES ($1, $2, $3, $4, $5, $6)`,
					version, recording, f.Key, f.Rule, change, asJSON(f))
			}
		}
		return tx.SendBatch(ctx, &b).Close()
	})
}

// ShadowReport is what a version on shadow would have changed so far.
type ShadowReport struct {
	Recordings  int // that it inspected
	Differ      int // recordings with a difference
	Differences []rulework.Difference
}

// Shadow gives what a version on shadow would change in recordings of the scope, the newest first, at most limit
// differences.
func (s *Store) Shadow(ctx context.Context, sc Scope, version int64, limit int) (r ShadowReport, err error) {
	args := []any{version}
	in := sc.sql("r", &args)
	err = s.pool.QueryRow(ctx, `SELECT (SELECT count(*) FROM shadow_runs x JOIN recordings r ON r.id = x.recording WHERE x.version = $1 AND `+in+`),
		(SELECT count(DISTINCT x.recording) FROM shadow_findings x JOIN recordings r ON r.id = x.recording WHERE x.version = $1 AND `+in+`)`, args...).
		Scan(&r.Recordings, &r.Differ)
	if err != nil {
		return r, err
	}
	args = append(args, limit)
	rows, err := s.pool.Query(ctx, fmt.Sprintf(`SELECT f.change, f.recording::text, r.agent_id, f.key, f.finding FROM shadow_findings f
		JOIN recordings r ON r.id = f.recording WHERE f.version = $1 AND %s ORDER BY f.at DESC, f.key LIMIT $%d`, in, len(args)), args...)
	if err != nil {
		return r, err
	}
	r.Differences, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (d rulework.Difference, err error) {
		err = row.Scan(&d.Kind, &d.Recording, &d.Agent, &d.Key, &d.Finding)
		d.Rule, d.Turn, d.Start, d.Quote, d.Why = d.Finding.Rule, d.Finding.Turn, d.Finding.Start, d.Finding.Quote, d.Finding.Why
		return d, err
	})
	return r, err
}
