package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// Sample is a sample and how far it has come.
type Sample struct {
	ID, Title       string
	Kind            SampleKind
	From, To        time.Time
	Period          string
	Team, Principal string
	Half, Prior     float64
	Doubled         float64
	Seed            string
	Population      int
	By              string // display name
	At, Closed      time.Time
	Drawn           int // recordings
	Seats, Judged   int // judgements to be given and given
	// Rules are the numbers that the live rules had when it was drawn; none of a sample from before they were kept.
	Rules map[string]int
}

// Comparable says whether judgements may be shown: all are given, or no more will be.
func (m Sample) Comparable() bool { return !m.Closed.IsZero() || m.Judged == m.Seats }

// LastMoment lies in the last day that the sample is of.
func (m Sample) LastMoment() time.Time { return m.To.Add(-time.Second) }

const sampleColumns = `m.id::text, m.title, m.kind, m.since, m.until, m.period, m.team, m.principal, m.half, m.prior, m.doubled, m.seed, m.population,
	u.display_name, m.created_at, coalesce(m.closed_at, '0001-01-01 00:00:00+00'), (SELECT count(*) FROM sample_items i WHERE i.sample = m.id)::int,
	(SELECT count(*) FROM sample_seats t WHERE t.sample = m.id AND t.seat > 0)::int,
	(SELECT count(*) FROM sample_seats t WHERE t.sample = m.id AND t.seat > 0 AND t.judged_at IS NOT NULL)::int, m.rules`

// Samples gives those that hold recordings in the scope, newest first.
func (s *Store) Samples(ctx context.Context, sc Scope) ([]Sample, error) {
	var args []any
	rows, err := s.pool.Query(ctx, `SELECT `+sampleColumns+` FROM samples m JOIN users u ON u.id = m.created_by
		WHERE EXISTS (SELECT FROM sample_items i JOIN recordings r ON r.id = i.recording WHERE i.sample = m.id AND `+sc.sql("r", &args)+`)
		ORDER BY m.created_at DESC, m.id LIMIT 200`, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Sample])
}

// SampleItem is a drawn recording with its judgements.
type SampleItem struct {
	Recording string
	Agent     string
	Period    time.Time
	StartedAt time.Time
	Seats     []SampleSeat
}

// SampleResult is a sample with all that belongs to it within the scope.
type SampleResult struct {
	Sample
	Strata []SampleStratum
	Items  []SampleItem
}

// Whole says whether everything that was drawn lies within the scope. Only then does the sample say something of its
// population: what was drawn of a part stands for no part that can be counted.
func (v SampleResult) Whole() bool { return len(v.Items) == v.Drawn }

// SampleResult gives a sample; ErrNotFound where there is none in the scope.
func (s *Store) SampleResult(ctx context.Context, sc Scope, id string) (v SampleResult, err error) {
	rows, err := s.pool.Query(ctx, `SELECT `+sampleColumns+` FROM samples m JOIN users u ON u.id = m.created_by WHERE m.id = $1`, id)
	if err != nil {
		return v, err
	}
	if v.Sample, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Sample]); errors.Is(err, pgx.ErrNoRows) {
		return v, ErrNotFound
	}
	if err != nil {
		return v, err
	}
	if rows, err = s.pool.Query(ctx, `SELECT agent_id, period, total, drawn FROM sample_strata WHERE sample = $1 ORDER BY period, agent_id`, id); err != nil {
		return v, err
	}
	if v.Strata, err = pgx.CollectRows(rows, pgx.RowToStructByPos[SampleStratum]); err != nil {
		return v, err
	}
	args := []any{id}
	rows, err = s.pool.Query(ctx, `SELECT i.recording::text, i.agent_id, i.period, coalesce(r.started_at, r.created_at), t.reviewer::text, u.display_name, t.seat,
			coalesce(t.judged_at, '0001-01-01 00:00:00+00'), coalesce(t.rules, '{}'), t.note
		FROM sample_items i JOIN recordings r ON r.id = i.recording JOIN sample_seats t ON t.sample = i.sample AND t.recording = i.recording
			JOIN users u ON u.id = t.reviewer
		WHERE i.sample = $1 AND `+sc.sql("r", &args)+` ORDER BY i.place, t.seat`, args...)
	if err != nil {
		return v, err
	}
	var item SampleItem
	var seat SampleSeat
	_, err = pgx.ForEachRow(rows, []any{&item.Recording, &item.Agent, &item.Period, &item.StartedAt, &seat.Reviewer, &seat.Name, &seat.Seat, &seat.At, &seat.Rules, &seat.Note}, func() error {
		if n := len(v.Items); n == 0 || v.Items[n-1].Recording != item.Recording {
			v.Items = append(v.Items, item)
		}
		last := &v.Items[len(v.Items)-1]
		last.Seats = append(last.Seats, seat)
		seat.Rules = nil
		return nil
	})
	if err == nil && len(v.Items) == 0 {
		err = ErrNotFound
	}
	return v, err
}

