package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
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
		c.reviewEndpoints(),
		c.deskEndpoints(),
		c.clipEndpoints(),
		c.playlistEndpoints(),
		c.appealEndpoints(),
		c.figureEndpoints(),
		c.agentEndpoints(),
		c.reportEndpoints(),
		c.qualityEndpoints(),
		c.custodyEndpoints(),
		c.disposalEndpoints(),
		c.operationsEndpoints(),
		c.importEndpoints(),
		c.auditEndpoints(),
		c.userEndpoints(),
		c.hookEndpoints(),
		c.rulesEndpoints(),
		c.draftEndpoints(),
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
func apiFail(w http.ResponseWriter, status int, code, message, ref string) {
	var e apiError
	e.Error.Code, e.Error.Message, e.Error.Reference = code, message, ref
	b, err := json.Marshal(e)
	if err != nil {
		panic(err) // strings
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b) // whoever asked is gone where this fails
}

// apiFailure is what a program is told of a failure.
func (c *Console) apiFailure(r *http.Request, known *userError, err error) (status int, code, message string) {
	l := visitorOf(r).lang
	if l == "" {
		l = Chinese
	}
	if p := (*problemError)(nil); errors.As(err, &p) {
		return p.status, p.code(), c.messages.text(l, p.key)
	}
	return known.status, known.key, c.messages.text(l, "error."+known.key+".title") + ": " + c.messages.text(l, "error."+known.key+".text")
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

// handler is what a route does.
type handler = func(http.ResponseWriter, *http.Request) error

// command is what a page's form does, for programs: form says what they send as the form would have it, act is the page's
// own handler, answer tells how things stand then.
func command[T any](form func(T) url.Values, act, answer handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		var d T
		if err := optionalBody(w, r, &d); err != nil {
			return err
		}
		if _, _, err := posted(r, form(d), act); err != nil {
			return err
		}
		return answer(w, r)
	}
}

// wordless is the form of a command that needs no words.
func wordless(struct{}) url.Values { return nil }

// acted lets a page's own handler do what a program asks, so that both are one act with the same rules, and returns
// where that handler would have sent a browser.
func acted(r *http.Request, form url.Values, act handler) (string, error) {
	to, _, err := posted(r, form, act)
	return to, err
}

// posted is acted that also returns what the page would have shown that the handler answers with, nil where it sends on.
func posted(r *http.Request, form url.Values, handle handler) (to string, shown any, err error) {
	sheet := &drawing{}
	page := r.Clone(context.WithValue(r.Context(), drawingKey{}, sheet))
	page.PostForm, page.Form = form, form
	a := &silent{header: http.Header{}}
	if err := handle(a, page); err != nil {
		return "", nil, err
	}
	if sheet.status >= http.StatusBadRequest {
		if p, is := sheet.data.(interface{ problem() string }); is && p.problem() != "" {
			return "", nil, &problemError{sheet.status, p.problem()}
		}
		return "", nil, &userError{sheet.status, errBadRequest.key}
	}
	return a.header.Get("Location"), sheet.data, nil
}

// shown asks a page's own handler what the page would show a person, so that a program gets the same.
func shown[T any](r *http.Request, handle handler) (T, error) {
	return shownTo[T](r, nil, handle)
}

// shownTo is shown for a form.
func shownTo[T any](r *http.Request, form url.Values, handle handler) (T, error) {
	_, data, err := posted(r, form, handle)
	if err != nil {
		return *new(T), err
	}
	d, is := data.(T)
	if !is {
		return d, fmt.Errorf("the page shows a %T", data)
	}
	return d, nil
}

// drawing takes what a page would show, in place of the page: see Console.render.
type drawing struct {
	status int
	data   any
}

type drawingKey struct{}

// drawn takes what a page would show where a program asks it.
func drawn(r *http.Request, status int, data any) bool {
	d, is := r.Context().Value(drawingKey{}).(*drawing)
	if is {
		d.status, d.data = status, data
	}
	return is
}

// problemError is what a page says is wrong with a form, for a program.
type problemError struct {
	status int
	key    string // message key
}

func (e *problemError) Error() string { return e.key }

// code is the key as the API has it: disposals.problem.proposal is disposals_proposal.
func (e *problemError) code() string {
	return strings.ReplaceAll(strings.ReplaceAll(e.key, ".problem.", "."), ".", "_")
}

// silent is the answer to a request nobody made; only its headers are of interest.
type silent struct{ header http.Header }

func (s *silent) Header() http.Header         { return s.header }
func (s *silent) Write(b []byte) (int, error) { return len(b), nil }
func (s *silent) WriteHeader(int)             {}

// body reads a JSON object of moderate size; fields it does not know are a mistake.
func body(w http.ResponseWriter, r *http.Request, into any) error {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, longestBody))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("%w: %w", errBadRequest, err)
	}
	return nil
}

// optionalBody is body where nothing need be said.
func optionalBody(w http.ResponseWriter, r *http.Request, into any) error {
	if err := body(w, r, into); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// longestBody is more than a ruleset's file has, in bytes.
const longestBody = 2 << 20

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
