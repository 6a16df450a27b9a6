package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// DispositionCount is how often a disposition is in force.
type DispositionCount struct {
	Kind       DispositionKind
	Recordings int
	Agents     int
	Overdue    int // due before today and not done
}

// DispositionCounts counts the dispositions in force, which are the last of each recording, for contacts of
// [From, To) in the scope, the most frequent first.
func (s *Store) DispositionCounts(ctx context.Context, sc Scope, f TrendFilter) ([]DispositionCount, error) {
	c := f.contacts(sc)
	rows, err := s.pool.Query(ctx, `
		SELECT d.kind, count(*)::int, count(DISTINCT r.agent_id)::int, count(*) FILTER (WHERE f.due < current_date AND f.closed_at IS NULL)::int
		FROM recordings r CROSS JOIN LATERAL (SELECT id, kind FROM dispositions WHERE recording = r.id ORDER BY id DESC LIMIT 1) d
			LEFT JOIN disposition_follow_ups f ON f.disposition = d.id
		WHERE d.kind <> 'none' AND `+c.where()+` GROUP BY d.kind ORDER BY 2 DESC, 1`, c.args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[DispositionCount])
}

// AgentDisposition is a disposition in force on one of an agent's recordings.
type AgentDisposition struct {
	Recording string
	At        time.Time
	Kind      DispositionKind
	Note      string
	By        string // display name
}

// agentDispositions gives those of an agent's recordings in the scope, newest first.
func (s *Store) agentDispositions(ctx context.Context, sc Scope, agent string, limit int) ([]AgentDisposition, error) {
	args := []any{agent, limit}
	rows, err := s.pool.Query(ctx, `SELECT d.recording::text, d.at, d.kind, d.note, coalesce(u.display_name, '')
		FROM dispositions d JOIN recordings r ON r.id = d.recording LEFT JOIN users u ON u.id = d.by
		WHERE r.agent_id = $1 AND d.kind <> 'none' AND NOT EXISTS (SELECT FROM dispositions n WHERE n.recording = d.recording AND n.id > d.id)
			AND `+sc.sql("r", &args)+` ORDER BY d.id DESC LIMIT $2`, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[AgentDisposition])
}
