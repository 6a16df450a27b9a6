package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/speechqa/speechqa/custody"
	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
)

// disposalPlaces are batches of the matrix's recordings, one each.
func (m *matrix) disposalPlaces() map[string]func(*http.Cookie) place {
	one := func(recording string) string {
		if found := storagetest.Query(m.t, m.database, `SELECT disposal FROM disposal_items WHERE recording = $1`, recording); len(found) > 0 {
			return found[0]
		}
		storagetest.Exec(m.t, m.database, fmt.Sprintf(`WITH d AS (INSERT INTO disposals (why, holds_until, proposed_by, proposed_role)
			VALUES ('%s', now() + interval '1 day', '%s', 'lead') RETURNING id) SELECT 1 FROM d`, recording, m.target))
		storagetest.Exec(m.t, m.database, fmt.Sprintf(`INSERT INTO disposal_items (disposal, recording) SELECT id, '%s' FROM disposals WHERE why = '%[1]s'`, recording))
		return storagetest.Query(m.t, m.database, `SELECT disposal FROM disposal_items WHERE recording = $1`, recording)[0]
	}
	// The record is that of a batch that has ended: approved by somebody, of recordings that all stay.
	ended := func(recording string) string {
		title := "ended " + recording
		if found := storagetest.Query(m.t, m.database, `SELECT id FROM disposals WHERE why = $1`, title); len(found) > 0 {
			return found[0]
		}
		second := m.user(postgres.User{Name: "second-" + recording, Role: string(RoleManager)})
		storagetest.Exec(m.t, m.database,
			fmt.Sprintf(`INSERT INTO disposals (why, holds_until, proposed_by, proposed_role) VALUES ('%s', now() + interval '1 day', '%s', 'lead')`, title, m.target),
			fmt.Sprintf(`INSERT INTO disposal_items (disposal, recording, state, reasons) SELECT id, '%s', 'stays', '{copy}' FROM disposals WHERE why = '%s'`, recording, title),
			fmt.Sprintf(`UPDATE disposals SET state = 'approved', decided_by = '%s', decided_role = 'manager', decided_at = now() WHERE why = '%s'`, second.ID, title),
			fmt.Sprintf(`UPDATE disposals SET state = 'done', ended_at = now(), record = '{}', signature = 's' WHERE why = '%s'`, title))
		return storagetest.Query(m.t, m.database, `SELECT id FROM disposals WHERE why = $1`, title)[0]
	}
	all := map[string]func(*http.Cookie) place{}
	for _, r := range m.console.disposalRoutes() {
		_, path, _ := strings.Cut(r.pattern, " ")
		if !strings.Contains(path, "{disposal}") {
			continue
		}
		batch := one
		if strings.HasSuffix(path, "/record") {
			batch = ended
		}
		at := func(recording string) string { return strings.ReplaceAll(path, "{disposal}", batch(recording)) }
		all[r.pattern] = func(*http.Cookie) place { return place{at(m.own), at(m.foreign)} }
	}
	return all
}

func sampleDisposal() disposalData {
	id := "0191d7a0-0000-7000-8000-00000000000a"
	return disposalData{States: custody.ItemStates, Codes: []string{"hold"}, Keys: true, Open: true, MayJudge: true, MayStop: true, Factor: true, Password: true, NextURL: "/disposals/" + id + "?after=x",
		Disposal: custody.Disposal{ID: id, Why: "期满<b>", State: custody.DisposalProposed, ProposedBy: "li", HoldsUntil: time.Unix(2e9, 0), ProposedAt: time.Unix(1e9, 0), Recordings: 3,
			Counts: map[custody.ItemState]int64{custody.ItemWaiting: 2, custody.ItemStays: 1}, Reasons: map[string]int64{"hold": 1}, Problems: 1},
		Rows: []custody.DisposalRow{{Recording: "r1", Key: "recordings/a<b>.wav", State: custody.ItemStays, Reasons: []string{"hold", "copy"}},
			{Recording: "r2", Key: "recordings/b.wav", State: custody.ItemTombstoned, CopyAt: time.Unix(1e9, 0), Problem: "no <b>answer"}}}
}

