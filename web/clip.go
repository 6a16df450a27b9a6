package web

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/speechqa/speechqa/detectors/pii"
	"github.com/speechqa/speechqa/storage/postgres"
)

// clipStore is what the pages about clips ask of the database. Clips outside the scope are not there.
type clipStore interface {
	Clips(ctx context.Context, sc postgres.Scope, f postgres.ClipFilter) (postgres.ClipPage, error)
	ClipsOf(ctx context.Context, sc postgres.Scope, recordings, findings []string) (map[[2]string]postgres.Clip, error)
	Clip(ctx context.Context, sc postgres.Scope, id string) (postgres.Clip, error)
	ClipFacets(ctx context.Context, sc postgres.Scope) (postgres.ClipFacets, error)
	CreateClip(ctx context.Context, c postgres.Clip, who postgres.AuditEntry) (string, error)
	ChangeClip(ctx context.Context, sc postgres.Scope, c postgres.Clip, who postgres.AuditEntry) error
	DeleteClip(ctx context.Context, sc postgres.Scope, id string, who postgres.AuditEntry) error
}

// Limits of what a clip may be called.
const (
	maxClipTitle = 120 // characters
	maxClipTags  = 10
	maxClipTag   = 30 // characters
	clipMargin   = 3  // seconds before and after a finding
	shortestClip = 0.3
)

type clipData struct {
	openClip
	MayEdit   bool
	Window    [2]float64
	Duration  float64 // of the recording, seconds
	AudioURL  string  // of the recording; empty where the visitor may not listen to it
	Rules     []string
	InUse     []string // tags of other clips
	Playlists []postgres.Playlist
	Examples  []postgres.Example
	Lines     []clipLine
	Bleeps    []bleep
	Hidden    int // bleeps that are on
}

var examples = []postgres.Example{postgres.ExampleBad, postgres.ExampleGood}

// who is the visitor as the audit log knows him.
func who(r *http.Request) postgres.AuditEntry {
	u := visitorOf(r).user
	return postgres.AuditEntry{Actor: u.ID, Name: u.Name, Origin: origin(r)}
}

// pathID is a UUID in the address; anything else is not there.
func pathID(r *http.Request, name string) (string, error) {
	id, err := uuid.Parse(r.PathValue(name))
	if err != nil {
		return "", errNotFound
	}
	return id.String(), nil
}

// form reads a posted form of moderate size.
func form(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		return nil, errBadRequest
	}
	return r.PostForm, nil
}

// seconds reads a time of a form.
func seconds(s string) (float64, error) {
	f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) || f < 0 {
		return 0, errBadRequest
	}
	return math.Round(f*100) / 100, nil
}

// sentence is a text of a form with at most n characters.
func sentence(s string, n int) (string, error) {
	s = strings.TrimSpace(s)
	if utf8.RuneCountInString(s) > n || !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
		return "", errBadRequest
	}
	return s, nil
}

// makeClip cuts a clip out of a recording and opens it.
func (c *Console) makeClip(w http.ResponseWriter, r *http.Request) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	review, err := c.review(r)
	if err != nil {
		return err
	}
	k := postgres.Clip{Recording: review.Recording.ID, Example: postgres.ExampleBad}
	at := slices.IndexFunc(review.Findings, func(j postgres.JudgedFinding) bool { return j.Key == f.Get("finding") && !j.Shadow })
	if at >= 0 {
		j := review.Findings[at]
		k.Finding, k.Rule = j.Key, j.Rule
		k.From, k.To = max(0, j.Start-clipMargin), j.End+clipMargin
	} else {
		if k.From, err = seconds(f.Get("from")); err != nil {
			return err
		}
		if k.To, err = seconds(f.Get("to")); err != nil {
			return err
		}
	}
	if d := review.Recording.Duration; d > 0 {
		k.To = min(k.To, d)
	}
	k.To = min(k.To, k.From+longestClip)
	if k.To-k.From < shortestClip {
		return errBadRequest
	}
	k.Title = c.clipTitle(visitorOf(r).lang, review, k)
	id, err := c.store.CreateClip(r.Context(), k, who(r))
	if err != nil {
		return fmt.Errorf("make clip: %w", err)
	}
	http.Redirect(w, r, "/clips/"+id, http.StatusSeeOther)
	return nil
}

