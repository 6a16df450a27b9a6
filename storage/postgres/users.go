package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

const userColumns = `id::text, name, display_name, password_hash, role, lang, disabled, created_at, principals, teams, agent_id,
	password_set_at, must_change, totp_secret`

func scanUser(row pgx.CollectableRow) (u User, err error) {
	err = row.Scan(&u.ID, &u.Name, &u.DisplayName, &u.PasswordHash, &u.Role, &u.Lang, &u.Disabled, &u.CreatedAt,
		&u.Principals, &u.Teams, &u.AgentID, &u.PasswordSetAt, &u.MustChange, &u.TOTPSecret)
	return u, err
}

func (s *Store) oneUser(ctx context.Context, where string, args ...any) (User, error) {
	rows, err := s.pool.Query(ctx, `SELECT `+userColumns+` FROM users WHERE `+where, args...)
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
	return s.oneUser(ctx, `lower(name) = lower($1)`, text(name))
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

// CreateUser makes a user from the command line and returns the id; ErrConflict when the name is taken.
func (s *Store) CreateUser(ctx context.Context, u User) (id string, err error) {
	return s.CreateUserAs(ctx, CommandLine, u)
}

// CreateUserAs makes a user and returns the id; ErrConflict when the name is taken.
func (s *Store) CreateUserAs(ctx context.Context, by Actor, u User) (id string, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `INSERT INTO users (name, display_name, password_hash, role, lang, principals, teams, agent_id, must_change)
			VALUES ($1, $2, $3, $4, $5, coalesce($6::text[], '{}'), coalesce($7::text[], '{}'), $8, $9)
			ON CONFLICT DO NOTHING RETURNING id::text`, u.Name, u.DisplayName, u.PasswordHash, u.Role, u.Lang,
			u.Principals, u.Teams, u.AgentID, u.MustChange).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrConflict
		}
		if err != nil {
			return err
		}
		return by.audit(ctx, tx, "user.create", "user:"+id, map[string]any{"name": u.Name, "display": u.DisplayName, "after": rightsOf(u)})
	})
	return id, err
}

// passwordsKept is how many passwords of before are remembered, the present one among them.
const passwordsKept = 5

// SetPassword replaces a user's password hash from the command line; ErrNotFound when there is no such user.
func (s *Store) SetPassword(ctx context.Context, name, hash string) error {
	u, err := s.UserByName(ctx, name)
	if err != nil {
		return err
	}
	return s.SetPasswordAs(ctx, CommandLine, u.ID, hash, "", false)
}

// SetPasswordAs replaces a user's password hash and ends the user's log-ins but the one to keep, which may be "".
// Where somebody else has set it, mustChange makes the user choose his own at the next log-in.
func (s *Store) SetPasswordAs(ctx context.Context, by Actor, user, hash, keep string, mustChange bool) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO password_history (user_id, hash, set_at) SELECT id, password_hash, password_set_at FROM users WHERE id = $1`, user)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM password_history WHERE ctid IN (
				SELECT ctid FROM password_history WHERE user_id = $1 ORDER BY set_at DESC OFFSET $2)`, user, passwordsKept-1); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `UPDATE users SET password_hash = $2, password_set_at = now(), must_change = $3 WHERE id = $1`, user, hash, mustChange)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return ErrNotFound
		}
		if err := endLogins(ctx, tx, user, keep, "password"); err != nil {
			return err
		}
		return by.audit(ctx, tx, "user.password", "user:"+user, map[string]any{"own": by.ID == user})
	})
}

// PasswordsOfBefore gives the hashes of the user's last passwords, the present one first.
func (s *Store) PasswordsOfBefore(ctx context.Context, user string) ([]string, error) {
	rows, err := s.pool.Query(ctx, `SELECT hash FROM (
			SELECT password_hash AS hash, 'infinity'::timestamptz AS set_at FROM users WHERE id = $1
			UNION ALL SELECT hash, set_at FROM password_history WHERE user_id = $1) h ORDER BY set_at DESC`, user)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// ErrLastAdmin is returned for what would leave nobody who may manage users.
var ErrLastAdmin = errors.New("nobody would be left who may manage users")

// otherAdmin makes sure that an administrator remains besides the user. It locks them all, so that two cannot
// remove each other at once.
func otherAdmin(ctx context.Context, tx pgx.Tx, user string) error {
	rows, err := tx.Query(ctx, `SELECT id::text FROM users WHERE role = 'admin' AND NOT disabled ORDER BY id FOR UPDATE`)
	if err != nil {
		return err
	}
	admins, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	if len(admins) == 1 && admins[0] == user {
		return ErrLastAdmin
	}
	return nil
}

// DisableUser blocks a user at once: log-ins and keys of programs end, and what he was to judge goes back to all. ErrLastAdmin for
// the last administrator, ErrNotFound for nobody.
func (s *Store) DisableUser(ctx context.Context, by Actor, user string) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		if err := otherAdmin(ctx, tx, user); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `UPDATE users SET disabled = true WHERE id = $1`, user)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return ErrNotFound
		}
		if err := endLogins(ctx, tx, user, "", "disabled"); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE user_changes SET decision = 'withdrawn', decided_at = now() WHERE user_id = $1 AND decision = ''`, user); err != nil {
			return fmt.Errorf("withdraw what was asked for: %w", err)
		}
		if _, err := tx.Exec(ctx, `UPDATE tokens SET revoked_at = now() WHERE user_id = $1 AND revoked_at IS NULL`, user); err != nil {
			return fmt.Errorf("end the user's keys: %w", err)
		}
		open, err := tx.Exec(ctx, `UPDATE recordings SET assignee = NULL, assigned_until = NULL WHERE assignee = $1 AND to_judge > 0`, user)
		if err != nil {
			return fmt.Errorf("hand the user's work back: %w", err)
		}
		return by.audit(ctx, tx, "user.disable", "user:"+user, map[string]any{"handed_back": open.RowsAffected()})
	})
}
