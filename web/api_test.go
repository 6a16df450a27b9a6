package web

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
	"github.com/speechqa/speechqa/web/browsertest"
)

// tokenOf makes a key for whoever a cookie belongs to and returns its id; for nobody any id.
func (m *matrix) tokenOf(cookie *http.Cookie) string {
	m.t.Helper()
	none := "0191d7a0-0000-7000-8000-0000000000ff"
	if cookie == nil {
		return none
	}
	ctx, err := m.console.sessions.Load(m.t.Context(), cookie.Value)
	if err != nil {
		m.t.Fatal(err)
	}
	u, err := m.store.UserOfLogin(ctx, m.console.sessions.GetString(ctx, sessLogin), m.console.access.Logins)
	if err != nil {
		return none
	}
	id, err := m.store.CreateToken(ctx, postgres.Token{Name: "k", ExpiresAt: time.Now().Add(time.Hour)}, "sqa_"+fmt.Sprint(time.Now().UnixNano()), postgres.AuditEntry{Actor: u.ID})
	if err != nil {
		m.t.Fatal(err)
	}
	return id
}

type apiDocument struct {
	Paths map[string]map[string]struct {
		Parameters []struct{ Name, In string }
		Responses  map[string]struct {
			Content map[string]struct{ Schema map[string]any }
		}
		RequestBody struct {
			Content map[string]struct{ Schema map[string]any }
		}
	}
	Components struct{ Schemas map[string]map[string]any }
}

func readOpenAPI(t *testing.T, c *Console) apiDocument {
	t.Helper()
	b, err := openAPI(c.endpoints())
	if err != nil {
		t.Fatal(err)
	}
	var d apiDocument
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// Every route of the API is in the document and the other way round, with its parameters; every reference leads somewhere.
func TestOpenAPI(t *testing.T) {
	c := newPages(t)
	d := readOpenAPI(t, c)
	var have, want []string
	for path, methods := range d.Paths {
		for method, op := range methods {
			have = append(have, strings.ToUpper(method)+" "+path)
			var named []string
			for _, p := range op.Parameters {
				if p.In == "path" {
					named = append(named, "{"+p.Name+"}")
				}
			}
			if op.Responses["default"].Content == nil && path != "/api/v1/openapi.json" {
				t.Errorf("%s %s has no failures", method, path)
			}
			if !slices.Equal(wild.FindAllString(path, -1), named) {
				t.Errorf("%s names the parameters %v", path, named)
			}
		}
	}
	for _, r := range c.apiRoutes() {
		want = append(want, r.pattern)
	}
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		t.Errorf("the document has\n%s\nthe router\n%s", strings.Join(have, "\n"), strings.Join(want, "\n"))
	}
}

// forPeople are the pages' routes that programs have nothing to do with, and why.
var forPeople = map[string]string{
	"GET /healthz":                       "is asked without a key",
	"GET /assets/":                       "files of the pages",
	"POST /lang":                         "the language of the pages",
	"GET /login":                         "logging in",
	"POST /login":                        "logging in",
	"GET /login/code":                    "logging in",
	"POST /login/code":                   "logging in",
	"GET /login/directory":               "logging in",
	"GET /login/directory/back":          "logging in",
	"POST /logout":                       "ends a login, a key has none",
	"GET /account":                       "a person's own log-in",
	"POST /account/password":             "a person's own log-in",
	"POST /account/factor":               "a person's own log-in",
	"POST /account/factor/drop":          "a person's own log-in",
	"POST /account/logins/{login}/end":   "a person's own log-in",
	"GET /tokens":                        "a key must not beget keys",
	"POST /tokens":                       "a key must not beget keys",
	"POST /tokens/{token}/revoke":        "a key must not beget keys",
	"POST /recordings/{id}/unmask":       "a program gets personal numbers masked, always",
	"GET /operations/queues/":            "the pages of asynq's own console",
	"POST /disposals/{disposal}/approve": "asks for password and second factor",
	"POST /users":                        "rights and passwords are given by who has shown password and second factor",
	"POST /users/{user}/rights":          "the same",
	"POST /users/{user}/password":        "the same",
	"POST /users/{user}/factor":          "the same",
	"POST /changes/{change}":             "the same",
}