// clipTitle is what a clip is called until somebody gives it a better name: its rule, or what is said first, masked.
func (c *Console) clipTitle(l Lang, review postgres.Review, k postgres.Clip) string {
	if k.Rule != "" {
		return short(maxClipTitle-1, c.rules.Title(k.Rule, string(l)))
	}
	if lines, _ := clipText(review, k); len(lines) > 0 && strings.TrimSpace(lines[0].Masked) != "" {
		return short(24, lines[0].Masked)
	}
	return c.messages.text(l, "clips.untitled")
}

// clipPage shows a clip: edges, text, what is bleeped.
func (c *Console) clipPage(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "clip")
	if err != nil {
		return err
	}
	k, review, err := c.openClip(r, id)
	if err != nil {
		return err
	}
	role := Role(visitorOf(r).user.Role)
	d := clipData{openClip: k, MayEdit: may(role, permMakeClips), Duration: review.Recording.Duration, Examples: examples,
		Lines: k.lines, Bleeps: k.bleeps}
	d.Window[0], d.Window[1] = clipWindow(k.Clip, d.Duration)
	for _, b := range k.bleeps {
		if b.On {
			d.Hidden++
		}
	}
	if d.MayEdit && may(role, permListen) {
		if d.AudioURL, err = c.audioURL(r, k.Recording); err != nil {
			return err
		}
	}
	sc := visitorOf(r).scope
	facets, err := c.store.ClipFacets(r.Context(), sc)
	if err != nil {
		return fmt.Errorf("clip: %w", err)
	}
	d.InUse = facets.Tags
	d.Rules = clipRules(review, facets, k.Clip)
	if d.Playlists, err = c.store.Playlists(r.Context(), sc); err != nil {
		return fmt.Errorf("clip: %w", err)
	}
	return c.render(w, r, http.StatusOK, "clip", d)
}

// clipRules are the rules a clip may be filed under: those found in its recording and those in use.
func clipRules(review postgres.Review, facets postgres.ClipFacets, k postgres.Clip) []string {
	rules := slices.Clone(facets.Rules)
	for _, f := range review.Findings {
		rules = append(rules, f.Rule)
	}
	if k.Rule != "" {
		rules = append(rules, k.Rule)
	}
	slices.Sort(rules)
	return slices.Compact(rules)
}

// changeClip loads the clip that the address names, lets change work on it and stores it.
func (c *Console) changeClip(w http.ResponseWriter, r *http.Request, change func(url.Values, *openClip, postgres.Review) error) error {
	id, err := pathID(r, "clip")
	if err != nil {
		return err
	}
	f, err := form(w, r)
	if err != nil {
		return err
	}
	k, review, err := c.openClip(r, id)
	if err != nil {
		return err
	}
	if k.Version, err = strconv.ParseInt(f.Get("version"), 10, 64); err != nil {
		return errBadRequest
	}
	if err := change(f, &k, review); err != nil {
		return err
	}
	if err := c.store.ChangeClip(r.Context(), visitorOf(r).scope, k.Clip, who(r)); err != nil {
		return fmt.Errorf("clip %s: %w", id, err)
	}
	http.Redirect(w, r, "/clips/"+id, http.StatusSeeOther)
	return nil
}

// saveClip stores what a clip is called and where it begins and ends.
func (c *Console) saveClip(w http.ResponseWriter, r *http.Request) error {
	return c.changeClip(w, r, func(f url.Values, k *openClip, review postgres.Review) (err error) {
		if k.Title, err = sentence(f.Get("title"), maxClipTitle); err != nil || k.Title == "" {
			return errBadRequest
		}
		if k.Note, err = sentence(f.Get("note"), maxNote); err != nil {
			return err
		}
		if k.Tags, err = clipTags(f.Get("tags")); err != nil {
			return err
		}
		if k.Example = postgres.Example(f.Get("example")); !slices.Contains(examples, k.Example) {
			return errBadRequest
		}
		if k.Rule, err = sentence(f.Get("rule"), 100); err != nil {
			return err
		}
		return setEdges(f, &k.Clip, review)
	})
}

