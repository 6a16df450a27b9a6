package web

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/detectors/pii"
	"github.com/speechqa/speechqa/storage/postgres"
)

// clipPlaces are the addresses of the library's routes in the matrix. Each call makes what it names anew: some routes
// take it away.
func (m *matrix) clipPlaces() map[string]func(*http.Cookie) place {
	maker := func() postgres.AuditEntry {
		u, err := m.store.UserByName(m.t.Context(), "maker")
		if err != nil {
			u = m.user(postgres.User{Name: "maker", Role: string(RoleTrainer)})
		}
		return postgres.AuditEntry{Actor: u.ID, Name: u.Name}
	}
	clip := func(recording, title string) string {
		id, err := m.store.CreateClip(m.t.Context(), postgres.Clip{Recording: recording, To: 2, Title: title, Example: "bad"}, maker())
		if err != nil {
			m.t.Fatal(err)
		}
		return id
	}
	all := map[string]func(*http.Cookie) place{}
	for _, r := range slices.Concat(m.console.clipRoutes(), m.console.apiRoutes(), m.console.tokenRoutes(), m.console.hookRoutes()) {
		_, path, _ := strings.Cut(r.pattern, " ")
		switch {
		case strings.Contains(path, "{clip}"):
			all[r.pattern] = func(*http.Cookie) place {
				at := func(id string) string { return strings.ReplaceAll(path, "{clip}", id) }
				return place{at(clip(m.own, "own")), at(clip(m.foreign, foreignMark))}
			}
		case strings.Contains(path, "{hook}"):
			all[r.pattern] = func(*http.Cookie) place {
				id, err := m.store.CreateHook(m.t.Context(), "https://example.com/", "s", maker())
				if err != nil {
					m.t.Fatal(err)
				}
				return place{own: strings.ReplaceAll(path, "{hook}", id)}
			}
		case strings.Contains(path, "{token}"): // nobody has it, which is let in and then not there: see TestTokensInBrowser
			all[r.pattern] = func(cookie *http.Cookie) place {
				return place{own: strings.ReplaceAll(path, "{token}", m.tokenOf(cookie))}
			}
		case strings.Contains(path, "{playlist}"):
			all[r.pattern] = func(*http.Cookie) place {
				id, err := m.store.CreatePlaylist(m.t.Context(), "课", "", maker())
				if err == nil {
					err = m.store.AddToPlaylist(m.t.Context(), postgres.Scope{}, id, clip(m.foreign, foreignMark), maker())
				}
				if err != nil {
					m.t.Fatal(err)
				}
				return place{own: strings.ReplaceAll(path, "{playlist}", id)}
			}
		}
	}
	return all
}

// What is heard in a clip and what is not, as text and as times.
func TestClipText(t *testing.T) {
	r := sampleReview()
	r.Transcript.Utterances[0].Words = nil
	r.Transcript.Utterances[2].Text = "王芳你再不还三千块钱"
	r.Transcript.Utterances[2].Words = []detectors.Word{{Start: 0, End: 6, From: 15, To: 15.5}, {Start: 6, End: 18, From: 15.5, To: 17}, {Start: 18, End: 30, From: 17, To: 18.5}}
	k := postgres.Clip{From: 10, To: 21}
	lines, bleeps := clipText(r, k)
	var got []string
	for _, l := range lines {
		got = append(got, l.Masked)
	}
	want := []string{"您好，请问是＊＊女士吗？我是受华远银行委托的工作人员，工号二零一五，本次通话将被录音。", "是我，我现在没有钱。", "＊＊你再不还＊＊＊钱"}
	want[2] = pii.Mask(r.Transcript.Utterances[2].Text, pii.FindAll(r.Transcript.Utterances, pii.Known{})[2])
	if !slices.Equal(got, want) {
		t.Errorf("masked: %q, want %q", got, want)
	}
	if len(bleeps) != 3 || bleeps[0].From != .3 || bleeps[0].To != 11.7 || bleeps[1].From != 14.8 || bleeps[1].To != 15.7 {
		t.Fatalf("bleeps: %+v", bleeps)
	}
	if !strings.HasPrefix(lines[2].Masked, "＊＊你") || strings.Contains(lines[2].Masked, "三千") {
		t.Errorf("masked: %s", lines[2].Masked)
	}

	k.Plain = []string{bleeps[1].Key}
	k.Bleeped = []postgres.TimeRange{{From: 15.6, To: 16}, {From: 12, To: 12.5}}
	lines, bleeps = clipText(r, k)
	if !strings.HasPrefix(lines[2].Masked, "王芳＊＊＊＊") || lines[1].Masked != strings.Repeat("＊", 10) {
		t.Errorf("let through and added: %q %q", lines[2].Masked, lines[1].Masked)
	}
	on := silenced(bleeps)
	if len(on) != 4 || on[1].Start != 12 {
		t.Errorf("silenced: %+v", on)
	}
	for _, l := range lines {
		var text strings.Builder
		for _, p := range l.Pieces {
			text.WriteString(p.Text)
		}
		if text.String() != r.Transcript.Utterances[l.Turn].Text {
			t.Errorf("pieces make %q", text.String())
		}
	}
	r.Transcript.Utterances[2].Text = "王芳，你再不还三千块钱" // heard again: what was let through is another text's
	if lines, _ := clipText(r, k); strings.Contains(lines[2].Masked, "王芳") {
		t.Errorf("after another transcription %q", lines[2].Masked)
	}
}

