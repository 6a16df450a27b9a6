package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/speechqa/speechqa/pipeline"
)

// Lag is how many recordings wait in a state, and since when.
type Lag struct {
	State  pipeline.State
	Again  bool // inspected or heard before, and waiting behind today's work for another time
	Count  int64
	Oldest time.Time // discovery of the oldest; zero when none waits
}

// Lags describes what waits, in the order of the steps, what is done again last. It counts only what waits.
func (s *Store) Lags(ctx context.Context) ([]Lag, error) {
	rows, err := s.pool.Query(ctx, `SELECT state, again, sum(n)::bigint, min(oldest) FROM (
			SELECT state, score IS NOT NULL AS again, count(*) AS n, min(created_at) AS oldest FROM recordings
				WHERE state IN ('discovered', 'transcribed') GROUP BY 1, 2
			UNION ALL
			SELECT 'transcribed', true, count(*), min(created_at) FROM stale HAVING count(*) > 0) waiting GROUP BY 1, 2`)
	if err != nil {
		return nil, err
	}
	counted, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Lag])
	if err != nil {
		return nil, err
	}
	var out []Lag
	for _, again := range []bool{false, true} {
		for _, state := range []pipeline.State{pipeline.StateDiscovered, pipeline.StateTranscribed} {
			l := Lag{State: state, Again: again}
			for _, c := range counted {
				if c.State == state && c.Again == again {
					l = c
				}
			}
			out = append(out, l)
		}
	}
	return out, nil
}

// Throughput is what happened in a stretch of time.
type Throughput struct {
	Arrived   int64
	Heard     int64
	Hours     float64 // of audio heard
	Inspected int64   // repeated inspections included
}

// Throughput counts what happened in [from, to).
func (s *Store) Throughput(ctx context.Context, from, to time.Time) (t Throughput, err error) {
	err = s.pool.QueryRow(ctx, `SELECT
			(SELECT count(*) FROM recordings WHERE created_at >= $1 AND created_at < $2),
			(SELECT count(*) FROM recordings WHERE inspected_at >= $1 AND inspected_at < $2)
				+ (SELECT coalesce(sum(same), 0) FROM rescan_batches WHERE ended_at >= $1 AND ended_at < $2)`, from, to).Scan(&t.Arrived, &t.Inspected)
	if err != nil {
		return t, fmt.Errorf("count what came in: %w", err)
	}
	err = s.pool.QueryRow(ctx, `SELECT count(*), coalesce(sum(r.duration), 0) / 3600 FROM transcripts t JOIN recordings r ON r.id = t.recording
		WHERE t.heard_at >= $1 AND t.heard_at < $2`, from, to).Scan(&t.Heard, &t.Hours)
	if err != nil {
		return t, fmt.Errorf("count what was heard: %w", err)
	}
	return t, nil
}

// Waiting is a recording that was never inspected and waits.
type Waiting struct {
	ID, Bucket, Key string
	State           pipeline.State
	Priority        pipeline.Priority
	Created         time.Time
	Tries           int
	Reason          string // of the last attempt that went wrong; may be empty
	Busy            bool   // an attempt is alive
}

// Urgent says whether it waits before the others already.
func (w Waiting) Urgent() bool { return w.Priority >= pipeline.PriorityUrgent }

// OldestWaiting are the recordings that have waited for longest.
func (s *Store) OldestWaiting(ctx context.Context, limit int) ([]Waiting, error) {
	rows, err := s.pool.Query(ctx, `SELECT id::text, bucket, key, state, priority, created_at, tries, reason,
			coalesce(alive_at > now() - make_interval(secs => $2), false)
		FROM recordings WHERE state IN ('discovered', 'transcribed') AND score IS NULL ORDER BY created_at, id LIMIT $1`,
		limit, pipeline.Lease.Seconds())
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Waiting])
}

// Failures counts what was given up by reason, the most frequent first.
func (s *Store) Failures(ctx context.Context, limit int) ([]FailureCount, error) {
	rows, err := s.pool.Query(ctx, `SELECT reason, count(*) FROM recordings WHERE state = 'failed' GROUP BY reason ORDER BY 2 DESC, 1 LIMIT $1`, limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[FailureCount])
}