// Programs can do everything the pages do: every route of a page has an endpoint, or a reason to have none.
func TestAPICoversPages(t *testing.T) {
	c := newPages(t)
	covered := map[string]bool{}
	for _, e := range c.endpoints() {
		for _, p := range e.pages {
			covered[p] = true
		}
	}
	pages := map[string]bool{}
	for _, r := range c.table() {
		if strings.Contains(r.pattern, apiPath) {
			continue
		}
		pages[r.pattern] = true
		for _, e := range c.endpoints() {
			if slices.Contains(e.pages, r.pattern) && (e.need != r.need || r.audit != "" && e.audit == "") {
				t.Errorf("%s demands %s and is on record as %q, but %s demands %s and is on record as %q", e.pattern, e.need, e.audit, r.pattern, r.need, r.audit)
			}
		}
		if _, none := forPeople[r.pattern]; none == covered[r.pattern] {
			t.Errorf("%s: endpoint %v, among those without one %v", r.pattern, covered[r.pattern], none)
		}
	}
	for p := range covered {
		if !pages[p] {
			t.Errorf("an endpoint stands for %s, which there is not", p)
		}
	}
	for p := range forPeople {
		if !pages[p] {
			t.Errorf("%s has no endpoint, but is no route either", p)
		}
	}
}

// fits says what in a JSON value is not as its schema says.
func (d apiDocument) fits(schema map[string]any, v any, at string) []string {
	if ref, ok := schema["$ref"].(string); ok {
		return d.fits(d.Components.Schemas[strings.TrimPrefix(ref, "#/components/schemas/")], v, at)
	}
	wrong := func() []string { return []string{fmt.Sprintf("%s: %v is no %v", at, v, schema["type"])} }
	switch schema["type"] {
	case "object":
		o, ok := v.(map[string]any)
		if !ok {
			return wrong()
		}
		properties, _ := schema["properties"].(map[string]any)
		if properties == nil {
			return nil
		}
		var bad []string
		required, _ := schema["required"].([]any)
		for _, r := range required {
			if _, ok := o[r.(string)]; !ok {
				bad = append(bad, fmt.Sprintf("%s: %v is missing", at, r))
			}
		}
		for k, x := range o {
			p, ok := properties[k].(map[string]any)
			if !ok {
				bad = append(bad, fmt.Sprintf("%s: %s is not in the document", at, k))
				continue
			}
			bad = append(bad, d.fits(p, x, at+"."+k)...)
		}
		return bad
	case "array":
		list, ok := v.([]any)
		if !ok {
			return wrong()
		}
		var bad []string
		for i, x := range list {
			bad = append(bad, d.fits(schema["items"].(map[string]any), x, fmt.Sprintf("%s[%d]", at, i))...)
		}
		return bad
	case "integer", "number":
		f, ok := v.(float64)
		if !ok || schema["type"] == "integer" && f != float64(int64(f)) {
			return wrong()
		}
	case "string":
		if _, ok := v.(string); !ok {
			return wrong()
		}
	case "boolean":
		if _, ok := v.(bool); !ok {
			return wrong()
		}
	}
	return nil
}

// program asks the API with a key and holds every answer to the document.
type program struct {
	*library
	apiDocument
	key string
}

func (l *library) program(user, key string, t postgres.Token) program {
	l.t.Helper()
	t.ExpiresAt = time.Now().Add(time.Hour)
	if _, err := l.store.CreateToken(l.t.Context(), t, key, postgres.AuditEntry{Actor: user}); err != nil {
		l.t.Fatal(err)
	}
	return program{l, readOpenAPI(l.t, l.console), key}
}

func (p program) call(method, pattern string, values map[string]string, send string) (int, map[string]any) {
	p.t.Helper()
	path, _, _ := strings.Cut(pattern, "?")
	address := p.address + pattern
	for k, v := range values {
		address = strings.ReplaceAll(address, "{"+k+"}", v)
	}
	req, err := http.NewRequestWithContext(p.t.Context(), method, address, strings.NewReader(send))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	op, known := p.Paths[path][strings.ToLower(method)]
	answer, named := op.Responses[fmt.Sprint(res.StatusCode)]
	if !named {
		answer = op.Responses["default"]
	}
	media, _, _ := strings.Cut(res.Header.Get("Content-Type"), ";")
	content, documented := answer.Content[media]
	if kind, _, _ := strings.Cut(media, "/"); !documented {
		content, documented = answer.Content[kind+"/*"]
	}
	if !known || !documented {
		p.t.Errorf("%s %s: an answer %d of type %s is not in the document", method, path, res.StatusCode, media)
		return res.StatusCode, nil
	}
	if media != "application/json" {
		return res.StatusCode, nil
	}
	var v map[string]any
	if err := json.Unmarshal(b, &v); err != nil {
		p.t.Fatalf("%s %s: %v in %s", method, path, err, b)
	}
	for _, bad := range p.fits(content.Schema, v, method+" "+path) {
		p.t.Errorf("%d: %s", res.StatusCode, bad)
	}
	return res.StatusCode, v
}

