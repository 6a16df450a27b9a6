package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/speechqa/speechqa/storage/postgres"
)

//go:embed templates/*.html
var templateFiles embed.FS

// pageSet is every page of one language: name → layout with the page's own blocks.
type pageSet map[string]*template.Template

// page is what the layout knows; Data is the page's own.
type page struct {
	Lang   Lang
	Name   string
	User   postgres.User
	Nonce  string
	Path   string // address of this page, for coming back after the language switch
	Flash  string // message key; empty for none
	Search string
	Now    time.Time
	Data   any
	may    func(Permission) bool
}

// May says whether the visitor's role grants a permission, so that pages offer only what will be let through.
func (p page) May(perm string) bool { return p.may(Permission(perm)) }

// loadPages parses layout + page for every page and language; functions are bound to the language.
func loadPages(c *Console) (map[Lang]pageSet, error) {
	names, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		return nil, err
	}
	all := map[Lang]pageSet{}
	for _, l := range langs {
		set := pageSet{}
		for _, name := range names {
			if base := path.Base(name); base != "layout.html" && !strings.HasPrefix(base, "_") {
				t, err := template.New(base).Funcs(c.funcs(l)).Option("missingkey=error").
					ParseFS(templateFiles, "templates/layout.html", "templates/_*.html", name)
				if err != nil {
					return nil, fmt.Errorf("templates: %w", err)
				}
				set[strings.TrimSuffix(base, ".html")] = t
			}
		}
		all[l] = set
	}
	return all, nil
}

// render writes a page. It is built in memory first, so that a failing template never leaves half a page.
// Where a program asks it takes what the page shows, and the page is not drawn.
func (c *Console) render(w http.ResponseWriter, r *http.Request, status int, name string, data any) error {
	if drawn(r, status, data) {
		return nil
	}
	v := visitorOf(r)
	if v.lang == "" {
		v.lang = Chinese
	}
	t, ok := c.pages[v.lang][name]
	if !ok {
		return fmt.Errorf("no page %q in language %q", name, v.lang)
	}
	p := page{Lang: v.lang, Name: name, User: v.user, Nonce: nonceOf(r), Path: r.URL.RequestURI(), Now: time.Now(), Data: data,
		Search: r.URL.Query().Get("q"),
		may:    func(p Permission) bool { return v.user.ID != "" && may(Role(v.user.Role), p) }}
	if r.Method != http.MethodGet {
		p.Path = "/"
	}
	if v.user.ID != "" && name != "error" { // the session may be what failed
		p.Flash = c.sessions.PopString(r.Context(), sessFlash)
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "layout", p); err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, err := w.Write(b.Bytes())
	return err
}
