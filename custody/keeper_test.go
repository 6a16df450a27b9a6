package custody_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/speechqa/speechqa/custody"
	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
)

// From intake to a hold's release, on both servers: what the database wants is what the store does.
func TestKeeper(t *testing.T) {
	for name, start := range map[string]func(*testing.T) *house{
		"minio": minio, "embedded": func(t *testing.T) *house { return newHouse(t, storagetest.S3(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := start(t)
			ctx := t.Context()
			id, o := h.take(h.bucket, "录音/a.wav", "sound", 0)
			k := h.keeper()
			lockable, err := k.Look(ctx)
			h.ok(err)
			h.ok(k.Once(ctx, lockable))
			c, err := h.db.Custody(ctx, id)
			h.ok(err)
			if got := h.kept(o); got.Mode != custody.Compliance || got.Until.Before(c.RetainUntil) || got.Held || c.LockedUntil != c.RetainUntil {
				t.Fatalf("kept as %+v, wanted %+v", got, c)
			}
			if err := h.objects.Remove(ctx, o); err == nil {
				t.Error("deleted before its date")
			}
			later := c.RetainUntil.AddDate(2, 0, 0)
			h.ok(h.db.ExtendRetention(ctx, by, id, later, "complaint"))
			hold, _, err := h.db.PlaceHold(ctx, by, custody.Hold{AgentID: "a1", Reason: "调查", Owner: "法务"})
			h.ok(err)
			h.ok(k.Once(ctx, lockable))
			if got := h.kept(o); !got.Held || got.Until.Before(later) {
				t.Errorf("after extension and hold: %+v", got)
			}
			second, new := h.take(h.bucket, "b.wav", "more", 0) // comes under a hold that is in force
			h.ok(k.Once(ctx, lockable))
			if got := h.kept(new); !got.Held {
				t.Errorf("a later recording: %+v", got)
			}
			h.ok(h.db.ReleaseHold(ctx, by, hold, "结案"))
			h.ok(k.Once(ctx, lockable))
			if h.kept(o).Held || h.kept(new).Held {
				t.Error("held after release")
			}
			rep, err := h.db.RetentionReport(ctx, postgres.Scope{})
			h.ok(err)
			if rep.Unlocked != 0 || rep.Troubled != 0 || len(rep.Unprotected()) != 0 || second == "" {
				t.Errorf("%+v", rep)
			}
		})
	}
}

// A bucket without object lock is never passed over in silence.
func TestBucketWithoutLockIsLoud(t *testing.T) {
	h := newHouse(t, storagetest.S3(t))
	h.ok(h.objects.EnsureBucket(t.Context(), "plain"))
	h.take("plain", "a.wav", "sound", 0)
	k := h.keeper()
	k.Buckets, k.Every = []string{"plain", h.bucket}, 10*time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan struct{})
	go func() { defer close(done); k.Run(ctx) }()
	for deadline := time.Now().Add(time.Minute); !strings.Contains(h.log.String(), "NO OBJECT LOCK"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nothing is said")
		}
	}
	// It is said first and noted then.
	rep, err := h.db.RetentionReport(t.Context(), postgres.Scope{})
	for deadline := time.Now().Add(time.Minute); err == nil && len(rep.Buckets) < 2 && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		rep, err = h.db.RetentionReport(t.Context(), postgres.Scope{})
	}
	h.ok(err)
	cancel()
	<-done
	if got := rep.Unprotected(); !slices.Equal(got, []string{"plain"}) || rep.Unlocked != 1 {
		t.Errorf("%+v", rep)
	}
}

func TestLockOfAGoneObject(t *testing.T) {
	h := newHouse(t, storagetest.S3(t))
	_, o := h.take(h.bucket, "a.wav", "sound", 0)
	h.ok(h.objects.Remove(t.Context(), o))
	h.ok(h.keeper().Once(t.Context(), []string{h.bucket}))
	rep, err := h.db.RetentionReport(t.Context(), postgres.Scope{})
	h.ok(err)
	if len(rep.Problems) != 1 || !strings.Contains(rep.Problems[0].Problem, "gone") {
		t.Errorf("%+v", rep.Problems)
	}
}
