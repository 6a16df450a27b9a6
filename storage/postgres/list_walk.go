package postgres

import (
	"fmt"
	"strings"
	"time"
)

// Lists whose rows the planner would gather and sort, because it does not know how many fit, are walked in their
// order instead.

// walkMost is how many recordings to judge are walked for a page of what fits.
const walkMost = 5000

// firstToJudge are the rows of a page, of which the limit is the last argument, among the first walkMost recordings to judge.
// Findings that wait come together with marks, teams and times in ways the planner knows nothing of: it would
// gather all that ever had a mark. Where the page does not fill up, few fit, and then it is right.
func (c *conditions) firstToJudge(f ListFilter) string {
	begin := fmt.Sprintf(`r.stage = '%s'`, StatusToJudge)
	if f.After != "" {
		begin += ` AND ` + c.sql[len(c.sql)-1]
	}
	return fmt.Sprintf(`(SELECT r.* FROM (
			SELECT r.*, NOT r.fatal AS good, coalesce(r.score, 101) AS points FROM recordings r WHERE %s ORDER BY %s LIMIT %d) r
		WHERE %s ORDER BY r.good, r.points, r.created_at, r.id LIMIT $%d)`, begin, worstFirst, walkMost, c.where(), len(c.args))
}

// listDays is up to how many days a list takes the worst of each day.
const listDays = 100

// onlyDays says whether a list is of a span of days with nearly all their recordings. Sorting them would take the
// longer the more there are; the index recordings_day_worst has each day's in order. Where more narrows the list, few are
// left and other indexes find them.
func (f ListFilter) onlyDays(sc Scope) bool {
	if f.Status != StatusAll && f.Status != StatusClean || f.From.IsZero() || f.To.IsZero() || f.To.Sub(f.From) > listDays*24*time.Hour {
		return false
	}
	return sc.Everything() && f == ListFilter{Status: f.Status, From: f.From, To: f.To, After: f.After, Limit: f.Limit}
}

// worstOfDays are the rows of a page, of which the limit is the last argument, from the worst of every day. Conditions on
// the moment matter on the first and the last day only; no index fits them as they are written here.
func (c *conditions) worstOfDays(f ListFilter) string {
	limit := len(c.args)
	c.args = append(c.args, f.From.UTC(), f.To.UTC())
	for i, sql := range c.sql {
		if strings.HasPrefix(sql, contactSQL) {
			c.sql[i] = `(` + sql + `) IS TRUE`
		}
	}
	return fmt.Sprintf(`(SELECT r.* FROM generate_series($%[3]d::date, $%[4]d::date, interval '1 day') d,
			LATERAL (SELECT r.* FROM recordings r WHERE (`+contactSQL+` AT TIME ZONE 'UTC')::date = d::date AND %[1]s
				ORDER BY %[2]s LIMIT $%[5]d) r
		ORDER BY %[2]s LIMIT $%[5]d)`, c.where(), worstFirst, limit+1, limit+2, limit)
}
