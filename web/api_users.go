package web

import (
	"net/http"
	"time"

	"github.com/speechqa/speechqa/storage/postgres"
)

// userEndpoints gives nobody rights and nobody's password: who does that has shown his own password and second factor,
// and a key has neither.
func (c *Console) userEndpoints() []endpoint {
	return []endpoint{
		{route{"GET /api/v1/users", permSeeUsers, c.apiUsers, ""}, []string{"GET /users"}, "Who may log in, with what rights, and what changes wait", nil, apiUsers{}},
		{route{"GET /api/v1/users/{user}", permSeeUsers, c.apiUser, ""}, []string{"GET /users/{user}"}, "One user and where he is logged in", nil, apiUser{}},
		{route{"POST /api/v1/users/{user}/disable", permUsers, command(wordless, c.disableUser, c.apiUser), ""}, []string{"POST /users/{user}/disable"}, "Block a user at once", nil, apiUser{}},
		{route{"POST /api/v1/users/{user}/logins/{login}/end", permUsers, command(wordless, c.endLogin, c.apiUser), ""}, []string{"POST /users/{user}/logins/{login}/end"}, "End a log-in of a user", nil, apiUser{}},
	}
}

type apiRights struct {
	Role       string   `json:"role" description:"empty: none yet"`
	Principals []string `json:"principals" description:"none: all"`
	Teams      []string `json:"teams" description:"none: all"`
	AgentID    string   `json:"agent_id,omitempty"`
	Disabled   bool     `json:"disabled"`
}

type apiUser struct {
	ID          string     `json:"id"`
	Name        string     `json:"name" description:"log-in name"`
	DisplayName string     `json:"display_name"`
	Rights      apiRights  `json:"rights"`
	Waits       bool       `json:"waits" description:"a change of the rights waits"`
	Logins      int        `json:"logins" description:"at present"`
	LoggedIn    []apiLogin `json:"logged_in,omitempty"`
}

type apiLogin struct {
	ID      string    `json:"id"`
	Started time.Time `json:"started"`
	SeenAt  time.Time `json:"seen_at"`
	Origin  string    `json:"origin"`
	Browser string    `json:"browser"`
}

type apiChange struct {
	ID      int64     `json:"id"`
	User    string    `json:"user" description:"log-in name"`
	Before  apiRights `json:"before"`
	After   apiRights `json:"after"`
	AskedBy string    `json:"asked_by" description:"log-in name"`
	AskedAt time.Time `json:"asked_at"`
}

type apiUsers struct {
	Items   []apiUser   `json:"items"`
	Changes []apiChange `json:"changes" description:"those that wait for a second administrator"`
}

func apiRightsOf(x postgres.Rights) apiRights {
	return apiRights{x.Role, append([]string{}, x.Principals...), append([]string{}, x.Teams...), x.AgentID, x.Disabled}
}

func apiUserOf(u userRow, logins []postgres.Login) apiUser {
	out := apiUser{ID: u.ID, Name: u.Name, DisplayName: u.DisplayName, Rights: apiRightsOf(u.Rights()), Waits: u.Waits, Logins: u.Logins}
	for _, l := range logins {
		out.LoggedIn = append(out.LoggedIn, apiLogin{l.ID, l.Started.UTC(), l.SeenAt.UTC(), l.Origin, l.Browser})
	}
	return out
}

func (c *Console) apiUsers(w http.ResponseWriter, r *http.Request) error {
	d, err := shown[usersData](r, c.usersPage)
	if err != nil {
		return err
	}
	out := apiUsers{Items: []apiUser{}, Changes: []apiChange{}}
	for _, u := range d.Users {
		out.Items = append(out.Items, apiUserOf(u, nil))
	}
	for _, x := range d.Changes {
		out.Changes = append(out.Changes, apiChange{x.ID, x.UserName, apiRightsOf(x.Before), apiRightsOf(x.After), x.AskedByName, x.AskedAt.UTC()})
	}
	return writeJSON(w, out)
}

func (c *Console) apiUser(w http.ResponseWriter, r *http.Request) error {
	d, err := shown[userData](r, c.userPage)
	if err != nil {
		return err
	}
	return writeJSON(w, apiUserOf(d.userRow, d.Sessions))
}
