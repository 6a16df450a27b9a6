package web

import (
	"net/url"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/web/browsertest"
)

// An administrator's first day in a real browser: log in, set up the second factor, ask for a manager's rights, see the
// user; the auditor checks the log.
func TestAccessInBrowser(t *testing.T) {
	m := newMatrix(t, false)
	m.console.access.SecondFactor = true
	m.newPerson(postgres.User{Name: "one", DisplayName: "周管理", Role: string(RoleAdmin)})
	m.newPerson(postgres.User{Name: "two", DisplayName: "吴管理", Role: string(RoleAdmin)})
	m.newPerson(postgres.User{Name: "shen", DisplayName: "沈稽核", Role: string(RoleAuditor)})
	b := browsertest.Open(t, m.address, nil)
	b.Go("/login")
	b.Accessible("node_modules")
	b.Type("input[name=name]", "one")
	b.Type("input[name=password]", testPassword)
	b.Click("form.login button")
	b.Becomes(`location.pathname === "/account" && document.querySelector("img.qr").naturalWidth > 100`)
	b.Accessible("node_modules")
	b.Picture(pictures, "account")
	code, err := totp.GenerateCode(browsertest.Ask[string](b, `document.querySelector("code.secret").textContent`), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	b.Type("#factor input[name=code]", code)
	b.Type("#factor input[name=password]", testPassword)
	b.Click("#factor button")
	b.Becomes(`document.querySelectorAll(".codes code").length === 10`)
	b.Accessible("node_modules")
	b.Picture(pictures, "account-codes")

	b.Go("/users")
	b.Fill("form.fields input[name=name]", "zhao")
	b.Fill("form.fields input[name=display]", "赵经理")
	b.Fill("form.fields select[name=role]", "manager")
	b.Fill("form.fields input[name=teams]", "north，south")
	b.Click("form.fields button.primary")
	b.Becomes(`document.querySelector("#password code")?.textContent.length === 16`)
	b.Accessible("node_modules")
	b.Picture(pictures, "user-new")
	two := m.browser()
	m.console.access.SecondFactor = false
	two.page("/login", login("two", testPassword))
	_, _, doc := two.page("/users", nil)
	change := attr(one(t, doc, "[data-change]"), "data-change")
	b.Go("/users")
	b.Accessible("node_modules")
	b.Picture(pictures, "users")
	two.page("/changes/"+change, url.Values{"decision": {"confirm"}})
	b.Go("/users")
	b.Becomes(`document.querySelectorAll("[data-change]").length === 0 && document.querySelector("tr[data-user=zhao]").textContent.includes("north, south")`)

	b.Go("/audit")
	b.Click("form[action='/audit/verify'] button")
	b.Becomes(`document.querySelector("#last-check.intact")`)
	b.Accessible("node_modules")
	b.Picture(pictures, "audit")
	b.Click(`button[name=lang][value=en]`)
	b.Becomes(`document.documentElement.lang === "en"`)
	b.Picture(pictures, "audit-en")
}
