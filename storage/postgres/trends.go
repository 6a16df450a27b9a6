package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// groupSQL is what each grouping groups recordings by.
var groupSQL = map[TrendBy]string{
	ByAgent: `r.agent_id`, ByTeam: `r.team`, ByPrincipal: `r.principal`, ByRule: `f.rule`,
	ByWeek: `to_char(date_trunc('week', coalesce(r.started_at, r.created_at) AT TIME ZONE $6), 'YYYY-MM-DD')`,
}

// Trends gives the figures of inspected recordings in the scope by group: the worst mean score first, weeks in their order, and
// rules by the number of findings that stand.
func (s *Store) Trends(ctx context.Context, sc Scope, f TrendFilter) ([]TrendRow, error) {
	group, ok := groupSQL[f.By]
	if !ok {
		return nil, fmt.Errorf("no such grouping: %q", f.By)
	}
	zone := f.Zone
	if zone == "" {
		zone = "Asia/Shanghai"
	}
	join, order, score := "LEFT JOIN", `score, key`, `avg(score)`
	switch f.By {
	case ByWeek:
		order = `key`
	case ByRule:
		join, order, score = "JOIN", `findings DESC, key`, `0`
	}
	args := []any{f.From, f.To, f.Team, f.Principal, f.Rule, zone}
	rows, err := s.pool.Query(ctx, `
		WITH per_recording AS (
			SELECT `+group+` AS key, r.id, max(r.metadata ->> 'agent_name') AS name, max(r.team) AS team, max(r.score) AS score,
				count(f.key) FILTER (WHERE f.verdict = 'confirmed' OR f.verdict = 'open' AND f.current AND NOT f.doubtful) AS findings,
				count(f.key) FILTER (WHERE f.verdict = 'confirmed') AS confirmed,
				count(f.key) FILTER (WHERE f.verdict = 'overturned') AS overturned
			FROM recordings r `+join+` findings f ON f.recording = r.id AND NOT f.shadow AND ($5 = '' OR f.rule = $5)
			WHERE r.state = 'inspected' AND coalesce(r.started_at, r.created_at) >= $1 AND coalesce(r.started_at, r.created_at) < $2
				AND ($3 = '' OR r.team = $3) AND ($4 = '' OR r.principal = $4) AND $6 <> '' AND `+sc.sql("r", &args)+`
			GROUP BY 1, 2)
		SELECT key, coalesce(max(name), ''), coalesce(max(team), ''), count(*)::int AS recordings,
			count(*) FILTER (WHERE findings > 0)::int AS flagged, coalesce(sum(findings), 0)::int AS findings,
			coalesce(sum(confirmed), 0)::int, coalesce(sum(overturned), 0)::int, coalesce(`+score+`, 0)::float8 AS score
		FROM per_recording GROUP BY key ORDER BY `+order, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (t TrendRow, err error) {
		err = row.Scan(&t.Key, &t.Name, &t.Team, &t.Recordings, &t.Flagged, &t.Findings, &t.Confirmed, &t.Overturned, &t.Score)
		if t.Name == "" || f.By != ByAgent {
			t.Name = t.Key
		}
		if f.By != ByAgent {
			t.Team = ""
		}
		return t, err
	})
}
