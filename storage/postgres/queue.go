package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/speechqa/speechqa/pipeline"
)

// inTurn orders what waits; the index recordings_waiting has the same order.
const inTurn = `priority DESC, (CASE WHEN priority < 0 AND state = 'transcribed'
	THEN timestamptz '1970-01-01 00:00:00+00' - created_at ELSE created_at - timestamptz '1970-01-01 00:00:00+00' END), id`

// TakeBehind is described in package worker.
func (s *Store) TakeBehind(ctx context.Context, since time.Time, limit int) ([]pipeline.Due, error) {
	return s.take(ctx, `queued_at IS NULL OR queued_at < $1`, since, limit)
}

// TakeDead is described in package worker.
func (s *Store) TakeDead(ctx context.Context, limit int) ([]pipeline.Due, error) {
	return s.take(ctx, `greatest(alive_at, queued_at) < now() - make_interval(secs => $1) AND alive_at IS NOT NULL`, pipeline.Lease.Seconds(), limit)
}

// take marks waiting recordings that fulfil the condition on $1 as put in the queue now.
func (s *Store) take(ctx context.Context, condition string, arg any, limit int) ([]pipeline.Due, error) {
	rows, err := s.pool.Query(ctx, `
		WITH due AS (
			SELECT id FROM recordings
			WHERE state IN ('discovered', 'transcribed') AND (`+condition+`)
			ORDER BY `+inTurn+` LIMIT $2 FOR UPDATE SKIP LOCKED),
		taken AS (
			UPDATE recordings r SET queued_at = now() FROM due WHERE r.id = due.id
			RETURNING r.id, r.state, r.priority, r.created_at)
		SELECT id::text, state, priority FROM taken ORDER BY `+inTurn, arg, limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (d pipeline.Due, err error) {
		var state pipeline.State
		err = row.Scan(&d.ID, &state, &d.Priority)
		d.Step = pipeline.StepTranscribe
		if state == pipeline.StateTranscribed {
			d.Step = pipeline.StepInspect
		}
		return d, err
	})
}

// Idle is described in package worker.
func (s *Store) Idle(ctx context.Context, ids []string) (map[string]bool, error) {
	rows, err := s.pool.Query(ctx, `SELECT id::text FROM recordings WHERE id = ANY($1::uuid[])
		AND state IN ('discovered', 'transcribed') AND (alive_at IS NULL OR alive_at < now() - make_interval(secs => $2))`,
		ids, pipeline.Lease.Seconds())
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	var id string
	_, err = pgx.ForEachRow(rows, []any{&id}, func() error { out[id] = true; return nil })
	return out, err
}

// ForgetQueued is described in package worker.
func (s *Store) ForgetQueued(ctx context.Context, ids ...string) error {
	_, err := s.pool.Exec(ctx, `UPDATE recordings SET queued_at = NULL
		WHERE state IN ('discovered', 'transcribed') AND queued_at IS NOT NULL AND ($1::uuid[] IS NULL OR id = ANY($1))`, ids)
	return err
}

// Abandon ends all attempts that seem alive: for a process that knows that it is the only one and has just
// started. They count as crashed.
func (s *Store) Abandon(ctx context.Context) error {
	if err := s.reapBatches(ctx, `$1::float8 > 0`); err != nil {
		return err
	}
	_, err := s.pool.Exec(ctx, `UPDATE recordings SET alive_at = NULL, crashed = crashed + 1, attempt = attempt + 1 WHERE alive_at IS NOT NULL`)
	return err
}

