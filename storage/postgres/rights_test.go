package postgres_test

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/speechqa/speechqa/custody"
	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
)

// Every table is named with what the application may do with it, and that is what its role may do in the database.
func TestEveryTableHasItsRights(t *testing.T) {
	b := newBed(t)
	tables := b.query(`SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY 1`)
	if len(tables) < 40 {
		t.Fatalf("only %d tables", len(tables))
	}
	for _, name := range tables {
		want, named := postgres.AppRights[name]
		if !named {
			t.Errorf("%s is not in storage/postgres/rights.go: say there what the program does with it", name)
			continue
		}
		has := b.query(`SELECT p FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) WITH ORDINALITY AS x (p, n)
			WHERE has_table_privilege('speechqa_app', $1, p) ORDER BY n`, name)
		if got := strings.Join(has, ", "); got != want {
			t.Errorf("the application may %s %s, want %s", got, name, want)
		}
	}
	for name := range postgres.AppRights {
		if !slices.Contains(tables, name) {
			t.Errorf("storage/postgres/rights.go names %s, which is no table", name)
		}
	}
	excess, err := b.Excess(t.Context())
	if b.noError(err); len(excess) != 0 {
		t.Errorf("the application's role could do more: %q", excess)
	}
	owner, err := postgres.Open(t.Context(), b.url)
	b.noError(err)
	defer owner.Close()
	if excess, err = owner.Excess(t.Context()); err != nil || len(excess) != 3 {
		t.Errorf("the owner: %q %v", excess, err)
	}
}

// As the application's role, history cannot be deleted, shortened or written over before its date, nor can what guards
// it be taken away.
func TestApplicationCannotUndo(t *testing.T) {
	b := newBed(t)
	id := b.inspected(found("a.wav"), 80, finding("threat", 1))
	_, _, err := b.PlaceHold(t.Context(), keeper, custody.Hold{CaseID: "c-a.wav", Reason: "诉讼", Owner: "法务"})
	b.noError(err)
	sums, err := postgres.Sums(t.Context(), b.url)
	b.noError(err)
	const denied, guarded = "42501", "23001" // insufficient_privilege, restrict_violation
	refused := func(state, sql string) {
		t.Helper()
		var pg *pgconn.PgError
		if err := b.Exec(t.Context(), sql); !errors.As(err, &pg) || pg.Code != state {
			t.Errorf("%s: got %v, want SQLSTATE %s", sql, err, state)
		}
	}
	for _, table := range []string{"audit_log", "recordings", "transcripts", "transcript_versions", "review_events", "dispositions", "speaker_corrections", "coaching",
		"appeals", "custody", "legal_holds", "retention_terms", "users", "user_changes", "logins", "tokens", "ruleset_blobs", "ruleset_versions", "samples", "sample_seats", "hook_deliveries"} {
		refused(denied, `DELETE FROM `+table)
		refused(denied, `TRUNCATE `+table+` CASCADE`)
	}
	for table, column := range map[string]string{"audit_log": "action", "transcript_versions": "hash", "review_events": "note", "dispositions": "note",
		"speaker_corrections": "note", "coaching": "note", "ruleset_blobs": "content", "schema_version": "version"} {
		refused(denied, fmt.Sprintf(`UPDATE %s SET %s = %[2]s`, table, column))
	}
	refused(denied, `TRUNCATE findings CASCADE`)
	refused(guarded, `UPDATE custody SET retain_until = retain_until - interval '1 day'`)
	refused(guarded, `UPDATE recordings SET key = 'other.wav'`)
	refused(guarded, `UPDATE legal_holds SET case_id = 'other', released_at = now(), released_by = 'x', release_reason = 'x'`)
	for _, sql := range []string{
		`ALTER TABLE custody DISABLE TRIGGER USER`, `DROP TRIGGER custody_kept ON custody`, `DROP TABLE audit_log`, `ALTER TABLE audit_log ADD COLUMN x int`,
		`CREATE TABLE x (x int)`, `CREATE TEMPORARY TABLE recordings (id uuid)`, `CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'`,
		`CREATE TRIGGER x BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION refuse_change()`, `ALTER FUNCTION refuse_change() RENAME TO x`,
		`SET session_replication_role = replica`, `SET ROLE speechqa`, `SET SESSION AUTHORIZATION speechqa`, `CREATE ROLE x SUPERUSER`,
		`ALTER TABLE custody DROP CONSTRAINT kept_three_years`, `COPY audit_log TO PROGRAM 'cat'`,
	} {
		refused(denied, sql)
	}
	b.noError(b.Exec(t.Context(), `GRANT DELETE ON audit_log TO speechqa_app`)) // no more than a warning, and nothing granted
	refused(denied, `DELETE FROM audit_log`)
	after, err := postgres.Sums(t.Context(), b.url)
	if b.noError(err); !slices.Equal(sums, after) {
		t.Errorf("something has changed:\n%v\n%v", sums, after)
	}
	if _, err := b.Review(t.Context(), id); err != nil {
		t.Error(err)
	}
}

// Rights follow every migration, also for who is not named again; a table nobody has named can be read and added to.
func TestRightsFollowMigrations(t *testing.T) {
	t.Parallel()
	super := storagetest.Empty(t)
	with := func(user string) string {
		u, err := url.Parse(super)
		if err != nil {
			t.Fatal(err)
		}
		u.User = url.UserPassword(user, "a password of 'tests'")
		return u.String()
	}
	name := strings.TrimPrefix(storagetest.Query(t, super, `SELECT current_database()`)[0], "test_")
	owner, app := "owner_"+name, `App "`+name // a name to be quoted
	storagetest.Exec(t, super, `CREATE ROLE `+owner+` LOGIN PASSWORD 'a password of ''tests'''`,
		`ALTER DATABASE test_`+name+` OWNER TO `+owner, `DROP SCHEMA public`, `CREATE SCHEMA public AUTHORIZATION `+owner)
	migrate := func(application ...string) error {
		_, err := postgres.Migrate(t.Context(), with(owner), application...)
		return err
	}
	if err := migrate(with(app)); err == nil || !strings.Contains(err.Error(), "may not make roles") {
		t.Errorf("a role made by who may not: %v", err)
	}
	storagetest.Exec(t, super, `ALTER ROLE `+owner+` CREATEROLE`)
	for range 2 {
		if err := migrate(with(app)); err != nil {
			t.Fatal(err)
		}
	}
	if err := migrate(super); err == nil || !strings.Contains(err.Error(), "superuser") {
		t.Errorf("a superuser as the application: %v", err)
	}
	storagetest.Exec(t, with(owner), `CREATE TABLE later (x int)`, `GRANT DELETE ON audit_log TO "App ""`+name+`"`)
	s, err := postgres.Open(t.Context(), with(app))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Exec(t.Context(), `SELECT FROM later`); err == nil {
		t.Error("a table could be read before the migration that brings it has ended")
	}
	if excess, err := s.Excess(t.Context()); err != nil || len(excess) != 1 || !strings.Contains(excess[0], "DELETE audit_log") {
		t.Errorf("%q %v", excess, err)
	}
	if err := migrate(); err != nil {
		t.Fatal(err)
	}
	for sql, allowed := range map[string]bool{`INSERT INTO later VALUES (1)`: true, `SELECT FROM later`: true, `UPDATE later SET x = 2`: false, `DELETE FROM later`: false} {
		if err := s.Exec(t.Context(), sql); (err == nil) != allowed {
			t.Errorf("%s: %v", sql, err)
		}
	}
	if excess, err := s.Excess(t.Context()); err != nil || len(excess) != 0 {
		t.Errorf("%q %v", excess, err)
	}
}
