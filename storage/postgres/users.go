package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
)

const userColumns = `id::text, name, display_name, password_hash, role, lang, disabled, created_at, principals, teams, agent_id`

func scanUser(row pgx.CollectableRow) (u User, err error) {
	err = row.Scan(&u.ID, &u.Name, &u.DisplayName, &u.PasswordHash, &u.Role, &u.Lang, &u.Disabled, &u.CreatedAt,
		&u.Principals, &u.Teams, &u.AgentID)
	return u, err
}

func (s *Store) oneUser(ctx context.Context, where string, arg string) (User, error) {
	rows, err := s.pool.Query(ctx, `SELECT `+userColumns+` FROM users WHERE `+where, arg)
	if err != nil {
		return User{}, err
	}
	u, err := pgx.CollectExactlyOneRow(rows, scanUser)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotFound
	}
	return u, err
}

// UserByName finds a user by log-in name, without regard to case; ErrNotFound when there is none.
func (s *Store) UserByName(ctx context.Context, name string) (User, error) {
	return s.oneUser(ctx, `lower(name) = lower($1)`, name)
}

// User finds a user by id; ErrNotFound when there is none.
func (s *Store) User(ctx context.Context, id string) (User, error) {
	return s.oneUser(ctx, `id = $1`, id)
}

// Users lists all users by name.
func (s *Store) Users(ctx context.Context) ([]User, error) {
	rows, err := s.pool.Query(ctx, `SELECT `+userColumns+` FROM users ORDER BY lower(name)`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanUser)
}

// CreateUser makes a user and returns the id; ErrConflict when the name is taken.
func (s *Store) CreateUser(ctx context.Context, u User) (id string, err error) {
	err = s.pool.QueryRow(ctx, `INSERT INTO users (name, display_name, password_hash, role, lang, principals, teams, agent_id)
		VALUES ($1, $2, $3, $4, $5, coalesce($6::text[], '{}'), coalesce($7::text[], '{}'), $8)
		ON CONFLICT DO NOTHING RETURNING id::text`, u.Name, u.DisplayName, u.PasswordHash, u.Role, u.Lang,
		u.Principals, u.Teams, u.AgentID).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrConflict
	}
	return id, err
}

// SetPassword replaces a user's password hash; ErrNotFound when there is no such user.
func (s *Store) SetPassword(ctx context.Context, name, hash string) error {
	tag, err := s.pool.Exec(ctx, `UPDATE users SET password_hash = $2 WHERE lower(name) = lower($1)`, name, hash)
	if err == nil && tag.RowsAffected() == 0 {
		return ErrNotFound
	}
	return err
}