// A program does what its user's pages do, with his role and scope, and every answer is as the document says.
func TestAPI(t *testing.T) {
	l := newLibrary(t)
	lead := l.user(postgres.User{Name: "lead", Role: string(RoleLead)})
	api := l.program(lead.ID, "sqa_lead", postgres.Token{Name: "all"})
	rec := map[string]string{"id": l.recording, "key": "key"}
	ok := func(method, pattern, send string, values ...map[string]string) map[string]any {
		t.Helper()
		all := maps.Clone(rec)
		for _, v := range values {
			maps.Copy(all, v)
		}
		status, v := api.call(method, pattern, all, send)
		if status != http.StatusOK {
			t.Fatalf("%s %s: %d %v", method, pattern, status, v)
		}
		return v
	}
	ok("GET", "/api/v1/openapi.json", "")
	if items := ok("GET", "/api/v1/recordings?status=to_judge&limit=1", "")["items"].([]any); len(items) != 1 || items[0].(map[string]any)["id"] != l.recording {
		t.Errorf("list: %v", items)
	}
	v := ok("GET", "/api/v1/recordings/{id}", "")
	if v["version"].(float64) != 0 || v["transcript"].([]any)[0].(map[string]any)["text"] != "我叫陈国栋，明天还钱" {
		t.Errorf("recording: %v", v)
	}
	ok("GET", "/api/v1/recordings/{id}/findings", "")
	ok("POST", "/api/v1/recordings/{id}/findings/{key}/decision", `{"verdict": "confirmed", "version": 0, "note": "听过"}`)
	v = ok("POST", "/api/v1/recordings/{id}/clips", `{"finding": "key"}`)
	clip := map[string]string{"clip": v["id"].(string)}
	if text := fmt.Sprint(ok("GET", "/api/v1/clips/{clip}", "", clip)["text"]); !strings.Contains(text, "我叫＊＊＊") {
		t.Errorf("the clip's text: %s", text)
	}
	ok("GET", "/api/v1/clips?q=威胁", "")
	ok("GET", "/api/v1/clips/{clip}/audio", "", clip)
	if _, err := l.store.MakeAppeal(t.Context(), l.recording, "key", "没有", 7, postgres.AuditEntry{Actor: l.user(postgres.User{Name: "a", Role: string(RoleAgent), AgentID: "a1"}).ID}); err != nil {
		t.Fatal(err)
	}
	if items := ok("GET", "/api/v1/appeals", "")["items"].([]any); len(items) != 1 {
		t.Errorf("appeals: %v", items)
	}
	ok("GET", "/api/v1/trends?by=rule", "")

	refused := func(p program, method, pattern, send string, want int, code string) {
		t.Helper()
		status, v := p.call(method, pattern, rec, send)
		if got := v["error"].(map[string]any)["code"]; status != want || got != code {
			t.Errorf("%s %s: %d %v, want %d %s", method, pattern, status, got, want, code)
		}
	}
	decision := "/api/v1/recordings/{id}/findings/{key}/decision"
	refused(api, "POST", decision, `{"verdict": "confirmed", "version": 0}`, 409, "conflict")
	refused(api, "POST", decision, `{"verdict": "open", "version": 1}`, 409, "under_appeal")
	refused(api, "POST", decision, `{"verdict": "overturned", "version": 1}`, 400, "reason_needed")
	refused(api, "POST", decision, `{"verdikt": "open"}`, 400, "bad_request")
	refused(api, "POST", decision, ``, 400, "bad_request")
	refused(api, "GET", "/api/v1/recordings?limit=1000", "", 400, "bad_request")
	refused(api, "GET", "/api/v1/recordings?after=x", "", 400, "bad_request")
	refused(l.program(lead.ID, "sqa_reader", postgres.Token{Name: "r", ReadOnly: true}), "POST", decision, `{"verdict": "confirmed", "version": 1}`, 403, "read_only")
	refused(program{l, api.apiDocument, "sqa_none"}, "GET", "/api/v1/recordings", "", 401, "token_refused")
	refused(program{l, api.apiDocument, ""}, "GET", "/api/v1/recordings", "", 401, "login_first")
	manager := l.user(postgres.User{Name: "manager", Role: string(RoleManager), Teams: []string{"south"}})
	south := l.program(manager.ID, "sqa_south", postgres.Token{Name: "s"})
	refused(south, "GET", "/api/v1/recordings/{id}", "", 404, "not_found")
	refused(south, "POST", decision, `{}`, 403, "forbidden")
	if status, v := south.call("GET", "/api/v1/recordings", nil, ""); status != 200 || len(v["items"].([]any)) != 0 {
		t.Errorf("outside the scope: %d %v", status, v)
	}

	// A key opens no page.
	req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodGet, l.address+"/clips", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer sqa_lead")
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusUnauthorized {
		t.Errorf("a key opens a page: %d", res.StatusCode)
	}
	if n := storagetest.Query(t, l.database, `SELECT count(*) FROM audit_log WHERE action = 'recording.view' AND name = 'lead'`); n[0] != "3" {
		t.Errorf("%s views of programs are on record", n[0])
	}
}

