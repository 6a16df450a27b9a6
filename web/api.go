package web

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/speechqa/speechqa/detectors/pii"
	"github.com/speechqa/speechqa/storage/postgres"
)

// apiPath is below what programs ask. What they get is what their user's pages show: the same role, scope, masking and
// entries on the audit log.
const apiPath = "/api/v1/"

// openAPI describes every route of the API; a test compares it with them.
//
//go:embed openapi.json
var openAPI []byte

func (c *Console) apiRoutes() []route {
	return []route{
		{"GET /api/v1/openapi.json", permAccount, c.apiDocument, ""},
		{"GET /api/v1/recordings", permOwn, c.apiList, ""},
		{"GET /api/v1/recordings/{id}", permOwn, c.apiRecording, "recording.view"},
		{"GET /api/v1/recordings/{id}/findings", permOwn, c.apiFindings, "recording.view"},
		{"POST /api/v1/recordings/{id}/findings/{key}/decision", permReview, c.apiDecide, ""},
		{"POST /api/v1/recordings/{id}/clips", permMakeClips, c.apiMakeClip, ""},
		{"GET /api/v1/clips", permClips, c.apiClips, ""},
		{"GET /api/v1/clips/{clip}", permClips, c.apiClip, "clip.view"},
		{"GET /api/v1/clips/{clip}/audio", permClips, c.clipAudio, "clip.play"},
		{"GET /api/v1/appeals", permAppeals, c.apiAppeals, ""},
		{"GET /api/v1/trends", permTrends, c.apiTrends, "trends.export"},
	}
}

func (c *Console) apiDocument(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/json")
	_, err := w.Write(openAPI)
	return err
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

func (c *Console) apiList(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	f, err := c.listFilter(q)
	if err != nil {
		return err
	}
	if !q.Has("status") {
		f.Status = postgres.StatusAll
	}
	if f.Limit, err = apiLimit(q); err != nil {
		return err
	}
	page, err := c.store.List(r.Context(), visitorOf(r).scope, f)
	if err != nil {
		return fmt.Errorf("list: %w", err)
	}
	out := apiPage[apiListRow]{Items: []apiListRow{}, Next: page.Next}
	for _, row := range page.Rows {
		out.Items = append(out.Items, apiRow(row))
	}
	return writeJSON(w, out)
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

func (c *Console) apiRecording(w http.ResponseWriter, r *http.Request) error {
	review, err := c.review(r)
	if err != nil {
		return err
	}
	maskReview(&review)
	return writeJSON(w, apiReview(review))
}

func (c *Console) apiFindings(w http.ResponseWriter, r *http.Request) error {
	review, err := c.review(r)
	if err != nil {
		return err
	}
	maskReview(&review)
	return writeJSON(w, apiPage[apiFinding]{Items: apiReview(review).Findings})
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

func (c *Console) apiDecide(w http.ResponseWriter, r *http.Request) error {
	var d struct {
		Verdict string `json:"verdict"`
		Reason  string `json:"reason"`
		Note    string `json:"note"`
		Version int64  `json:"version"`
	}
	if err := body(w, r, &d); err != nil {
		return err
	}
	_, err := acted(r, map[string]string{"verdict": d.Verdict, "reason": d.Reason, "note": d.Note, "version": strconv.FormatInt(d.Version, 10)}, c.decide)
	if err != nil {
		return err
	}
	return c.apiRecording(w, r)
}

func (c *Console) apiMakeClip(w http.ResponseWriter, r *http.Request) error {
	var d struct {
		Finding string  `json:"finding"`
		From    float64 `json:"from"`
		To      float64 `json:"to"`
	}
	if err := body(w, r, &d); err != nil {
		return err
	}
	at, err := acted(r, map[string]string{"finding": d.Finding, "from": strconv.FormatFloat(d.From, 'f', -1, 64), "to": strconv.FormatFloat(d.To, 'f', -1, 64)}, c.makeClip)
	if err != nil {
		return err
	}
	k, _, err := c.openClip(r, strings.TrimPrefix(at, "/clips/"))
	if err != nil {
		return err
	}
	w.Header().Set("Location", apiPath+strings.TrimPrefix(at, "/"))
	return writeJSON(w, apiClipOf(k.Clip, k.lines))
}

func (c *Console) apiClips(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	limit, err := apiLimit(q)
	if err != nil {
		return err
	}
	page, err := c.store.Clips(r.Context(), visitorOf(r).scope, postgres.ClipFilter{Query: q.Get("q"), Tag: q.Get("tag"), Rule: q.Get("rule"),
		Example: postgres.Example(q.Get("example")), After: q.Get("after"), Limit: limit})
	if err != nil {
		return fmt.Errorf("clips: %w", err)
	}
	out := apiPage[apiClipBody]{Items: []apiClipBody{}, Next: page.Next}
	for _, k := range page.Clips {
		out.Items = append(out.Items, apiClipOf(k, nil))
	}
	return writeJSON(w, out)
}

func (c *Console) apiClip(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "clip")
	if err != nil {
		return err
	}
	k, _, err := c.openClip(r, id)
	if err != nil {
		return err
	}
	return writeJSON(w, apiClipOf(k.Clip, k.lines))
}

func (c *Console) apiAppeals(w http.ResponseWriter, r *http.Request) error {
	q, v := r.URL.Query(), visitorOf(r)
	limit, err := apiLimit(q)
	if err != nil {
		return err
	}
	page, err := c.store.Appeals(r.Context(), v.scope, v.user.ID, postgres.AppealFilter{Decided: q.Get("show") == "decided", After: q.Get("after"), Limit: limit})
	if err != nil {
		return fmt.Errorf("appeals: %w", err)
	}
	out := apiPage[apiAppeal]{Items: []apiAppeal{}, Next: page.Next}
	for _, a := range page.Appeals {
		a.Finding.Quote = maskSaid(a.Finding.Quote, pii.KnownOf(a.Metadata))
		out.Items = append(out.Items, apiAppealOf(a))
	}
	return writeJSON(w, out)
}

func (c *Console) apiTrends(w http.ResponseWriter, r *http.Request) error {
	d, err := c.trends(r)
	if err != nil {
		return err
	}
	out := apiTrends{By: string(d.By), From: d.From, To: d.To, Median: d.Median, Rows: []apiTrend{}}
	for _, t := range d.Rows {
		out.Rows = append(out.Rows, apiTrend{Key: t.Key, Name: t.Name, Team: t.Team, Recordings: t.Recordings, Flagged: t.Flagged, Findings: t.Findings,
			Confirmed: t.Confirmed, Overturned: t.Overturned, Rate: t.Rate, Low: t.Low, High: t.High, Verdict: t.Verdict})
	}
	return writeJSON(w, out)
}
