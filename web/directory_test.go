package web

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/oauth2-proxy/mockoidc"
	"github.com/pquerna/otp/totp"

	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
	"github.com/speechqa/speechqa/web/browsertest"
)

// officeWorker is somebody in the directory, with what it says of how he logged in.
type officeWorker struct {
	mockoidc.MockUser
	AMR []string
	ACR string
}

func (u *officeWorker) Claims(_ []string, base *mockoidc.IDTokenClaims) (jwt.Claims, error) {
	return &struct {
		*mockoidc.IDTokenClaims
		Name     string   `json:"preferred_username,omitempty"`
		Email    string   `json:"email,omitempty"`
		Verified bool     `json:"email_verified"`
		AMR      []string `json:"amr,omitempty"`
		ACR      string   `json:"acr,omitempty"`
	}{base, u.PreferredUsername, u.Email, u.EmailVerified, u.AMR, u.ACR}, nil
}

// withDirectory is a matrix whose people may log in by a directory, a real OpenID Connect server.
func withDirectory(t *testing.T) (*matrix, *mockoidc.MockOIDC) {
	t.Helper()
	m := newMatrix(t, false)
	idp, err := mockoidc.Run()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := idp.Shutdown(); err != nil {
			t.Error(err)
		}
	})
	m.console.directory = &Directory{Issuer: idp.Issuer(), ClientID: idp.ClientID, ClientSecret: idp.ClientSecret, Claim: "preferred_username", PublicURL: m.address}
	return m, idp
}

func named(name string) *officeWorker {
	return &officeWorker{MockUser: mockoidc.MockUser{Subject: "s-" + name, PreferredUsername: name}}
}

func TestDirectoryLogin(t *testing.T) {
	m, idp := withDirectory(t)
	m.console.access.SecondFactor = true
	li := m.newPerson(postgres.User{Name: "li", Role: "clerk"})
	m.newPerson(postgres.User{Name: "gone", Role: "lead"})
	m.newPerson(postgres.User{Name: "chief", Role: "admin"})
	m.newPerson(postgres.User{Name: "norights"})
	storagetest.Exec(t, m.database, `UPDATE users SET disabled = true WHERE name = 'gone'`,
		`UPDATE users SET must_change = true, password_set_at = now() - interval '9 years' WHERE name = 'li'`) // is the directory's affair
	come := func(u *officeWorker, path string) (status int, at, page string) {
		t.Helper()
		idp.QueueUser(u)
		v := m.browser()
		status, at, doc := v.page(path, nil)
		return status, at, textOf(one(t, doc, "main"))
	}
	if status, at, _ := come(named("LI"), "/login/directory?next=/notices"); status != http.StatusOK || at != "/notices" {
		t.Errorf("a clerk: status %d at %s", status, at)
	}
	if status, at, _ := come(named("li"), "/login/directory?next=https://evil.example/"); status != http.StatusOK || at != "/" {
		t.Errorf("on to elsewhere: status %d at %s", status, at)
	}
	for what, c := range map[string]struct {
		who     *officeWorker
		problem string
	}{
		"nobody here": {named("stranger"), "directory.unknown"}, "blocked": {named("gone"), "directory.unknown"}, "no rights yet": {named("norights"), "directory.unknown"},
		"no name": {named(""), "directory.refused"}, "no second factor": {named("chief"), "directory.factor"},
		"a factor that was not agreed on": {&officeWorker{MockUser: mockoidc.MockUser{Subject: "x", PreferredUsername: "chief"}, AMR: []string{"mfa"}}, "directory.factor"},
	} {
		if status, _, page := come(c.who, "/login/directory"); status != http.StatusUnauthorized || !strings.Contains(page, m.console.messages.text(Chinese, c.problem)) {
			t.Errorf("%s: status %d, %s", what, status, page)
		}
	}
	m.console.directory.Factors = []string{"mfa", "gold"}
	for what, u := range map[string]*officeWorker{
		"amr": {MockUser: mockoidc.MockUser{Subject: "x", PreferredUsername: "chief"}, AMR: []string{"pwd", "mfa"}},
		"acr": {MockUser: mockoidc.MockUser{Subject: "x", PreferredUsername: "chief"}, ACR: "gold"},
	} {
		if status, at, _ := come(u, "/login/directory?next=/users"); status != http.StatusOK || at != "/users" {
			t.Errorf("with a second factor by %s: status %d at %s", what, status, at)
		}
	}
	m.console.directory.Claim = "email"
	for _, verified := range []bool{false, true} {
		u := &officeWorker{MockUser: mockoidc.MockUser{Subject: "x", Email: "li", EmailVerified: verified}}
		if _, at, _ := come(u, "/login/directory"); (at == "/") != verified {
			t.Errorf("with an address verified %v at %s", verified, at)
		}
	}
	got := storagetest.Query(t, m.database, `SELECT DISTINCT action || ' ' || name FROM audit_log WHERE action LIKE 'access.%' ORDER BY 1`)
	for _, want := range []string{`"access.directory li"`, `"access.login li"`, `"access.refused stranger"`, `"access.refused gone"`, `"access.directory chief"`} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is not on record: %v", want, got)
		}
	}
	if u, err := m.store.User(t.Context(), li.ID); err != nil || u.Role != "clerk" {
		t.Errorf("rights by the directory: %+v %v", u, err)
	}
	if n := storagetest.Query(t, m.database, `SELECT count(*) FROM users WHERE name = 'stranger'`)[0]; n != "0" {
		t.Error("an account by the directory")
	}
}

