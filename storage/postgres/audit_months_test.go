package postgres_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/tern/v2/migrate"

	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
)

// What was on record before the log lay in months is its first part; the chain goes on.
func TestAuditMonthsFollowWhatWas(t *testing.T) {
	ctx := t.Context()
	url := storagetest.Empty(t)
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	m, err := migrate.NewMigrator(ctx, conn, "schema_version")
	if err == nil {
		err = m.LoadMigrations(os.DirFS("migrations"))
	}
	if err == nil {
		err = m.MigrateTo(ctx, 34)
	}
	if err != nil {
		t.Fatal(err)
	}
	// A chain of three entries, as another database wrote it.
	if _, err := conn.Exec(ctx, `DELETE FROM audit_head`); err != nil {
		t.Fatal(err)
	}
	other, _ := auditedBed(t)
	from, err := pgx.Connect(ctx, other.url)
	other.noError(err)
	defer from.Close(context.WithoutCancel(ctx))
	for _, table := range []string{"audit_log", "audit_head"} {
		rows, err := from.Query(ctx, `SELECT row_to_json(x)::text FROM `+table+` x`)
		other.noError(err)
		all, err := pgx.CollectRows(rows, pgx.RowTo[string])
		other.noError(err)
		for _, row := range all {
			_, err := conn.Exec(ctx, `INSERT INTO `+table+` SELECT * FROM json_populate_record(NULL::`+table+`, $1)`, row)
			other.noError(err)
		}
	}
	if _, err := postgres.Migrate(ctx, url, storagetest.AppURL(t, url)); err != nil {
		t.Fatal(err)
	}
	s, err := postgres.Open(ctx, storagetest.AppURL(t, url))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Audit(ctx, postgres.AuditEntry{Name: "li", Action: "login"}); err != nil {
		t.Fatal(err)
	}
	if sum, err := s.VerifyAudit(ctx, nil); err != nil || sum.Entries != 4 {
		t.Errorf("the chain: %d entries (%v), want 4", sum.Entries, err)
	}
	if n := storagetest.Query(t, url, `SELECT count(*) FROM audit_log_first`); n[0] != "4" { // this month's, which the first part has too
		t.Errorf("the first part has %s entries", n[0])
	}
}

// Every entry lies in its month's part, from which the application can take nothing away; one of a month that has
// none is not lost, and said.
func TestAuditMonths(t *testing.T) {
	b, _ := auditedBed(t)
	ctx := t.Context()
	if outside, err := b.AuditMonths(ctx); err != nil || outside != 0 {
		t.Fatal(outside, err)
	}
	insert := func(at time.Time) string {
		t.Helper()
		b.exec(`INSERT INTO audit_log SELECT seq + 1000 + (SELECT count(*) FROM audit_log), '` + at.Format(time.RFC3339) + `', actor, name, action, subject, origin, detail, prev, hash FROM audit_log WHERE seq = 1`)
		return b.query(`SELECT tableoid::regclass::text FROM audit_log ORDER BY seq DESC LIMIT 1`)[0]
	}
	month := time.Now().UTC().AddDate(0, 0, 1-time.Now().UTC().Day())
	for ahead, want := range map[int]string{-40: "audit_log_first", 0: "audit_log_first", 2: "audit_log_" + month.AddDate(0, 2, 0).Format("2006_01"), 30: "audit_log_other"} {
		if got := insert(month.AddDate(0, ahead, 0)); got != want {
			t.Errorf("an entry in %d months lies in %s, want %s", ahead, got, want)
		}
	}
	if outside, err := b.AuditMonths(ctx); err != nil || outside != 1 {
		t.Errorf("outside of the months: %d (%v)", outside, err)
	}
	part := "audit_log_" + month.AddDate(0, 2, 0).Format("2006_01")
	for _, table := range []string{"audit_log_first", "audit_log_other", part} {
		for _, sql := range []string{`DELETE FROM `, `TRUNCATE `} { // as the owner
			conn, err := pgx.Connect(ctx, b.url)
			b.noError(err)
			if _, err := conn.Exec(ctx, sql+table); err == nil || !strings.Contains(err.Error(), "history") {
				t.Errorf("%s%s: %v, want a refusal", sql, table, err)
			}
			b.noError(conn.Close(ctx))
		}
	}
	app, err := pgx.Connect(ctx, storagetest.AppURL(t, b.url))
	b.noError(err)
	defer app.Close(context.WithoutCancel(ctx))
	for _, sql := range []string{`DELETE FROM ` + part, `INSERT INTO ` + part + ` SELECT * FROM ` + part, `ALTER TABLE audit_log DETACH PARTITION ` + part, `DROP TABLE ` + part} {
		if _, err := app.Exec(ctx, sql); err == nil {
			t.Errorf("the application may %s", sql)
		}
	}
	// A question about a time reads its months only.
	rows, err := app.Query(ctx, `EXPLAIN SELECT FROM audit_log WHERE at >= '`+month.AddDate(0, 2, 0).Format(time.DateOnly)+`' AND at < '`+month.AddDate(0, 3, 0).Format(time.DateOnly)+`'`)
	b.noError(err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	b.noError(err)
	plan := strings.Join(lines, "\n")
	if !strings.Contains(plan, part) || strings.Contains(plan, "audit_log_first") {
		t.Errorf("the plan for a month:\n%s", plan)
	}
}
