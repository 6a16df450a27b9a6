package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
)

// ClaimNext gives the user the next recording in the scope to judge, worst first, and keeps it for him for ClaimLasts: first what
// comes after the recording he was at, then what comes before. Two people never get the same one. What was assigned
// to him by a lead is his as well as what is free. A recording that he claimed and leaves unjudged is free again.
// "" when nothing is left.
func (s *Store) ClaimNext(ctx context.Context, sc Scope, user, origin, after string) (id string, err error) {
	var at *string
	if after != "" {
		at = &after
	}
	err = s.tx(ctx, func(tx pgx.Tx) error {
		if at != nil {
			if _, err := tx.Exec(ctx, `UPDATE recordings SET assignee = NULL, assigned_until = NULL
				WHERE id = $1 AND assignee = $2 AND assigned_until IS NOT NULL AND to_judge > 0`, at, user); err != nil {
				return err
			}
		}
		for _, where := range []string{
			`(o.id IS NULL OR (` + worstFirst + `) > (NOT o.fatal, coalesce(o.score, 101), o.created_at, o.id))`,
			`true`,
		} {
			args := []any{at, user, ClaimLasts.Seconds()}
			var had string
			err := tx.QueryRow(ctx, `WITH next AS (SELECT r.id, coalesce(r.assignee::text, '') AS had FROM recordings r LEFT JOIN (SELECT * FROM recordings WHERE id = $1) o ON true
					WHERE r.stage = 'to_judge' AND r.id IS DISTINCT FROM $1 AND `+where+` AND `+sc.sql("r", &args)+`
						AND (r.assignee = $2 OR `+free+`)
					ORDER BY `+worstFirst+` LIMIT 1 FOR UPDATE OF r SKIP LOCKED)
				UPDATE recordings r SET
					assigned_until = CASE WHEN assignee = $2 AND assigned_until IS NULL THEN NULL ELSE now() + make_interval(secs => $3) END,
					assignee = $2
				FROM next WHERE r.id = next.id RETURNING r.id::text, next.had`, args...).Scan(&id, &had)
			if err == nil {
				if err := tellOfClaim(ctx, tx, had, user, id); err != nil {
					return err
				}
				return auditAs(ctx, tx, user, origin, "recording.claim", "recording:"+id, nil)
			}
			if !errors.Is(err, pgx.ErrNoRows) {
				return err
			}
		}
		id = ""
		return nil
	})
	return id, err
}

// tellOfClaim leaves a notice for whose claim of a recording had run out when somebody else took it.
func tellOfClaim(ctx context.Context, tx pgx.Tx, had, by, recording string) error {
	if had == "" || had == by {
		return nil
	}
	if _, err := tx.Exec(ctx, `INSERT INTO assignment_notices (user_id, by, kind, recordings, recording) VALUES ($1, $2, 'claim_passed', 1, $3)`, had, by, recording); err != nil {
		return fmt.Errorf("tell whose claim ran out: %w", err)
	}
	return nil
}

// Holder is who has a recording now, by id and display name; empty for nobody.
func (s *Store) Holder(ctx context.Context, id string) (user, name string, err error) {
	err = s.pool.QueryRow(ctx, `SELECT u.id::text, u.display_name FROM recordings r JOIN users u ON u.id = r.assignee WHERE r.id = $1 AND NOT `+free, id).Scan(&user, &name)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", "", nil
	}
	return user, name, err
}

// Assign gives recordings in the scope to a user until they are judged or assigned anew, and says how many of them there were;
// an empty assignee takes them back from whoever has them.
func (s *Store) Assign(ctx context.Context, sc Scope, by, origin, assignee string, ids []string) (n int64, err error) {
	var to *string
	if assignee != "" {
		to = &assignee
	}
	err = s.tx(ctx, func(tx pgx.Tx) error {
		if to != nil {
			var disabled bool
			err := tx.QueryRow(ctx, `SELECT disabled FROM users WHERE id = $1`, to).Scan(&disabled)
			if errors.Is(err, pgx.ErrNoRows) || err == nil && disabled {
				return ErrNotFound
			}
			if err != nil {
				return fmt.Errorf("read the assignee: %w", err)
			}
		}
		args := []any{to, ids}
		rows, err := tx.Query(ctx, `WITH had AS (SELECT r.id, CASE WHEN NOT `+free+` THEN r.assignee END AS assignee FROM recordings r
				WHERE id = ANY($2) AND `+sc.sql("r", &args)+` ORDER BY id FOR UPDATE)
			UPDATE recordings r SET assignee = $1, assigned_until = NULL FROM had WHERE r.id = had.id
			RETURNING r.id::text, coalesce(had.assignee::text, '')`, args...)
		if err != nil {
			return err
		}
		var done []string
		var id, had string
		lost := map[string]int{} // recordings, by who had them
		if _, err := pgx.ForEachRow(rows, []any{&id, &had}, func() error {
			done = append(done, id)
			lost[had]++
			return nil
		}); err != nil || len(done) == 0 {
			return err
		}
		n = int64(len(done))
		if err := tellOfAssignment(ctx, tx, by, assignee, n-int64(lost[assignee]), lost); err != nil {
			return err
		}
		subject := "user:" + assignee
		if to == nil {
			subject = "user:nobody"
		}
		return auditAs(ctx, tx, by, origin, "recording.assign", subject, map[string]any{"recordings": done})
	})
	return n, err
}

// tellOfAssignment leaves a notice for who got recordings that he did not have, and for everybody who had some until now.
// Nobody is told what he did himself.
func tellOfAssignment(ctx context.Context, tx pgx.Tx, by, assignee string, got int64, lost map[string]int) error {
	tell := func(user, kind string, n int64) error {
		if user == "" || user == by || n == 0 {
			return nil
		}
		_, err := tx.Exec(ctx, `INSERT INTO assignment_notices (user_id, by, kind, recordings) VALUES ($1, $2, $3, $4)`, user, by, kind, n)
		return err
	}
	if err := tell(assignee, "assigned", got); err != nil {
		return fmt.Errorf("tell the assignee: %w", err)
	}
	for _, user := range slices.Sorted(maps.Keys(lost)) {
		if user == assignee {
			continue
		}
		if err := tell(user, "taken_back", int64(lost[user])); err != nil {
			return fmt.Errorf("tell who had it: %w", err)
		}
	}
	return nil
}
