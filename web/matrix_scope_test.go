package web

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
)

// unscoped are routes about one thing that lies in nobody's scope, by how they begin, and why. What such a page shows of
// recordings is narrowed all the same: TestMatrix looks for what lies outside the scope in every answer.
var unscoped = map[string]string{
	"/users/":          "who may manage users manages all",
	"/changes/":        "of users' rights, the same",
	"/account/logins/": "one's own: TestPersonalThings",
	"/tokens/":         "one's own: TestPersonalThings",
	"/playlists/":      "courses are the company's; their clips are narrowed",
	"/rules/":          "rules are the company's; examples and differences are narrowed",
	"/sampling/":       "samples are drawn by those who may; their recordings are narrowed",
	"/hooks/":          "addresses outside, administrators'",
}

// Every route about one thing is asked about one inside and one outside the scope, or is known to lie in none.
func TestEveryThingHasItsScope(t *testing.T) {
	m := newMatrix(t, false)
	cookie := m.signIn(m.user(postgres.User{Name: "zz", Role: string(RoleLead)}))
	used := map[string]bool{}
	scoped := 0
	for _, r := range m.console.table() {
		_, path, _ := strings.Cut(r.pattern, " ")
		if !strings.Contains(strings.TrimSuffix(path, "{$}"), "{") {
			continue
		}
		if m.placeOf(r.pattern, cookie).foreign != "" {
			scoped++
			continue
		}
		known := false
		for begin := range unscoped { // a program's route is about the same thing as the page's
			if strings.HasPrefix("/"+strings.TrimPrefix(path, apiPath), begin) || strings.HasPrefix(path, begin) {
				known, used[begin] = true, true
			}
		}
		if !known {
			t.Errorf("%s is not asked about what lies outside the scope: give its place one in matrix_test.go, or say in unscoped why there is none", r.pattern)
		}
	}
	for begin, why := range unscoped {
		if !used[begin] {
			t.Errorf("no route begins with %s (%s)", begin, why)
		}
	}
	if scoped < 20 {
		t.Errorf("only %d routes are asked about what lies outside the scope", scoped)
	}
}

// What is a person's own, such as log-ins, keys and filters, is nobody else's to end, whatever his role.
func TestPersonalThings(t *testing.T) {
	m := newMatrix(t, false)
	other := m.user(postgres.User{Name: "other", Role: string(RoleClerk)})
	login := m.login(other.ID)
	token, err := m.store.CreateToken(t.Context(), postgres.Token{Name: "k", ExpiresAt: time.Now().Add(time.Hour)}, "a key", postgres.AuditEntry{Actor: other.ID})
	if err != nil {
		t.Fatal(err)
	}
	for _, role := range Roles {
		cookie := m.signIn(m.user(postgres.User{Name: "x-" + string(role), Role: string(role)}))
		for _, path := range []string{"/account/logins/" + login + "/end", "/tokens/" + token + "/revoke"} {
			if a := m.ask(http.MethodPost, path, cookie); a.status != http.StatusNotFound {
				t.Errorf("%s for another, %s: status %d", path, role, a.status)
			}
		}
	}
	if left := storagetest.Query(t, m.database, `SELECT (SELECT count(*) FROM tokens WHERE revoked_at IS NULL) + (SELECT count(*) FROM logins WHERE user_id = $1 AND ended_at IS NULL)`, other.ID)[0]; left != "2" {
		t.Errorf("%s things are left, want 2", left)
	}
}
