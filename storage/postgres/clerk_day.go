package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// ClerkDay is what one person has done since the beginning of his day.
type ClerkDay struct {
	UserID     string
	Name       string // display name
	Quota      int    // recordings expected of him a day
	Recordings int    // recordings in which he judged, added or disposed
	Findings   int    // decisions and additions
	Held       int    // recordings that are his now and wait for a decision
}

const clerkDaySQL = `SELECT u.id::text, u.display_name, u.daily_quota, n.recordings, n.findings,
		(SELECT count(*)::int FROM recordings r WHERE r.assignee = u.id AND r.stage = 'to_judge' AND NOT ` + free + `)
	FROM users u, LATERAL (
		SELECT count(DISTINCT recording)::int AS recordings, (count(*) FILTER (WHERE finding <> ''))::int AS findings
		FROM review_events WHERE by = u.id AND at >= $1 AND action IN ('confirmed', 'overturned', 'added', 'disposition')) n`

// ClerkDay is what a user has done since a moment.
func (s *Store) ClerkDay(ctx context.Context, user string, since time.Time) (d ClerkDay, err error) {
	rows, err := s.pool.Query(ctx, clerkDaySQL+` WHERE u.id = $2`, since, user)
	if err != nil {
		return d, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[ClerkDay])
}

// ClerkDays is what everybody of some roles who is not blocked has done since a moment, by name.
func (s *Store) ClerkDays(ctx context.Context, since time.Time, roles []string) ([]ClerkDay, error) {
	rows, err := s.pool.Query(ctx, clerkDaySQL+` WHERE u.role = ANY($2) AND NOT u.disabled ORDER BY u.display_name, u.id`, since, roles)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[ClerkDay])
}

// SetQuota sets how many recordings a day are expected of a user.
func (s *Store) SetQuota(ctx context.Context, by, origin, user string, quota int) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE users SET daily_quota = $2 WHERE id = $1`, user, quota)
		if err == nil && tag.RowsAffected() == 0 {
			err = ErrNotFound
		}
		if err != nil {
			return err
		}
		return auditAs(ctx, tx, by, origin, "user.quota", "user:"+user, map[string]any{"quota": quota})
	})
}
