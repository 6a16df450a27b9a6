package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// LoginLimits bound log-ins: how long one lasts without a request and at all, and how many a user has at a time.
type LoginLimits struct {
	Idle, Lifetime time.Duration
	AtOnce         int
}

// Login is a user's being logged in somewhere.
type Login struct {
	ID              string
	User            string // id
	Name            string // log-in name
	Started, SeenAt time.Time
	Origin, Browser string // network address; what the browser calls itself
}

// activeLogin is a log-in that has neither ended nor run out; $1 and $2 are the limits in seconds.
const activeLogin = `ended_at IS NULL AND seen_at > now() - make_interval(secs => $1) AND started_at > now() - make_interval(secs => $2)`

// StartLogin notes that a user logs in and returns the log-in's id. Where the user would be logged in more often than
// allowed, the oldest log-ins end.
func (s *Store) StartLogin(ctx context.Context, by Actor, browser string, limits LoginLimits) (id string, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT FROM users WHERE id = $1 FOR UPDATE`, by.ID); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE logins SET ended_at = now(), why = 'replaced' WHERE id IN (
				SELECT id FROM logins WHERE user_id = $3 AND `+activeLogin+` ORDER BY started_at DESC OFFSET $4)`,
			limits.Idle.Seconds(), limits.Lifetime.Seconds(), by.ID, limits.AtOnce-1); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, `INSERT INTO logins (user_id, origin, browser) VALUES ($1, $2, $3) RETURNING id::text`,
			by.ID, by.Origin, text(browser)).Scan(&id); err != nil {
			return err
		}
		return by.audit(ctx, tx, "access.login", "user:"+by.ID, nil)
	})
	return id, err
}

// UserOfLogin gives the user who is logged in, and notes once a minute that he is there. ErrNotFound when the log-in
// has ended or run out, or the user is blocked.
func (s *Store) UserOfLogin(ctx context.Context, login string, limits LoginLimits) (User, error) {
	u, err := s.oneUser(ctx, `NOT disabled AND id = (SELECT user_id FROM logins WHERE id = $3 AND `+activeLogin+`)`,
		limits.Idle.Seconds(), limits.Lifetime.Seconds(), login)
	if err != nil {
		return u, err
	}
	_, err = s.pool.Exec(ctx, `UPDATE logins SET seen_at = now() WHERE id = $1 AND seen_at < now() - interval '1 minute'`, login)
	return u, err
}

// Logins lists who is logged in, the last seen first; of one user where user is not empty.
func (s *Store) Logins(ctx context.Context, user string, limits LoginLimits) ([]Login, error) {
	rows, err := s.pool.Query(ctx, `SELECT l.id::text, l.user_id::text, u.name, l.started_at, l.seen_at, l.origin, l.browser
		FROM logins l JOIN users u ON u.id = l.user_id
		WHERE ($3 = '' OR l.user_id::text = $3) AND NOT u.disabled AND `+activeLogin+` ORDER BY l.seen_at DESC, l.started_at DESC LIMIT 500`,
		limits.Idle.Seconds(), limits.Lifetime.Seconds(), user)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (l Login, err error) {
		err = row.Scan(&l.ID, &l.User, &l.Name, &l.Started, &l.SeenAt, &l.Origin, &l.Browser)
		return l, err
	})
}

// EndLogin ends a log-in that another person, or the user himself, no longer wants; ErrNotFound when there is none.
func (s *Store) EndLogin(ctx context.Context, by Actor, login string) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		var user string
		err := tx.QueryRow(ctx, `UPDATE logins SET ended_at = now(), why = 'ended' WHERE id = $1 AND ended_at IS NULL RETURNING user_id::text`, login).Scan(&user)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		return by.audit(ctx, tx, "access.ended", "user:"+user, map[string]any{"login": login})
	})
}

// LogOut ends the visitor's own log-in; one that has ended already is no mistake.
func (s *Store) LogOut(ctx context.Context, login string) error {
	_, err := s.pool.Exec(ctx, `UPDATE logins SET ended_at = now(), why = 'logout' WHERE id = $1 AND ended_at IS NULL`, login)
	return err
}

// endLogins ends every log-in of a user but the one to keep.
func endLogins(ctx context.Context, tx pgx.Tx, user, keep, why string) error {
	_, err := tx.Exec(ctx, `UPDATE logins SET ended_at = now(), why = $3 WHERE user_id = $1 AND id::text <> $2 AND ended_at IS NULL`, user, keep, why)
	return err
}
