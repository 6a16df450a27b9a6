package postgres

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// worstFirst orders the list: fatal ones, then by score, then the oldest. What has no score comes last.
const worstFirst = `NOT r.fatal, coalesce(r.score, 101), r.created_at, r.id`

// openFinding is a finding that waits for a person.
const openFinding = `EXISTS (SELECT FROM findings f WHERE f.recording = r.id AND f.current AND NOT f.shadow AND f.verdict = 'open')`

// liveFinding is a finding that counts, or did until a person overturned it.
const liveFinding = `EXISTS (SELECT FROM findings f WHERE f.recording = r.id AND NOT f.shadow AND (f.current OR f.verdict <> 'open'))`

// statusSQL says what each stage of review means.
var statusSQL = map[ListStatus]string{
	StatusAll:      `true`,
	StatusToJudge:  `r.state = 'inspected' AND ` + openFinding,
	StatusReviewed: `r.state = 'inspected' AND ` + liveFinding + ` AND NOT ` + openFinding,
	StatusClean:    `r.state = 'inspected' AND NOT ` + liveFinding,
	StatusFailed:   `r.state = 'failed'`,
	StatusPending:  `r.state IN ('discovered', 'transcribed')`,
}

// conditions collects a query's WHERE and its arguments.
type conditions struct {
	sql  []string
	args []any
}

// add takes a condition in which $? stands for the value.
func (c *conditions) add(sql string, value any) {
	c.args = append(c.args, value)
	c.sql = append(c.sql, strings.ReplaceAll(sql, "$?", fmt.Sprintf("$%d", len(c.args))))
}

// within adds that the recording r lies in the scope.
func (c *conditions) within(sc Scope) { c.sql = append(c.sql, sc.sql("r", &c.args)) }

func (c *conditions) where() string { return strings.Join(c.sql, " AND ") }

// cursor is a place in the list.
type cursor struct {
	Good    bool // not fatal
	Score   int
	Created time.Time
	ID      string
}

