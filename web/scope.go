package web

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/speechqa/speechqa/storage/postgres"
)

// EveryTeam, among a manager's teams, stands for all of them: nobody becomes a manager of everything by a field
// that was left empty.
const EveryTeam = "*"

// ScopeOf is which recordings a user may see. Principals and teams narrow it; where none are set, a manager sees
// nothing, an agent sees only his own recordings in any case, and every other role sees everything.
func ScopeOf(u postgres.User) postgres.Scope {
	switch role := Role(u.Role); {
	case role == RoleAgent && u.AgentID == "", role == RoleManager && len(u.Principals) == 0 && len(u.Teams) == 0,
		!slices.Contains(Roles, role):
		return postgres.Scope{None: true}
	case role == RoleAgent:
		return postgres.Scope{Agent: u.AgentID}
	}
	sc := postgres.Scope{Principals: u.Principals, Teams: u.Teams}
	if slices.Contains(sc.Teams, EveryTeam) {
		sc.Teams = nil
	}
	return sc
}

// inScope refuses a visitor what is about a recording outside his scope; to him there is no such recording. Every
// route below /recordings/{id} is asked here, so that none has to remember it.
func (c *Console) inScope(r *http.Request, pattern string) error {
	sc := visitorOf(r).scope
	if !strings.Contains(pattern, "/recordings/{id}") || sc.Everything() {
		return nil
	}
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		return errNotFound
	}
	in, err := c.store.InScope(r.Context(), sc, id.String())
	if err != nil {
		return fmt.Errorf("scope of the visitor: %w", err)
	}
	if !in {
		return errNotFound
	}
	return nil
}
