package web

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/andybalholm/cascadia"
	"golang.org/x/net/html"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/lexicon"
	"github.com/speechqa/speechqa/storage/postgres"
)

// titles stands for a ruleset where only names are shown.
type titles map[string]string

func (t titles) Title(rule, lang string) string {
	if s, ok := t[lang+":"+rule]; ok {
		return s
	}
	return rule
}

func (titles) Clauses(string, time.Time) []lexicon.Clause {
	return []lexicon.Clause{{Document: "外访话述规定", Text: "严禁威胁"}, {Document: "监管规定"}}
}

func (titles) Running(detectors.Kind) []RunningRule {
	return []RunningRule{{"threat", detectors.SeverityCritical}, {"insult", detectors.SeverityMajor}}
}

func (titles) Judgeable() []string { return []string{"insult", "threat"} }

func (titles) Ruleset() *lexicon.Ruleset {
	rs, err := lexicon.LoadFiles(smallRules())
	if err != nil {
		panic(err)
	}
	return rs
}

func (titles) Numbers() map[string]int { return map[string]int{"insult": 2, "threat": 1} }

func (titles) Score(string, time.Time, []detectors.Finding) (int, bool) { return 0, false }

var sampleTitles = titles{"zh:threat": "威胁恐吓", "en:threat": "Threat", "zh:missing_opening": "开场白缺项"}

// newPages is a console of which only the pages are used: it has no store, and a page that asked one would panic.
func newPages(t *testing.T) *Console {
	t.Helper()
	c, err := New(Config{
		Store:    struct{ Store }{},
		Sessions: struct{ scs.CtxStore }{},
		Audio:    struct{ AudioSource }{},
		Rules:    sampleTitles,
		Log:      slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// draw renders one page for a visitor and parses what came out.
func draw(t *testing.T, c *Console, lang Lang, role Role, name string, data any) *html.Node {
	t.Helper()
	v := visitor{lang: lang}
	if role != "" {
		v.user = postgres.User{ID: "u1", Name: "li", DisplayName: "李质检", Role: string(role)}
	}
	r := httptest.NewRequest(http.MethodGet, "/here?a=b", nil)
	ctx, err := c.sessions.Load(r.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	r = r.WithContext(context.WithValue(ctx, visitorKey{}, v))
	w := httptest.NewRecorder()
	if err := c.render(w, r, http.StatusOK, name, data); err != nil {
		t.Fatalf("%s in %s for %s: %v", name, lang, role, err)
	}
	return parsePage(t, w.Body)
}

func parsePage(t *testing.T, body io.Reader) *html.Node {
	t.Helper()
	b, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	if i := strings.Index(string(b), "⟦"); i >= 0 {
		t.Errorf("the page shows a message that does not exist: %.60s", b[i:])
	}
	if i := strings.Index(string(b), "%!"); i >= 0 {
		t.Errorf("a message on the page does not fit what it is given: %.60s", b[i:])
	}
	doc, err := html.Parse(strings.NewReader(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	checkSane(t, doc)
	return doc
}

// checkSane holds what every page must hold: no inline script or style, labelled controls, unique ids.
func checkSane(t *testing.T, doc *html.Node) {
	t.Helper()
	for _, n := range all(doc, "script:not([src]), style, [style], [onclick], [onload], [onerror]") {
		t.Errorf("inline script or style: %s", outline(n))
	}
	for _, n := range all(doc, "input:not([type=hidden]), select, textarea") {
		if attr(n, "aria-label") == "" && !hasAncestor(n, "label") {
			t.Errorf("a control without a label: %s", outline(n))
		}
	}
	seen := map[string]bool{}
	for _, n := range all(doc, "[id]") {
		if id := attr(n, "id"); seen[id] {
			t.Errorf("id %q twice", id)
		} else {
			seen[id] = true
		}
	}
	for _, n := range all(doc, "form[method=post]") {
		if !strings.HasPrefix(attr(n, "action"), "/") {
			t.Errorf("a form posts elsewhere: %s", outline(n))
		}
	}
}

func all(n *html.Node, selector string) []*html.Node {
	return cascadia.QueryAll(n, cascadia.MustCompile(selector))
}

func one(t *testing.T, n *html.Node, selector string) *html.Node {
	t.Helper()
	found := all(n, selector)
	if len(found) != 1 {
		t.Fatalf("%d elements fit %q, want 1", len(found), selector)
	}
	return found[0]
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func textOf(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func hasAncestor(n *html.Node, tag string) bool {
	for p := n.Parent; p != nil; p = p.Parent {
		if p.Type == html.ElementNode && p.Data == tag {
			return true
		}
	}
	return false
}

func outline(n *html.Node) string {
	var b strings.Builder
	b.WriteString("<" + n.Data)
	for _, a := range n.Attr {
		b.WriteString(" " + a.Key + `="` + a.Val + `"`)
	}
	return b.String() + ">"
}

// worthless grades every recording with nothing, for tests that do not look at scores.
func worthless([]detectors.Finding) (int, bool) { return 0, false }
