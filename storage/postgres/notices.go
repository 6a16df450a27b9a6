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
	NoticeAssigned      NoticeKind = "assigned"       // recordings a lead gave to him
	NoticeTakenBack     NoticeKind = "taken_back"     // recordings a lead took back from him
	NoticeClaimOver     NoticeKind = "claim_over"     // his claim has run out, and nobody else has taken the recording
	NoticeClaimPassed   NoticeKind = "claim_passed"   // his claim had run out, and somebody else took the recording
	NoticeRetrain       NoticeKind = "retrain"        // an agent is to be trained again
	NoticeOverdue       NoticeKind = "overdue"        // a disposition that should have been done
)

// NoticeKinds are all of them.
var NoticeKinds = []NoticeKind{NoticeAppealOverdue, NoticeOverdue, NoticeAppealWaits, NoticeAppealDecided, NoticeAssigned, NoticeTakenBack, NoticeClaimOver, NoticeClaimPassed, NoticeRetrain}

// Notice is something a person should know.
type Notice struct {
	Kind      NoticeKind
	At        time.Time
	Appeal    string // id; empty where it is about no appeal
	Recording string // id; empty where it is about several
	Rule      string
	Agent     string // name or id of the recording's agent
	By        string // display name of who caused it
	Outcome   AppealOutcome
	Count     int             // recordings, of an assignment
	Kept      DispositionKind // what is overdue
	Due       time.Time       // since when, a day at midnight UTC
	New       bool            // since he last looked
}

// NoticeFor says whose notices are asked for.
type NoticeFor struct {
	User    string // id
	Scope   Scope
	Reviews bool // he decides appeals
	Appeals bool // he makes appeals
	Sees    bool // he is told of every overdue disposition in the scope, not of his own only
	Trains  bool // he is told of all retraining in the scope, when it is ordered and when it is overdue
	Days    int  // after which a waiting appeal is overdue
}

// noticesShown is how many notices there are at most.
const noticesShown = 100

// noticesSQL: a decided appeal, an assignment and retraining are news for 30 days; a disposition becomes overdue as its last day ends.
// $1 user, $2 reviews, $3 makes appeals, $4 days, $5 limit, $6 sees, $7 trains; %[1]s the scope's condition.
const noticesSQL = `SELECT kind, at, appeal, recording, rule, agent, by, outcome, count, kept, due,
		at > coalesce((SELECT s.at FROM notices_seen s WHERE s.user_id = $1), '-infinity') FROM (
	(SELECT CASE WHEN a.at < now() - make_interval(days => $4) THEN 'appeal_overdue' ELSE 'appeal_waits' END AS kind, a.at, a.id::text AS appeal,
		a.recording::text AS recording, f.rule, coalesce(nullif(r.metadata ->> 'agent_name', ''), r.agent_id) AS agent, u.display_name AS by, '' AS outcome,
		0 AS count, '' AS kept, date '0001-01-01' AS due
	FROM appeals a JOIN recordings r ON r.id = a.recording JOIN findings f ON f.recording = a.recording AND f.key = a.finding JOIN users u ON u.id = a.by
	WHERE $2 AND a.decided_by IS NULL AND $1::uuid NOT IN (a.by, a.first_by) AND %[1]s
		AND NOT EXISTS (SELECT FROM review_events e WHERE e.recording = a.recording AND e.finding = a.finding AND e.by = $1)
	ORDER BY a.at LIMIT $5)
	UNION ALL
	(SELECT 'appeal_decided', a.decided_at, a.id::text, a.recording::text, f.rule, coalesce(nullif(r.metadata ->> 'agent_name', ''), r.agent_id), u.display_name, a.outcome, 0, '', '0001-01-01'
	FROM appeals a JOIN recordings r ON r.id = a.recording JOIN findings f ON f.recording = a.recording AND f.key = a.finding JOIN users u ON u.id = a.decided_by
	WHERE $3 AND a.decided_at > now() - make_interval(days => 30) AND %[1]s
	ORDER BY a.decided_at DESC LIMIT $5)
	UNION ALL
	(SELECT 'overdue', f.due + interval '1 day', '', f.recording::text, '', coalesce(nullif(r.metadata ->> 'agent_name', ''), r.agent_id), coalesce(u.display_name, ''), '', 0, d.kind, f.due
	FROM disposition_follow_ups f JOIN dispositions d ON d.id = f.disposition JOIN recordings r ON r.id = f.recording LEFT JOIN users u ON u.id = d.by
	WHERE f.closed_at IS NULL AND f.due < current_date AND ($6 OR d.by = $1 OR $7 AND d.kind = 'retrain') AND %[1]s
	ORDER BY f.due DESC LIMIT $5)
	UNION ALL
	(SELECT n.kind, n.at, '', coalesce(n.recording::text, ''), '', coalesce(nullif(r.metadata ->> 'agent_name', ''), r.agent_id, ''), u.display_name, '',
		CASE WHEN n.recording IS NULL THEN n.recordings ELSE 0 END, '', '0001-01-01'
	FROM assignment_notices n JOIN users u ON u.id = n.by LEFT JOIN recordings r ON r.id = n.recording AND %[1]s
	WHERE n.user_id = $1 AND n.at > now() - make_interval(days => 30) AND (n.recording IS NULL OR r.id IS NOT NULL)
	ORDER BY n.at DESC LIMIT $5)
	UNION ALL
	(SELECT 'retrain', d.at, '', d.recording::text, '', coalesce(nullif(r.metadata ->> 'agent_name', ''), r.agent_id), coalesce(u.display_name, ''), '', 0, '', '0001-01-01'
	FROM dispositions d JOIN recordings r ON r.id = d.recording LEFT JOIN users u ON u.id = d.by
	WHERE $7 AND d.kind = 'retrain' AND d.at > now() - make_interval(days => 30) AND NOT EXISTS (SELECT FROM dispositions n WHERE n.recording = d.recording AND n.id > d.id) AND %[1]s
	ORDER BY d.at DESC LIMIT $5)
	UNION ALL
	(SELECT 'claim_over', r.assigned_until, '', r.id::text, '', coalesce(nullif(r.metadata ->> 'agent_name', ''), r.agent_id), '', '', 0, '', '0001-01-01'
	FROM recordings r WHERE $2 AND r.assignee = $1 AND r.assigned_until < now() AND r.stage = 'to_judge' AND %[1]s
	ORDER BY r.assigned_until DESC LIMIT $5)) n
	ORDER BY CASE WHEN kind IN ('appeal_overdue', 'overdue') THEN 0 ELSE 1 END, at DESC LIMIT $5`

// Notices gives what a person should know, overdue things first, then the newest.
func (s *Store) Notices(ctx context.Context, who NoticeFor) ([]Notice, error) {
	args := []any{who.User, who.Reviews, who.Appeals, who.Days, noticesShown, who.Sees, who.Trains}
	rows, err := s.pool.Query(ctx, fmt.Sprintf(noticesSQL, who.Scope.sql("r", &args)), args...)
	if err != nil {
		return nil, fmt.Errorf("read notices: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (n Notice, err error) {
		err = row.Scan(&n.Kind, &n.At, &n.Appeal, &n.Recording, &n.Rule, &n.Agent, &n.By, &n.Outcome, &n.Count, &n.Kept, &n.Due, &n.New)
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
