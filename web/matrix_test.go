package web

import (
	"archive/zip"
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/pipeline/audio"
	"github.com/speechqa/speechqa/storage/objects"
	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
)

// matrix is a console on real servers with two recordings: one of team north, principal 甲银行 and agent a1, and one
// of another team, principal and agent, whose every name holds foreignMark.
type matrix struct {
	t            *testing.T
	console      *Console
	store        *postgres.Store
	database     string
	address      string
	own, foreign string // ids of the recordings
	target       string // id of a user whom others' routes are about
}

// foreignMark is in everything that is known of the recording outside the scope.
const foreignMark = "f0re1gn"

// newMatrix makes a matrix; with an object store, also what is heard can be asked for.
func newMatrix(t *testing.T, audio bool) *matrix {
	t.Helper()
	m := &matrix{t: t}
	m.store, m.database = storagetest.Open(t)
	var bucket *objects.Store
	var source AudioSource = struct{ AudioSource }{}
	if audio {
		bucket = storagetest.Objects(t, storagetest.S3(t), "recordings")
		source = bucket
	}
	m.own = m.recording(bucket, "own.wav", detectors.Metadata{AgentID: "a1", AgentName: "李明", Team: "north", Principal: "甲银行", CaseID: "c1"}, "你好")
	m.foreign = m.recording(bucket, foreignMark+".wav", detectors.Metadata{AgentID: foreignMark + "-agent", AgentName: foreignMark + "-name",
		Team: foreignMark + "-team", Principal: foreignMark + "-principal", CaseID: foreignMark + "-case"}, foreignMark+" said")
	var err error
	m.console, err = New(Config{Sealer: sealer(t, 'k'), Store: m.store, Sessions: m.store.Sessions(), Audio: source, Rules: sampleTitles,
		Log:       slog.New(slog.NewTextHandler(io.Discard, nil)),
		QueueTool: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "the tool") })})
	if err != nil {
		t.Fatal(err)
	}
	m.target = m.user(postgres.User{Name: "target", Role: string(RoleClerk)}).ID
	server := httptest.NewServer(m.console)
	t.Cleanup(server.Close)
	m.address = server.URL
	return m
}

// recording puts an object in the bucket, if there is one, and takes it through every step.
func (m *matrix) recording(bucket *objects.Store, key string, meta detectors.Metadata, said string) string {
	m.t.Helper()
	ctx := m.t.Context()
	try := func(err error) {
		m.t.Helper()
		if err != nil {
			m.t.Fatal(err)
		}
	}
	o, err := pipeline.Object{Bucket: "recordings", Key: key, ETag: key, Size: 4}, error(nil)
	if bucket != nil {
		o, err = bucket.Put(ctx, "recordings", key, strings.NewReader("RIFF"), 4, objects.PutOptions{ContentType: "audio/wav"})
	}
	try(err)
	_, err = m.store.Discover(ctx, []pipeline.Found{{Object: o, Kind: detectors.KindCall, Metadata: meta}})
	try(err)
	id := storagetest.Query(m.t, m.database, `SELECT id FROM recordings WHERE key = $1`, key)[0]
	r, err := m.store.Begin(ctx, id, pipeline.StepTranscribe, "w")
	try(err)
	try(m.store.CommitTranscript(ctx, id, r.Attempt, pipeline.Transcribed{SHA256: key, Audio: audio.Facts{Duration: 2}, TranscriptHash: key,
		Transcript: detectors.Transcript{Utterances: []detectors.Utterance{{Speaker: detectors.SpeakerAgent, Start: 0, End: 2, Text: said}}}}))
	r, err = m.store.Begin(ctx, id, pipeline.StepInspect, "w")
	try(err)
	try(m.store.CommitInspection(ctx, id, r.Attempt, pipeline.Inspected{TranscriptHash: key, Rescore: worthless,
		Result: detectors.Result{Score: 60, RulesetHash: "r", EngineVersion: "1",
			Findings: []detectors.Finding{{Key: "key", Rule: "threat", Severity: detectors.SeverityMajor, How: "exact", Quote: said, ByteEnd: len(said)}}}}))
	return id
}

