package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/jackc/pgx/v5"
)

// Sessions keeps the console's sessions.
func (s *Store) Sessions() scs.CtxStore { return sessions{s} }

// sessions is scs's store; its methods without a context are not used by scs when those with one are there.
type sessions struct{ s *Store }

func (x sessions) FindCtx(ctx context.Context, token string) (data []byte, found bool, err error) {
	err = x.s.pool.QueryRow(ctx, `SELECT data FROM sessions WHERE token = $1 AND expiry > now()`, token).Scan(&data)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, false, nil
	}
	return data, err == nil, err
}

// CommitCtx also removes what has expired, a little at a time.
func (x sessions) CommitCtx(ctx context.Context, token string, data []byte, expiry time.Time) error {
	_, err := x.s.pool.Exec(ctx, `WITH old AS (
			DELETE FROM sessions WHERE token IN (SELECT token FROM sessions WHERE expiry < now() LIMIT 10 FOR UPDATE SKIP LOCKED))
		INSERT INTO sessions (token, data, expiry) VALUES ($1, $2, $3)
		ON CONFLICT (token) DO UPDATE SET data = excluded.data, expiry = excluded.expiry`, token, data, expiry)
	return err
}

func (x sessions) DeleteCtx(ctx context.Context, token string) error {
	_, err := x.s.pool.Exec(ctx, `DELETE FROM sessions WHERE token = $1`, token)
	return err
}

func (x sessions) Find(token string) ([]byte, bool, error) {
	return x.FindCtx(context.Background(), token)
}

func (x sessions) Commit(token string, data []byte, expiry time.Time) error {
	return x.CommitCtx(context.Background(), token, data, expiry)
}

func (x sessions) Delete(token string) error { return x.DeleteCtx(context.Background(), token) }
