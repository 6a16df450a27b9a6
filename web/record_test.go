package web

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
)

func TestMain(m *testing.M) { storagetest.Main(m) }

// visitorTo is a browser before a console on a real database, in which li has the role.
func visitorTo(t *testing.T, role Role) (client *http.Client, address, database string) {
	t.Helper()
	return visitorUnder(t, role, sampleTitles)
}

// visitorUnder is visitorTo with rules.
func visitorUnder(t *testing.T, role Role, rules Rules) (client *http.Client, address, database string) {
	t.Helper()
	store, database := storagetest.Open(t)
	hash, err := HashPassword("correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.CreateUser(t.Context(), postgres.User{Name: "li", DisplayName: "李", PasswordHash: hash, Role: string(role)}); err != nil {
		t.Fatal(err)
	}
	c, err := New(Config{Store: store, Sessions: store.Sessions(), Audio: struct{ AudioSource }{}, Rules: rules,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar}, server.URL, database
}

func visit(t *testing.T, client *http.Client, address string, form url.Values) int {
	t.Helper()
	method, body := http.MethodGet, ""
	if form != nil {
		method, body = http.MethodPost, form.Encode()
	}
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	req.Header.Set("Accept", "text/html")
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode
}

const auditedLines = `SELECT concat_ws(' ', name, action, CASE WHEN subject LIKE 'user:%' THEN 'user:' ELSE subject END, origin) FROM audit_log ORDER BY seq`

func TestVisitsAreOnRecord(t *testing.T) {
	client, address, database := visitorTo(t, RoleClerk)
	long := strings.Repeat("王", 1000)
	visit(t, client, address+"/login", url.Values{"name": {long}, "password": {"x"}})
	visit(t, client, address+"/login", url.Values{"name": {"li"}, "password": {"wrong"}})
	if got := visit(t, client, address+"/recordings/0190b2f6-0000-7000-8000-000000000001", nil); got != http.StatusOK {
		t.Errorf("status %d for somebody unknown, want the log-in page", got)
	}
	visit(t, client, address+"/login", url.Values{"name": {"li"}, "password": {"correct horse battery"}})
	visit(t, client, address+"/recordings/0190b2f6-0000-7000-8000-000000000001", nil)
	if got := visit(t, client, address+"/trends.csv", nil); got != http.StatusForbidden {
		t.Errorf("status %d for what a clerk may not, want 403", got)
	}
	visit(t, client, address+"/logout", url.Values{})
	want := []string{
		"(command line) user.create user: ",
		strings.Repeat("王", longestName) + "… access.refused user: 127.0.0.1",
		"li access.refused user: 127.0.0.1",
		"li access.login user: 127.0.0.1",
		"li recording.view recording:0190b2f6-0000-7000-8000-000000000001 127.0.0.1",
		"li access.denied page:/trends.csv 127.0.0.1",
		"li access.logout page:/logout 127.0.0.1",
	}
	for i := range want {
		want[i] = strconv.Quote(want[i]) // Query writes values as JSON
	}
	if got := storagetest.Query(t, database, auditedLines); !slices.Equal(got, want) {
		t.Errorf("on record:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// What cannot be put on record does not happen.
func TestNothingHappensOffRecord(t *testing.T) {
	client, address, database := visitorTo(t, RoleLead)
	visit(t, client, address+"/login", url.Values{"name": {"li"}, "password": {"correct horse battery"}})
	if got := visit(t, client, address+"/trends.csv", nil); got != http.StatusOK {
		t.Fatalf("status %d for an export that can be put on record", got)
	}
	storagetest.Exec(t, database, `ALTER TABLE audit_log ADD CHECK (seq < 0) NOT VALID`)
	if got := visit(t, client, address+"/trends.csv", nil); got != http.StatusInternalServerError {
		t.Errorf("status %d for an export that cannot be put on record, want 500", got)
	}
}
