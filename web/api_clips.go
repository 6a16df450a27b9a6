package web

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
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
		{route{"POST /api/v1/clips/{clip}", permMakeClips, command(apiClipChange.form, c.saveClip, c.apiClip), ""}, []string{"POST /clips/{clip}"}, "Change what a clip is called and where it begins and ends", apiClipChange{}, apiClipBody{}},
		{route{"POST /api/v1/clips/{clip}/bleeps", permMakeClips, command(apiBleepChange.form, c.changeBleeps, c.apiClip), ""}, []string{"POST /clips/{clip}/bleeps"}, "Let found data through or bleep it again, bleep a further stretch, or take one away", apiBleepChange{}, apiClipBody{}},
		{route{"POST /api/v1/clips/{clip}/delete", permMakeClips, command(wordless, c.deleteClip, c.apiGone), ""}, []string{"POST /clips/{clip}/delete"}, "Delete a clip", nil, apiDeleted{}},
		{route{"GET /api/v1/clips/{clip}/waveform", permClips, c.clipWaveform, ""}, []string{"GET /clips/{clip}/waveform"}, "How loud the clip and what is around it are", nil, clipWaveformData{}},
		{route{"POST /api/v1/clips/export", permMakeClips, c.apiExport, ""}, []string{"POST /clips/export"}, "Clips, or a playlist in its order, as a ZIP with a sheet, bleeped; it is on record who took what", apiExport{}, media("application/zip")},
		{route{"GET /api/v1/clips/{clip}/audio", permClips, c.clipAudio, "clip.play"}, []string{"GET /clips/{clip}/audio"}, "The sound of a clip, personal data bleeped", nil, media("audio/wav")},
	}
}

func (c *Console) apiMakeClip(w http.ResponseWriter, r *http.Request) error {
	var d apiCut
	if err := body(w, r, &d); err != nil {
		return err
	}
	at, err := acted(r, url.Values{"finding": {d.Finding}, "from": {exactly(d.From)}, "to": {exactly(d.To)}}, c.makeClip)
	if err != nil {
		return err
	}
	k, _, err := c.openClip(r, strings.TrimPrefix(at, "/clips/"))
	if err != nil {
		return err
	}
	w.Header().Set("Location", apiPath+strings.TrimPrefix(at, "/"))
	return writeJSON(w, apiOpenClip(k))
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
	return writeJSON(w, apiOpenClip(k))
}

// apiClipChange is a clip as it is to be.
type apiClipChange struct {
	apiVersioned
	Title   string   `json:"title"`
	Note    string   `json:"note,omitempty"`
	Tags    []string `json:"tags,omitempty"`
	Example string   `json:"example" enum:"good,bad"`
	Rule    string   `json:"rule,omitempty"`
	From    float64  `json:"from" description:"seconds of the recording"`
	To      float64  `json:"to"`
}

func (d apiClipChange) form() url.Values {
	f := d.apiVersioned.form()
	for name, value := range map[string]string{"title": d.Title, "note": d.Note, "tags": strings.Join(d.Tags, ","), "example": d.Example, "rule": d.Rule,
		"from": exactly(d.From), "to": exactly(d.To)} {
		f.Set(name, value)
	}
	return f
}

// apiBleepChange is one change: toggle, remove, or from and to.
type apiBleepChange struct {
	apiVersioned
	Toggle string  `json:"toggle,omitempty" description:"key of what was found"`
	Remove *int    `json:"remove,omitempty" description:"index of a stretch that somebody added"`
	From   float64 `json:"from,omitempty" description:"of a further stretch, seconds of the recording"`
	To     float64 `json:"to,omitempty"`
}

func (d apiBleepChange) form() url.Values {
	f := d.apiVersioned.form()
	switch {
	case d.Toggle != "":
		f.Set("toggle", d.Toggle)
	case d.Remove != nil:
		f.Set("remove", strconv.Itoa(*d.Remove))
	default:
		f.Set("from", exactly(d.From))
		f.Set("to", exactly(d.To))
	}
	return f
}

type apiDeleted struct {
	Deleted string `json:"deleted" description:"id"`
}

// apiExport is what leaves the house.
type apiExport struct {
	Clips    []string `json:"clips,omitempty" description:"ids; at most 100 in all"`
	Playlist string   `json:"playlist,omitempty" description:"id"`
	Format   string   `json:"format" enum:"wav,mp3"`
	Sheet    string   `json:"sheet,omitempty" enum:"xlsx,csv" description:"xlsx unless told"`
}

// apiBleep is personal data within a clip, or a stretch that somebody wants bleeped.
type apiBleep struct {
	Key   string  `json:"key,omitempty" description:"of what was found"`
	Index *int    `json:"index,omitempty" description:"of what somebody added"`
	Kind  string  `json:"kind,omitempty"`
	From  float64 `json:"from" description:"seconds of the recording"`
	To    float64 `json:"to"`
	On    bool    `json:"on" description:"it is bleeped and masked"`
}

type apiClipBody struct {
	ID        string     `json:"id"`
	Recording string     `json:"recording"`
	From      float64    `json:"from"`
	To        float64    `json:"to"`
	Title     string     `json:"title"`
	Note      string     `json:"note,omitempty"`
	Tags      []string   `json:"tags"`
	Example   string     `json:"example"`
	Rule      string     `json:"rule,omitempty"`
	Finding   string     `json:"finding,omitempty"`
	By        string     `json:"by"`
	CreatedAt time.Time  `json:"created_at"`
	Version   int64      `json:"version"`
	Text      []string   `json:"text,omitempty" description:"masked; of one clip only"`
	Bleeps    []apiBleep `json:"bleeps,omitempty" description:"of one clip only"`
}

func apiClipOf(k postgres.Clip, lines []clipLine) apiClipBody {
	out := apiClipBody{ID: k.ID, Recording: k.Recording, From: k.From, To: k.To, Title: k.Title, Note: k.Note, Tags: append([]string{}, k.Tags...), Example: string(k.Example),
		Rule: k.Rule, Finding: k.Finding, By: k.By, CreatedAt: k.CreatedAt.UTC(), Version: k.Version}
	for _, l := range lines {
		out.Text = append(out.Text, string(l.Speaker)+": "+l.Masked)
	}
	return out
}

func apiOpenClip(k openClip) apiClipBody {
	out := apiClipOf(k.Clip, k.lines)
	for _, b := range k.bleeps {
		x := apiBleep{Key: b.Key, Kind: string(b.Kind), From: b.From, To: b.To, On: b.On}
		if b.Key == "" {
			x.Index = &b.Index
		}
		out.Bleeps = append(out.Bleeps, x)
	}
	return out
}

func (c *Console) apiGone(w http.ResponseWriter, r *http.Request) error {
	return writeJSON(w, apiDeleted{r.PathValue("clip")})
}

// apiExport sends a ZIP also of one clip: what a program gets does not depend on how much it asks for.
func (c *Console) apiExport(w http.ResponseWriter, r *http.Request) error {
	var d apiExport
	if err := body(w, r, &d); err != nil {
		return err
	}
	page := r.Clone(r.Context())
	page.PostForm = url.Values{"clip": d.Clips, "playlist": {d.Playlist}, "format": {d.Format}, "sheet": {cmp.Or(d.Sheet, "xlsx")}}
	page.Form = page.PostForm
	return c.exportClips(w, page)
}

// exactly is a number of a form with all its digits.
func exactly(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
