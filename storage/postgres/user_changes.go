package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// Rights are what a user may do and see.
type Rights struct {
	Role       string   `json:"role"` // empty: none yet
	Principals []string `json:"principals"`
	Teams      []string `json:"teams"`
	AgentID    string   `json:"agent_id"`
	Disabled   bool     `json:"disabled"`
}

func rightsOf(u User) Rights { return Rights{u.Role, u.Principals, u.Teams, u.AgentID, u.Disabled} }

// Rights of the user.
func (u User) Rights() Rights { return rightsOf(u) }

// UserChange is a change of a user's rights that waits for a second administrator.
type UserChange struct {
	ID            int64
	UserID        string
	UserName      string // log-in name
	Before, After Rights
	AskedBy       string // id
	AskedByName   string // log-in name
	AskedAt       time.Time
}

// ErrSamePerson is returned where one person alone would change rights: who asked for it or whom it is about.
var ErrSamePerson = errors.New("a second administrator must confirm this")

// AskChange puts a change of a user's rights before the other administrators. ErrConflict when one waits already,
// ErrNotFound for nobody.
func (s *Store) AskChange(ctx context.Context, by Actor, user string, after Rights) (id int64, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		before, err := lockRights(ctx, tx, user)
		if err != nil {
			return err
		}
		err = tx.QueryRow(ctx, `INSERT INTO user_changes (user_id, before, after, asked_by) VALUES ($1, $2, $3, $4)
			ON CONFLICT DO NOTHING RETURNING id`, user, asJSON(before), asJSON(after), by.ID).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrConflict
		}
		if err != nil {
			return err
		}
		return by.audit(ctx, tx, "user.change_asked", "user:"+user, map[string]any{"change": id, "before": before, "after": after})
	})
	return id, err
}

// lockRights locks a user's row and reads the rights.
func lockRights(ctx context.Context, tx pgx.Tx, user string) (r Rights, err error) {
	err = tx.QueryRow(ctx, `SELECT role, principals, teams, agent_id, disabled FROM users WHERE id = $1 FOR UPDATE`, user).
		Scan(&r.Role, &r.Principals, &r.Teams, &r.AgentID, &r.Disabled)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotFound
	}
	return r, err
}

// ConfirmChange makes a change that waits. ErrSamePerson for who asked for it and for whom it is about, ErrConflict
// when the user's rights are no longer what they were when it was asked for, ErrLastAdmin when nobody would be left
// to manage users, ErrNotFound when it waits no more.
func (s *Store) ConfirmChange(ctx context.Context, by Actor, id int64) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		user, asked, after, err := waitingChange(ctx, tx, id)
		if err != nil {
			return err
		}
		if by.ID == asked || by.ID == user {
			return ErrSamePerson
		}
		if after.Role != "admin" || after.Disabled {
			if err := otherAdmin(ctx, tx, user); err != nil {
				return err
			}
		}
		before, err := lockRights(ctx, tx, user)
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `UPDATE user_changes SET decision = 'confirmed', decided_by = $2, decided_at = now()
			WHERE id = $1 AND before = $3`, id, by.ID, asJSON(before))
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return ErrConflict
		}
		if _, err := tx.Exec(ctx, `UPDATE users SET role = $2, principals = coalesce($3::text[], '{}'), teams = coalesce($4::text[], '{}'),
				agent_id = $5, disabled = $6 WHERE id = $1`, user, after.Role, after.Principals, after.Teams, after.AgentID, after.Disabled); err != nil {
			return err
		}
		return by.audit(ctx, tx, "user.change", "user:"+user, map[string]any{"change": id, "before": before, "after": after, "asked_by": asked})
	})
}

// DropChange takes back a change that waits, if it is one's own, or refuses it. ErrNotFound when it waits no more.
func (s *Store) DropChange(ctx context.Context, by Actor, id int64) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		user, asked, _, err := waitingChange(ctx, tx, id)
		if err != nil {
			return err
		}
		decision := "refused"
		if asked == by.ID {
			decision = "withdrawn"
		}
		if _, err := tx.Exec(ctx, `UPDATE user_changes SET decision = $2, decided_by = $3, decided_at = now() WHERE id = $1`, id, decision, by.ID); err != nil {
			return err
		}
		return by.audit(ctx, tx, "user.change_"+decision, "user:"+user, map[string]any{"change": id, "asked_by": asked})
	})
}

func waitingChange(ctx context.Context, tx pgx.Tx, id int64) (user, asked string, after Rights, err error) {
	err = tx.QueryRow(ctx, `SELECT user_id::text, asked_by::text, after FROM user_changes WHERE id = $1 AND decision = '' FOR UPDATE`, id).Scan(&user, &asked, &after)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotFound
	}
	return user, asked, after, err
}

// Changes lists the changes that wait, the oldest first.
func (s *Store) Changes(ctx context.Context) ([]UserChange, error) {
	rows, err := s.pool.Query(ctx, `SELECT c.id, c.user_id::text, u.name, c.before, c.after, c.asked_by::text, a.name, c.asked_at
		FROM user_changes c JOIN users u ON u.id = c.user_id JOIN users a ON a.id = c.asked_by WHERE c.decision = '' ORDER BY c.id`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (c UserChange, err error) {
		err = row.Scan(&c.ID, &c.UserID, &c.UserName, &c.Before, &c.After, &c.AskedBy, &c.AskedByName, &c.AskedAt)
		return c, err
	})
}
