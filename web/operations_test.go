package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
)

func sampleOperations() operationsData {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	return operationsData{Now: now, ShowKeys: true, QueueTool: true,
		Lags: []postgres.Lag{{State: "discovered", Count: 12, Oldest: time.Now().Add(-26 * time.Hour)}, {State: "transcribed"},
			{State: "discovered", Again: true}, {State: "transcribed", Again: true, Count: 3, Oldest: time.Now().Add(-90 * time.Second)}},
		Flow:     []flowRow{{"arrived", 120, 100, 300}, {"heard", 50, 0, 200}, {"hours", 1.25, 2.5, 10}, {"inspected", 7, 7, 7}},
		Failures: []postgres.FailureCount{{Reason: "转写程序出错,已尝试 6 次,不再自动重试", Count: 4}},
		Oldest: []postgres.Waiting{{ID: "0191d7a0-0000-7000-8000-000000000001", Bucket: "recordings", Key: "2026/13800001234.wav", State: "discovered", Created: now, Tries: 2, Reason: "暂时无法访问数据库,将自动重试"},
			{ID: "0191d7a0-0000-7000-8000-000000000002", Key: "b.wav", State: "transcribed", Priority: pipeline.PriorityUrgent, Busy: true, Created: now}},
		Queues: []Queue{{Name: "urgent"}, {Name: "rescan", Pending: 16, Latency: 3 * time.Minute, Paused: true}},
		Rescan: postgres.Progress{Began: now, Ruleset: "abcdef0123456789", Marked: 1000, Left: 250, Rate: 50},
	}
}

func TestOperationsPage(t *testing.T) {
	c := newPages(t)
	for _, l := range langs {
		doc := draw(t, c, l, RoleAdmin, "operations", sampleOperations())
		if got := textOf(one(t, doc, `tr[data-flow=arrived] td:nth-child(4)`)); got != "+20%" {
			t.Errorf("change: %q", got)
		}
		if got := textOf(one(t, doc, `tr[data-flow=heard] td:nth-child(4)`)); got != "–" {
			t.Errorf("change against nothing: %q", got)
		}
		if got := attr(one(t, doc, "#rescan progress"), "value"); got != "0.7500" {
			t.Errorf("progress %q", got)
		}
		one(t, doc, `tr[data-queue=urgent] button[name=act][value=pause]`)
		one(t, doc, `tr[data-queue=rescan] button[name=act][value=resume]`)
		if got := attr(one(t, doc, `form[action="/operations/retry"] input[name=reason]`), "value"); !strings.HasPrefix(got, "转写程序出错") {
			t.Errorf("retries %q", got)
		}
		if n := len(all(doc, `form[action="/operations/hurry"]`)); n != 1 {
			t.Errorf("%d can be made urgent, want the one that is not", n)
		}
		one(t, doc, `a[href="/operations/queues/"]`)
		one(t, doc, `#copies strong.problem`) // no worker copies
	}
	zh := draw(t, c, Chinese, RoleAdmin, "operations", sampleOperations())
	late := sampleOperations()
	late.Copies = postgres.CopyStanding{Store: "https://second", SeenAt: time.Now(), Waiting: 5, Stuck: 1, Oldest: time.Now().Add(-90 * time.Minute)}
	if got := textOf(one(t, draw(t, c, Chinese, RoleOperator, "operations", late), "#copies")); !strings.Contains(got, "5 条录音尚无第二副本，最早的一条已等待 1 小时 30 分") || !strings.Contains(got, "1 条无法复制") || strings.Contains(got, "没有工作进程") {
		t.Errorf("copies: %q", got)
	}
	if got := textOf(one(t, zh, `#lag tr[data-state=discovered]:first-child td:nth-child(3)`)); got != "26 小时 0 分" {
		t.Errorf("oldest %q", got)
	}
}

// An operator hears and reads nothing: names of files, which hold numbers, are not shown. And without Redis the page
// says so and shows the rest.
func TestOperationsPageShowsLess(t *testing.T) {
	c := newPages(t)
	d := sampleOperations()
	d.ShowKeys, d.NoQueue, d.QueueTool, d.Failures, d.Oldest[1].Key = false, true, false, nil, "x"
	doc := draw(t, c, Chinese, RoleOperator, "operations", d)
	if strings.Contains(textOf(doc), "13800001234") || len(all(doc, `a[href^="/recordings"]`)) != 0 {
		t.Error("the operator sees the file's name")
	}
	if got := textOf(one(t, doc, "#queues .problem")); !strings.Contains(got, "Redis") {
		t.Errorf("%q", got)
	}
	if n := len(all(doc, `form[action="/operations/queue"], a[href="/operations/queues/"]`)); n != 0 {
		t.Errorf("%d things of a queue that does not answer", n)
	}
}

