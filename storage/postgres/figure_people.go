package postgres

import (
	"context"
	"fmt"
	"time"
)

// Facets gives the agents, teams and principals within the scope, and the rules that any recording has, without
// looking through the recordings.
func (s *Store) Facets(ctx context.Context, sc Scope) (f Facets, err error) {
	var args []any
	err = s.pool.QueryRow(ctx, `WITH RECURSIVE people AS MATERIALIZED (
			SELECT * FROM (SELECT agent_id, team, principal FROM figure_people
				UNION SELECT agent_id, team, principal FROM figure_deltas) p WHERE `+sc.sql("p", &args)+`),
		-- One look into the index for each rule: the next one after the last.
		rules AS (
			(SELECT rule FROM figure_sums WHERE level = 5 AND rule > '' ORDER BY rule LIMIT 1)
			UNION ALL
			SELECT (SELECT s.rule FROM figure_sums s WHERE s.level = 5 AND s.rule > r.rule ORDER BY s.rule LIMIT 1) FROM rules r WHERE r.rule IS NOT NULL)
		SELECT ARRAY(SELECT DISTINCT agent_id FROM people WHERE agent_id <> '' ORDER BY 1),
			ARRAY(SELECT DISTINCT team FROM people WHERE team <> '' ORDER BY 1),
			ARRAY(SELECT DISTINCT principal FROM people WHERE principal <> '' ORDER BY 1),
			ARRAY(SELECT rule FROM rules WHERE rule IS NOT NULL UNION SELECT rule FROM figure_deltas WHERE rule <> '' ORDER BY 1)`, args...).
		Scan(&f.Agents, &f.Teams, &f.Principals, &f.Rules)
	return f, err
}

// FacetsLately are Facets, up to half a minute old: nobody misses a new team in a filter for so long, and every page
// with a filter asks.
func (s *Store) FacetsLately(ctx context.Context, sc Scope) (Facets, error) {
	if f, ok := s.facets.get(sc.key()); ok {
		return f, nil
	}
	f, err := s.Facets(ctx, sc)
	if err == nil {
		s.facets.put(sc.key(), f)
	}
	return f, err
}

// LatestFigure is the last day, as midnight in UTC, of which anything in the scope is inspected, else of which there is
// anything: a file that nobody can hear and nobody knows the time of would make all figures open at the day it came. Zero when
// there is nothing.
func (s *Store) LatestFigure(ctx context.Context, sc Scope) (time.Time, error) {
	for _, what := range []string{"inspected", "received"} {
		var args []any
		var day *time.Time
		err := s.pool.QueryRow(ctx, `SELECT max(day) FROM (
				(SELECT day FROM figure_sums f WHERE level = `+fmt.Sprint(TrendFilter{}.level(sc))+` AND rule = '' AND `+what+` > 0 AND `+sc.sql("f", &args)+` ORDER BY day DESC LIMIT 1)
				UNION ALL
				SELECT max(day) FROM figure_deltas f WHERE rule = '' AND `+what+` > 0 AND `+sc.sql("f", &args)+`) d`, args...).Scan(&day)
		if err != nil {
			return time.Time{}, fmt.Errorf("read the last day of figures: %w", err)
		}
		if day != nil {
			return *day, nil
		}
	}
	return time.Time{}, nil
}
