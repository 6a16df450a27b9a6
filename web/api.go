package web

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// apiPath is below what programs ask. What they get is what their user's pages show: the same role, scope, masking and
// entries on the audit log.
const apiPath = "/api/v1/"

// endpoints is everything the API does.
func (c *Console) endpoints() []endpoint {
	return slices.Concat(
		[]endpoint{{route{"GET /api/v1/openapi.json", permAccount, c.apiDocument(), ""}, nil, "This document", nil, map[string]any{}}},
		c.recordingEndpoints(),
		c.clipEndpoints(),
		c.appealEndpoints(),
		c.figureEndpoints(),
	)
}

func (c *Console) apiRoutes() []route {
	var out []route
	for _, e := range c.endpoints() {
		out = append(out, e.route)
	}
	return out
}

// apiFail answers a program with a failure: a code that does not change, a sentence for whoever reads its log.
func (c *Console) apiFail(w http.ResponseWriter, r *http.Request, e *userError, ref string) {
	l := visitorOf(r).lang
	if l == "" {
		l = Chinese
	}
	b, err := json.Marshal(map[string]any{"error": map[string]string{
		"code": e.key, "message": c.messages.text(l, "error."+e.key+".title") + ": " + c.messages.text(l, "error."+e.key+".text"), "reference": ref}})
	if err != nil {
		panic(err) // strings
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.status)
	_, _ = w.Write(b) // whoever asked is gone where this fails
}

// apiPaging is what every list takes.
type apiPaging struct {
	After string `query:"after" description:"next of the page before"`
	Limit int    `query:"limit" minimum:"1" maximum:"200" description:"50 unless told"`
}

// apiLimit is how many things a page holds.
func apiLimit(q url.Values) (int, error) {
	if !q.Has("limit") {
		return listLimit, nil
	}
	n, err := strconv.Atoi(q.Get("limit"))
	if err != nil || n < 1 || n > 200 {
		return 0, errBadRequest
	}
	return n, nil
}

// acted lets a page's own handler do what a program asks, so that both are one act with the same rules, and returns
// where that handler would have sent a browser.
func acted(r *http.Request, fields map[string]string, handle func(http.ResponseWriter, *http.Request) error) (string, error) {
	page := r.Clone(r.Context())
	page.PostForm = url.Values{}
	for k, v := range fields {
		page.PostForm.Set(k, v)
	}
	page.Form = page.PostForm
	a := &silent{header: http.Header{}}
	if err := handle(a, page); err != nil {
		return "", err
	}
	return a.header.Get("Location"), nil
}

// silent is the answer to a request nobody made; only its headers are of interest.
type silent struct{ header http.Header }

func (s *silent) Header() http.Header         { return s.header }
func (s *silent) Write(b []byte) (int, error) { return len(b), nil }
func (s *silent) WriteHeader(int)             {}

// body reads a JSON object of moderate size; fields it does not know are a mistake.
func body(w http.ResponseWriter, r *http.Request, into any) error {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return errBadRequest
	}
	return nil
}

// The API's own shapes: what the program's types are called inside may change, these may not.

// apiPage is one page of a list; Next, where it is not empty, is the next page's after.
type apiPage[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"`
}

// moment is a time of an answer; the zero time is left out.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
