package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline"
)

// Outcome is what became of a recording.
type Outcome struct {
	ID, Key    string
	Kind       detectors.Kind
	State      pipeline.State
	Reason     string
	Duration   float64 // seconds
	Score      int
	Utterances int
	Findings   []detectors.Finding
}

// Outcomes returns what became of the newest version of each key that has a row, in the order of the keys; findings
// stand as the engine orders them: along the talk, those about the whole recording last.
func (s *Store) Outcomes(ctx context.Context, bucket string, keys []string) ([]Outcome, error) {
	rows, err := s.pool.Query(ctx, `SELECT DISTINCT ON (r.key) r.id::text, r.key, r.kind, r.state, r.reason, r.duration,
			coalesce(r.score, 0), coalesce(jsonb_array_length(nullif(t.transcript -> 'utterances', 'null')), 0),
			coalesce((SELECT jsonb_agg(f.finding ORDER BY (f.finding ->> 'turn')::int < 0, (f.finding ->> 'turn')::int, f.rule, f.start) FROM findings f WHERE f.recording = r.id AND f.current AND NOT f.shadow), '[]')
		FROM recordings r LEFT JOIN transcripts t ON t.recording = r.id
		WHERE r.bucket = $1 AND r.key = ANY($2) ORDER BY r.key, r.created_at DESC`, bucket, keys)
	if err != nil {
		return nil, err
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (o Outcome, err error) {
		err = row.Scan(&o.ID, &o.Key, &o.Kind, &o.State, &o.Reason, &o.Duration, &o.Score, &o.Utterances, &o.Findings)
		return o, err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	return out, err
}