func TestDisposalPages(t *testing.T) {
	c := newPages(t)
	for _, l := range langs {
		for _, role := range grants[permCustody] {
			d := sampleDisposal()
			doc := draw(t, c, l, role, "disposal", d)
			if n := len(all(doc, "main b")); n != 0 {
				t.Errorf("%d things that must not be there", n)
			}
			one(t, doc, `dd[data-count=waiting]`)
			one(t, doc, `tr[data-recording=r1][data-state=stays]`)
			one(t, doc, `form#approve input[name=code]`)
			d.MayJudge, d.Own, d.State = false, true, custody.DisposalDone
			doc = draw(t, c, l, role, "disposal", d)
			if n := len(all(doc, "form#approve, form#refuse")); n != 0 {
				t.Errorf("who may not decide sees %d forms", n)
			}
			one(t, doc, "#record")

			list := draw(t, c, l, role, "disposals", disposalsData{Outlook: postgres.DisposalOutlook{Due: 3, Ready: 1, Against: map[string]int64{"hold": 2}},
				Codes: []string{"hold"}, Disposals: []custody.Disposal{d.Disposal}, MayMake: may(role, permPropose), Form: url.Values{}})
			one(t, list, `tr[data-code=hold]`)
			one(t, list, `tr[data-state=done]`)
			if got := len(all(list, "form#propose")) == 1; got != may(role, permPropose) {
				t.Errorf("%s sees the form: %v", role, got)
			}
		}
		one(t, draw(t, c, l, RoleLead, "disposals", disposalsData{MayMake: true, Form: url.Values{}}), "form#propose")
	}
}

// due makes a recording of the matrix six years old, judged, with a verified second copy.
func (m *matrix) due(recording string) {
	m.t.Helper()
	storagetest.Exec(m.t, m.database, fmt.Sprintf(`UPDATE findings SET verdict = 'overturned' WHERE recording = '%s'`, recording),
		`ALTER TABLE custody DISABLE TRIGGER USER`,
		fmt.Sprintf(`UPDATE custody SET recorded_at = now() - interval '6 years', retain_until = now() - interval '1 year', locked_until = NULL, due_at = NULL, sha256 = 'abc' WHERE recording = '%s'`, recording),
		`ALTER TABLE custody ENABLE TRIGGER USER`,
		fmt.Sprintf(`UPDATE copies SET due_at = NULL, bucket = 'second', key = 'k', sha256 = 'abc', copied_at = now(), verified_at = now() WHERE recording = '%s'`, recording))
}

