package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/speechqa/speechqa/detectors/estimate"
)

// SampleKind is what a sample is for.
type SampleKind string

// Kinds of samples.
const (
	SampleUnflagged   SampleKind = "unflagged"   // recordings nothing certain was found in: what do the rules miss?
	SampleCalibration SampleKind = "calibration" // any recordings, each judged by all: do reviewers judge alike?
)

// Why a sample is not drawn.
var (
	ErrNothingToDraw = errors.New("there is no recording to draw")
	ErrOneReviewer   = errors.New("to be judged twice a sample needs two reviewers")
)

// SampleReviewer is a user who is to judge a sample, with what he may see.
type SampleReviewer struct {
	ID    string
	Scope Scope
}

// SampleSpec is a sample to be drawn.
type SampleSpec struct {
	Kind            SampleKind
	Title           string
	From, To        time.Time // inclusive, exclusive
	Period          string    // week | month: with the agent, what strata are made of
	Team, Principal string    // empty: any
	Half, Prior     float64   // wanted half-width of the interval at 95 %, and the share to expect
	Size            int       // instead of Half, where it is not 0
	Doubled         float64   // share that two judge; of a calibration all is judged by all
	Seed            string
	Rules           map[string]int // numbers of the live rules, kept with the sample
	Reviewers       []SampleReviewer
	Zone            *time.Location // whose weeks and months count
}

// unflagged is the condition that nothing but signals was found in a recording for certain, nor has anybody judged anything in
// it. What is only doubtful does not count as found (see RuleWeeks), so it is looked for here; else a violation would be in neither.
const unflagged = `NOT EXISTS (SELECT FROM findings f WHERE f.recording = r.id AND NOT f.shadow AND f.severity <> 'info'
	AND (f.current AND NOT f.doubtful OR f.verdict <> 'open'))`

type sampleItem struct {
	recording, principal, team, agent string
	period                            time.Time
}

// DrawSample draws a sample of the recordings in the scope by strata of agent and period, and gives its recordings to
// the reviewers. The size follows from the wanted interval; the same seed draws the same again.
func (s *Store) DrawSample(ctx context.Context, sc Scope, spec SampleSpec, by Actor) (id string, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		strata, population, err := sampleStrata(ctx, tx, sc, spec)
		if err != nil {
			return err
		}
		if population == 0 {
			return ErrNothingToDraw
		}
		size := spec.Size
		if size == 0 {
			size = estimate.SampleSize(spec.Half, spec.Prior, estimate.Usual, population)
		}
		totals := make([]int, len(strata))
		for i, st := range strata {
			totals[i] = st.Total
		}
		for i, n := range estimate.Allocate(size, totals) {
			strata[i].Drawn = n
		}
		err = tx.QueryRow(ctx, `INSERT INTO samples (kind, title, since, until, period, team, principal, half, prior, doubled, seed, population, created_by, rules)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, coalesce($14::jsonb, '{}')) RETURNING id::text`, spec.Kind, spec.Title, spec.From, spec.To, spec.Period,
			spec.Team, spec.Principal, spec.Half, spec.Prior, spec.Doubled, spec.Seed, population, by.ID, spec.Rules).Scan(&id)
		if err != nil {
			return err
		}
		items, err := drawItems(ctx, tx, sc, spec, strata)
		if err != nil {
			return err
		}
		if err := storeSample(ctx, tx, id, spec, strata, items); err != nil {
			return err
		}
		return by.audit(ctx, tx, "sample.draw", "sample:"+id, map[string]any{"kind": spec.Kind, "title": spec.Title, "from": spec.From, "to": spec.To,
			"population": population, "drawn": len(items), "seed": spec.Seed, "reviewers": len(spec.Reviewers)})
	})
	return id, err
}

// SampleStratum is a stratum with what was drawn of it.
type SampleStratum struct {
	Agent  string
	Period time.Time
	Total  int
	Drawn  int
}

