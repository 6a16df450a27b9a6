package storagetest

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/speechqa/speechqa/storage/embedded"
	"github.com/speechqa/speechqa/storage/postgres"
)

// template is the migrated database that every test's database is a copy of.
const template = "template_of_tests"

// shared is the test binary's one PostgreSQL server, started by the first test that needs it.
var shared struct {
	once   sync.Once
	dir    string
	server *embedded.Postgres
	err    error
	made   atomic.Int64
	copies sync.Mutex // a template cannot be copied twice at a time
}

// Main runs the tests of a binary, stops the server they shared, and calls the others that have to tidy up. Call it
// from TestMain.
func Main(m *testing.M, after ...func()) {
	code := m.Run()
	for _, f := range after {
		f()
	}
	if err := stopShared(); err != nil {
		fmt.Fprintln(os.Stderr, "stop the tests' PostgreSQL:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func stopShared() error {
	if shared.server != nil {
		if err := shared.server.Stop(context.Background()); err != nil {
			return err
		}
	}
	if shared.dir == "" {
		return nil
	}
	return os.RemoveAll(shared.dir)
}

func startShared() {
	ctx := context.Background()
	if shared.dir, shared.err = os.MkdirTemp("", "speechqa-test-postgres-"); shared.err != nil {
		return
	}
	if shared.server, shared.err = embedded.StartPostgres(ctx, embedded.Options{Dir: shared.dir, Volatile: true}); shared.err != nil {
		return
	}
	if shared.err = createDatabase(ctx, template, "template0"); shared.err == nil {
		owner := shared.server.DatabaseURL(template)
		var app string
		if app, shared.err = embedded.AppURL(owner); shared.err == nil {
			_, shared.err = postgres.Migrate(ctx, owner, app)
		}
	}
}

func createDatabase(ctx context.Context, name, from string) error {
	conn, err := pgx.Connect(ctx, shared.server.DatabaseURL("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err = conn.Exec(ctx, fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s", pgx.Identifier{name}.Sanitize(), pgx.Identifier{from}.Sanitize())); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, fmt.Sprintf("REVOKE TEMPORARY ON DATABASE %s FROM PUBLIC", pgx.Identifier{name}.Sanitize())) // is not copied with it
	return err
}

// Database returns the owner's URL of a new, migrated database on the test binary's shared server.
func Database(t testing.TB) string {
	t.Helper()
	shared.once.Do(startShared)
	if shared.err != nil {
		t.Fatalf("start PostgreSQL: %v", shared.err)
	}
	name := "test_" + strconv.FormatInt(shared.made.Add(1), 10)
	shared.copies.Lock()
	err := createDatabase(t.Context(), name, template)
	shared.copies.Unlock()
	if err != nil {
		t.Fatalf("create database: %v", err)
	}
	t.Cleanup(func() { dropDatabase(t, name) })
	return shared.server.DatabaseURL(name)
}

// Empty returns the URL of a new database without any table.
func Empty(t testing.TB) string {
	t.Helper()
	url := Database(t)
	Exec(t, url, `DROP SCHEMA public CASCADE`, `CREATE SCHEMA public`)
	return url
}

func dropDatabase(t testing.TB, name string) {
	ctx := context.WithoutCancel(t.Context())
	conn, err := pgx.Connect(ctx, shared.server.DatabaseURL("postgres"))
	if err != nil {
		t.Errorf("drop database: %v", err)
		return
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "DROP DATABASE "+pgx.Identifier{name}.Sanitize()+" WITH (FORCE)"); err != nil {
		t.Errorf("drop database: %v", err)
	}
}

// AppURL is the address at which the program works in a database, with no more rights than it needs.
func AppURL(t testing.TB, owner string) string {
	t.Helper()
	app, err := embedded.AppURL(owner)
	if err != nil {
		t.Fatal(err)
	}
	return app
}

// Open returns a store on a new database, with the application's rights, and the owner's URL of that database.
func Open(t testing.TB) (*postgres.Store, string) {
	t.Helper()
	url := Database(t)
	return OpenURL(t, url), url
}

// OpenURL opens a store with the application's rights for the length of the test; the URL is the owner's.
func OpenURL(t testing.TB, owner string) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), AppURL(t, owner))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// Exec runs statements that the store has no method for.
func Exec(t testing.TB, url string, sql ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	for _, q := range sql {
		if _, err := conn.Exec(t.Context(), q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
}

// Query returns the first column of a query's rows as text.
func Query(t testing.TB, url, sql string, args ...any) []string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	rows, err := conn.Query(t.Context(), `SELECT (x.*)::text FROM (`+sql+`) x`, args...)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	for i := range out { // a row of one column comes in parentheses
		out[i] = strings.Trim(out[i], "()")
	}
	return out
}
