package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// NoticeKind is why somebody should know.
type NoticeKind string

// Kinds of notices.
const (
	NoticeAppealWaits   NoticeKind = "appeal_waits"   // he may decide it
	NoticeAppealOverdue NoticeKind = "appeal_overdue" // the same, waiting longer than an agent has to appeal
	NoticeAppealDecided NoticeKind = "appeal_decided" // his own, or one about his recordings
)

// NoticeKinds are all of them.
var NoticeKinds = []NoticeKind{NoticeAppealOverdue, NoticeAppealWaits, NoticeAppealDecided}

// Notice is something a person should know.
type Notice struct {
	Kind      NoticeKind
	At        time.Time
	Appeal    string // id
	Recording string // id
	Rule      string
	Agent     string // name or id of the recording's agent
	By        string // display name of who caused it
	Outcome   AppealOutcome
	New       bool // since he last looked
}

// NoticeFor says whose notices are asked for.
type NoticeFor struct {
	User    string // id
	Scope   Scope
	Reviews bool // he decides appeals
	Appeals bool // he makes appeals
	Days    int  // after which a waiting appeal is overdue
}

// noticesShown is how many notices there are at most.
const noticesShown = 100

// noticesSQL: a decided appeal is news for 30 days. $1 user, $2 reviews, $3 makes appeals, $4 days, $5 limit; %s the scope's condition.
const noticesSQL = `SELECT kind, at, appeal, recording, rule, agent, by, outcome,
		at > coalesce((SELECT s.at FROM notices_seen s WHERE s.user_id = $1), '-infinity') FROM (
	(SELECT CASE WHEN a.at < now() - make_interval(days => $4) THEN 'appeal_overdue' ELSE 'appeal_waits' END AS kind, a.at, a.id::text AS appeal,
		a.recording::text AS recording, f.rule, coalesce(nullif(r.metadata ->> 'agent_name', ''), r.agent_id) AS agent, u.display_name AS by, '' AS outcome
	FROM appeals a JOIN recordings r ON r.id = a.recording JOIN findings f ON f.recording = a.recording AND f.key = a.finding JOIN users u ON u.id = a.by
	WHERE $2 AND a.decided_by IS NULL AND $1::uuid NOT IN (a.by, a.first_by) AND %[1]s
		AND NOT EXISTS (SELECT FROM review_events e WHERE e.recording = a.recording AND e.finding = a.finding AND e.by = $1)
	ORDER BY a.at LIMIT $5)
	UNION ALL
	(SELECT 'appeal_decided', a.decided_at, a.id::text, a.recording::text, f.rule, coalesce(nullif(r.metadata ->> 'agent_name', ''), r.agent_id), u.display_name, a.outcome
	FROM appeals a JOIN recordings r ON r.id = a.recording JOIN findings f ON f.recording = a.recording AND f.key = a.finding JOIN users u ON u.id = a.decided_by
	WHERE $3 AND a.decided_at > now() - make_interval(days => 30) AND %[1]s
	ORDER BY a.decided_at DESC LIMIT $5)) n
	ORDER BY CASE kind WHEN 'appeal_overdue' THEN 0 ELSE 1 END, at DESC LIMIT $5`

// Notices gives what a person should know, overdue things first, then the newest.
func (s *Store) Notices(ctx context.Context, who NoticeFor) ([]Notice, error) {
	args := []any{who.User, who.Reviews, who.Appeals, who.Days, noticesShown}
	rows, err := s.pool.Query(ctx, fmt.Sprintf(noticesSQL, who.Scope.sql("r", &args)), args...)
	if err != nil {
		return nil, fmt.Errorf("read notices: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (n Notice, err error) {
		err = row.Scan(&n.Kind, &n.At, &n.Appeal, &n.Recording, &n.Rule, &n.Agent, &n.By, &n.Outcome, &n.New)
		return n, err
	})
	if err != nil {
		return nil, fmt.Errorf("read notices: %w", err)
	}
	return all, nil
}

// NoticesSeen notes that a person has seen what is new until now.
func (s *Store) NoticesSeen(ctx context.Context, user string) error {
	_, err := s.pool.Exec(ctx, `INSERT INTO notices_seen (user_id, at) VALUES ($1, now()) ON CONFLICT (user_id) DO UPDATE SET at = now()`, user)
	if err != nil {
		return fmt.Errorf("note that notices were seen: %w", err)
	}
	return nil
}
