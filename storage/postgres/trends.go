package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// groupSQL is what each grouping groups figures by.
var groupSQL = map[TrendBy]string{
	ByAgent: `agent_id`, ByTeam: `team`, ByPrincipal: `principal`, ByRule: `rule`,
	ByWeek: `to_char(date_trunc('week', day), 'YYYY-MM-DD')`, ByDay: `to_char(day, 'YYYY-MM-DD')`,
}

// conditions narrow the view figures to the scope and a filter, but for the rule.
func (f TrendFilter) conditions(sc Scope) *conditions {
	c := &conditions{}
	c.sql = append(c.sql, fmt.Sprintf(`level = %d`, f.level(sc)), sc.sql("figures", &c.args))
	c.add(`day >= $?::date`, f.From.Format(time.DateOnly))
	c.add(`day < $?::date`, f.To.Format(time.DateOnly))
	for _, x := range []struct{ sql, value string }{
		{`agent_id = $?`, f.Agent}, {`team = $?`, f.Team}, {`principal = $?`, f.Principal}, {`kind = $?`, string(f.Kind)},
	} {
		if x.value != "" {
			c.add(x.sql, x.value)
		}
	}
	return c
}

// level is the level of the figures (figure_levels) with the fewest rows that still has every column the filter, its
// grouping and the scope ask for.
func (f TrendFilter) level(sc Scope) int {
	agent := f.By == ByAgent || f.Agent != "" || sc.Agent != ""
	team := f.By == ByTeam || f.Team != "" || len(sc.Teams) > 0
	principal := f.By == ByPrincipal || f.Principal != "" || len(sc.Principals) > 0
	switch {
	case f.Kind != "" || agent && principal:
		return 0
	case agent:
		return 1
	case team && principal:
		return 2
	case team:
		return 3
	case principal:
		return 4
	}
	return 5
}

// Trends gives the figures of the recordings in the scope by group: the worst mean score first, weeks and days in their order, and rules by the
// number of findings that stand.
func (s *Store) Trends(ctx context.Context, sc Scope, f TrendFilter) ([]TrendRow, error) {
	group, ok := groupSQL[f.By]
	if !ok {
		return nil, fmt.Errorf("no such grouping: %q", f.By)
	}
	if f.By == ByRule {
		return s.trendsByRule(ctx, sc, f)
	}
	c := f.conditions(sc)
	whole, counted := ``, `` // what is asked about recordings, and about findings
	if f.Rule == "" {
		c.sql = append(c.sql, `rule = ''`)
	} else {
		c.add(`rule IN ('', $?)`, f.Rule)
		whole, counted = `FILTER (WHERE rule = '')`, `FILTER (WHERE rule <> '')`
	}
	order := `score, key`
	if f.By == ByWeek || f.By == ByDay {
		order = `key`
	}
	return s.trendRows(ctx, sc, f, `SELECT `+group+` AS key, max(team), coalesce(sum(received) `+whole+`, 0), coalesce(sum(inspected) `+whole+`, 0),
			coalesce(sum(failed) `+whole+`, 0), coalesce(sum(flagged) `+counted+`, 0), coalesce(sum(judged) `+counted+`, 0),
			coalesce(sum(findings) `+counted+`, 0), coalesce(sum(open) `+counted+`, 0), coalesce(sum(confirmed) `+counted+`, 0),
			coalesce(sum(overturned) `+counted+`, 0), coalesce(sum(fatal) `+whole+`, 0), coalesce(sum(seconds) `+whole+`, 0),
			coalesce(sum(score) `+whole+` / nullif(sum(inspected) `+whole+`, 0), 0)::float8 AS score
		FROM figures WHERE `+c.where()+` GROUP BY key HAVING sum(received) `+whole+` > 0 ORDER BY `+order, c.args)
}

