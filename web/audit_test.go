package web

import (
	"context"
	"encoding/csv"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
)

// The auditor finds what was done, takes it away as a file that no spreadsheet runs, and sees when it was tampered with.
func TestAuditPage(t *testing.T) {
	m := newMatrix(t, false)
	m.newPerson(postgres.User{Name: "shen", Role: string(RoleAuditor)})
	var noted []postgres.Anchor
	m.console.anchors = func(context.Context) ([]postgres.Anchor, error) { return noted, nil }
	const formula = `=HYPERLINK("http://evil.example")`
	for _, name := range []string{formula, "@SUM(1)", "-1", "+1", "<b>"} {
		if err := m.store.Audit(t.Context(), postgres.AuditEntry{Name: name, Action: "access.refused", Subject: "user:", Detail: `{"a":"` + "<i>" + `"}`}); err != nil {
			t.Fatal(err)
		}
	}
	v := m.browser()
	v.page("/login", login("shen", testPassword))
	v.page("/recordings/"+m.own, nil)
	for _, l := range langs {
		v.page("/lang", url.Values{"lang": {string(l)}})
		_, _, doc := v.page("/audit", nil)
		if n := len(all(doc, "table.audit tbody tr")); n < 8 {
			t.Errorf("%d entries", n)
		}
	}
	for query, want := range map[string][]string{
		"?name=shen&action=recording.view": {"recording.view"}, "?subject=" + m.own: {"recording.view"},
		"?name=SHEN&action=access.": {"access.login"}, "?from=2020-01-01&to=2020-01-02": nil,
	} {
		_, _, doc := v.page("/audit"+query, nil)
		var got []string
		for _, row := range all(doc, "table.audit tbody tr") {
			got = append(got, textOf(all(row, "td")[3]))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
	for _, bad := range []string{"?from=x", "?before=0", "?before=x"} {
		if status, _, _ := v.page("/audit"+bad, nil); status != http.StatusBadRequest {
			t.Errorf("%s: status %d", bad, status)
		}
	}

	res, err := v.client.Get(m.address + "/audit.csv?action=access.refused")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(string(b), "\ufeff"))).ReadAll()
	if err != nil || len(rows) != 6 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows[1:] {
		for _, c := range row {
			if strings.ContainsAny(firstRune(c), "=+-@\t\r") {
				t.Errorf("a spreadsheet takes %q for a formula", c)
			}
		}
	}
	if got := rows[5][2]; got != "'"+formula {
		t.Errorf("name %q", got)
	}

	check := func() string {
		t.Helper()
		_, _, doc := v.page("/audit/verify", url.Values{})
		return attr(one(t, doc, "#last-check"), "class")
	}
	head, err := m.store.AuditHead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	noted = []postgres.Anchor{head}
	if got := check(); got != "check intact" {
		t.Errorf("the log as it was written: %q", got)
	}
	noted[0].Hash[0]++
	if got := check(); got != "check problem" {
		t.Errorf("a log that differs from what was noted of it: %q", got)
	}
	noted = nil
	storagetest.Exec(t, m.database, `ALTER TABLE audit_log DISABLE TRIGGER ALL`, `UPDATE audit_log SET name = 'wang' WHERE name = '-1'`)
	if got := check(); got != "check problem" {
		t.Errorf("an altered log: %q", got)
	}
}
