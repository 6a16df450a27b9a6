package web

import (
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/speechqa/speechqa/custody"
	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
	"github.com/speechqa/speechqa/web/browsertest"
)

// A batch in a real browser: the lead sees what is due and what stands against it and proposes, the manager approves
// with password and code, and later takes the signed record.
func TestDisposalInBrowser(t *testing.T) {
	m := newMatrix(t, false)
	m.due(m.own)
	m.due(m.foreign)
	if _, _, err := m.store.PlaceHold(t.Context(), custody.Actor{Name: "x"}, custody.Hold{Recording: m.foreign, Reason: "监管调查", Owner: "法务"}); err != nil {
		t.Fatal(err)
	}
	lead := m.newPerson(postgres.User{Name: "zhou", DisplayName: "周组长", Role: string(RoleLead)})
	boss := m.newPerson(postgres.User{Name: "wu", DisplayName: "吴经理", Role: string(RoleManager), Teams: []string{EveryTeam}})
	key, err := newTOTP("wu")
	if err == nil {
		err = m.store.SetTOTP(t.Context(), postgres.Actor{ID: boss.ID}, boss.ID, key.Secret(), 0, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	b := browsertest.Open(t, m.address, m.signIn(lead))
	b.Go("/custody")
	b.Click(`a[href="/disposals"]`)
	b.Becomes(`document.querySelector("#past")?.textContent === "2" && document.querySelector("#ready").textContent === "1" && document.querySelector("tr[data-code=hold]")`)
	b.Accessible("node_modules")
	b.Fill("#propose input[name=why]", "留存期满，按制度销毁")
	b.Click("#propose button")
	b.Becomes(`document.querySelector("#state")?.dataset.state === "proposed" && document.querySelector("#own") && document.querySelector("dd[data-count=stays]").textContent === "1"`)
	b.Accessible("node_modules")
	at := browsertest.Ask[string](b, `location.pathname`)

	b = browsertest.Open(t, m.address, m.signIn(boss))
	b.Go("/disposals")
	b.Accessible("node_modules")
	b.Picture(pictures, "disposals")
	b.Click("tr[data-disposal] a")
	b.Becomes(`document.querySelector("#approve") && document.querySelector("tr[data-state=stays] .reason")`)
	b.Accessible("node_modules")
	b.Picture(pictures, "disposal")
	code, err := totp.GenerateCode(key.Secret(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	b.Fill("#approve input[name=note]", "同意")
	b.Fill("#approve input[name=password]", testPassword)
	b.Fill("#approve input[name=code]", code)
	b.Click("#approve button")
	b.Becomes(`document.querySelector("#state")?.dataset.state === "approved" && document.querySelector("#withdraw")`)

	// The night goes by.
	storagetest.Exec(t, m.database, `UPDATE disposal_items SET state = 'stays', reasons = '{copy}' WHERE state = 'waiting'`,
		`UPDATE disposals SET state = 'done', ended_at = now(), record = '{}', signature = 's'`)
	b.Go(at)
	b.Becomes(`document.querySelector("#record a") && document.querySelectorAll("tr[data-state=stays]").length === 2`)
	b.Accessible("node_modules")
	b.Click(`button[name=lang][value=en]`)
	b.Becomes(`document.documentElement.lang === "en"`)
	b.Accessible("node_modules")
	b.Picture(pictures, "disposal-en")
}