// Retry puts recordings that were given up back to where they wait, urgently, and says how many; without ids all
// whose reason is the given one. By says who wants it, for the audit log.
func (s *Store) Retry(ctx context.Context, by AuditEntry, reason string, ids ...string) (n int64, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE recordings SET
				state = CASE WHEN transcript_hash = '' THEN 'discovered' ELSE 'transcribed' END,
				reason = '', detail = '', tries = 0, crashed = 0, queued_at = NULL, priority = 1
			WHERE state = 'failed' AND (($2::uuid[] IS NULL AND reason = $1) OR id = ANY($2))`, reason, ids)
		if err != nil {
			return err
		}
		n = tag.RowsAffected()
		return auditQueue(ctx, tx, by, "queue.retry", "queue:failed", map[string]any{"reason": reason, "recordings": ids, "count": n})
	})
	return n, err
}

// Hurry puts a recording that waits before all others; false when it does not wait, or not behind others.
func (s *Store) Hurry(ctx context.Context, by AuditEntry, id string) (hurried bool, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE recordings SET priority = 1, queued_at = NULL
			WHERE id = $1 AND state IN ('discovered', 'transcribed') AND priority < 1`, id)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		hurried = true
		return auditQueue(ctx, tx, by, "queue.hurry", "recording:"+id, nil)
	})
	return hurried, err
}

// auditQueue appends to the audit log what somebody did to the queue.
func auditQueue(ctx context.Context, tx pgx.Tx, by AuditEntry, action, subject string, detail map[string]any) error {
	by.Action, by.Subject = action, subject
	if detail != nil {
		b, err := json.Marshal(detail)
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		by.Detail = string(b)
	}
	return appendAudit(ctx, tx, by)
}

// Retranscribe has recordings of contacts in [from, to) that another model heard heard again, behind today's work,
// and says how many. Decisions stay; the findings of before are there until the new ones are.
func (s *Store) Retranscribe(ctx context.Context, from, to time.Time, modelHash string) (int64, error) {
	tag, err := s.pool.Exec(ctx, `UPDATE recordings r SET state = 'discovered', transcript_hash = '', sha256 = '', priority = -1,
			queued_at = NULL, tries = 0, crashed = 0
		FROM transcripts t WHERE t.recording = r.id AND r.state = 'inspected' AND t.transcript ->> 'model_hash' <> $3
			AND coalesce(r.started_at, r.created_at) >= $1 AND coalesce(r.started_at, r.created_at) < $2`, from, to, modelHash)
	return tag.RowsAffected(), err
}

// Summary is how the recordings stand.
type Summary struct {
	ByState  map[pipeline.State]int
	Today    int            // inspected since midnight, in the given zone
	Oldest   time.Time      // discovery of the oldest waiting recording; zero when none waits
	Failures []FailureCount // most frequent first
	Hours    float64        // of audio inspected
}

// FailureCount is how often recordings failed for a reason.
type FailureCount struct {
	Reason string
	Count  int
}

// Summary counts recordings by state and failures by reason.
func (s *Store) Summary(ctx context.Context, zone *time.Location) (Summary, error) {
	out := Summary{ByState: map[pipeline.State]int{}}
	now := time.Now().In(zone)
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, zone)
	rows, err := s.pool.Query(ctx, `SELECT state, count(*) FROM recordings GROUP BY state`)
	if err != nil {
		return out, err
	}
	var state pipeline.State
	var n int
	if _, err := pgx.ForEachRow(rows, []any{&state, &n}, func() error { out.ByState[state] = n; return nil }); err != nil {
		return out, err
	}
	var oldest *time.Time
	err = s.pool.QueryRow(ctx, `SELECT
			(SELECT count(*) FROM recordings WHERE state = 'inspected' AND inspected_at >= $1),
			(SELECT min(created_at) FROM recordings WHERE state IN ('discovered', 'transcribed')),
			(SELECT coalesce(sum(duration), 0) / 3600 FROM recordings WHERE state = 'inspected')`, midnight).
		Scan(&out.Today, &oldest, &out.Hours)
	if err != nil {
		return out, fmt.Errorf("count: %w", err)
	}
	if oldest != nil {
		out.Oldest = *oldest
	}
	out.Failures, err = s.Failures(ctx, 20)
	return out, err
}