func TestTokensInBrowser(t *testing.T) {
	l := newLibrary(t)
	b := browsertest.Open(t, l.address, l.signIn(l.user(postgres.User{Name: "lead", DisplayName: "王组长", Role: string(RoleLead)})))
	b.Go("/tokens")
	b.Type("input[name=name]", "报表程序")
	b.Click("form.filters button.primary")
	b.Becomes(`document.getElementById("fresh")`)
	b.Accessible("node_modules")
	b.Picture(pictures, "tokens")
	key := browsertest.Ask[string](b, `document.getElementById("fresh").textContent`)
	if _, _, err := l.store.UserOfToken(t.Context(), key); err != nil {
		t.Errorf("the key shown does not work: %v", err)
	}
	b.Go("/tokens")
	if browsertest.Ask[bool](b, `document.body.textContent.includes(`+fmt.Sprintf("%q", key)+`)`) {
		t.Error("the key is shown again")
	}
	b.Click("table form button")
	b.Becomes(`!document.querySelector("table form")`)
	if _, _, err := l.store.UserOfToken(t.Context(), key); err == nil {
		t.Error("a revoked key works")
	}
}

func TestHooksPage(t *testing.T) {
	c := newPages(t)
	at := time.Date(2026, 3, 3, 2, 0, 0, 0, time.UTC)
	d := hooksData{Secret: "whs_1", Hooks: []postgres.Hook{{ID: "0191d7a0-0000-7000-8000-0000000000bb", URL: "https://a.example/<b>", By: "管理员", CreatedAt: at}},
		Deliveries: []postgres.HookDelivery{{URL: "https://a.example/", CreatedAt: at, NextAt: at, Tries: 2, Problem: "answered 503"}, {Recording: "0191d7a0", CreatedAt: at, DoneAt: at, Tries: 1}, {CreatedAt: at}}}
	for _, l := range langs {
		doc := draw(t, c, l, RoleAdmin, "hooks", d)
		one(t, doc, `form[action="/hooks/`+d.Hooks[0].ID+`/try"]`)
		if got := textOf(one(t, doc, "#fresh")); got != "whs_1" {
			t.Errorf("secret %q", got)
		}
		one(t, draw(t, c, l, RoleAdmin, "hooks", hooksData{}), ".empty h2")
	}
}

// The address of a hook is looked at before it is kept, and the secret is shown once.
func TestHooksOverHTTP(t *testing.T) {
	l := newLibrary(t)
	admin := l.signIn(l.user(postgres.User{Name: "root", DisplayName: "管理员", Role: string(RoleAdmin)}))
	for _, bad := range []string{"", "http://example.com/", "https://127.0.0.1/", "https://[::1]:8443/x", "https://u:p@example.com/", "file:///etc/passwd"} {
		if status, _, _ := l.post(admin, "/hooks", "url", bad); status != http.StatusBadRequest {
			t.Errorf("%q: %d", bad, status)
		}
	}
	status, _, page := l.post(admin, "/hooks", "url", "https://example.com/hook")
	secret := regexp.MustCompile(`whs_[A-Z2-7]{52}`).Find(page)
	if status != http.StatusOK || secret == nil {
		t.Fatalf("%d: no secret", status)
	}
	kept, err := l.store.HookSecrets(t.Context())
	if err != nil || len(kept) != 1 || strings.Contains(kept[0].Secret, string(secret)) {
		t.Fatalf("the database has the secret as it is: %v (%v)", kept, err)
	}
	if got, err := HookSecret(l.console.sealer)(kept[0].Secret, kept[0].URL); err != nil || got != string(secret) {
		t.Errorf("the sender opens it as %q (%v)", got, err)
	}
	if _, err := HookSecret(l.console.sealer)(kept[0].Secret, "https://other.example/"); err == nil {
		t.Error("a secret can be moved to another address")
	}
	if a := l.ask(http.MethodGet, "/hooks", admin); a.status != http.StatusOK || strings.Contains(a.body, string(secret)) || !strings.Contains(a.body, "https://example.com/hook") {
		t.Errorf("%d, or the secret is shown again", a.status)
	}
}
