package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Coaching is one talk with an agent about how he works.
type Coaching struct {
	At     time.Time
	By     string // display name
	Rule   string // id; empty for none
	Note   string
	Agent  string
	UserID string
	Origin string // network address, for the audit log
}

// Coach puts on record that an agent was coached; ErrNotFound where the scope holds nothing of him.
func (s *Store) Coach(ctx context.Context, sc Scope, c Coaching) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		args := []any{c.Agent, c.UserID}
		var name string
		err := tx.QueryRow(ctx, `SELECT u.name FROM users u WHERE u.id = $2
			AND EXISTS (SELECT FROM recordings r WHERE r.agent_id = $1 AND `+sc.sql("r", &args)+`)`, args...).Scan(&name)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO coaching (agent_id, by, rule, note) VALUES ($1, $2, $3, $4)`, c.Agent, c.UserID, c.Rule, text(c.Note)); err != nil {
			return err
		}
		detail, err := json.Marshal(map[string]string{"rule": c.Rule, "note": c.Note})
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		return appendAudit(ctx, tx, AuditEntry{Actor: c.UserID, Name: name, Origin: c.Origin, Action: "agent.coached", Subject: "agent:" + c.Agent, Detail: string(detail)})
	})
}

// AgentHistory is what happened around an agent, each newest first.
type AgentHistory struct {
	Coaching     []Coaching
	Appeals      []AgentAppeal
	Dispositions []AgentDisposition
}

// AgentAppeal is an appeal against a finding in one of the agent's recordings.
type AgentAppeal struct {
	ID        string
	At        time.Time
	Rule      string
	Reason    string
	Outcome   string // granted | rejected; empty while it waits
	DecidedAt time.Time
}

// AgentHistory gives the latest talks with an agent, and the latest appeals about his recordings in the scope. Who may
// see him at all is for the caller to know.
func (s *Store) AgentHistory(ctx context.Context, sc Scope, agent string, limit int) (h AgentHistory, err error) {
	rows, err := s.pool.Query(ctx, `SELECT c.at, u.display_name, c.rule, c.note FROM coaching c JOIN users u ON u.id = c.by
		WHERE c.agent_id = $1 ORDER BY c.id DESC LIMIT $2`, agent, limit)
	if err != nil {
		return h, err
	}
	h.Coaching, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (c Coaching, err error) {
		err = row.Scan(&c.At, &c.By, &c.Rule, &c.Note)
		return c, err
	})
	if err != nil {
		return h, err
	}
	args := []any{agent, limit}
	rows, err = s.pool.Query(ctx, `SELECT a.id::text, a.at, f.rule, a.reason, coalesce(a.outcome, ''), coalesce(a.decided_at, 'epoch')
		FROM appeals a JOIN recordings r ON r.id = a.recording JOIN findings f ON f.recording = a.recording AND f.key = a.finding
		WHERE r.agent_id = $1 AND `+sc.sql("r", &args)+` ORDER BY a.at DESC, a.id LIMIT $2`, args...)
	if err != nil {
		return h, err
	}
	if h.Appeals, err = pgx.CollectRows(rows, pgx.RowToStructByPos[AgentAppeal]); err != nil {
		return h, err
	}
	h.Dispositions, err = s.agentDispositions(ctx, sc, agent, limit)
	return h, err
}
