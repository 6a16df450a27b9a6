package web

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/speechqa/speechqa/storage/postgres"
)

// apiCut is where a clip is cut: at a finding, or from one second to another.
type apiCut struct {
	Finding string  `json:"finding,omitempty" description:"key of the finding; without it the seconds count"`
	From    float64 `json:"from,omitempty" description:"seconds"`
	To      float64 `json:"to,omitempty" description:"seconds"`
}

// apiClipQuery is the filter of the clip library.
type apiClipQuery struct {
	Q       string `query:"q" description:"in title, note and tags"`
	Tag     string `query:"tag"`
	Rule    string `query:"rule"`
	Example string `query:"example" enum:"good,bad"`
	apiPaging
}

func (c *Console) clipEndpoints() []endpoint {
	return []endpoint{
		{route{"POST /api/v1/recordings/{id}/clips", permMakeClips, c.apiMakeClip, ""}, []string{"POST /recordings/{id}/clips"}, "Cut a clip, at a finding or from one second to another", apiCut{}, apiClipBody{}},
		{route{"GET /api/v1/clips", permClips, c.apiClips, ""}, []string{"GET /clips"}, "Clips within the scope, the newest first", apiClipQuery{}, apiPage[apiClipBody]{}},
		{route{"GET /api/v1/clips/{clip}", permClips, c.apiClip, "clip.view"}, []string{"GET /clips/{clip}"}, "One clip with its masked text", nil, apiClipBody{}},
		{route{"GET /api/v1/clips/{clip}/audio", permClips, c.clipAudio, "clip.play"}, []string{"GET /clips/{clip}/audio"}, "The sound of a clip, personal data bleeped", nil, media("audio/wav")},
	}
}

func (c *Console) apiMakeClip(w http.ResponseWriter, r *http.Request) error {
	var d apiCut
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

type apiClipBody struct {
	ID        string    `json:"id"`
	Recording string    `json:"recording"`
	From      float64   `json:"from"`
	To        float64   `json:"to"`
	Title     string    `json:"title"`
	Note      string    `json:"note,omitempty"`
	Tags      []string  `json:"tags"`
	Example   string    `json:"example"`
	Rule      string    `json:"rule,omitempty"`
	Finding   string    `json:"finding,omitempty"`
	By        string    `json:"by"`
	CreatedAt time.Time `json:"created_at"`
	Version   int64     `json:"version"`
	Text      []string  `json:"text,omitempty"` // masked; of one clip only
}

func apiClipOf(k postgres.Clip, lines []clipLine) apiClipBody {
	out := apiClipBody{ID: k.ID, Recording: k.Recording, From: k.From, To: k.To, Title: k.Title, Note: k.Note, Tags: append([]string{}, k.Tags...), Example: string(k.Example),
		Rule: k.Rule, Finding: k.Finding, By: k.By, CreatedAt: k.CreatedAt.UTC(), Version: k.Version}
	for _, l := range lines {
		out.Text = append(out.Text, string(l.Speaker)+": "+l.Masked)
	}
	return out
}
