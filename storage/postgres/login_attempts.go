package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// Lockout says how guessing is slowed: after Free attempts that failed a name waits First, and twice as long after
// each further one, up to Longest. A day without an attempt forgets them.
type Lockout struct {
	Free           int
	First, Longest time.Duration
}

// BeginAttempt counts an attempt to log in under a name before it is looked at, so that any number of attempts at
// once are no more than one after the other. It returns how long the name has to wait: above zero, the attempt must
// not be looked at, and was not counted.
func (s *Store) BeginAttempt(ctx context.Context, name string, l Lockout) (wait time.Duration, err error) {
	name = text(name)
	var counted bool
	err = s.pool.QueryRow(ctx, `INSERT INTO login_attempts AS a (name, count, last_at, until) VALUES (lower($1), 1, now(), now())
		ON CONFLICT (name) DO UPDATE SET last_at = now(),
			count = CASE WHEN a.last_at < now() - interval '1 day' THEN 1 ELSE a.count + 1 END,
			until = CASE WHEN a.last_at >= now() - interval '1 day' AND a.count + 1 >= $2
				THEN now() + make_interval(secs => least($4, $3 * 2 ^ least(a.count + 1 - $2, 30))) ELSE now() END
		WHERE a.until <= now() RETURNING true`, name, l.Free, l.First.Seconds(), l.Longest.Seconds()).Scan(&counted)
	if err == nil {
		return 0, nil
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return 0, err
	}
	var seconds float64
	err = s.pool.QueryRow(ctx, `SELECT coalesce(max(extract(epoch FROM until - now())), 0)::float8 FROM login_attempts WHERE name = lower($1)`, name).Scan(&seconds)
	return max(time.Duration(seconds*float64(time.Second)), time.Second), err
}

// AttemptSucceeded forgets a name's attempts, and some of those that are older than a day.
func (s *Store) AttemptSucceeded(ctx context.Context, name string) error {
	_, err := s.pool.Exec(ctx, `DELETE FROM login_attempts WHERE name = lower($1) OR name IN (
		SELECT name FROM login_attempts WHERE last_at < now() - interval '1 day' LIMIT 1000)`, text(name))
	return err
}