// someQueues stands for Redis, which package web does not know.
type someQueues struct {
	paused map[string]bool
	err    error
}

func (q *someQueues) Queues(context.Context) ([]Queue, error) {
	return []Queue{{Name: "rescan", Paused: q.paused["rescan"]}}, q.err
}

func (q *someQueues) Pause(_ context.Context, queue string, paused bool) error {
	q.paused[queue] = paused
	return q.err
}

// Buttons do what they say, once, and are on the audit log under the operator's name.
func TestOperationsButtons(t *testing.T) {
	m := newMatrix(t, false)
	q := &someQueues{paused: map[string]bool{}}
	m.console.queues = q
	m.console.queueTool = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `<link rel="stylesheet" href="https://fonts.example/x"><link rel="manifest" href="/m"><script>window.a=1</script>`+r.URL.Path)
	})
	cookie := m.signIn(m.user(postgres.User{Name: "op", DisplayName: "op", PasswordHash: "x", Role: string(RoleOperator)}))
	post := func(path string, form url.Values) int {
		t.Helper()
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(form.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.AddCookie(cookie)
		w := httptest.NewRecorder()
		m.console.ServeHTTP(w, req)
		return w.Code
	}
	storagetest.Exec(t, m.database, `UPDATE recordings SET state = 'failed', reason = '坏文件' WHERE id = '`+m.foreign+`'`,
		`UPDATE recordings SET state = 'discovered', score = NULL WHERE id = '`+m.own+`'`)
	for _, c := range []struct {
		path string
		form url.Values
		want int
	}{
		{"/operations/retry", url.Values{"reason": {"坏文件"}}, http.StatusSeeOther},
		{"/operations/retry", url.Values{}, http.StatusBadRequest},
		{"/operations/hurry", url.Values{"recording": {m.own}}, http.StatusSeeOther},
		{"/operations/hurry", url.Values{"recording": {m.own}}, http.StatusSeeOther}, // is urgent already
		{"/operations/hurry", url.Values{"recording": {"x"}}, http.StatusBadRequest},
		{"/operations/queue", url.Values{"queue": {"rescan"}, "act": {"pause"}}, http.StatusSeeOther},
		{"/operations/queue", url.Values{"queue": {"other"}, "act": {"pause"}}, http.StatusBadRequest},
		{"/operations/queue", url.Values{"queue": {"rescan"}, "act": {"drop"}}, http.StatusBadRequest},
	} {
		if got := post(c.path, c.form); got != c.want {
			t.Errorf("POST %s %v: %d, want %d", c.path, c.form, got, c.want)
		}
	}
	if !q.paused["rescan"] {
		t.Error("the queue is not paused")
	}
	got := strings.Join(storagetest.Query(t, m.database, `SELECT action || ' ' || split_part(subject, ':', 1) || ' ' || name FROM audit_log WHERE action LIKE 'queue.%' ORDER BY seq`), "; ")
	if want := `"queue.retry queue op"; "queue.hurry recording op"; "queue.pause queue op"`; got != want {
		t.Errorf("on record: %s, want %s", got, want)
	}
	if a := m.ask(http.MethodGet, "/operations", cookie); a.status != http.StatusOK || !strings.Contains(a.body, m.own) || strings.Contains(a.body, "own.wav") {
		t.Errorf("the page: %d", a.status)
	}

	req := httptest.NewRequest(http.MethodGet, "/operations/queues/tasks", nil)
	req.AddCookie(cookie)
	w := httptest.NewRecorder()
	m.console.ServeHTTP(w, req)
	csp := w.Header().Get("Content-Security-Policy")
	if body := w.Body.String(); w.Code != http.StatusOK || strings.Contains(body, "<link") || !strings.HasSuffix(body, "/operations/queues/tasks") {
		t.Errorf("the tool: %d %s", w.Code, body)
	}
	// printf 'window.a=1' | openssl dgst -sha256 -binary | base64
	if !strings.Contains(csp, "script-src 'self' 'sha256-WpNQcWxgTJamkluTtRGYllok20MyGquJpWh9YXWGA4E='") || strings.Contains(csp, "script-src 'self' 'unsafe-inline'") {
		t.Errorf("policy of the tool: %s", csp)
	}

	q.err = errors.New("connection refused")
	if a := m.ask(http.MethodGet, "/operations", cookie); a.status != http.StatusOK || !strings.Contains(a.body, "SPEECHQA_REDIS_URL") {
		t.Errorf("without Redis: %d", a.status)
	}
	if got := post("/operations/queue", url.Values{"queue": {"rescan"}, "act": {"resume"}}); got != http.StatusServiceUnavailable {
		t.Errorf("resume without Redis: %d", got)
	}
}