// RuleWeek is what one version of a rule found in one week's recordings.
type RuleWeek struct {
	Rule       string
	Version    int
	Week       time.Time // its Monday
	Recordings int       // in which it found something that counts, or that people judged
	Findings   int
	Confirmed  int
	Overturned int
	Added      int // recordings in which people found what it had not
}

// RuleWeeks counts findings within the scope by rule, version and week of the contact. Rules on shadow don't count.
//
// A finding is one, whichever versions of the rule make it: what people say of it counts for the version that makes it now
// and for those that made it when somebody judged it. How many findings an earlier version made in all is known only until
// recordings were inspected again.
func (s *Store) RuleWeeks(ctx context.Context, sc Scope, f TrendFilter) ([]RuleWeek, error) {
	args := []any{f.From, f.To, f.From.Location().String(), f.Team, f.Principal}
	const (
		week    = `date_trunc('week', coalesce(r.started_at, r.created_at) AT TIME ZONE $3)::date`
		present = `coalesce((f.finding ->> 'rule_version')::int, 0)`
	)
	where := `r.score IS NOT NULL AND r.state <> 'duplicate' AND NOT f.shadow AND (f.current OR f.verdict <> 'open')
		AND coalesce(r.started_at, r.created_at) >= $1 AND coalesce(r.started_at, r.created_at) < $2
		AND ($4 = '' OR r.team = $4) AND ($5 = '' OR r.principal = $5) AND ` + sc.sql("r", &args)
	rows, err := s.pool.Query(ctx, `SELECT rule, version, week, sum(recordings)::int, sum(findings)::int, sum(confirmed)::int, sum(overturned)::int, sum(added)::int FROM (
			SELECT f.rule, CASE WHEN f.added THEN 0 ELSE `+present+` END AS version, `+week+` AS week,
				count(DISTINCT r.id) FILTER (WHERE NOT f.added AND (NOT f.doubtful OR f.verdict <> 'open')) AS recordings, count(*) FILTER (WHERE NOT f.added) AS findings,
				count(*) FILTER (WHERE NOT f.added AND f.verdict = 'confirmed') AS confirmed, count(*) FILTER (WHERE NOT f.added AND f.verdict = 'overturned') AS overturned,
				count(DISTINCT r.id) FILTER (WHERE f.added AND f.verdict <> 'overturned') AS added
			FROM findings f JOIN recordings r ON r.id = f.recording WHERE `+where+` GROUP BY 1, 2, 3
			UNION ALL
			SELECT rule, version, week, count(DISTINCT recording), count(*), count(*) FILTER (WHERE verdict = 'confirmed'), count(*) FILTER (WHERE verdict = 'overturned'), 0
			FROM (SELECT DISTINCT f.rule, e.rule_version AS version, `+week+` AS week, f.recording, f.key, f.verdict
				FROM review_events e JOIN findings f ON f.recording = e.recording AND f.key = e.finding JOIN recordings r ON r.id = f.recording
				WHERE e.rule_version > 0 AND f.verdict <> 'open' AND NOT f.added AND e.rule_version <> `+present+` AND `+where+`) earlier
			GROUP BY 1, 2, 3) all_versions
		GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[RuleWeek])
}
