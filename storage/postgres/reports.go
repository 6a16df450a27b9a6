package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/speechqa/speechqa/detectors"
)

// ReportExample is a finding with what a reader must know of its recording.
type ReportExample struct {
	Recording string // id
	Key       string // the finding's
	At        time.Time
	Kind      detectors.Kind
	Metadata  detectors.Metadata
	Score     int
	Fatal     bool
	Rule      string
	Severity  detectors.Severity
	Quote     string // as transcribed: with whatever personal data was said
	Start     float64
	Doubtful  bool
	Verdict   Verdict
}

// ReportFilter is which findings are examples. Contacts without a known time are none.
type ReportFilter struct {
	TrendFilter      // From and To as moments, not dates
	Standing    bool // only findings that stand: confirmed, or certain and not yet judged
	Worst       bool // recordings by fatality, then score; otherwise newest first
	PerRecord   bool // one finding a recording: its worst
	Limit       int
}

// contacts narrow recordings r to those inspected, in the scope, of contacts in [From, To), and to the filter but for its
// rule.
func (f TrendFilter) contacts(sc Scope) *conditions {
	c := &conditions{}
	c.sql = append(c.sql, sc.sql("r", &c.args), `r.score IS NOT NULL AND r.state <> 'duplicate'`)
	c.add(`r.started_at >= $?`, f.From)
	c.add(`r.started_at < $?`, f.To)
	for _, x := range []struct{ sql, value string }{
		{`r.agent_id = $?`, f.Agent}, {`r.team = $?`, f.Team}, {`r.principal = $?`, f.Principal}, {`r.kind = $?`, string(f.Kind)},
	} {
		if x.value != "" {
			c.add(x.sql, x.value)
		}
	}
	return c
}

// ReportExamples gives findings in the scope with their recordings.
func (s *Store) ReportExamples(ctx context.Context, sc Scope, f ReportFilter) ([]ReportExample, error) {
	c := f.contacts(sc)
	c.sql = append(c.sql, `r.live > 0`) // what has no findings need not be looked at for them
	if f.Rule != "" {
		c.add(`f.rule = $?`, f.Rule)
	}
	live := `NOT f.shadow AND (f.current OR f.verdict <> 'open')`
	if f.Standing {
		live = `NOT f.shadow AND (f.verdict = 'confirmed' OR f.verdict = 'open' AND f.current AND NOT f.doubtful)`
	}
	order := `r.started_at DESC, r.id, f.start, f.key`
	if f.Worst {
		order = `r.fatal DESC, r.score, ` + order
	}
	const bySeverity = `array_position(ARRAY['critical', 'major', 'minor', 'info'], f.severity)`
	from := `recordings r JOIN findings f ON f.recording = r.id AND ` + live
	if f.PerRecord {
		c.args = append(c.args, f.Rule)
		from = fmt.Sprintf(`recordings r CROSS JOIN LATERAL (SELECT * FROM findings f WHERE f.recording = r.id AND %s AND $%d IN ('', f.rule)
			ORDER BY f.verdict <> 'confirmed', %s, f.start, f.key LIMIT 1) f`, live, len(c.args), bySeverity)
	}
	c.args = append(c.args, f.Limit)
	rows, err := s.pool.Query(ctx, fmt.Sprintf(`
		SELECT r.id::text, f.key, r.started_at, r.kind, r.metadata, r.score, r.fatal, f.rule, f.severity, coalesce(f.finding ->> 'quote', ''), f.start, f.doubtful, f.verdict
		FROM %s WHERE %s ORDER BY %s LIMIT $%d`, from, c.where(), order, len(c.args)), c.args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[ReportExample])
}

// Reviewer is how much a person has judged and how others saw it.
type Reviewer struct {
	Name       string
	Days       int // on which anything was decided
	Recordings int
	Confirmed  int
	Overturned int
	Reopened   int
	Again      int // decisions on findings that somebody else decided anew next
	Agreed     int // of these, decided alike
}

