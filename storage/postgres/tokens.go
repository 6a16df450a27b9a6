package postgres

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Token is a key with which a person's programs ask the API in his name. The key itself is not kept.
type Token struct {
	ID        string
	Name      string
	Hint      string // the key's first characters
	ReadOnly  bool
	CreatedAt time.Time
	ExpiresAt time.Time
	RevokedAt time.Time // zero: not revoked
	UsedAt    time.Time // to the minute; zero: never
}

// CreateToken keeps the hash of a key for who's user and returns the token's id.
func (s *Store) CreateToken(ctx context.Context, t Token, key string, who AuditEntry) (id string, err error) {
	hash := sha256.Sum256([]byte(key))
	err = s.tx(ctx, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `INSERT INTO tokens (user_id, name, hash, hint, read_only, expires_at) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id::text`,
			who.Actor, text(t.Name), hash[:], t.Hint, t.ReadOnly, t.ExpiresAt).Scan(&id)
		if err != nil {
			return fmt.Errorf("make token: %w", err)
		}
		return audited(ctx, tx, who, "token.made", "token:"+id, map[string]any{"name": text(t.Name), "hint": t.Hint, "read_only": t.ReadOnly, "expires": t.ExpiresAt})
	})
	return id, err
}

// Tokens lists a user's tokens, the newest first, also those that no longer work.
func (s *Store) Tokens(ctx context.Context, user string) ([]Token, error) {
	rows, err := s.pool.Query(ctx, `SELECT id::text, name, hint, read_only, created_at, expires_at, coalesce(revoked_at, '0001-01-01'), coalesce(used_at, '0001-01-01')
		FROM tokens WHERE user_id = $1 ORDER BY created_at DESC, id LIMIT 100`, user)
	if err != nil {
		return nil, fmt.Errorf("read tokens: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t Token, err error) {
		err = row.Scan(&t.ID, &t.Name, &t.Hint, &t.ReadOnly, &t.CreatedAt, &t.ExpiresAt, &t.RevokedAt, &t.UsedAt)
		return t, err
	})
	if err != nil {
		return nil, fmt.Errorf("read tokens: %w", err)
	}
	return all, nil
}

// RevokeToken ends one of who's own tokens; ErrNotFound when he has none with this id that works.
func (s *Store) RevokeToken(ctx context.Context, id string, who AuditEntry) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE tokens SET revoked_at = now() WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL`, id, who.Actor)
		if err != nil {
			return fmt.Errorf("revoke token: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return ErrNotFound
		}
		return audited(ctx, tx, who, "token.revoked", "token:"+id, map[string]any{})
	})
}

// UserOfToken gives the user in whose name a key asks; ErrNotFound when the key is none, is no longer one, or its user
// was blocked.
func (s *Store) UserOfToken(ctx context.Context, key string) (u User, t Token, err error) {
	hash := sha256.Sum256([]byte(key))
	var user string
	err = s.pool.QueryRow(ctx, `SELECT id::text, user_id::text, name, hint, read_only, expires_at, coalesce(used_at, '0001-01-01') FROM tokens
		WHERE hash = $1 AND revoked_at IS NULL AND expires_at > now()`, hash[:]).Scan(&t.ID, &user, &t.Name, &t.Hint, &t.ReadOnly, &t.ExpiresAt, &t.UsedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return u, t, ErrNotFound
	}
	if err != nil {
		return u, t, fmt.Errorf("read token: %w", err)
	}
	if u, err = s.User(ctx, user); err != nil {
		return u, t, err
	}
	if u.Disabled {
		return User{}, t, ErrNotFound
	}
	if _, err = s.pool.Exec(ctx, `UPDATE tokens SET used_at = date_trunc('minute', now()) WHERE id = $1 AND used_at IS DISTINCT FROM date_trunc('minute', now())`, t.ID); err != nil {
		return u, t, fmt.Errorf("note the token's use: %w", err)
	}
	return u, t, nil
}
