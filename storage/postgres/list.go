package postgres

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// worstFirst orders the list: fatal ones, then by score, then the oldest. What has no score comes last.
const worstFirst = `NOT r.fatal, coalesce(r.score, 101), r.created_at, r.id`

// contactSQL is when the contact was, as far as is known.
const contactSQL = `coalesce(r.started_at, r.created_at)`

// stages are the values of the column stage that people can ask for.
var stages = []ListStatus{StatusToJudge, StatusReviewed, StatusClean, StatusFailed, StatusPending}

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

// conditions are those of the filter, but for its Query.
func (f ListFilter) conditions() (*conditions, error) {
	c := &conditions{sql: []string{`true`}}
	if f.Status != StatusAll {
		if !slices.Contains(stages, f.Status) {
			return nil, fmt.Errorf("no such status: %q", f.Status)
		}
		c.add(`r.stage = $?`, string(f.Status))
	}
	for _, x := range []struct {
		sql   string
		value string
	}{
		{`r.kind = $?`, string(f.Kind)}, {`r.agent_id = $?`, f.Agent}, {`r.team = $?`, f.Team}, {`r.principal = $?`, f.Principal},
		{`r.marks @> ARRAY['rule:' || $?]`, f.Rule}, {`r.marks @> ARRAY['severity:' || $?]`, string(f.Severity)},
	} {
		if x.value != "" {
			c.add(x.sql, x.value)
		}
	}
	if !f.From.IsZero() {
		c.add(contactSQL+` >= $?`, f.From)
	}
	if !f.To.IsZero() {
		c.add(contactSQL+` < $?`, f.To)
	}
	if f.MaxScore > 0 {
		c.add(`r.score <= $?`, f.MaxScore)
	}
	if f.MinScore > 0 {
		c.add(`r.score >= $?`, f.MinScore)
	}
	if f.Doubtful {
		c.sql = append(c.sql, `r.marks @> ARRAY['doubtful']`)
	}
	if f.Complaint {
		c.add(`r.marks @> ARRAY['rule:' || $?]`, ComplaintRule)
	}
	switch f.Assignee {
	case "":
	case AssigneeNobody:
		c.sql = append(c.sql, free)
	default:
		c.add(`r.assignee = $?::uuid AND NOT `+free, f.Assignee)
	}
	return c, nil
}

// after adds the place where a page begins.
func (c *conditions) after(cursor string) error {
	at, err := parseCursor(cursor)
	if err != nil {
		return err
	}
	c.args = append(c.args, at.Good, at.Score, at.Created, at.ID)
	n := len(c.args)
	c.sql = append(c.sql, fmt.Sprintf(`(%s) > ($%d, $%d, $%d, $%d::uuid)`, worstFirst, n-3, n-2, n-1, n))
	return nil
}

// List gives one page of the recordings in the scope, worst first.
func (s *Store) List(ctx context.Context, sc Scope, f ListFilter) (ListPage, error) {
	c, err := f.conditions()
	if err != nil {
		return ListPage{}, err
	}
	c.within(sc)
	var page ListPage
	if f.Query != "" { // what fits common words is looked for up to a bound, and only then put in order
		found, err := s.find(ctx, sc, f, searchCap, searchPatience)
		if err != nil {
			return ListPage{}, err
		}
		page.Capped, page.Back = found.capped, found.back
		c.add(`r.id = ANY($?::uuid[])`, found.ids[:min(len(found.ids), searchCap)])
	}
	if f.After != "" {
		if err := c.after(f.After); err != nil {
			return ListPage{}, err
		}
	}
	limit := min(max(f.Limit, 1), 200)
	c.args = append(c.args, limit+1)
	if f.Status == StatusToJudge && f.Query == "" && f.Agent == "" && sc.Agent == "" { // mostly a full page of what fits is met soon
		page.Rows, page.Next, err = s.listRows(ctx, c.firstToJudge(f), c.args, limit)
		if err != nil || page.Next != "" {
			return page, err
		}
	}
	from := `(SELECT r.* FROM recordings r WHERE ` + c.where() + ` ORDER BY ` + worstFirst + fmt.Sprintf(` LIMIT $%d)`, len(c.args))
	if f.onlyDays(sc) {
		from = c.worstOfDays(f)
	}
	page.Rows, page.Next, err = s.listRows(ctx, from, c.args, limit)
	return page, err
}

// listRows are up to limit rows of a query that gives one more where there are more, and then the place where the
// next page begins.
func (s *Store) listRows(ctx context.Context, from string, args []any, limit int) (list []ListRow, next string, err error) {
	rows, err := s.pool.Query(ctx, fmt.Sprintf(`
		SELECT r.id::text, r.key, r.kind, r.metadata, r.state, r.reason, r.duration, coalesce(r.score, 0), r.fatal, r.created_at,
			coalesce(n.open, 0), coalesce(n.confirmed, 0), coalesce(n.overturned, 0), coalesce(n.rules, '[]'), coalesce(r.score, 101),
			coalesce(u.display_name, '')
		FROM %s r
		LEFT JOIN users u ON u.id = r.assignee AND NOT `+free+`
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
		ORDER BY %s`, from, worstFirst), args...)
	if err != nil {
		return nil, "", err
	}
	var places []cursor
	list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (l ListRow, err error) {
		var score int
		err = row.Scan(&l.ID, &l.Key, &l.Kind, &l.Metadata, &l.State, &l.Reason, &l.Duration, &l.Score, &l.Fatal, &l.CreatedAt,
			&l.Open, &l.Confirmed, &l.Overturned, &l.Rules, &score, &l.Assignee)
		places = append(places, cursor{!l.Fatal, score, l.CreatedAt, l.ID})
		return l, err
	})
	if err != nil {
		return nil, "", err
	}
	if len(list) > limit {
		list, next = list[:limit], places[limit-1].String()
	}
	return list, next, nil
}