// Reviewers counts decisions made in [From, To) about recordings in the scope, the busiest first.
func (s *Store) Reviewers(ctx context.Context, sc Scope, f TrendFilter) ([]Reviewer, error) {
	c := &conditions{}
	from := `review_events e`
	if !sc.Everything() || f.Team != "" || f.Principal != "" || f.Kind != "" { // else the recordings' rows, which lie far apart, are of no interest
		from += ` JOIN recordings r ON r.id = e.recording`
		c.sql = append(c.sql, sc.sql("r", &c.args))
	}
	c.add(`e.at >= $?`, f.From)
	c.add(`e.at < $?`, f.To)
	for _, x := range []struct{ sql, value string }{{`r.team = $?`, f.Team}, {`r.principal = $?`, f.Principal}, {`e.rule = $?`, f.Rule}, {`r.kind = $?`, string(f.Kind)}} {
		if x.value != "" {
			c.add(x.sql, x.value)
		}
	}
	rows, err := s.pool.Query(ctx, `
		SELECT coalesce(u.display_name, ''), count(DISTINCT (e.at AT TIME ZONE (SELECT zone FROM figure_zone))::date)::int, count(DISTINCT e.recording)::int,
			count(*) FILTER (WHERE e.action = 'confirmed')::int, count(*) FILTER (WHERE e.action = 'overturned')::int,
			count(*) FILTER (WHERE e.action = 'reopened')::int, count(next.action)::int, count(*) FILTER (WHERE next.action = e.action)::int
		FROM `+from+` LEFT JOIN users u ON u.id = e.by
		LEFT JOIN LATERAL (
			SELECT n.action FROM review_events n WHERE e.action <> 'reopened' AND n.recording = e.recording AND n.finding = e.finding AND n.id > e.id
				AND n.by <> e.by AND n.action IN ('confirmed', 'overturned') ORDER BY n.id LIMIT 1) next ON true
		WHERE e.action IN ('confirmed', 'overturned', 'reopened') AND `+c.where()+`
		GROUP BY e.by, u.display_name ORDER BY count(*) DESC, 1`, c.args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Reviewer])
}

// Visit is a field visit as a spot check sees it.
type Visit struct {
	ID       string
	At       time.Time
	Metadata detectors.Metadata
	Duration float64 // seconds
	Score    int
	Fatal    bool
	Slots    map[string][]detectors.Slot
	Findings []VisitFinding // that stand or wait, in their order
}

// VisitFinding is one finding of a visit.
type VisitFinding struct {
	Rule    string
	Quote   string
	Verdict Verdict
}

// Visits draws n inspected visits in [From, To) of the scope; the same seed draws the same. They are in the order of
// their time.
func (s *Store) Visits(ctx context.Context, sc Scope, f TrendFilter, n int, seed string) ([]Visit, error) {
	f.Kind = detectors.KindVisit
	c := f.contacts(sc)
	c.args = append(c.args, seed, n)
	rows, err := s.pool.Query(ctx, fmt.Sprintf(`
		WITH drawn AS (SELECT r.* FROM recordings r WHERE %s ORDER BY md5(r.id::text || $%d), r.id LIMIT $%d)
		SELECT r.id::text, r.started_at, r.metadata, r.duration, r.score, r.fatal, r.slots, coalesce((
			SELECT jsonb_agg(jsonb_build_object('Rule', f.rule, 'Quote', f.finding ->> 'quote', 'Verdict', f.verdict) ORDER BY f.start, f.key)
			FROM findings f WHERE f.recording = r.id AND NOT f.shadow AND (f.verdict = 'confirmed' OR f.verdict = 'open' AND f.current)), '[]')
		FROM drawn r ORDER BY r.started_at, r.id`, c.where(), len(c.args)-1, len(c.args)), c.args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Visit])
}