// user makes a user and returns it as the database has it.
func (m *matrix) user(u postgres.User) postgres.User {
	m.t.Helper()
	u.PasswordHash = m.console.nobody
	id, err := m.store.CreateUser(m.t.Context(), u)
	if err == nil {
		u, err = m.store.User(m.t.Context(), id)
	}
	if err != nil {
		m.t.Fatal(err)
	}
	return u
}

// signIn gives the cookie of a new session of the user.
func (m *matrix) signIn(u postgres.User) *http.Cookie {
	m.t.Helper()
	s := m.console.sessions
	ctx, err := s.Load(m.t.Context(), "")
	if err != nil {
		m.t.Fatal(err)
	}
	if err := m.console.startSession(ctx, postgres.Actor{ID: u.ID, Name: u.Name}, "the matrix", false); err != nil {
		m.t.Fatal(err)
	}
	token, _, err := s.Commit(ctx)
	if err != nil {
		m.t.Fatal(err)
	}
	return &http.Cookie{Name: s.Cookie.Name, Value: token}
}

// login makes a log-in of the user and returns its id.
func (m *matrix) login(user string) string {
	m.t.Helper()
	if user == "" {
		return m.own // a stranger asks for some id
	}
	id, err := m.store.StartLogin(m.t.Context(), postgres.Actor{ID: user}, "the matrix", postgres.LoginLimits{Idle: time.Hour, Lifetime: time.Hour, AtOnce: 9})
	if err != nil {
		m.t.Fatal(err)
	}
	return id
}

