package web

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/speechqa/speechqa/storage/postgres"
)

func TestScopeOf(t *testing.T) {
	none, everything := postgres.Scope{None: true}, postgres.Scope{}
	north := []string{"north"}
	for _, tc := range []struct {
		user postgres.User
		want postgres.Scope
	}{
		{postgres.User{Role: "clerk"}, everything},
		{postgres.User{Role: "auditor"}, everything},
		{postgres.User{Role: "admin"}, everything},
		{postgres.User{Role: "clerk", Teams: north}, postgres.Scope{Teams: north}},
		{postgres.User{Role: "clerk", Principals: north}, postgres.Scope{Principals: north}},
		{postgres.User{Role: "manager"}, none},
		{postgres.User{Role: "manager", Teams: north}, postgres.Scope{Teams: north}},
		{postgres.User{Role: "manager", Principals: north}, postgres.Scope{Principals: north}},
		{postgres.User{Role: "manager", Teams: []string{"*"}}, everything},
		{postgres.User{Role: "manager", Teams: []string{"*"}, Principals: north}, postgres.Scope{Principals: north}},
		{postgres.User{Role: "agent"}, none},
		{postgres.User{Role: "agent", Teams: []string{"*"}}, none},
		{postgres.User{Role: "agent", AgentID: "a1", Teams: north}, postgres.Scope{Agent: "a1"}},
		{postgres.User{Role: ""}, none},
		{postgres.User{Role: "root", Teams: north}, none},
	} {
		if diff := cmp.Diff(tc.want, ScopeOf(tc.user)); diff != "" {
			t.Errorf("%+v (-want +got): %s", tc.user, diff)
		}
	}
}
