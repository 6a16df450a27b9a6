package postgres_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
)

func TestDiscoverVersions(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	first := found("1.wav")
	first.Object.VersionID, first.Object.ETag = "v1", "e1"
	b.inspected(first, 90, finding("threat", 1))
	if n, err := b.Discover(ctx, []pipeline.Found{first}); err != nil || n != 0 {
		t.Errorf("the same version again: %d, %v", n, err)
	}
	second := first
	second.Object.VersionID, second.Object.ETag = "v2", "e2"
	if n, err := b.Discover(ctx, []pipeline.Found{first, second}); err != nil || n != 1 {
		t.Errorf("another version: %d, %v", n, err)
	}
	if got := b.query(`SELECT version_id || ' ' || state FROM recordings ORDER BY version_id`); !slices.Equal(got, []string{`"v1 inspected"`, `"v2 discovered"`}) {
		t.Errorf("rows: %q", got)
	}
	if got := b.query(`SELECT count(*) FROM findings`); got[0] != "1" {
		t.Errorf("findings of the old version: %s", got)
	}
	// A listing knows no version ids, a notification does.
	listed, other, stranger := second.Object, second.Object, second.Object
	listed.VersionID = ""
	other.VersionID = "v3"
	stranger.Key = "2.wav"
	known, err := b.Known(ctx, []pipeline.Object{first.Object, listed, other, stranger})
	b.noError(err)
	if want := []bool{true, true, false, false}; !slices.Equal(known, want) {
		t.Errorf("Known = %v, want %v", known, want)
	}
}

// Without versions an object rewritten under its key is told by its ETag.
func TestDiscoverRewritten(t *testing.T) {
	b := newBed(t)
	f := found("1.wav")
	b.discovered(f)
	f.Object.ETag = "another"
	if known, err := b.Known(t.Context(), []pipeline.Object{f.Object}); err != nil || known[0] {
		t.Errorf("known before it is there: %v %v", known, err)
	}
	b.discovered(f)
	if n := b.query(`SELECT count(*) FROM recordings`); n[0] != "2" {
		t.Errorf("%s rows", n[0])
	}
}

func TestDiscoverNothing(t *testing.T) {
	b := newBed(t)
	if n, err := b.Discover(t.Context(), nil); n != 0 || err != nil {
		t.Error(n, err)
	}
	if known, err := b.Known(t.Context(), nil); len(known) != 0 || err != nil {
		t.Error(known, err)
	}
	// What is unknown stays empty.
	b.discovered(pipeline.Found{Object: pipeline.Object{Bucket: "b", Key: "k"}, Kind: detectors.KindVisit})
}

// Metadata is written by strangers: what PostgreSQL cannot store must not stop a whole listing.
func TestDiscoverStrangeText(t *testing.T) {
	b := newBed(t)
	f := found("1.wav")
	f.Metadata.AgentID, f.Metadata.AgentName, f.Metadata.Team = "a\x001", "李\x00明", "\xff"
	f.Metadata.Extra = map[string]string{"path": `C:\u0000`, "nul": "\x00"}
	f.Object.UserMetadata = map[string]string{"note": "\x00"}
	f.Notes = []string{"\x00"}
	id := b.discovered(f)
	r, err := b.Recording(t.Context(), id)
	b.noError(err)
	if r.Metadata.AgentName != "李\uFFFD明" || r.Metadata.Extra["path"] != `C:\u0000` {
		t.Errorf("metadata: %+v", r.Metadata)
	}
}

// Ingesters that find the same objects at the same time make one row of each.
func TestDiscoverAtOnce(t *testing.T) {
	b := newBed(t)
	var page []pipeline.Found
	for i := range 200 {
		page = append(page, found(string(rune('a'+i%26))+string(rune('a'+i/26))+".wav"))
	}
	var made atomic.Int64
	var wg sync.WaitGroup
	for i := range 4 {
		mine := slices.Clone(page)
		if i%2 == 1 {
			slices.Reverse(mine) // an order in which two transactions could wait for each other
		}
		wg.Go(func() {
			n, err := b.Discover(t.Context(), mine)
			if err != nil {
				t.Error(err)
			}
			made.Add(int64(n))
		})
	}
	wg.Wait()
	if made.Load() != 200 || b.query(`SELECT count(*) FROM recordings`)[0] != "200" {
		t.Errorf("%d rows made", made.Load())
	}
}

func TestCursor(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	if at, err := b.Cursor(ctx, "b", "p"); at != "" || err != nil {
		t.Error(at, err)
	}
	b.noError(b.SetCursor(ctx, "b", "p", "p/5.wav"))
	b.noError(b.SetCursor(ctx, "b", "q", "q/9.wav"))
	b.noError(b.SetCursor(ctx, "b", "p", "p/7.wav"))
	if at, err := b.Cursor(ctx, "b", "p"); at != "p/7.wav" || err != nil {
		t.Error(at, err)
	}
}

func TestLead(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	other := storagetest.OpenURL(t, b.url)
	led, err := b.Lead(ctx, "x", func(ctx context.Context) error {
		if led, err := other.Lead(ctx, "x", func(context.Context) error { return nil }); led || err != nil {
			t.Errorf("two leaders: %v %v", led, err)
		}
		if led, err := other.Lead(ctx, "y", func(context.Context) error { return nil }); !led || err != nil {
			t.Errorf("another lock: %v %v", led, err)
		}
		return nil
	})
	if !led || err != nil {
		t.Fatal(led, err)
	}
	if led, err := other.Lead(ctx, "x", func(context.Context) error { return context.Canceled }); !led || err != context.Canceled {
		t.Errorf("after the first: %v %v", led, err)
	}
	// The lock of a leader whose context ends is free for others.
	stop, cancel := context.WithCancel(ctx)
	if led, err := b.Lead(stop, "x", func(context.Context) error { cancel(); return nil }); !led || err != nil {
		t.Errorf("stopped: %v %v", led, err)
	}
	if led, err := other.Lead(ctx, "x", func(context.Context) error { return nil }); !led || err != nil {
		t.Errorf("after a stopped leader: %v %v", led, err)
	}
}

func TestMigrateAtOnce(t *testing.T) {
	t.Parallel()
	url := storagetest.Empty(t)
	if _, err := postgres.Open(t.Context(), url); err == nil {
		t.Error("a database without tables was opened")
	}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if _, err := postgres.Migrate(t.Context(), url, storagetest.AppURL(t, url)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	storagetest.OpenURL(t, url)
	storagetest.Exec(t, url, `UPDATE schema_version SET version = version - 1`)
	if _, err := postgres.Open(t.Context(), url); err == nil {
		t.Error("an old schema was opened")
	}
}
