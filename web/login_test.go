package web

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"golang.org/x/net/html"

	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
)

// visitorOn is a browser before the matrix's console.
type visitorOn struct {
	m      *matrix
	client *http.Client
}

func (m *matrix) browser() *visitorOn {
	m.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		m.t.Fatal(err)
	}
	return &visitorOn{m, &http.Client{Jar: jar}}
}

// page gets a page, or posts a form where there is one, and follows redirects.
func (v *visitorOn) page(path string, form url.Values) (status int, at string, doc *html.Node) {
	t := v.m.t
	t.Helper()
	method := http.MethodGet
	if form != nil {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(t.Context(), method, v.m.address+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	req.Header.Set("Accept", "text/html")
	res, err := v.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode, res.Request.URL.Path, parsePage(t, res.Body)
}

// token is the session cookie's value.
func (v *visitorOn) token() string {
	u, _ := url.Parse(v.m.address)
	for _, c := range v.client.Jar.Cookies(u) {
		if c.Name == v.m.console.sessions.Cookie.Name {
			return c.Value
		}
	}
	return ""
}

const testPassword = "correct horse battery"

// newPerson makes a user with testPassword.
func (m *matrix) newPerson(u postgres.User) postgres.User {
	m.t.Helper()
	hash, err := hashPassword(testPassword)
	if err != nil {
		m.t.Fatal(err)
	}
	u = m.user(u)
	storagetest.Exec(m.t, m.database, fmt.Sprintf(`UPDATE users SET password_hash = '%s' WHERE id = '%s'`, hash, u.ID))
	return u
}

func login(name, password string) url.Values {
	return url.Values{"name": {name}, "password": {password}}
}

// Who has known or planted a session token before the log-in is not logged in by it.
func TestSessionFixation(t *testing.T) {
	m := newMatrix(t, false)
	m.newPerson(postgres.User{Name: "li", Role: "clerk"})
	v := m.browser()
	v.page("/lang", url.Values{"lang": {"en"}, "back": {"/login"}}) // a session of nobody
	planted := v.token()
	if planted == "" {
		t.Fatal("no session before the log-in: the test no longer tests anything")
	}
	if _, at, _ := v.page("/login", login("li", testPassword)); at != "/" {
		t.Fatalf("logged in and at %s", at)
	}
	if v.token() == planted {
		t.Error("the session keeps its token at log-in")
	}
	for what, token := range map[string]string{"the token of before": planted, "a token of the visitor's choosing": "chosen-by-the-attacker"} {
		a := m.ask(http.MethodGet, "/", &http.Cookie{Name: m.console.sessions.Cookie.Name, Value: token})
		if got := m.verdict(a); got != "log in first" {
			t.Errorf("%s: %s", what, got)
		}
	}
	in := v.token()
	v.page("/account/password", url.Values{"password": {testPassword}, "new": {"quite another sentence"}, "again": {"quite another sentence"}})
	if v.token() == in {
		t.Error("the session keeps its token when the password changes")
	}
	out := v.token()
	v.page("/logout", url.Values{})
	if got := m.verdict(m.ask(http.MethodGet, "/", &http.Cookie{Name: m.console.sessions.Cookie.Name, Value: out})); got != "log in first" {
		t.Errorf("after the log-out: %s", got)
	}
}

// Guessing is stopped, also with the right password, and the answer does not tell whether there is such a user.
func TestLoginBruteForce(t *testing.T) {
	m := newMatrix(t, false)
	m.newPerson(postgres.User{Name: "li", Role: "clerk"})
	said := map[string][]string{}
	for _, name := range []string{"li", "nobody"} {
		v := m.browser()
		for i := range lockout.Free + 2 {
			status, _, doc := v.page("/login", login(name, fmt.Sprint("guess ", i)))
			said[name] = append(said[name], fmt.Sprint(status, " ", regexp.MustCompile(`\d+`).ReplaceAllString(textOf(one(t, doc, ".problem")), "N")))
		}
		if status, _, _ := v.page("/login", login(name, testPassword)); status != http.StatusTooManyRequests {
			t.Errorf("the right password of %s was looked at after %d wrong ones: status %d", name, lockout.Free+2, status)
		}
	}
	if !slices.Equal(said["li"], said["nobody"]) {
		t.Errorf("a user: %q\nnobody: %q", said["li"], said["nobody"])
	}
	if n := len(storagetest.Query(t, m.database, `SELECT 1 FROM audit_log WHERE action = 'access.refused' AND name = 'li'`)); n != lockout.Free {
		t.Errorf("%d refused log-ins on record, want %d", n, lockout.Free)
	}
}

// A form that another site posts does nothing.
func TestCrossOriginForms(t *testing.T) {
	m := newMatrix(t, false)
	cookie := m.signIn(m.user(postgres.User{Name: "admin", Role: "admin"}))
	for _, r := range m.console.table() {
		method, _, _ := strings.Cut(r.pattern, " ")
		if method == http.MethodGet || strings.HasPrefix(method, "HEAD") {
			continue
		}
		for header, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"} {
			req, err := http.NewRequestWithContext(t.Context(), method, m.address+m.placeOf(r.pattern, cookie).own, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set(header, value)
			req.AddCookie(cookie)
			res, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != http.StatusForbidden {
				t.Errorf("%s with %s: %s: status %d", r.pattern, header, value, res.StatusCode)
			}
		}
	}
}

// An administrator sets up the second factor before anything else, and logs in with it from then on.
func TestSecondFactorOverHTTP(t *testing.T) {
	m := newMatrix(t, false)
	m.console.access.SecondFactor = true
	u := m.newPerson(postgres.User{Name: "chief", Role: "admin"})
	v := m.browser()
	v.page("/login", login("chief", testPassword))
	for _, path := range []string{"/", "/users", "/recordings/" + m.own} {
		if _, at, _ := v.page(path, nil); at != "/account" {
			t.Errorf("%s without the second factor ends at %s", path, at)
		}
	}
	if status, _, _ := v.page("/users", url.Values{}); status != http.StatusForbidden {
		t.Errorf("a form without the second factor: status %d", status)
	}
	_, _, doc := v.page("/account", nil)
	one(t, doc, `img.qr[src^="data:image/png;base64,"]`)
	secret := textOf(one(t, doc, "code.secret"))
	code := func(steps int) string {
		t.Helper()
		c, err := totp.GenerateCode(secret, time.Now().Add(time.Duration(steps)*totpPeriod*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for what, form := range map[string]url.Values{
		"a wrong code": {"code": {"000000"}, "password": {testPassword}}, "a wrong password": {"code": {code(0)}, "password": {"x"}},
	} {
		if status, _, _ := v.page("/account/factor", form); status != http.StatusBadRequest {
			t.Errorf("%s: status %d", what, status)
		}
	}
	_, _, doc = v.page("/account/factor", url.Values{"code": {code(-1)}, "password": {testPassword}})
	codes := all(doc, ".codes code")
	if len(codes) != recoveryCodes {
		t.Fatalf("%d recovery codes", len(codes))
	}
	if _, at, _ := v.page("/users", nil); at != "/users" {
		t.Errorf("with the second factor at %s", at)
	}

	w := m.browser()
	if _, at, _ := w.page("/login", login("chief", testPassword)); at != "/login/code" {
		t.Fatalf("the second factor is not asked for: at %s", at)
	}
	if _, at, _ := w.page("/users", nil); at != "/login" {
		t.Errorf("half logged in and at %s", at)
	}
	if status, _, _ := w.page("/login/code", url.Values{"code": {code(-1)}}); status != http.StatusUnauthorized {
		t.Errorf("a code that was used: status %d", status)
	}
	if _, at, _ := w.page("/login/code", url.Values{"code": {code(0)}}); at != "/" {
		t.Errorf("with the code at %s", at)
	}
	x := m.browser()
	x.page("/login", login("chief", testPassword))
	if _, at, _ := x.page("/login/code", url.Values{"code": {strings.ToLower(textOf(codes[0]))}}); at != "/" {
		t.Errorf("with a recovery code at %s", at)
	}
	if n, err := m.store.RecoveryCodesLeft(t.Context(), u.ID); err != nil || n != recoveryCodes-1 {
		t.Errorf("%d recovery codes left, %v", n, err)
	}
	if _, at, _ := m.browser().page("/login/code", nil); at != "/login" {
		t.Errorf("the second half without the first: at %s", at)
	}
}

func TestPasswordIsChanged(t *testing.T) {
	m := newMatrix(t, false)
	u := m.newPerson(postgres.User{Name: "li", Role: "clerk"})
	v, other := m.browser(), m.browser()
	v.page("/login", login("li", testPassword))
	other.page("/login", login("li", testPassword))
	const fresh = "quite another sentence"
	for problem, form := range map[string]url.Values{
		"account.wrong_password": {"password": {"x"}, "new": {fresh}, "again": {fresh}},
		"password.short":         {"password": {testPassword}, "new": {"short"}, "again": {"short"}},
		"password.used":          {"password": {testPassword}, "new": {testPassword}, "again": {testPassword}},
		"password.differ":        {"password": {testPassword}, "new": {fresh}, "again": {fresh + "!"}},
	} {
		status, _, doc := v.page("/account/password", form)
		if got, want := textOf(one(t, doc, ".problem")), m.console.messages.text(Chinese, problem); status != http.StatusBadRequest || got != want {
			t.Errorf("%s: status %d, %q", problem, status, got)
		}
	}
	v.page("/account/password", url.Values{"password": {testPassword}, "new": {fresh}, "again": {fresh}})
	if _, at, _ := v.page("/", nil); at != "/" {
		t.Errorf("logged out by changing the password: at %s", at)
	}
	if _, at, _ := other.page("/", nil); at != "/login" {
		t.Errorf("logged in elsewhere with the old password: at %s", at)
	}
	storagetest.Exec(t, m.database, `UPDATE users SET password_set_at = now() - interval '31 days', role = 'admin' WHERE id = '`+u.ID+`'`)
	if _, at, doc := v.page("/", nil); at != "/account" || textOf(one(t, doc, "main > .problem")) != m.console.messages.text(Chinese, "account.must.password") {
		t.Errorf("with an expired password at %s", at)
	}
}

// A new user gets rights only when a second administrator agrees, and loses everything at once when blocked.
func TestUsersOverHTTP(t *testing.T) {
	m := newMatrix(t, false)
	for _, name := range []string{"one", "two"} {
		m.newPerson(postgres.User{Name: name, DisplayName: name, Role: "admin"})
	}
	one1, two := m.browser(), m.browser()
	one1.page("/login", login("one", testPassword))
	two.page("/login", login("two", testPassword))

	for problem, form := range map[string]url.Values{
		"users.no_role": {"name": {"zhao"}}, "users.no_agent": {"name": {"zhao"}, "role": {"agent"}},
		"users.no_scope": {"name": {"zhao"}, "role": {"manager"}}, "users.bad_name": {"name": {"zh ao"}, "role": {"clerk"}},
	} {
		if _, _, doc := one1.page("/users", form); textOf(one(t, doc, "main > .problem")) != m.console.messages.text(Chinese, problem) {
			t.Errorf("%s is not said", problem)
		}
	}
	_, _, doc := one1.page("/users", url.Values{"name": {"zhao"}, "display": {"赵强"}, "role": {"manager"}, "teams": {"north, south"}})
	password := textOf(one(t, doc, "#password code"))
	change := attr(one(t, doc, "[data-change]"), "data-change")
	if status, _, doc := m.browser().page("/login", login("zhao", password)); status != http.StatusUnauthorized || len(all(doc, ".problem")) != 1 {
		t.Errorf("logged in without any rights: status %d", status)
	}
	if status, _, _ := one1.page("/changes/"+change, url.Values{"decision": {"confirm"}}); status != http.StatusForbidden {
		t.Errorf("confirmed by who asked: status %d", status)
	}
	if _, at, _ := two.page("/changes/"+change, url.Values{"decision": {"confirm"}}); at != "/users" {
		t.Errorf("confirmed and at %s", at)
	}
	zhao := m.browser()
	if _, at, _ := zhao.page("/login", login("zhao", password)); at != "/account" {
		t.Errorf("the first log-in ends at %s", at)
	}
	zhao.page("/account/password", url.Values{"password": {password}, "new": {"my own long sentence"}, "again": {"my own long sentence"}})
	if _, at, _ := zhao.page("/trends", nil); at != "/trends" {
		t.Errorf("the manager is at %s", at)
	}
	id := storagetest.Query(t, m.database, `SELECT id FROM users WHERE name = 'zhao'`)[0]
	_, _, doc = one1.page("/users/"+id, nil)
	one(t, doc, `form[action$="/end"]`)
	two.page("/users/"+id+"/disable", url.Values{})
	if _, at, _ := zhao.page("/trends", nil); at != "/login" {
		t.Errorf("blocked and at %s", at)
	}
	if status, _, _ := zhao.page("/login", login("zhao", "my own long sentence")); status != http.StatusUnauthorized {
		t.Errorf("blocked and logged in: status %d", status)
	}
	two1 := storagetest.Query(t, m.database, `SELECT id FROM users WHERE name = 'two'`)[0]
	for _, what := range []string{"password", "factor"} {
		if status, _, _ := one1.page("/users/"+two1+"/"+what, url.Values{}); status != http.StatusBadRequest {
			t.Errorf("%s of another administrator was reset: status %d", what, status)
		}
	}
	got := storagetest.Query(t, m.database, `SELECT action || ' ' || name FROM audit_log WHERE action LIKE 'user.%' AND name <> '(command line)' ORDER BY seq`)
	want := []string{`"user.create one"`, `"user.change_asked one"`, `"user.change two"`, `"user.password zhao"`, `"user.disable two"`}
	if !slices.Equal(got, want) {
		t.Errorf("on record %v, want %v", got, want)
	}
}

func TestAccessPagesInBothLanguages(t *testing.T) {
	m := newMatrix(t, false)
	u := m.newPerson(postgres.User{Name: "one", DisplayName: "one", Role: "admin"})
	v := m.browser()
	v.page("/login", login("one", testPassword))
	v.page("/users", url.Values{"name": {"zhao"}, "role": {"agent"}, "agent": {"a1"}})
	for _, l := range langs {
		v.page("/lang", url.Values{"lang": {string(l)}})
		for _, path := range []string{"/account", "/users", "/users/" + u.ID} {
			_, _, doc := v.page(path, nil)
			if got := textOf(one(t, doc, "h1")); got == "" || !strings.HasPrefix(attr(one(t, doc, "html"), "lang"), string(l)) {
				t.Errorf("%s in %s is headed %q", path, l, got)
			}
		}
	}
}

// Nothing secret is in the log, at whatever level: passwords, codes, keys, session tokens.
func TestSecretsAreNotLogged(t *testing.T) {
	m := newMatrix(t, false)
	var log bytes.Buffer
	m.console.log = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	m.newPerson(postgres.User{Name: "chief", Role: "admin"})
	v := m.browser()
	secrets := map[string]string{"password": testPassword, "guess": "a wrong guess of somebody", "new password": "quite another sentence"}
	v.page("/login", login("chief", secrets["guess"]))
	v.page("/login", login("chief", testPassword))
	_, _, doc := v.page("/account", nil)
	secrets["second factor's key"] = textOf(one(t, doc, "code.secret"))
	code, err := totp.GenerateCode(secrets["second factor's key"], time.Now())
	if err != nil {
		t.Fatal(err)
	}
	_, _, doc = v.page("/account/factor", url.Values{"code": {code}, "password": {testPassword}})
	secrets["recovery code"] = textOf(all(doc, ".codes code")[0])
	v.page("/account/password", url.Values{"password": {secrets["guess"]}, "new": {secrets["new password"]}, "again": {secrets["new password"]}})
	v.page("/account/password", url.Values{"password": {testPassword}, "new": {secrets["new password"]}, "again": {secrets["new password"]}})
	secrets["session's token"] = v.token()
	v.page("/recordings/"+m.own, nil)
	v.page("/no/such/page?password="+url.QueryEscape(secrets["guess"]), nil)
	w := m.browser()
	w.page("/login", login("chief", secrets["new password"]))
	w.page("/login/code", url.Values{"code": {"wrong-" + secrets["recovery code"]}})
	if !strings.Contains(log.String(), "log-in refused") || !strings.Contains(log.String(), "request failed") {
		t.Fatalf("the log does not hold what it should, so that this test proves nothing: %s", log.String())
	}
	audited := strings.Join(storagetest.Query(t, m.database, `SELECT concat(name, subject, detail) FROM audit_log`), "\n")
	for what, secret := range secrets {
		if secret == "" {
			t.Errorf("no %s", what)
		}
		for where, text := range map[string]string{"log": log.String(), "audit log": audited} {
			if strings.Contains(text, secret) || strings.Contains(text, url.QueryEscape(secret)) {
				t.Errorf("the %s is in the %s", what, where)
			}
		}
	}
}

// Where people come by https, the cookie and everything else goes by https only.
func TestSecureCookies(t *testing.T) {
	store, _ := storagetest.Open(t)
	for _, secure := range []bool{false, true} {
		c, err := New(Config{Store: store, Sessions: store.Sessions(), Audio: struct{ AudioSource }{}, Rules: sampleTitles,
			Log: slog.New(slog.DiscardHandler), SecureCookies: secure})
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, "/lang", strings.NewReader("lang=en"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		c.ServeHTTP(w, r)
		cookies := w.Result().Cookies()
		if len(cookies) != 1 {
			t.Fatalf("cookies %v", cookies)
		}
		k := cookies[0]
		if k.Secure != secure || strings.HasPrefix(k.Name, "__Host-") != secure || !k.HttpOnly || k.SameSite != http.SameSiteLaxMode || k.Path != "/" || k.Domain != "" {
			t.Errorf("https %v: %+v", secure, k)
		}
		if got := w.Header().Get("Strict-Transport-Security") != ""; got != secure {
			t.Errorf("https %v: HSTS %v", secure, got)
		}
	}
}