func (c cursor) String() string {
	b, err := json.Marshal(c)
	if err != nil {
		panic(err) // a struct of plain values
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// ErrBadCursor is returned for a cursor that no page gave.
var ErrBadCursor = errors.New("not a place in the list")

func parseCursor(s string) (c cursor, err error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || json.Unmarshal(b, &c) != nil {
		return c, ErrBadCursor
	}
	return c, nil
}

func (f ListFilter) conditions() (*conditions, error) {
	status, ok := statusSQL[f.Status]
	if !ok {
		return nil, fmt.Errorf("no such status: %q", f.Status)
	}
	c := &conditions{sql: []string{status}}
	for _, x := range []struct {
		sql   string
		value string
	}{
		{`r.kind = $?`, string(f.Kind)}, {`r.agent_id = $?`, f.Agent}, {`r.team = $?`, f.Team}, {`r.principal = $?`, f.Principal},
		{`EXISTS (SELECT FROM findings f WHERE f.recording = r.id AND f.current AND f.verdict <> 'overturned' AND NOT f.shadow AND f.rule = $?)`, f.Rule},
		{`EXISTS (SELECT FROM findings f WHERE f.recording = r.id AND f.current AND f.verdict <> 'overturned' AND NOT f.shadow AND f.severity = $?)`, string(f.Severity)},
	} {
		if x.value != "" {
			c.add(x.sql, x.value)
		}
	}
	if !f.From.IsZero() {
		c.add(`coalesce(r.started_at, r.created_at) >= $?`, f.From)
	}
	if !f.To.IsZero() {
		c.add(`coalesce(r.started_at, r.created_at) < $?`, f.To)
	}
	if f.MaxScore > 0 {
		c.add(`r.score <= $?`, f.MaxScore)
	}
	if f.Doubtful {
		c.sql = append(c.sql, `EXISTS (SELECT FROM findings f WHERE f.recording = r.id AND f.current AND f.doubtful AND NOT f.shadow AND f.verdict = 'open')`)
	}
	if f.Query != "" {
		c.add(`(r.id::text = lower($?) OR strpos(lower(r.key), lower($?)) > 0 OR r.agent_id = $? OR r.case_id = $?
			OR (length($?) >= 4 AND r.metadata ->> 'phone' LIKE '%' || replace(replace(replace($?, '\', '\\'), '%', '\%'), '_', '\_'))
			OR EXISTS (SELECT FROM transcripts t WHERE t.recording = r.id AND strpos(t.said, $?) > 0))`, f.Query)
	}
	if f.After != "" {
		at, err := parseCursor(f.After)
		if err != nil {
			return nil, err
		}
		c.args = append(c.args, at.Good, at.Score, at.Created, at.ID)
		n := len(c.args)
		c.sql = append(c.sql, fmt.Sprintf(`(%s) > ($%d, $%d, $%d, $%d::uuid)`, worstFirst, n-3, n-2, n-1, n))
	}
	return c, nil
}

// List gives one page of the recordings in the scope, worst first.
func (s *Store) List(ctx context.Context, sc Scope, f ListFilter) (ListPage, error) {
	c, err := f.conditions()
	if err != nil {
		return ListPage{}, err
	}
	c.within(sc)
	limit := min(max(f.Limit, 1), 200)
	c.args = append(c.args, limit+1)
	rows, err := s.pool.Query(ctx, fmt.Sprintf(`
		SELECT r.id::text, r.key, r.kind, r.metadata, r.state, r.reason, r.duration, coalesce(r.score, 0), r.fatal, r.created_at,
			coalesce(n.open, 0), coalesce(n.confirmed, 0), coalesce(n.overturned, 0), coalesce(n.rules, '[]'), coalesce(r.score, 101)
		FROM (SELECT * FROM recordings r WHERE %s ORDER BY %s LIMIT $%d) r
		LEFT JOIN LATERAL (
			SELECT sum(open)::int AS open, sum(confirmed)::int AS confirmed, sum(overturned)::int AS overturned,
				jsonb_agg(jsonb_build_object('Rule', rule, 'Severity', severity, 'Count', stands, 'Doubtful', doubtful)
					ORDER BY array_position(ARRAY['critical', 'major', 'minor', 'info'], severity), rule) FILTER (WHERE stands > 0) AS rules
			FROM (SELECT rule, min(severity) AS severity,
					count(*) FILTER (WHERE verdict = 'open' AND current) AS open,
					count(*) FILTER (WHERE verdict = 'confirmed') AS confirmed,
					count(*) FILTER (WHERE verdict = 'overturned') AS overturned,
					count(*) FILTER (WHERE verdict = 'confirmed' OR verdict = 'open' AND current) AS stands,
					bool_and(doubtful AND verdict <> 'confirmed') FILTER (WHERE verdict <> 'overturned') AS doubtful
				FROM findings WHERE recording = r.id AND NOT shadow GROUP BY rule) per_rule) n ON true
		ORDER BY %s`, c.where(), worstFirst, len(c.args), worstFirst), c.args...)
	if err != nil {
		return ListPage{}, err
	}
	var page ListPage
	var places []cursor
	page.Rows, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (l ListRow, err error) {
		var score int
		err = row.Scan(&l.ID, &l.Key, &l.Kind, &l.Metadata, &l.State, &l.Reason, &l.Duration, &l.Score, &l.Fatal, &l.CreatedAt,
			&l.Open, &l.Confirmed, &l.Overturned, &l.Rules, &score)
		places = append(places, cursor{!l.Fatal, score, l.CreatedAt, l.ID})
		return l, err
	})
	if err != nil {
		return ListPage{}, err
	}
	if len(page.Rows) > limit {
		page.Rows = page.Rows[:limit]
		page.Next = places[limit-1].String()
	}
	return page, nil
}

// NextToJudge gives the recording in the scope that follows id in the list of those to judge, worst first, or "".
// Without id, or with one that is not there, it is the first.
func (s *Store) NextToJudge(ctx context.Context, sc Scope, id string) (next string, err error) {
	var after *string
	if id != "" {
		after = &id
	}
	args := []any{after}
	err = s.pool.QueryRow(ctx, `SELECT r.id::text FROM recordings r LEFT JOIN recordings o ON o.id = $1
		WHERE `+statusSQL[StatusToJudge]+` AND `+sc.sql("r", &args)+` AND r.id IS DISTINCT FROM $1
			AND (o.id IS NULL OR (`+worstFirst+`) > (`+strings.ReplaceAll(worstFirst, "r.", "o.")+`))
		ORDER BY `+worstFirst+` LIMIT 1`, args...).Scan(&next)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	return next, err
}
