package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/speechqa/speechqa/custody"
	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
)

func sampleCustody() custodyData {
	return custodyData{Keys: true, Unprotected: []string{"old"}, Report: postgres.RetentionReport{Kept: 12, Unlocked: 3, Uncopied: 4, Troubled: 1, Held: 2,
		Years: []postgres.RetentionYear{{Year: 2031, Recordings: 12}}, Terms: []custody.Term{{Years: 5}, {Principal: "甲银行", Years: 7}},
		Problems: []postgres.CustodyProblem{{Recording: "0191d7a0-0000-7000-8000-000000000009", Key: "recordings/a.wav", Problem: "the object is gone"}},
		Buckets:  []custody.Bucket{{Name: "old"}}},
		Holds: []custody.Hold{{ID: "h1", CaseID: "c1", From: time.Unix(1e9, 0), Reason: "监管<b>", Owner: "法务", By: "li", Matches: 2},
			{ID: "h2", Recording: "0191d7a0-0000-7000-8000-000000000009", Reason: "r", Owner: "o", ReleasedAt: time.Unix(2e9, 0), ReleasedBy: "li", ReleaseReason: "结案"}}}
}

func TestCustodyPage(t *testing.T) {
	c := newPages(t)
	for _, l := range langs {
		for _, role := range grants[permCustody] {
			doc := draw(t, c, l, role, "custody", sampleCustody())
			if got := textOf(one(t, doc, ".alarm:not(#copyalarm)")); !strings.Contains(got, "old") {
				t.Errorf("alarm %q", got)
			}
			one(t, doc, "#copyalarm")
			one(t, doc, ".lacks #uncopied")
			one(t, doc, ".counts .lacks #unlocked")
			one(t, doc, `tr[data-hold=h2].over`)
			if got, want := len(all(doc, `form[action="/custody/holds"], tr[data-hold=h1] form`)), 2; may(role, permHold) != (got == want) {
				t.Errorf("%s sees %d forms", role, got)
			}
			if n := len(all(doc, "tr[data-hold=h2] form, main b")); n != 0 {
				t.Errorf("%d things that must not be there", n)
			}
		}
		empty := draw(t, c, l, RoleOperator, "custody", custodyData{})
		one(t, empty, ".alarm:not(#copyalarm)")
		sound := sampleCustody()
		sound.Report.Copies = postgres.CopyStanding{Store: "https://second", SeenAt: time.Now(), Checked: true, Locks: true}
		if n := len(all(draw(t, c, l, RoleOperator, "custody", sound), "#copyalarm")); n != 0 {
			t.Errorf("%d alarms though the copies are well", n)
		}
	}
}

// The page places and releases holds; what lacks a reason or a scope is sent back with a sentence, and before its
// date nothing on the console removes or shortens anything: there is no such route.
func TestHoldsOnThePage(t *testing.T) {
	client, address, database := visitorTo(t, RoleLead)
	visit(t, client, address+"/login", url.Values{"name": {"li"}, "password": {"correct horse battery"}})
	storagetest.Exec(t, database, `INSERT INTO recordings (bucket, key, version, size, kind, case_id) VALUES ('b', 'k', '1', 1, 'call', 'c1')`)
	form := url.Values{"case": {"c1"}, "to": {"2099-01-01"}, "reason": {"监管调查"}, "owner": {"法务"}}
	for name, bad := range map[string]string{"reason": "", "owner": " ", "case": "", "recording": "no-id"} {
		f := url.Values{"case": {"c1"}, "reason": {"r"}, "owner": {"o"}}
		f.Set(name, bad)
		if status := visit(t, client, address+"/custody/holds", f); status != http.StatusBadRequest {
			t.Errorf("%s %q: status %d", name, bad, status)
		}
	}
	if status := visit(t, client, address+"/custody/holds", form); status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	holds := storagetest.Query(t, database, `SELECT id FROM legal_holds WHERE placed_by = 'li' AND recorded_to = '2099-01-02 00:00+08'`)
	if len(holds) != 1 {
		t.Fatalf("%d holds", len(holds))
	}
	if status := visit(t, client, address+"/custody/release", url.Values{"hold": {holds[0]}}); status != http.StatusBadRequest {
		t.Errorf("released without a reason: status %d", status)
	}
	if status := visit(t, client, address+"/custody/release", url.Values{"hold": {holds[0]}, "reason": {"结案"}}); status != http.StatusOK {
		t.Errorf("status %d", status)
	}
	if got := storagetest.Query(t, database, `SELECT action FROM audit_log WHERE action LIKE 'hold.%' AND name = 'li' AND actor <> '' AND origin <> '' ORDER BY seq`); len(got) != 2 {
		t.Errorf("on record: %v", got)
	}
	for _, r := range newPages(t).table() {
		if m, _, _ := strings.Cut(r.pattern, " "); m != http.MethodGet && m != http.MethodPost {
			t.Errorf("%s: the console only reads and adds", r.pattern)
		}
	}

	// A lead of one desk may see its own part, and place nothing that reaches beyond it.
	storagetest.Exec(t, database, `UPDATE users SET principals = '{甲银行}'`)
	if status := visit(t, client, address+"/custody/holds", form); status != http.StatusForbidden {
		t.Errorf("a hold beyond the scope: status %d", status)
	}
}