func TestClipPages(t *testing.T) {
	c := newPages(t)
	r := sampleReview()
	k := postgres.Clip{ID: "0191d7a0-0000-7000-8000-00000000000c", Recording: r.Recording.ID, From: 10, To: 21, Title: `<b>一例`, Tags: []string{"新人"}, Example: "bad", Rule: "threat",
		Bleeped: []postgres.TimeRange{{From: 12, To: 12.5}}, Kind: "call", Team: "一组"}
	o := openClip{Clip: k, recording: r.Recording}
	o.lines, o.bleeps = clipText(r, k)
	list := []postgres.Playlist{{ID: "0191d7a0-0000-7000-8000-00000000000d", Title: "新人课", Clips: 1, Seconds: 11}}
	for _, l := range langs {
		doc := draw(t, c, l, RoleTrainer, "clip", clipData{openClip: o, MayEdit: true, Duration: 36.2, AudioURL: "/a", Examples: examples, Lines: o.lines, Bleeps: o.bleeps, Playlists: list, Rules: []string{"threat"}})
		if got := textOf(one(t, doc, "h1")); got != "<b>一例" {
			t.Errorf("title %q", got)
		}
		if n := len(all(doc, "button.pii.on[aria-pressed=true]")); n != 1 {
			t.Errorf("%d bleeps can be let through", n)
		}
		one(t, doc, `form.addbleep[action="/clips/`+k.ID+`/bleeps"]`)
		one(t, doc, `.addedlist button[name=remove][value="0"]`)
		one(t, doc, `option[value=threat][selected]`)
		reader := draw(t, c, l, RoleAuditor, "clip", clipData{openClip: o, Lines: o.lines, Bleeps: o.bleeps})
		if got := textOf(one(t, reader, ".cliptext")); strings.Contains(got, "王芳") {
			t.Errorf("who may not decide what is bleeped reads %q", got)
		}
		if n := len(all(reader, "form[action^='/clips']")); n != 0 {
			t.Errorf("who may not change a clip sees %d forms", n)
		}
		page := draw(t, c, l, RoleTrainer, "clips", clipsData{Page: postgres.ClipPage{Clips: []postgres.Clip{k}, Next: "n"}, MayEdit: true, Examples: examples,
			Playlists: list, Facets: postgres.ClipFacets{Tags: []string{"新人"}, Rules: []string{"threat"}}, NextURL: "/clips?after=n"})
		one(t, page, `tr[data-clip] input[name=clip][value="`+k.ID+`"]`)
		one(t, page, `a[rel=next]`)
		draw(t, c, l, RoleManager, "clips", clipsData{Examples: examples})
		one(t, draw(t, c, l, RoleTrainer, "clips", clipsData{Narrowed: true}), ".empty a[href='/clips']")
		one(t, draw(t, c, l, RoleTrainer, "playlists", playlistsData{Playlists: list, MayEdit: true}), "form[action='/playlists']")
		draw(t, c, l, RoleManager, "playlists", playlistsData{})
		course := draw(t, c, l, RoleTrainer, "playlist", playlistData{Playlist: list[0], List: []postgres.Clip{k}, MayEdit: true})
		one(t, course, "ol.course button[value=up]")
		one(t, course, ".clip-side input[name=playlist]")
		draw(t, c, l, RoleManager, "playlist", playlistData{Playlist: list[0]})
	}
}

func TestClipTags(t *testing.T) {
	got, err := clipTags(" 新人,威胁、 新人；a ")
	if err != nil || !slices.Equal(got, []string{"新人", "威胁", "a"}) {
		t.Errorf("%q %v", got, err)
	}
	for _, bad := range []string{strings.Repeat("长", 31), "1 2 3 4 5 6 7 8 9 10 11", "\xff", "a\x00"} {
		if _, err := clipTags(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestFileName(t *testing.T) {
	for in, want := range map[string]string{"威胁 一例": "威胁_一例", "../../etc/passwd": "etc_passwd", "": "clip", "...": "clip", "＊＊说": "＊＊说", strings.Repeat("长", 50): strings.Repeat("长", 40)} {
		if got := fileName(in); got != want {
			t.Errorf("fileName(%q) = %q, want %q", in, got, want)
		}
	}
}