func setEdges(f url.Values, k *postgres.Clip, review postgres.Review) (err error) {
	if k.From, err = seconds(f.Get("from")); err != nil {
		return err
	}
	if k.To, err = seconds(f.Get("to")); err != nil {
		return err
	}
	if d := review.Recording.Duration; d > 0 {
		k.To = min(k.To, d)
	}
	if k.To-k.From < shortestClip || k.To-k.From > longestClip {
		return errClipSpan
	}
	return nil
}

// clipTags reads tags as people type them: between commas or spaces.
func clipTags(s string) ([]string, error) {
	var tags []string
	for _, t := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(",，、;； \t", r) }) {
		if utf8.RuneCountInString(t) > maxClipTag || !utf8.ValidString(t) || strings.ContainsRune(t, 0) {
			return nil, errBadRequest
		}
		if !slices.Contains(tags, t) {
			tags = append(tags, t)
		}
	}
	if len(tags) > maxClipTags {
		return nil, errBadRequest
	}
	return tags, nil
}

// changeBleeps lets found data through or bleeps it again (toggle), bleeps a further stretch, given by its times or by
// selected text (turn, start, end), or takes such a stretch away (remove).
func (c *Console) changeBleeps(w http.ResponseWriter, r *http.Request) error {
	return c.changeClip(w, r, func(f url.Values, k *openClip, review postgres.Review) error {
		switch {
		case f.Has("toggle"):
			return toggleBleep(k, f.Get("toggle"))
		case f.Has("remove"):
			i, err := strconv.Atoi(f.Get("remove"))
			if err != nil || i < 0 || i >= len(k.Bleeped) {
				return errBadRequest
			}
			k.Bleeped = slices.Delete(slices.Clone(k.Bleeped), i, i+1)
			return nil
		case len(k.Bleeped) >= 100:
			return errBadRequest
		}
		t, err := addedRange(f, review)
		if err != nil {
			return err
		}
		if t.From, t.To = max(t.From, k.From), min(t.To, k.To); t.To <= t.From {
			return errClipSpan
		}
		k.Bleeped = append(slices.Clone(k.Bleeped), t)
		return nil
	})
}

func toggleBleep(k *openClip, key string) error {
	i := slices.IndexFunc(k.bleeps, func(b bleep) bool { return b.Key == key && key != "" })
	if i < 0 {
		return errConflict // the text is another meanwhile
	}
	if k.bleeps[i].On {
		k.Plain = append(slices.Clone(k.Plain), key)
	} else {
		k.Plain = slices.DeleteFunc(slices.Clone(k.Plain), func(p string) bool { return p == key })
	}
	return nil
}

// addedRange is the stretch that a form names.
func addedRange(f url.Values, review postgres.Review) (t postgres.TimeRange, err error) {
	if !f.Has("turn") {
		if t.From, err = seconds(f.Get("from")); err != nil {
			return t, err
		}
		t.To, err = seconds(f.Get("to"))
		return t, err
	}
	n := [3]int{}
	for i, name := range []string{"turn", "start", "end"} {
		if n[i], err = strconv.Atoi(f.Get(name)); err != nil {
			return t, errBadRequest
		}
	}
	us := review.Transcript.Utterances
	if n[0] < 0 || n[0] >= len(us) || n[1] < 0 || n[1] >= n[2] || n[2] > len(us[n[0]].Text) {
		return t, errBadRequest
	}
	t.From, t.To = pii.Times(us[n[0]], pii.Span{Start: n[1], End: n[2]})
	return t, nil
}

// deleteClip removes a clip from the library.
func (c *Console) deleteClip(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "clip")
	if err != nil {
		return err
	}
	if err := c.store.DeleteClip(r.Context(), visitorOf(r).scope, id, who(r)); err != nil {
		return fmt.Errorf("clip %s: %w", id, err)
	}
	c.flash(r, "flash.clip_deleted")
	http.Redirect(w, r, "/clips", http.StatusSeeOther)
	return nil
}
