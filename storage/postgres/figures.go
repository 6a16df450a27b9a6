package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Figures are kept by triggers (migrations/*_figures.sql): every transaction that changes a recording or a finding
// also changes what it counts for. Nothing here needs to be called for them to be right.

// FigureZone is the zone (IANA name) whose days the figures are kept by.
func (s *Store) FigureZone(ctx context.Context) (zone string, err error) {
	err = s.pool.QueryRow(ctx, `SELECT zone FROM figure_zone`).Scan(&zone)
	return zone, err
}

// RebuildFigures counts all figures anew, by days of a zone. Writers wait until it is done, readers do not.
func (s *Store) RebuildFigures(ctx context.Context, zone *time.Location) error {
	if _, err := s.pool.Exec(ctx, `SELECT figures_rebuild($1)`, zone.String()); err != nil {
		return fmt.Errorf("count the figures anew: %w", err)
	}
	return nil
}

// UseFigureZone counts the figures anew where they are kept by another zone's days, and says whether it did.
func (s *Store) UseFigureZone(ctx context.Context, zone *time.Location) (rebuilt bool, err error) {
	have, err := s.FigureZone(ctx)
	if err != nil || have == zone.String() {
		return false, err
	}
	return true, s.RebuildFigures(ctx, zone)
}

// FigureDrift is a day whose figures are not what a count of its recordings gives.
type FigureDrift struct {
	Day   time.Time
	Parts int // agents, rules, … of the day that differ
}

// CheckFigures compares all figures, of every level, with a count of the recordings, in one snapshot; it reads
// everything.
func (s *Store) CheckFigures(ctx context.Context) ([]FigureDrift, error) {
	const measures = `received, inspected, failed, flagged, judged, findings, open, confirmed, overturned, score, fatal, seconds`
	rows, err := s.pool.Query(ctx, `
		SELECT day, count(*)::int FROM (
			SELECT day FROM (
				SELECT 1 AS n, level, day, kind, agent_id, team, principal, rule, `+measures+` FROM figures
				UNION ALL
				SELECT -1, level, day, CASE WHEN by_kind THEN kind ELSE '' END, CASE WHEN by_agent THEN agent_id ELSE '' END,
					CASE WHEN by_team THEN team ELSE '' END, CASE WHEN by_principal THEN principal ELSE '' END, rule, `+measures+`
				FROM figure_truth CROSS JOIN figure_levels) both_ways
			GROUP BY level, day, kind, agent_id, team, principal, rule
			HAVING (sum(n * received), sum(n * inspected), sum(n * failed), sum(n * flagged), sum(n * judged), sum(n * findings), sum(n * open),
				sum(n * confirmed), sum(n * overturned), sum(n * score), sum(n * fatal), sum(n * seconds)) <> (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)) parts
		GROUP BY day ORDER BY day`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[FigureDrift])
}