// population is the query of what a sample is drawn from; its arguments are appended.
func (spec SampleSpec) population(sc Scope, args *[]any) string {
	*args = append(*args, spec.From, spec.To, spec.Period, spec.Zone.String(), spec.Team, spec.Principal)
	n := len(*args) - 5
	where := ""
	if spec.Kind == SampleUnflagged {
		where = " AND " + unflagged
	}
	return fmt.Sprintf(`SELECT r.id, r.agent_id, r.principal, r.team, date_trunc($%d, coalesce(r.started_at, r.created_at) AT TIME ZONE $%d)::date AS period
		FROM recordings r WHERE r.state = 'inspected' AND coalesce(r.started_at, r.created_at) >= $%d AND coalesce(r.started_at, r.created_at) < $%d
			AND ($%d = '' OR r.team = $%d) AND ($%d = '' OR r.principal = $%d) AND %s%s`, n+2, n+3, n, n+1, n+4, n+4, n+5, n+5, sc.sql("r", args), where)
}

func sampleStrata(ctx context.Context, tx pgx.Tx, sc Scope, spec SampleSpec) (strata []SampleStratum, population int, err error) {
	var args []any
	rows, err := tx.Query(ctx, `SELECT agent_id, period, count(*)::int, 0 FROM (`+spec.population(sc, &args)+`) p GROUP BY agent_id, period ORDER BY period, agent_id`, args...)
	if err != nil {
		return nil, 0, err
	}
	strata, err = pgx.CollectRows(rows, pgx.RowToStructByPos[SampleStratum])
	for _, st := range strata {
		population += st.Total
	}
	return strata, population, err
}

// drawItems draws from each stratum; the order is by chance too.
func drawItems(ctx context.Context, tx pgx.Tx, sc Scope, spec SampleSpec, strata []SampleStratum) ([]sampleItem, error) {
	var agents []string
	var periods []time.Time
	var drawn []int
	for _, st := range strata {
		agents, periods, drawn = append(agents, st.Agent), append(periods, st.Period), append(drawn, st.Drawn)
	}
	args := []any{spec.Seed, agents, periods, drawn}
	rows, err := tx.Query(ctx, `SELECT p.id::text, p.principal, p.team, p.agent_id, p.period FROM (
			SELECT *, row_number() OVER (PARTITION BY agent_id, period ORDER BY md5($1 || id::text)) AS n FROM (`+spec.population(sc, &args)+`) q) p
		JOIN unnest($2::text[], $3::date[], $4::int[]) AS d (agent_id, period, drawn) ON d.agent_id = p.agent_id AND d.period = p.period AND p.n <= d.drawn
		ORDER BY md5($1 || 'order' || p.id::text)`, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (i sampleItem, err error) {
		err = row.Scan(&i.recording, &i.principal, &i.team, &i.agent, &i.period)
		return i, err
	})
}

func storeSample(ctx context.Context, tx pgx.Tx, id string, spec SampleSpec, strata []SampleStratum, items []sampleItem) error {
	var b pgx.Batch
	for _, st := range strata {
		b.Queue(`INSERT INTO sample_strata VALUES ($1, $2, $3, $4, $5)`, id, st.Agent, st.Period, st.Total, st.Drawn)
	}
	twice := int(math.Ceil(spec.Doubled * float64(len(items))))
	for i, item := range items {
		b.Queue(`INSERT INTO sample_items VALUES ($1, $2, $3, $4, $5)`, id, item.recording, item.agent, item.period, i+1)
		may := slices.DeleteFunc(slices.Clone(spec.Reviewers), func(r SampleReviewer) bool {
			return !r.Scope.holds(item.principal, item.team, item.agent)
		})
		seats := 1
		switch {
		case spec.Kind == SampleCalibration:
			seats = max(2, len(may))
		case i < twice:
			seats = 2
		}
		if len(may) < seats {
			return ErrOneReviewer
		}
		for seat := range seats {
			who := may[(i+seat*(1+i/len(may)%max(1, len(may)-1)))%len(may)] // another pair each round
			if spec.Kind == SampleCalibration {
				who = may[seat]
			}
			b.Queue(`INSERT INTO sample_seats (sample, recording, reviewer, seat) VALUES ($1, $2, $3, $4)`, id, item.recording, who.ID, seat+1)
		}
	}
	return tx.SendBatch(ctx, &b).Close()
}

