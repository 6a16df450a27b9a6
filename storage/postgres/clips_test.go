package postgres_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/speechqa/speechqa/storage/postgres"
)

func (b *bed) clip(recording, title, user string, change ...func(*postgres.Clip)) string {
	b.t.Helper()
	c := postgres.Clip{Recording: recording, From: 1, To: 5, Title: title, Example: postgres.ExampleBad, Rule: "threat"}
	for _, f := range change {
		f(&c)
	}
	id, err := b.CreateClip(b.t.Context(), c, postgres.AuditEntry{Actor: user, Name: "trainer"})
	b.noError(err)
	return id
}

func TestClips(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	north := b.inspected(found("1.wav"), 50, finding("threat", 1))
	f := found("2.wav")
	f.Metadata.Team = "south"
	south := b.inspected(f, 50, finding("threat", 1))
	user := b.user("wang")
	who := postgres.AuditEntry{Actor: user, Name: "wang", Origin: "10.0.0.1"}

	first := b.clip(north, "威胁一例", user, func(c *postgres.Clip) { c.Tags, c.Note = []string{"威胁", "新人"}, "注意语气" })
	second := b.clip(south, "好的开场\x00", user, func(c *postgres.Clip) {
		c.Example, c.Rule, c.Tags = postgres.ExampleGood, "missing_opening", []string{"新人"}
	})
	got, err := b.Clip(ctx, postgres.Scope{}, first)
	b.noError(err)
	want := postgres.Clip{ID: first, Recording: north, From: 1, To: 5, Title: "威胁一例", Note: "注意语气", Tags: []string{"威胁", "新人"}, Example: "bad", Rule: "threat",
		By: "wang先生", Kind: "call", StartedAt: found("").Metadata.StartedAt, Team: "north"}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(postgres.Clip{}, "CreatedAt", "ChangedAt"), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("clip (-want +got): %s", diff)
	}
	southOnly := postgres.Scope{Teams: []string{"south"}}
	for name, tc := range map[string]struct {
		sc   postgres.Scope
		f    postgres.ClipFilter
		want []string
	}{
		"all":          {postgres.Scope{}, postgres.ClipFilter{}, []string{second, first}},
		"scope":        {southOnly, postgres.ClipFilter{}, []string{second}},
		"nothing":      {postgres.Scope{None: true}, postgres.ClipFilter{}, nil},
		"title":        {postgres.Scope{}, postgres.ClipFilter{Query: "威胁一"}, []string{first}},
		"note":         {postgres.Scope{}, postgres.ClipFilter{Query: "语气"}, []string{first}},
		"tag":          {postgres.Scope{}, postgres.ClipFilter{Tag: "新人"}, []string{second, first}},
		"good":         {postgres.Scope{}, postgres.ClipFilter{Example: postgres.ExampleGood}, []string{second}},
		"rule and tag": {postgres.Scope{}, postgres.ClipFilter{Rule: "threat", Tag: "威胁"}, []string{first}},
		"not there":    {postgres.Scope{}, postgres.ClipFilter{Query: "%"}, nil},
	} {
		tc.f.Limit = 10
		page, err := b.Clips(ctx, tc.sc, tc.f)
		b.noError(err)
		var ids []string
		for _, c := range page.Clips {
			ids = append(ids, c.ID)
		}
		if !slices.Equal(ids, tc.want) || page.Next != "" {
			t.Errorf("%s: %v, want %v", name, ids, tc.want)
		}
	}
	older := b.clip(north, "先剪的", user, func(c *postgres.Clip) { c.Finding = "threat-key" })
	newer := b.clip(north, "后剪的", user, func(c *postgres.Clip) { c.Finding = "threat-key" })
	of, err := b.ClipsOf(ctx, postgres.Scope{}, []string{north, south, north}, []string{"threat-key", "threat-key", "another"})
	b.noError(err)
	if len(of) != 1 || of[[2]string{north, "threat-key"}].ID != newer {
		t.Errorf("clips of findings: %v, want %s", of, newer)
	}
	if of, err = b.ClipsOf(ctx, southOnly, []string{north}, []string{"threat-key"}); err != nil || len(of) != 0 {
		t.Errorf("outside the scope: %v (%v)", of, err)
	}
	for _, id := range []string{older, newer} {
		b.noError(b.DeleteClip(ctx, postgres.Scope{}, id, who))
	}
	facets, err := b.ClipFacets(ctx, southOnly)
	b.noError(err)
	if diff := cmp.Diff(postgres.ClipFacets{Tags: []string{"新人"}, Rules: []string{"missing_opening"}}, facets); diff != "" {
		t.Errorf("facets (-want +got): %s", diff)
	}

	got.From, got.To, got.Plain, got.Bleeped, got.Title = 0, 9, []string{"k"}, []postgres.TimeRange{{From: 1, To: 2}}, "新标题"
	b.noError(b.ChangeClip(ctx, postgres.Scope{}, got, who))
	if err := b.ChangeClip(ctx, postgres.Scope{}, got, who); !errors.Is(err, postgres.ErrConflict) {
		t.Errorf("with the version of before: %v", err)
	}
	after, err := b.Clip(ctx, postgres.Scope{}, first)
	b.noError(err)
	got.Version = 1
	if diff := cmp.Diff(got, after, cmpopts.IgnoreFields(postgres.Clip{}, "ChangedAt")); diff != "" {
		t.Errorf("changed (-want +got): %s", diff)
	}
	for name, err := range map[string]error{
		"change outside the scope": b.ChangeClip(ctx, southOnly, after, who),
		"delete outside the scope": b.DeleteClip(ctx, southOnly, first, who),
		"delete what is not there": b.DeleteClip(ctx, postgres.Scope{}, uuid.NewString(), who),
		"read outside the scope":   func() error { _, err := b.Clip(ctx, southOnly, first); return err }(),
		"of no recording": func() error {
			_, err := b.CreateClip(ctx, postgres.Clip{Recording: uuid.NewString(), To: 1, Example: "bad"}, who)
			return err
		}(),
	} {
		if !errors.Is(err, postgres.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := b.CreateClip(ctx, postgres.Clip{Recording: north, From: 2, To: 1, Example: "bad"}, who); err == nil {
		t.Error("a clip that ends before it begins was made")
	}
	b.noError(b.DeleteClip(ctx, postgres.Scope{}, first, who))
	acts := b.query(`SELECT action FROM audit_log WHERE subject = $1 ORDER BY seq`, "clip:"+first)
	if !slices.Equal(acts, []string{"clip.made", "clip.changed", "clip.deleted"}) {
		t.Errorf("on record: %v", acts)
	}
	for table, guard := range map[string]string{"findings": "findings_kept", "transcripts": "transcripts_kept", "custody": "custody_kept", "copies": "copies_kept", "recordings": "recordings_kept"} {
		b.exec(`ALTER TABLE ` + table + ` DISABLE TRIGGER ` + guard) // what only the tables' owner can
	}
	b.exec(fmt.Sprintf(`DELETE FROM findings WHERE recording = '%[1]s'; DELETE FROM custody WHERE recording = '%[1]s'; DELETE FROM copies WHERE recording = '%[1]s'; DELETE FROM transcripts WHERE recording = '%[1]s'; DELETE FROM recordings WHERE id = '%[1]s'`, south))
	if page, err := b.Clips(ctx, postgres.Scope{}, postgres.ClipFilter{Limit: 10}); err != nil || len(page.Clips) != 0 {
		t.Errorf("clips outlive their recording: %+v (%v)", page.Clips, err)
	}
}

func TestClipPages(t *testing.T) {
	b := newBed(t)
	rec, user := b.inspected(found("1.wav"), 50), b.user("wang")
	for i := range 5 {
		b.clip(rec, fmt.Sprint(i), user)
	}
	b.exec(`UPDATE clips SET created_at = '2026-01-01'`)
	var got []string
	f := postgres.ClipFilter{Limit: 2}
	for {
		page, err := b.Clips(t.Context(), postgres.Scope{}, f)
		b.noError(err)
		for _, c := range page.Clips {
			got = append(got, c.ID)
		}
		if f.After = page.Next; f.After == "" {
			break
		}
	}
	slices.Sort(got)
	if len(slices.Compact(got)) != 5 {
		t.Errorf("pages show %d clips of 5", len(got))
	}
	for _, bad := range []string{"?", "e30", "eyJJRCI6IngifQ"} {
		if _, err := b.Clips(t.Context(), postgres.Scope{}, postgres.ClipFilter{After: bad}); !errors.Is(err, postgres.ErrBadCursor) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestPlaylists(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	user := b.user("wang")
	who := postgres.AuditEntry{Actor: user, Name: "wang"}
	north := b.inspected(found("1.wav"), 50)
	f := found("2.wav")
	f.Metadata.Team = "south"
	south := b.inspected(f, 50)
	x, hidden, y := b.clip(north, "x", user), b.clip(south, "hidden", user), b.clip(north, "y", user)
	id, err := b.CreatePlaylist(ctx, "新人课", "", who)
	b.noError(err)
	everything, narrow := postgres.Scope{}, postgres.Scope{Teams: []string{"north"}}
	for _, c := range []string{x, hidden, y, x} {
		b.noError(b.AddToPlaylist(ctx, everything, id, c, who))
	}
	order := func(sc postgres.Scope) (titles []string) {
		t.Helper()
		_, clips, err := b.Playlist(ctx, sc, id)
		b.noError(err)
		for _, c := range clips {
			titles = append(titles, c.Title)
		}
		return titles
	}
	check := func(what string, want ...string) {
		t.Helper()
		if got := order(everything); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	check("added", "x", "hidden", "y")
	if got := order(narrow); !slices.Equal(got, []string{"x", "y"}) {
		t.Errorf("in a scope: %v", got)
	}
	b.noError(b.MoveInPlaylist(ctx, everything, id, y, false, who))
	check("earlier", "x", "y", "hidden")
	b.noError(b.MoveInPlaylist(ctx, everything, id, hidden, true, who))
	check("at the end", "x", "y", "hidden")
	b.noError(b.MoveInPlaylist(ctx, everything, id, hidden, false, who))
	b.noError(b.MoveInPlaylist(ctx, narrow, id, x, true, who)) // past what is not seen
	check("past what is not seen", "hidden", "y", "x")
	p, _, err := b.Playlist(ctx, narrow, id)
	b.noError(err)
	if p.Title != "新人课" || p.Clips != 2 || p.Seconds != 8 || p.By != "wang先生" {
		t.Errorf("%+v", p)
	}
	for name, err := range map[string]error{
		"add outside the scope":    b.AddToPlaylist(ctx, narrow, id, hidden, who),
		"move outside the scope":   b.MoveInPlaylist(ctx, narrow, id, hidden, true, who),
		"remove outside the scope": b.RemoveFromPlaylist(ctx, narrow, id, hidden, who),
		"no playlist":              b.ChangePlaylist(ctx, uuid.NewString(), "a", "", who),
		"no clip":                  b.AddToPlaylist(ctx, everything, id, uuid.NewString(), who),
	} {
		if !errors.Is(err, postgres.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	b.noError(b.RemoveFromPlaylist(ctx, narrow, id, y, who))
	check("removed", "hidden", "x")
	b.noError(b.DeleteClip(ctx, everything, x, who))
	check("a clip deleted", "hidden")
	b.noError(b.ChangePlaylist(ctx, id, "老人课", "注", who))
	all, err := b.Playlists(ctx, everything)
	b.noError(err)
	if len(all) != 1 || all[0].Title != "老人课" || all[0].Note != "注" || all[0].Clips != 1 {
		t.Errorf("%+v", all)
	}
	b.noError(b.DeletePlaylist(ctx, id, who))
	if _, _, err := b.Playlist(ctx, everything, id); !errors.Is(err, postgres.ErrNotFound) {
		t.Errorf("deleted: %v", err)
	}
	if n := len(b.query(`SELECT seq FROM audit_log WHERE subject = $1`, "playlist:"+id)); n != 12 {
		t.Errorf("%d entries on record", n)
	}
}