// Who has a second factor here is asked for it where the directory has not.
func TestDirectoryAsksForTheFactor(t *testing.T) {
	m, idp := withDirectory(t)
	u := m.newPerson(postgres.User{Name: "chief", Role: "admin"})
	const secret = "JBSWY3DPEHPK3PXP"
	if err := m.store.SetTOTP(t.Context(), postgres.CommandLine, u.ID, m.console.sealer.Seal(secret, u.ID), 0, nil); err != nil {
		t.Fatal(err)
	}
	idp.QueueUser(named("chief"))
	v := m.browser()
	if _, at, _ := v.page("/login/directory?next=/users", nil); at != "/login/code" {
		t.Fatalf("at %s", at)
	}
	if _, at, _ := v.page("/users", nil); at != "/login" {
		t.Errorf("half logged in and at %s", at)
	}
	code, err := totp.GenerateCode(secret, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, at, _ := v.page("/login/code", url.Values{"code": {code}}); at != "/users" {
		t.Errorf("with the code at %s", at)
	}
}

// An answer is taken once, only by the browser that asked, and only as the directory gave it.
func TestDirectoryIsNotForged(t *testing.T) {
	m, idp := withDirectory(t)
	m.newPerson(postgres.User{Name: "li", Role: "clerk"})
	type browser struct{ *http.Client }
	open := func() browser {
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		return browser{&http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	}
	get := func(b browser, address string) (status int, to *url.URL) {
		t.Helper()
		res, err := b.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		to, _ = res.Location()
		return res.StatusCode, to
	}
	// ask goes to the directory and stops before the way back.
	ask := func(b browser) (there, back *url.URL) {
		t.Helper()
		idp.QueueUser(named("li"))
		_, there = get(b, m.address+"/login/directory")
		q := there.Query()
		if q.Get("code_challenge_method") != "S256" || q.Get("code_challenge") == "" || len(q.Get("state")) < 20 || len(q.Get("nonce")) < 20 || q.Get("response_type") != "code" {
			t.Fatalf("asked with %v", q)
		}
		_, back = get(b, there.String())
		return there, back
	}
	change := func(u *url.URL, name, value string) string {
		q := u.Query()
		q.Set(name, value)
		out := *u
		out.RawQuery = q.Encode()
		return out.String()
	}
	refused := func(what string, b browser, address string) {
		t.Helper()
		if status, to := get(b, address); status != http.StatusUnauthorized {
			t.Errorf("%s: status %d to %v", what, status, to)
		}
	}
	mine, other := open(), open()
	_, back := ask(mine)
	_, others := ask(other)
	refused("another browser's answer", mine, others.String())
	refused("after that, one's own", mine, back.String())
	_, back = ask(mine)
	refused("another state", mine, change(back, "state", "x"))
	_, back = ask(mine)
	refused("no state", open(), change(back, "state", ""))
	_, back = ask(mine)
	refused("another code", mine, change(back, "code", "x"))
	_, back = ask(mine)
	refused("the code of another log-in, with another PKCE verifier and nonce", mine, change(back, "code", others.Query().Get("code")))
	there, _ := ask(mine)
	_, swapped := get(mine, change(there, "nonce", "another-nonce-of-somebody-else"))
	refused("another nonce", mine, swapped.String())
	_, back = ask(mine)
	refused("the directory's refusal", mine, m.address+directoryBack+"?error=access_denied&state="+back.Query().Get("state"))
	_, back = ask(mine)
	if status, to := get(mine, back.String()); status != http.StatusSeeOther || to.Path != "/" {
		t.Errorf("the real one: status %d to %v", status, to)
	}
	refused("the real one once more", mine, back.String())
}

// Without a directory there is no way to it; one that is away leaves the password.
func TestDirectoryAway(t *testing.T) {
	m, idp := withDirectory(t)
	u := m.newPerson(postgres.User{Name: "li", Role: "clerk"})
	for _, l := range langs {
		v := m.browser()
		v.page("/lang", url.Values{"lang": {string(l)}, "back": {"/login"}})
		_, _, doc := v.page("/login?next=/notices", nil)
		if a := one(t, doc, `a[href^="/login/directory"]`); textOf(a) != m.console.messages.text(l, "directory.button") || !strings.Contains(attr(a, "href"), "notices") {
			t.Errorf("%s: %q %s", l, textOf(a), attr(a, "href"))
		}
	}
	m.console.directory.Issuer = idp.Issuer() + "/none"
	if status, _, doc := m.browser().page("/login/directory", nil); status != http.StatusServiceUnavailable || len(all(doc, "input[name=password]")) != 1 {
		t.Errorf("away: status %d", status)
	}
	if _, at, _ := m.browser().page("/login", login(u.Name, testPassword)); at != "/" {
		t.Errorf("with the password at %s", at)
	}
	m.console.directory = nil
	for _, path := range []string{"/login/directory", directoryBack} {
		if status, _, _ := m.browser().page(path, nil); status != http.StatusNotFound {
			t.Errorf("without a directory %s: status %d", path, status)
		}
	}
}

func TestDirectoryInBrowser(t *testing.T) {
	m, idp := withDirectory(t)
	m.newPerson(postgres.User{Name: "li", DisplayName: "李质检", Role: string(RoleClerk)})
	idp.QueueUser(named("stranger"))
	idp.QueueUser(named("li"))
	b := browsertest.Open(t, m.address, nil)
	b.Go("/login?next=/notices")
	b.Accessible("node_modules")
	b.Picture(pictures, "login-directory")
	b.Expect("401")
	b.Click(`a[href^="/login/directory"]`)
	b.Becomes(`document.querySelector(".problem")?.textContent.includes("没有可用的账号")`)
	b.Accessible("node_modules")
	b.Click(`a[href^="/login/directory"]`)
	b.Becomes(`location.pathname === "/notices"`)
	b.Go("/account")
	b.Becomes(`document.querySelector("main").innerText.includes("公司目录") && !document.querySelector("input[type=password]")`)
}
