package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/speechqa/speechqa/pipeline"
)

// forAgain is the condition for BeginAgain: what waits for inspection behind today's work, and at which nothing went
// wrong. Such recordings are taken from the table in batches and have no task of their own.
const forAgain = `state = 'transcribed' AND priority < 0 AND tries = 0`

// BeginAgain is described at pipeline.Store.
func (s *Store) BeginAgain(ctx context.Context, limit int, worker string) ([]pipeline.Begun, error) {
	rows, err := s.pool.Query(ctx, `
		WITH due AS (
			SELECT id FROM recordings WHERE `+forAgain+` ORDER BY `+inTurn+` LIMIT $1 FOR UPDATE SKIP LOCKED),
		begun AS (
			UPDATE recordings r SET attempt = attempt + 1, tries = tries + 1, worker = $2, alive_at = now()
			FROM due WHERE r.id = due.id RETURNING r.*)
		SELECT `+recordingColumns+`, heard.sha, heard.audio, heard.transcript, heard.hash
		FROM begun JOIN (SELECT recording, sha256 AS sha, audio, as_corrected(recording, hash, transcript) AS transcript, hash FROM transcripts) heard ON heard.recording = begun.id`,
		limit, worker)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (b pipeline.Begun, err error) {
		b.Recording, err = scanRecording(row, &b.Heard.SHA256, &b.Heard.Audio, &b.Heard.Transcript, &b.Heard.TranscriptHash)
		return b, err
	})
}

// GiveBack is described at pipeline.Store.
func (s *Store) GiveBack(ctx context.Context, attempts map[string]int64) error {
	ids, numbers := make([]string, 0, len(attempts)), make([]int64, 0, len(attempts))
	for id, n := range attempts {
		ids, numbers = append(ids, id), append(numbers, n)
	}
	_, err := s.pool.Exec(ctx, `UPDATE recordings r SET alive_at = NULL FROM unnest($1::uuid[], $2::bigint[]) AS n (id, attempt)
		WHERE r.id = n.id AND r.attempt = n.attempt AND alive_at IS NOT NULL`, ids, numbers)
	return err
}

// WaitsAgain says whether there is something for BeginAgain.
func (s *Store) WaitsAgain(ctx context.Context) (waits bool, err error) {
	err = s.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM recordings WHERE `+forAgain+`)`).Scan(&waits)
	return waits, err
}

// Rescan marks recordings whose findings other rules made as waiting for inspection, newest first and behind
// today's work, and says how many. Transcripts stay as they are.
func (s *Store) Rescan(ctx context.Context, by AuditEntry, rulesetHash string) (marked int64, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE recordings SET state = 'transcribed', priority = -1, queued_at = NULL, tries = 0, crashed = 0
			WHERE state = 'inspected' AND ruleset_hash <> $1`, rulesetHash)
		if err != nil {
			return err
		}
		if marked = tag.RowsAffected(); marked == 0 {
			return nil
		}
		if _, err := tx.Exec(ctx, `INSERT INTO rescans (ruleset_hash, marked) VALUES ($1, $2)`, rulesetHash, marked); err != nil {
			return err
		}
		return auditQueue(ctx, tx, by, "rules.rescan", "ruleset:"+rulesetHash, map[string]any{"recordings": marked})
	})
	return marked, err
}

// Progress is how far the last rescan has come.
type Progress struct {
	Began   time.Time // zero: there never was one
	Ruleset string    // hash
	Marked  int64     // recordings that were to be inspected again
	Left    int64     // of all that wait to be inspected again
	Rate    float64   // inspected again per second during the last minute
}

// Done is the finished part, from 0 to 1.
func (p Progress) Done() float64 {
	if p.Marked == 0 {
		return 1
	}
	return max(0, 1-float64(p.Left)/float64(p.Marked))
}

// Remaining is how long the rest takes at the present rate; zero when nothing is left or nothing moves.
func (p Progress) Remaining() time.Duration {
	if p.Left == 0 || p.Rate == 0 {
		return 0
	}
	return time.Duration(float64(p.Left) / p.Rate * float64(time.Second)).Round(time.Second)
}

// RescanProgress describes the last rescan. Where nothing waits it asks for next to nothing.
func (s *Store) RescanProgress(ctx context.Context) (p Progress, err error) {
	err = s.pool.QueryRow(ctx, `SELECT began, ruleset_hash, marked FROM rescans ORDER BY id DESC LIMIT 1`).Scan(&p.Began, &p.Ruleset, &p.Marked)
	if errors.Is(err, pgx.ErrNoRows) {
		return p, nil
	}
	if err != nil {
		return p, err
	}
	if err = s.pool.QueryRow(ctx, `SELECT count(*) FROM recordings WHERE state = 'transcribed' AND priority < 0`).Scan(&p.Left); err != nil || p.Left == 0 {
		return p, err
	}
	var n int64
	err = s.pool.QueryRow(ctx, `SELECT count(*) FROM recordings WHERE state = 'inspected' AND priority < 0 AND inspected_at > now() - interval '1 minute'`).Scan(&n)
	p.Rate = float64(n) / min(60, max(1, time.Since(p.Began).Seconds()))
	return p, err
}