// The way of a batch over HTTP: proposed by a lead, not approved by himself, nor without password and second factor,
// nor what has to be kept; nothing on the way destroys anything.
func TestDisposalOverHTTP(t *testing.T) {
	m := newMatrix(t, false)
	m.console.access.SecondFactor = true
	lead := m.newPerson(postgres.User{Name: "lead", Role: string(RoleLead)})
	manager := m.newPerson(postgres.User{Name: "boss", Role: string(RoleManager), Teams: []string{EveryTeam}})
	key, err := newTOTP("boss")
	if err != nil {
		t.Fatal(err)
	}
	if err := m.store.SetTOTP(t.Context(), postgres.Actor{ID: manager.ID}, manager.ID, key.Secret(), 0, []string{"AAAA-BBBB-CCCC-DDDD"}); err != nil {
		t.Fatal(err)
	}
	code := func() string {
		c, err := totp.GenerateCode(key.Secret(), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	until := time.Now().AddDate(0, 0, 20).Format(time.DateOnly)
	a := m.browser()
	a.page("/login", login("lead", testPassword))
	proposal := url.Values{"why": {"期满销毁"}, "until": {until}, "limit": {"10"}}
	if status, _, _ := a.page("/disposals", proposal); status != http.StatusBadRequest {
		t.Errorf("nothing is due: status %d", status)
	}
	m.due(m.own)
	for name, bad := range map[string]string{"why": "", "until": "2999-01-01", "limit": "x"} {
		f := url.Values{"why": {"w"}, "until": {until}}
		f.Set(name, bad)
		if status, _, _ := a.page("/disposals", f); status != http.StatusBadRequest {
			t.Errorf("%s %q: status %d", name, bad, status)
		}
	}
	_, at, doc := a.page("/disposals", proposal)
	if !strings.HasPrefix(at, "/disposals/") || len(all(doc, "form#approve")) != 0 {
		t.Fatalf("at %s", at)
	}
	one(t, doc, "#own")
	if status, _, _ := a.page(at+"/approve", url.Values{"password": {testPassword}}); status != http.StatusForbidden {
		t.Errorf("approved by the proposer: status %d", status)
	}
	// Not even when he becomes a manager, with a second factor.
	storagetest.Exec(t, m.database, `UPDATE users SET role = 'manager', teams = '{*}' WHERE name = 'lead'`)
	m.console.access.SecondFactor = false
	if status, _, _ := a.page(at+"/approve", url.Values{"password": {testPassword}}); status != http.StatusConflict {
		t.Errorf("approved by the proposer as a manager: status %d", status)
	}
	m.console.access.SecondFactor = true
	storagetest.Exec(t, m.database, `UPDATE users SET role = 'lead', teams = '{}' WHERE name = 'lead'`)

	b := m.browser()
	m.console.access.SecondFactor = false
	b.page("/login", login("boss", testPassword))
	b.page("/login/code", url.Values{"code": {"AAAA-BBBB-CCCC-DDDD"}})
	m.console.access.SecondFactor = true
	for name, f := range map[string]url.Values{"without anything": {}, "without a code": {"password": {testPassword}}, "with a wrong code": {"password": {testPassword}, "code": {"000000"}},
		"with a wrong password": {"password": {"x"}, "code": {code()}}} {
		if status, _, doc := b.page(at+"/approve", f); status != http.StatusForbidden || len(all(doc, ".problem")) != 1 {
			t.Errorf("approved %s: status %d", name, status)
		}
	}
	if got := storagetest.Query(t, m.database, `SELECT count FROM login_attempts WHERE name = 'boss'`); len(got) != 1 || got[0] != "4" {
		t.Errorf("attempts that are counted: %v", got)
	}
	if err := m.store.ExtendRetention(t.Context(), custody.Actor{Name: "x"}, m.own, time.Now().AddDate(1, 0, 0), "诉讼"); err != nil {
		t.Fatal(err)
	}
	if status, _, doc := b.page(at+"/approve", url.Values{"password": {testPassword}, "code": {code()}, "note": {"同意"}}); status != http.StatusConflict || len(all(doc, "tr[data-code=date]")) != 0 {
		t.Errorf("approved what is to be kept: status %d", status)
	}
	storagetest.Exec(t, m.database, `UPDATE users SET totp_step = 0 WHERE name = 'boss'`)
	m.due(m.own)
	if status, _, doc := b.page(at+"/approve", url.Values{"password": {testPassword}, "code": {code()}, "note": {"同意"}}); status != http.StatusOK || attr(one(t, doc, "#state"), "data-state") != "approved" {
		t.Errorf("approving: status %d", status)
	}
	if got := storagetest.Query(t, m.database, `SELECT concat_ws('/', decided_role, note, decided_by = $1, proposed_by = $2) FROM disposals`, manager.ID, lead.ID); len(got) != 1 || got[0] != "manager/同意/t/t" {
		t.Errorf("%v", got)
	}
	if status, _, _ := a.page(at+"/withdraw", url.Values{}); status != http.StatusOK {
		t.Errorf("stop: status %d", status)
	}
	if status, _, _ := a.page(at+"/record", nil); status != http.StatusNotFound {
		t.Errorf("record of what has not ended: status %d", status)
	}
	if got := storagetest.Query(t, m.database, `SELECT state || (SELECT count(*) FROM tombstones) FROM recordings WHERE id = $1`, m.own); got[0] != "inspected0" {
		t.Errorf("%v", got)
	}
	got := storagetest.Query(t, m.database, `SELECT DISTINCT action FROM audit_log WHERE action LIKE 'disposal.%' AND origin <> '' ORDER BY 1`)
	if want := []string{"disposal.approve", "disposal.propose", "disposal.record", "disposal.withdraw"}; !slices.Equal(got, want) {
		t.Errorf("on record: %v", got)
	}
}

// Before the date neither the console nor the API has a way to delete, shorten or overwrite: no route takes such a
// request, and what is asked all the same is refused and changes nothing.
func TestNothingGoesBeforeItsDate(t *testing.T) {
	m := newMatrix(t, false)
	for _, r := range m.console.table() {
		if method, _, _ := strings.Cut(r.pattern, " "); method != http.MethodGet && method != http.MethodPost {
			t.Errorf("%s: the console and the API only read and add", r.pattern)
		}
	}
	before := storagetest.Query(t, m.database, `SELECT r.*, c.* FROM recordings r JOIN custody c ON c.recording = r.id ORDER BY r.id`)
	for _, role := range Roles {
		u := m.user(postgres.User{Name: "all-" + string(role), Role: string(role), Teams: []string{EveryTeam}, AgentID: "a1"})
		cookie := m.signIn(u)
		for _, method := range []string{http.MethodDelete, http.MethodPut, http.MethodPatch} {
			for _, path := range []string{"/recordings/" + m.own, "/recordings/" + m.own + "/audio", "/custody", "/custody/holds", "/api/v1/recordings/" + m.own,
				"/api/v1/recordings/" + m.own + "/findings", "/disposals", "/audit"} {
				if a := m.ask(method, path, cookie); a.status != http.StatusMethodNotAllowed && a.status != http.StatusNotFound {
					t.Errorf("%s %s for %s: status %d", method, path, role, a.status)
				}
			}
		}
	}
	lead := m.newPerson(postgres.User{Name: "lead", Role: string(RoleLead)})
	v := m.browser()
	v.page("/login", login("lead", testPassword))
	for _, f := range []url.Values{{"why": {"w"}, "until": {time.Now().AddDate(0, 0, 9).Format(time.DateOnly)}},
		{"why": {"w"}, "until": {time.Now().AddDate(0, 0, 9).Format(time.DateOnly)}, "before": {"2999-01-01"}, "recording": {m.own}}} {
		if status, _, doc := v.page("/disposals", f); status != http.StatusBadRequest || len(all(doc, ".problem")) != 1 {
			t.Errorf("proposed before its date: status %d", status)
		}
	}
	storagetest.Exec(t, m.database, fmt.Sprintf(`INSERT INTO disposals (why, holds_until, proposed_by, proposed_role) VALUES ('forged', now() + interval '1 day', '%s', 'lead')`, lead.ID),
		fmt.Sprintf(`INSERT INTO disposal_items (disposal, recording) SELECT id, '%s' FROM disposals`, m.own)) // a batch as the page would never make it
	m.newPerson(postgres.User{Name: "boss", Role: string(RoleManager), Teams: []string{EveryTeam}})
	b := m.browser()
	b.page("/login", login("boss", testPassword))
	id := storagetest.Query(t, m.database, `SELECT id FROM disposals`)[0]
	if status, _, _ := b.page("/disposals/"+id+"/approve", url.Values{"password": {testPassword}}); status != http.StatusConflict {
		t.Errorf("approved before its date: status %d", status)
	}
	if after := storagetest.Query(t, m.database, `SELECT r.*, c.* FROM recordings r JOIN custody c ON c.recording = r.id ORDER BY r.id`); !slices.Equal(before, after) {
		t.Error("something changed")
	}
}

// Who came by the company's directory has no password here: he must have logged in there a short while ago, and gives the
// code of a second factor that he has here.
func TestDisposalApprovedByDirectory(t *testing.T) {
	m := newMatrix(t, false)
	m.due(m.own)
	boss := m.newPerson(postgres.User{Name: "boss", Role: string(RoleManager), Teams: []string{EveryTeam}})
	lead := m.newPerson(postgres.User{Name: "lead", Role: string(RoleLead)})
	id, err := m.store.ProposeDisposal(t.Context(), custody.Person{Actor: custody.Actor{ID: lead.ID, Name: "lead"}, Role: "lead"}, postgres.Scope{},
		custody.Proposal{Why: "w", HoldsUntil: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	s := m.console.sessions
	ctx, err := s.Load(t.Context(), "")
	if err == nil {
		err = m.console.startSession(ctx, postgres.Actor{ID: boss.ID, Name: "boss"}, "the directory", true)
	}
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := s.Commit(ctx)
	if err != nil {
		t.Fatal(err)
	}
	cookie := &http.Cookie{Name: s.Cookie.Name, Value: token}
	m.console.access.SecondFactor = true
	ask := func(want int) {
		t.Helper()
		if a := m.ask(http.MethodPost, "/disposals/"+id+"/approve", cookie); a.status != want {
			t.Errorf("status %d, want %d", a.status, want)
		}
	}
	storagetest.Exec(t, m.database, `UPDATE logins SET started_at = now() - interval '11 minutes'`)
	ask(http.StatusForbidden)
	storagetest.Exec(t, m.database, `UPDATE logins SET started_at = now() - interval '9 minutes'`, `UPDATE users SET totp_secret = 'JBSWY3DPEHPK3PXP' WHERE name = 'boss'`)
	ask(http.StatusForbidden)
	storagetest.Exec(t, m.database, `UPDATE users SET totp_secret = '' WHERE name = 'boss'`)
	ask(http.StatusSeeOther)
	if got := storagetest.Query(t, m.database, `SELECT state FROM disposals`)[0]; got != "approved" {
		t.Error(got)
	}
}