// SampleTask is a recording that a user is to judge.
type SampleTask struct {
	Sample, Title, Recording string
	Place, Of, Left          int // of the user's own
}

// SampleTasks gives for each open sample the user's next recording within the scope.
func (s *Store) SampleTasks(ctx context.Context, sc Scope, user string) ([]SampleTask, error) {
	args := []any{user}
	rows, err := s.pool.Query(ctx, `SELECT DISTINCT ON (m.created_at, m.id) m.id::text, m.title, t.recording::text,
			1 + (SELECT count(*) FROM sample_seats d WHERE d.sample = m.id AND d.reviewer = $1 AND d.judged_at IS NOT NULL AND d.seat > 0)::int,
			(SELECT count(*) FROM sample_seats d WHERE d.sample = m.id AND d.reviewer = $1 AND d.seat > 0)::int,
			(SELECT count(*) FROM sample_seats d WHERE d.sample = m.id AND d.reviewer = $1 AND d.judged_at IS NULL)::int
		FROM sample_seats t JOIN samples m ON m.id = t.sample JOIN sample_items i ON i.sample = t.sample AND i.recording = t.recording
			JOIN recordings r ON r.id = t.recording
		WHERE t.reviewer = $1 AND t.judged_at IS NULL AND m.closed_at IS NULL AND `+sc.sql("r", &args)+`
		ORDER BY m.created_at, m.id, i.place`, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[SampleTask])
}

// SampleSeat is one reviewer's judgement of one recording; not given yet where At is zero.
type SampleSeat struct {
	Reviewer string // id
	Name     string
	Seat     int // 0 is the last word
	At       time.Time
	Rules    []string
	Note     string
}

// JudgeSample stores a blind judgement, which is given once. ErrNotFound where the user has no seat at an open sample:
// only where last is set, and all seats have judged and differ or not, somebody without one may have the last word.
func (s *Store) JudgeSample(ctx context.Context, sample, recording string, rules []string, note string, last bool, by Actor) error {
	if rules == nil {
		rules = []string{}
	}
	return s.tx(ctx, func(tx pgx.Tx) error {
		sql := `UPDATE sample_seats t SET judged_at = now(), rules = $4, note = $5 FROM samples m
			WHERE t.sample = $1 AND t.recording = $2 AND t.reviewer = $3 AND t.judged_at IS NULL AND m.id = t.sample AND m.closed_at IS NULL`
		if last {
			sql = `INSERT INTO sample_seats (sample, recording, reviewer, seat, judged_at, rules, note)
				SELECT $1, $2, $3, 0, now(), $4, $5 WHERE EXISTS (SELECT FROM sample_items WHERE sample = $1 AND recording = $2)
					AND NOT EXISTS (SELECT FROM sample_seats WHERE sample = $1 AND recording = $2 AND judged_at IS NULL)
				ON CONFLICT DO NOTHING`
		}
		tag, err := tx.Exec(ctx, sql, sample, recording, by.ID, rules, note)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return ErrNotFound
		}
		return by.audit(ctx, tx, "sample.judge", "sample:"+sample, map[string]any{"recording": recording, "rules": rules, "note": note, "last": last})
	})
}

// CloseSample ends a sample: what was not judged stays so.
func (s *Store) CloseSample(ctx context.Context, id string, by Actor) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE samples SET closed_at = now() WHERE id = $1 AND closed_at IS NULL`, id)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return ErrConflict
		}
		return by.audit(ctx, tx, "sample.close", "sample:"+id, nil)
	})
}
