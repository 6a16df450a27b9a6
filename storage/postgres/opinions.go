package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline"
)

// DueOpinions gives up to limit inspected recordings on which no opinion was had since, in the order of their
// inspections. An inspection's time is the beginning of its transaction, so one may become visible after a later one:
// those of the last settle, and those after the beginning of a transaction that has written and still runs, are left
// for later. The first call ever marks the beginning: what was inspected before is not asked about.
func (s *Store) DueOpinions(ctx context.Context, settle time.Duration, limit int) ([]pipeline.OpinionDue, error) {
	_, err := s.pool.Exec(ctx, `INSERT INTO opinion_cursor (inspected_at, recording)
		VALUES (now(), '00000000-0000-0000-0000-000000000000') ON CONFLICT DO NOTHING`)
	if err != nil {
		return nil, err
	}
	rows, err := s.pool.Query(ctx, `
		SELECT `+recordingColumns+`, due.inspected_at, heard.transcript, coalesce(had.question, ''), coalesce(had.answer, '[]'),
			coalesce((SELECT jsonb_agg(f.finding ORDER BY f.start, f.key) FROM findings f
				WHERE f.recording = due.id AND f.current AND f.finding ->> 'how' IS DISTINCT FROM $3), '[]')
		FROM (SELECT r.* FROM recordings r, opinion_cursor c
			WHERE r.state = 'inspected' AND (r.inspected_at, r.id) > (c.inspected_at, c.recording)
				AND r.inspected_at < now() - make_interval(secs => $1)
				AND r.inspected_at < coalesce((SELECT min(xact_start) FROM pg_stat_activity
					WHERE datname = current_database() AND backend_xid IS NOT NULL), now())
			ORDER BY r.inspected_at, r.id LIMIT $2) due
		JOIN (SELECT recording, as_corrected(recording, hash, transcript) AS transcript FROM transcripts) heard ON heard.recording = due.id
		LEFT JOIN (SELECT recording, question, answer FROM opinions WHERE missing = '') had ON had.recording = due.id
		ORDER BY due.inspected_at, due.id`, settle.Seconds(), limit, detectors.HowLLM)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (d pipeline.OpinionDue, err error) {
		d.Recording, err = scanRecording(row, &d.InspectedAt, &d.Transcript, &d.Question, &d.Answer, &d.Findings)
		return d, err
	})
}

// CommitOpinion puts an opinion on record and its findings among the recording's. It does nothing where the recording
// was inspected again meanwhile: then it is due again. The score stays.
func (s *Store) CommitOpinion(ctx context.Context, o pipeline.Opinion) error {
	answer, err := json.Marshal(o.Answer)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	found, err := findingsOf([]pipeline.Again{{ID: o.ID, Inspected: pipeline.Inspected{Result: detectors.Result{Findings: o.Findings}}}})
	if err != nil {
		return err
	}
	return s.tx(ctx, func(tx pgx.Tx) error {
		var same bool
		err := tx.QueryRow(ctx, `SELECT true FROM recordings WHERE id = $1 AND state = 'inspected' AND inspected_at = $2 FOR UPDATE`,
			o.ID, o.InspectedAt).Scan(&same)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO opinions (recording, inspected_at, question, answer, missing) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (recording) DO UPDATE SET inspected_at = excluded.inspected_at, question = excluded.question,
				answer = excluded.answer, missing = excluded.missing, asked_at = now()`,
			o.ID, o.InspectedAt, o.Question, withoutNUL(answer), text(o.Missing))
		if err != nil {
			return err
		}
		return putFindings(ctx, tx, found)
	})
}

// AdvanceOpinions notes that opinions were had up to a recording's inspection.
func (s *Store) AdvanceOpinions(ctx context.Context, id string, inspectedAt time.Time) error {
	_, err := s.pool.Exec(ctx, `UPDATE opinion_cursor SET inspected_at = $2, recording = $1 WHERE (inspected_at, recording) < ($2, $1)`, id, inspectedAt)
	return err
}
