package objects_test

import (
	"errors"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/speechqa/speechqa/custody"
	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/storage/objects"
	"github.com/speechqa/speechqa/storage/storagetest"
)

// What the store itself refuses before the date, on every server the program is meant for.
func TestLock(t *testing.T) {
	for name, start := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := start(t)
			s := storagetest.Objects(t, cfg, "plain")
			if err := s.EnsureLockedBucket(t.Context(), "locked"); err != nil {
				t.Fatal(err)
			}
			for bucket, want := range map[string]custody.Locking{"plain": {}, "locked": {Versions: true, Locks: true}} {
				if got, err := s.Locking(t.Context(), bucket); got != want || err != nil {
					t.Errorf("%s: %+v %v, want %+v", bucket, got, err, want)
				}
			}
			if _, err := s.Locking(t.Context(), "not-there"); err == nil {
				t.Error("the lock of a bucket that is not there")
			}
			if err := s.Retain(t.Context(), put(t, s, "plain", "a.wav", []byte("a"), nil), time.Now().AddDate(3, 0, 0), custody.Compliance); err == nil {
				t.Error("an object in a bucket without lock was locked")
			}
			t.Run("refusals", func(t *testing.T) { testLockRefuses(t, cfg, s) })
			t.Run("hold", func(t *testing.T) { testHold(t, s) })
		})
	}
}

func testLockRefuses(t *testing.T, cfg objects.Config, s *objects.Store) {
	ctx := t.Context()
	until := time.Now().AddDate(3, 0, 0).Truncate(time.Second)
	for _, mode := range []custody.LockMode{custody.Compliance, custody.Governance} {
		o := put(t, s, "locked", string(mode)+"/录音.wav", []byte("sound"), nil)
		if err := s.Retain(ctx, o, until, mode); err != nil {
			t.Fatal(err)
		}
		if err := s.Remove(ctx, o); err == nil {
			t.Errorf("%s: deleted before its date", mode)
		}
		if err := s.Retain(ctx, o, until.AddDate(-1, 0, 0), mode); err == nil {
			t.Errorf("%s: shortened", mode)
		}
		later := until.AddDate(1, 0, 0)
		if err := s.Retain(ctx, o, later, mode); err != nil {
			t.Errorf("%s: extend: %v", mode, err)
		}
		if k, err := s.Kept(ctx, o); err != nil || k.Mode != mode || !k.Until.Equal(later) || k.Held {
			t.Errorf("%s: kept as %+v, %v", mode, k, err)
		}
		// Overwriting makes another version, deleting without a version hides the object: the recording stays.
		put(t, s, "locked", o.Key, []byte("other"), nil)
		if err := client(t, cfg).RemoveObject(ctx, "locked", o.Key, minio.RemoveObjectOptions{}); err != nil {
			t.Error(err)
		}
		if b, err := read(t, s, o); string(b) != "sound" || err != nil {
			t.Errorf("%s: after overwriting and deleting: %q %v", mode, b, err)
		}
	}
	// The root account may bypass GOVERNANCE, and nobody COMPLIANCE.
	o := put(t, s, "locked", "root.wav", []byte("sound"), nil)
	if err := s.Retain(ctx, o, until, custody.Compliance); err != nil {
		t.Fatal(err)
	}
	err := client(t, cfg).RemoveObject(ctx, "locked", o.Key, minio.RemoveObjectOptions{VersionID: o.VersionID, GovernanceBypass: true})
	if err == nil {
		t.Error("COMPLIANCE was bypassed")
	}
}

func testHold(t *testing.T, s *objects.Store) {
	ctx := t.Context()
	o := put(t, s, "locked", "held.wav", []byte("sound"), nil)
	if err := s.Hold(ctx, o, true); err != nil {
		t.Fatal(err)
	}
	if k, err := s.Kept(ctx, o); err != nil || !k.Held || k.Mode != "" {
		t.Errorf("kept as %+v, %v", k, err)
	}
	if err := s.Remove(ctx, o); err == nil {
		t.Error("deleted in spite of a hold")
	}
	if err := s.Hold(ctx, o, false); err != nil {
		t.Fatal(err)
	}
	for range 2 { // a removal can be repeated
		if err := s.Remove(ctx, o); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.Kept(ctx, o); !errors.Is(err, pipeline.ErrGone) {
		t.Errorf("after removal: %v", err)
	}
}
