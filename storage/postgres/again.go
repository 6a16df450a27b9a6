package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// WaitsAgain says whether something waits for BeginAgain and how many batches workers are at, after giving back what was
// in the hands of workers that died.
func (s *Store) WaitsAgain(ctx context.Context) (waits bool, running int, err error) {
	if err := s.reapBatches(ctx, leaseOver); err != nil {
		return false, 0, err
	}
	err = s.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM stale), (SELECT count(*) FROM rescan_batches WHERE ended_at IS NULL)`).Scan(&waits, &running)
	return waits, running, err
}

// Rescan marks recordings whose findings other rules made as stale: they stay as they are and are inspected again newest
// first and behind today's work. It says how many there are, those that were stale already included.
func (s *Store) Rescan(ctx context.Context, by AuditEntry, rulesetHash string) (marked int64, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		var id int64
		if err := tx.QueryRow(ctx, `INSERT INTO rescans (ruleset_hash, marked) VALUES ($1, 0) RETURNING id`, rulesetHash).Scan(&id); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `INSERT INTO stale (recording, created_at, rescan)
			SELECT r.id, r.created_at, $2 FROM recordings r JOIN by_rules b ON b.recording = r.id WHERE r.state = 'inspected' AND b.ruleset_hash <> $1
			ON CONFLICT (recording) DO UPDATE SET rescan = excluded.rescan`, rulesetHash, id)
		if err != nil {
			return err
		}
		// What an earlier rescan wanted of other rules and these ones have judged: the rules of before are back.
		if _, err := tx.Exec(ctx, `DELETE FROM stale WHERE rescan <> $1`, id); err != nil {
			return err
		}
		if marked = tag.RowsAffected(); marked == 0 {
			_, err := tx.Exec(ctx, `DELETE FROM rescans WHERE id = $1`, id)
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE rescans SET marked = $2 WHERE id = $1`, id, marked); err != nil {
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

// waitingAgainSQL counts what waits to be inspected again: in nobody's hands, in a worker's, and what goes one by one.
const waitingAgainSQL = `(SELECT count(*) FROM stale)
	+ (SELECT coalesce(sum(cardinality(recordings)), 0) FROM rescan_batches WHERE ended_at IS NULL)
	+ (SELECT count(*) FROM recordings WHERE state = 'transcribed' AND priority < 0)`

// RescanProgress describes the last rescan. Where nothing waits it asks for next to nothing.
func (s *Store) RescanProgress(ctx context.Context) (p Progress, err error) {
	err = s.pool.QueryRow(ctx, `SELECT began, ruleset_hash, marked FROM rescans ORDER BY id DESC LIMIT 1`).Scan(&p.Began, &p.Ruleset, &p.Marked)
	if errors.Is(err, pgx.ErrNoRows) {
		return p, nil
	}
	if err != nil {
		return p, err
	}
	if err = s.pool.QueryRow(ctx, `SELECT `+waitingAgainSQL).Scan(&p.Left); err != nil || p.Left == 0 {
		return p, err
	}
	var n int64
	err = s.pool.QueryRow(ctx, `SELECT coalesce(sum(judged), 0) FROM rescan_batches WHERE ended_at > now() - interval '1 minute'`).Scan(&n)
	p.Rate = float64(n) / min(60, max(1, time.Since(p.Began).Seconds()))
	return p, err
}
