package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/speechqa/speechqa/custody"
)

// RetentionReport is what is kept, until when, and what its protection lacks.
type RetentionReport struct {
	Kept      int64 // recordings
	Bytes     int64
	Unlocked  int64 // not locked in the store until their date
	Unhashed  int64 // nobody has taken a SHA-256 of them yet
	Unchecked int64 // never read against it since
	Held      int64
	Expired   int64     // past their date and not held: might be disposed of
	Proposed  int64     // in a batch that is proposed or approved, and not yet destroyed
	Destroyed int64     // by a disposal; they count nowhere else here
	Next      time.Time // the earliest date among the others; zero when there are none
	Years     []RetentionYear
	Problems  []CustodyProblem // the first hundred
	Troubled  int64            // recordings with a problem
	Uncopied  int64            // without a second copy that counts
	CopyLoose int64            // of those with one: not locked in the second store until their date
	Copies    CopyStanding
	Buckets   []custody.Bucket
	Terms     []custody.Term
}

// RetentionYear counts recordings by the year in which their retention ends.
type RetentionYear struct {
	Year       int
	Recordings int64
	Bytes      int64
}

// CustodyProblem is a recording whose object is not as it should be.
type CustodyProblem struct {
	Recording, Key, Problem string
}

// Unprotected are the buckets without object lock.
func (r RetentionReport) Unprotected() []string {
	var out []string
	for _, b := range r.Buckets {
		if !b.Locks {
			out = append(out, b.Name)
		}
	}
	return out
}

// troubled says in SQL that something is wrong with the object of custody c or with its copy p.
const troubled = `c.problem <> '' OR c.lock_problem <> '' OR p.problem <> '' OR p.lock_problem <> ''`

// RetentionReport counts what is kept of the scope. It reads every row: not for pages that are opened all the time.
func (s *Store) RetentionReport(ctx context.Context, sc Scope) (out RetentionReport, err error) {
	var next *time.Time
	var args []any
	within := sc.sql("r", &args)
	err = s.pool.QueryRow(ctx, `SELECT count(*), coalesce(sum(r.size), 0),
			count(*) FILTER (WHERE coalesce(c.locked_until < c.retain_until, true)),
			count(*) FILTER (WHERE c.sha256 = ''), count(*) FILTER (WHERE c.checked_at IS NULL),
			count(*) FILTER (WHERE x.held), count(*) FILTER (WHERE c.retain_until <= now() AND NOT x.held),
			min(c.retain_until) FILTER (WHERE c.retain_until > now()), count(*) FILTER (WHERE `+troubled+`),
			count(*) FILTER (WHERE p.due_at IS NOT NULL), count(*) FILTER (WHERE p.due_at IS NULL AND coalesce(p.locked_until < c.retain_until, true))
		FROM custody c JOIN recordings r ON r.id = c.recording JOIN copies p ON p.recording = r.id, LATERAL (SELECT `+inForce+` AS held) x WHERE `+isThere+` AND `+within, args...).
		Scan(&out.Kept, &out.Bytes, &out.Unlocked, &out.Unhashed, &out.Unchecked, &out.Held, &out.Expired, &next, &out.Troubled,
			&out.Uncopied, &out.CopyLoose)
	if err != nil {
		return out, fmt.Errorf("count what is kept: %w", err)
	}
	if next != nil {
		out.Next = *next
	}
	err = s.pool.QueryRow(ctx, `SELECT count(*) FILTER (WHERE i.state IN ('waiting', 'tombstoned')), count(*) FILTER (WHERE i.state IN ('object_gone', 'copy_gone', 'done'))
		FROM disposal_items i JOIN recordings r ON r.id = i.recording WHERE i.state <> 'stays' AND `+within, args...).Scan(&out.Proposed, &out.Destroyed)
	if err != nil {
		return out, fmt.Errorf("count disposals: %w", err)
	}
	rows, err := s.pool.Query(ctx, `SELECT extract(year FROM c.retain_until AT TIME ZONE 'UTC')::int, count(*), coalesce(sum(r.size), 0)::bigint
		FROM custody c JOIN recordings r ON r.id = c.recording WHERE `+isThere+` AND `+within+` GROUP BY 1 ORDER BY 1`, args...)
	if err != nil {
		return out, err
	}
	if out.Years, err = pgx.CollectRows(rows, pgx.RowToStructByPos[RetentionYear]); err != nil {
		return out, err
	}
	rows, err = s.pool.Query(ctx, `SELECT r.id::text, r.bucket || '/' || r.key, concat_ws('; ', nullif(c.problem, ''), nullif(c.lock_problem, ''),
			'second copy: ' || nullif(p.problem, ''), 'second copy: ' || nullif(p.lock_problem, ''))
		FROM custody c JOIN recordings r ON r.id = c.recording JOIN copies p ON p.recording = r.id WHERE (`+troubled+`) AND `+isThere+` AND `+within+` ORDER BY 2 LIMIT 100`, args...)
	if err != nil {
		return out, err
	}
	if out.Problems, err = pgx.CollectRows(rows, pgx.RowToStructByPos[CustodyProblem]); err != nil {
		return out, err
	}
	if out.Copies, err = s.CopyStanding(ctx); err != nil {
		return out, err
	}
	if out.Buckets, err = s.Buckets(ctx); err != nil {
		return out, err
	}
	out.Terms, err = s.Terms(ctx)
	return out, err
}
