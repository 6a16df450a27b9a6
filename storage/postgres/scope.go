package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Scope is which recordings a person may see, and so which figures about them. The zero value is all of them.
type Scope struct {
	Principals []string // only of these principals; empty: of any
	Teams      []string // only of these teams; empty: of any
	Agent      string   // only this agent's own; empty: any agent's
	None       bool     // none at all
}

// Everything says whether the scope leaves nothing out.
func (sc Scope) Everything() bool {
	return !sc.None && sc.Agent == "" && len(sc.Principals) == 0 && len(sc.Teams) == 0
}

// sql is the condition that the row of recordings under alias lies in the scope. Its values are appended to args,
// so that its numbers follow those the query has already.
func (sc Scope) sql(alias string, args *[]any) string {
	if sc.None {
		return "false"
	}
	all := []string{"true"}
	add := func(condition string, value any) {
		*args = append(*args, value)
		all = append(all, fmt.Sprintf(condition, alias, len(*args)))
	}
	if len(sc.Principals) > 0 {
		add("%s.principal = ANY($%d)", sc.Principals)
	}
	if len(sc.Teams) > 0 {
		add("%s.team = ANY($%d)", sc.Teams)
	}
	if sc.Agent != "" {
		add("%s.agent_id = $%d", sc.Agent)
	}
	return strings.Join(all, " AND ")
}

// InScope says whether there is a recording with this id, a UUID, and whether the scope holds it.
func (s *Store) InScope(ctx context.Context, sc Scope, id string) (in bool, err error) {
	args := []any{id}
	err = s.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM recordings r WHERE r.id = $1 AND `+sc.sql("r", &args)+`)`, args...).Scan(&in)
	return in, err
}

// holds says whether a recording of this principal, team and agent lies in the scope.
func (sc Scope) holds(principal, team, agent string) bool {
	return !sc.None && (len(sc.Principals) == 0 || slices.Contains(sc.Principals, principal)) &&
		(len(sc.Teams) == 0 || slices.Contains(sc.Teams, team)) && (sc.Agent == "" || sc.Agent == agent)
}