// who is the user whose cookie it is; "" for a stranger's.
func (m *matrix) who(cookie *http.Cookie) string {
	m.t.Helper()
	ctx, err := m.console.sessions.Load(m.t.Context(), valueOf(cookie))
	if err != nil {
		m.t.Fatal(err)
	}
	u, err := m.store.UserOfLogin(ctx, or(m.console.sessions.GetString(ctx, sessLogin), m.own), m.console.access.Logins)
	if err != nil && !errors.Is(err, postgres.ErrNotFound) {
		m.t.Fatal(err)
	}
	return u.ID
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// answer is what came of a request.
type answer struct {
	status   int
	location string
	body     string
}

// ask makes a request as the user whose cookie it is, or as nobody. Forms are sent empty: 400 is an answer of a
// handler that let the visitor in.
func (m *matrix) ask(method, path string, cookie *http.Cookie) answer {
	m.t.Helper()
	req, err := http.NewRequestWithContext(m.t.Context(), method, m.address+path, nil)
	if err != nil {
		m.t.Fatal(err)
	}
	if method != http.MethodGet {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	req.Header.Set("Accept", "text/html")
	if cookie != nil {
		req.AddCookie(cookie)
	}
	res, err := http.DefaultTransport.RoundTrip(req) // a redirect is an answer too
	if err != nil {
		m.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		m.t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer{res.StatusCode, res.Header.Get("Location"), unpacked(b)}
}

// unpacked is a body as text; that of a ZIP, such as a workbook, is everything in it.
func unpacked(b []byte) string {
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return string(b)
	}
	var all strings.Builder
	for _, f := range z.File {
		if r, err := f.Open(); err == nil {
			io.Copy(&all, r)
			r.Close()
		}
	}
	return all.String()
}

// place is where a route is asked in the matrix: an address about what lies in the scope, and, for a route about one
// thing, an address of the same about what lies outside it.
type place struct{ own, foreign string }

// places are the addresses of routes with wildcards that are not {id} of a recording and {key} of its finding, by
// pattern. Whoever adds such a route adds its place here, and makes in the database what the address names.
func (m *matrix) places() map[string]func(cookie *http.Cookie) place {
	signed := func(cookie *http.Cookie, id string) string {
		ctx, err := m.console.sessions.Load(m.t.Context(), valueOf(cookie))
		if err != nil {
			m.t.Fatal(err)
		}
		u, err := m.console.audioURL((&http.Request{URL: &url.URL{}}).WithContext(ctx), id)
		if err != nil {
			return "/recordings/" + id + "/audio?until=9999999999&sig=x" // nobody's session has no key
		}
		return u
	}
	at := func(path string) func(*http.Cookie) place {
		return func(*http.Cookie) place { return place{own: path} }
	}
	user := "/users/" + m.target
	all := m.clipPlaces()
	maps.Copy(all, m.rulesPlaces())
	maps.Copy(all, m.appealPlaces())
	maps.Copy(all, m.samplingPlaces())
	maps.Copy(all, m.disposalPlaces())
	maps.Copy(all, map[string]func(*http.Cookie) place{
		"GET /users/{user}":                     at(user),
		"POST /users/{user}/rights":             at(user + "/rights"),
		"POST /users/{user}/disable":            at(user + "/disable"),
		"POST /users/{user}/password":           at(user + "/password"),
		"POST /users/{user}/factor":             at(user + "/factor"),
		"POST /users/{user}/logins/{login}/end": func(*http.Cookie) place { return place{own: user + "/logins/" + m.login(m.target) + "/end"} },
		"POST /account/logins/{login}/end":      func(c *http.Cookie) place { return place{own: "/account/logins/" + m.login(m.who(c)) + "/end"} },
		"POST /changes/{change}":                at("/changes/1"),
		"POST /agents/{agent}/coaching": func(*http.Cookie) place {
			return place{"/agents/a1/coaching", "/agents/" + foreignMark + "-agent/coaching"}
		},
		"GET /agents/{agent}": func(*http.Cookie) place { return place{"/agents/a1", "/agents/" + foreignMark + "-agent"} },
		"GET /assets/": func(*http.Cookie) place {
			css, err := m.console.assets.url("app.css")
			if err != nil {
				m.t.Fatal(err)
			}
			return place{own: css}
		},
		"GET /recordings/{id}/audio": func(c *http.Cookie) place {
			return place{signed(c, m.own), signed(c, m.foreign)}
		},
	})
	return all
}

func valueOf(c *http.Cookie) string {
	if c == nil {
		return ""
	}
	return c.Value
}

// placeOf says where a route is asked.
func (m *matrix) placeOf(pattern string, cookie *http.Cookie) place {
	m.t.Helper()
	places := m.places()
	if f := places[pattern]; f != nil {
		return f(cookie)
	}
	if f := places[strings.Replace(pattern, " "+apiPath, " /", 1)]; f != nil { // of the page about the same thing
		p := f(cookie)
		p.own = apiPath + p.own[1:]
		if p.foreign != "" {
			p.foreign = apiPath + p.foreign[1:]
		}
		return p
	}
	_, path, _ := strings.Cut(pattern, " ")
	path = strings.TrimSuffix(path, "{$}")
	about := strings.Contains(path, "/recordings/{id}")
	at := func(id string) string {
		if about {
			path := strings.ReplaceAll(path, "/recordings/{id}", "/recordings/"+id)
			return strings.ReplaceAll(path, "/findings/{key}", "/findings/key")
		}
		return path
	}
	if strings.ContainsAny(at(m.own), "{}") {
		m.t.Fatalf("the matrix does not know an address for the route %q: add one to places() in matrix_test.go", pattern)
	}
	if !about {
		return place{own: path}
	}
	return place{at(m.own), at(m.foreign)}
}

// tells says whether a page tells of the foreign recording more than the address that was asked for, which it may
// repeat.
func tells(body, path string) bool {
	body = strings.NewReplacer(path, "", url.QueryEscape(path), "").Replace(body)
	return strings.Contains(body, foreignMark)
}

// verdict is what the guard decided, as it can be told from outside.
func (m *matrix) verdict(a answer) string {
	forbidden := m.console.messages.text(Chinese, "error.forbidden.title")
	switch {
	case a.status == http.StatusUnauthorized, a.status == http.StatusSeeOther && strings.HasPrefix(a.location, "/login"):
		return "log in first"
	case a.status == http.StatusForbidden && strings.Contains(a.body, forbidden):
		return "forbidden"
	case a.status == http.StatusNotFound:
		return "not there"
	case a.status >= 500:
		return fmt.Sprintf("failed with %d", a.status)
	}
	return "let in"
}

// Every route × every role × own and foreign scope, as the router has them: what the role matrix does not grant is
// forbidden, what lies outside the scope is not there, and no answer holds anything of it.
func TestMatrix(t *testing.T) {
	m := newMatrix(t, true)
	wide := func(r Role) postgres.User { // sees everything
		u := postgres.User{Name: string(r) + "-wide", Role: string(r)}
		if r == RoleManager {
			u.Teams = []string{EveryTeam}
		}
		if r == RoleAgent {
			u.AgentID = "a1"
		}
		return m.user(u)
	}
	narrow := func(r Role) postgres.User {
		u := postgres.User{Name: string(r) + "-narrow", Role: string(r), Teams: []string{"north"}, Principals: []string{"甲银行"}}
		if r == RoleAgent {
			u.AgentID = "a1"
		}
		return m.user(u)
	}
	asked, refused := 0, 0
	for _, role := range Roles {
		for _, u := range []postgres.User{wide(role), narrow(role)} {
			sees := ScopeOf(u).Everything()
			for _, r := range m.console.table() {
				if strings.HasSuffix(r.pattern, "/logout") || strings.Contains(r.pattern, " /login") {
					continue // see login_test.go
				}
				method, _, _ := strings.Cut(r.pattern, " ")
				cookie := m.signIn(u)
				p := m.placeOf(r.pattern, cookie)
				check := func(path, want string) {
					t.Helper()
					asked++
					a := m.ask(method, path, cookie)
					if got := m.verdict(a); got != want {
						t.Errorf("%s for %s (%s): %s, want %s (status %d)", r.pattern, u.Name, path, got, want, a.status)
					}
					if want != "let in" {
						refused++
					}
					if (!sees || want != "let in") && tells(a.body, path) && !strings.Contains(r.pattern, " /assets/") && r.need != permAudit { // the audit log is of everything
						t.Errorf("%s for %s (%s) tells of a recording outside the scope", r.pattern, u.Name, path)
					}
				}
				granted := r.need == permPublic || may(role, r.need)
				switch {
				case !granted:
					check(p.own, "forbidden")
					if p.foreign != "" {
						check(p.foreign, "forbidden")
					}
				default:
					check(p.own, "let in")
					if p.foreign == "" {
						continue
					}
					if sees {
						check(p.foreign, "let in")
					} else {
						check(p.foreign, "not there")
					}
				}
			}
		}
	}
	t.Logf("%d requests to %d routes, %d of them to be refused", asked, len(m.console.table()), refused)
	if refused == 0 {
		t.Error("nothing was to be refused: the matrix no longer tests anything")
	}
}

// Who is not logged in, was blocked, or has a role that there is not, gets nowhere but to what is public.
func TestMatrixOfStrangers(t *testing.T) {
	m := newMatrix(t, false)
	blocked := m.user(postgres.User{Name: "blocked", Role: string(RoleLead)})
	cookies := map[string]*http.Cookie{"nobody": nil, "a forged session": {Name: m.console.sessions.Cookie.Name, Value: rand.Text()},
		"a blocked user": m.signIn(blocked)}
	storagetest.Exec(t, m.database, `UPDATE users SET disabled = true`)
	unknown := m.user(postgres.User{Name: "unknown", Role: "root"})
	for _, r := range m.console.table() {
		method, _, _ := strings.Cut(r.pattern, " ")
		for who, cookie := range cookies {
			p := m.placeOf(r.pattern, cookie)
			for _, path := range []string{p.own, p.foreign} {
				if path == "" {
					continue
				}
				want := "log in first"
				if r.need == permPublic {
					want = "let in"
				}
				a := m.ask(method, path, cookie)
				if got := m.verdict(a); !strings.Contains(r.pattern, " /login") && got != want {
					t.Errorf("%s for %s: %s, want %s", r.pattern, who, got, want)
				}
				if r.need != permPublic && (tells(a.body, path) || strings.Contains(a.body, "own.wav")) {
					t.Errorf("%s tells %s of a recording", r.pattern, who)
				}
			}
		}
		if r.need != permPublic {
			cookie := m.signIn(unknown)
			if got := m.verdict(m.ask(method, m.placeOf(r.pattern, cookie).own, cookie)); got != "forbidden" {
				t.Errorf("%s for an unknown role: %s", r.pattern, got)
			}
		}
	}
	for _, path := range []string{"/x", "/recordings", "/recordings/x", "/recordings/" + url.PathEscape("../../etc/passwd"), "/assets/../go.mod", "/.git/config", "/metrics", "/debug/pprof/"} {
		if a := m.ask(http.MethodGet, path, nil); !slices.Contains([]int{http.StatusNotFound, http.StatusSeeOther, http.StatusMovedPermanently, http.StatusTemporaryRedirect}, a.status) {
			t.Errorf("%s for nobody: status %d", path, a.status)
		}
	}
}