// trendsByRule sets each rule against all recordings, for a rule's rate is of what was inspected.
func (s *Store) trendsByRule(ctx context.Context, sc Scope, f TrendFilter) ([]TrendRow, error) {
	c := f.conditions(sc)
	c.args = append(c.args, f.Rule)
	rule := fmt.Sprintf(`$%d`, len(c.args))
	return s.trendRows(ctx, sc, f, `
		WITH f AS MATERIALIZED (
			SELECT rule, sum(received) AS received, sum(inspected) AS inspected, sum(failed) AS failed, sum(flagged) AS flagged, sum(judged) AS judged,
				sum(findings) AS findings, sum(open) AS open, sum(confirmed) AS confirmed, sum(overturned) AS overturned, sum(seconds) AS seconds
			FROM figures WHERE `+c.where()+` GROUP BY rule)
		SELECT f.rule, '', whole.received, whole.inspected, whole.failed, f.flagged, f.judged, f.findings, f.open, f.confirmed, f.overturned, 0, whole.seconds, 0::float8
		FROM f, f whole WHERE whole.rule = '' AND f.rule <> '' AND f.inspected > 0 AND (`+rule+` = '' OR f.rule = `+rule+`)
		ORDER BY f.findings DESC, f.rule`, c.args)
}

func (s *Store) trendRows(ctx context.Context, sc Scope, f TrendFilter, sql string, args []any) ([]TrendRow, error) {
	rows, err := s.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t TrendRow, err error) {
		err = row.Scan(&t.Key, &t.Team, &t.Received, &t.Recordings, &t.Failed, &t.Flagged, &t.Judged, &t.Findings, &t.Open, &t.Confirmed,
			&t.Overturned, &t.Fatal, &t.Seconds, &t.Score)
		t.Name = t.Key
		if f.By != ByAgent {
			t.Team = ""
		}
		return t, err
	})
	if err != nil || f.By != ByAgent {
		return out, err
	}
	return out, s.nameAgents(ctx, sc, out)
}

// nameAgents fills in what agents are called, or were some minutes ago.
func (s *Store) nameAgents(ctx context.Context, sc Scope, rows []TrendRow) error {
	var unknown []string
	for i := range rows {
		if name, ok := s.names.get(sc.key() + rows[i].Key); ok {
			rows[i].Name = name
		} else {
			unknown = append(unknown, rows[i].Key)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	names, err := s.AgentNames(ctx, sc, unknown)
	if err != nil {
		return err
	}
	for i := range rows {
		if name := names[rows[i].Key]; name != "" {
			rows[i].Name = name
			s.names.put(sc.key()+rows[i].Key, name)
		}
	}
	return nil
}

// AgentNames gives what agents are called in their latest recordings in the scope; agents without recordings there are
// left out.
func (s *Store) AgentNames(ctx context.Context, sc Scope, ids []string) (map[string]string, error) {
	args := []any{ids}
	rows, err := s.pool.Query(ctx, `SELECT a.id, coalesce(nullif(r.name, ''), a.id) FROM unnest($1::text[]) a (id), LATERAL (
			SELECT metadata ->> 'agent_name' AS name FROM recordings r WHERE agent_id = a.id AND `+sc.sql("r", &args)+`
			ORDER BY started_at DESC LIMIT 1) r`, args...)
	if err != nil {
		return nil, fmt.Errorf("names of agents: %w", err)
	}
	names := map[string]string{}
	var id, name string
	_, err = pgx.ForEachRow(rows, []any{&id, &name}, func() error { names[id] = name; return nil })
	return names, err
}

// Heat gives for the groups of a filter, but not of ByRule, and for rules in how many recordings of a group a rule
// stands; only where it does.
func (s *Store) Heat(ctx context.Context, sc Scope, f TrendFilter) ([]HeatCell, error) {
	group, ok := groupSQL[f.By]
	if !ok || f.By == ByRule {
		return nil, fmt.Errorf("no such grouping against rules: %q", f.By)
	}
	c := f.conditions(sc)
	c.add(`rule <> '' AND $? IN ('', rule)`, f.Rule)
	rows, err := s.pool.Query(ctx, `SELECT `+group+` AS key, rule, sum(flagged)::int, sum(findings)::int FROM figures
		WHERE `+c.where()+` GROUP BY key, rule HAVING sum(flagged) > 0 ORDER BY key, rule`, c.args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[HeatCell])
}
