package postgres

import (
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// searchCap is how many recordings a search puts in order, and counts. A word that is said in every call fits
// millions; putting them in order would take seconds, and nobody reads them.
const searchCap = 2000

// search adds what ListFilter.Query looks for: every way has an index, and a recording fits by any of them. Words
// that stand apart must all be said.
func (f ListFilter) search(c *conditions) {
	arg := func(v any) string {
		c.args = append(c.args, v)
		return fmt.Sprintf("$%d", len(c.args))
	}
	q := arg(f.Query)
	ways := []string{
		`SELECT x.id FROM recordings x WHERE x.agent_id = ` + q,
		`SELECT x.id FROM recordings x WHERE x.case_id = ` + q + ` AND x.case_id <> ''`,
		`SELECT x.id FROM recordings x WHERE ` + holds("x.key", q),
	}
	if id, err := uuid.Parse(f.Query); err == nil {
		ways = append(ways, `SELECT x.id FROM recordings x WHERE x.id = `+arg(id.String())+`::uuid`)
	}
	if len([]rune(f.Query)) >= 4 {
		ways = append(ways, `SELECT x.id FROM recordings x WHERE x.metadata ->> 'phone' <> ''
			AND right(x.metadata ->> 'phone', 4) = right(`+q+`, 4) AND right(x.metadata ->> 'phone', length(`+q+`)) = `+q)
	}
	var said []string
	for _, word := range strings.Fields(f.Query) {
		said = append(said, holds("t.said", arg(word)))
	}
	if len(said) > 0 {
		ways = append(ways, `SELECT t.recording FROM transcripts t WHERE `+strings.Join(said, " AND "))
	}
	c.sql = append(c.sql, `r.id IN (`+strings.Join(ways, " UNION ALL ")+`)`)
}

// holds is the condition that a column, of which the pairs of characters are indexed, holds a text, without regard
// to case. A single character has no pair: then every row is looked at.
func holds(column, text string) string {
	return fmt.Sprintf(`bigrams(%s) @> bigrams(%s::text) AND strpos(lower(%s), lower(%s)) > 0`, column, text, column, text)
}
