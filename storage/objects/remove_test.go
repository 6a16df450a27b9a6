package objects_test

import (
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"github.com/speechqa/speechqa/custody"
	"github.com/speechqa/speechqa/storage/storagetest"
)

// Every version of one object goes, and nothing of its neighbours; what is locked or held stays.
func TestRemoveAll(t *testing.T) {
	for name, start := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := start(t)
			ctx, s := t.Context(), storagetest.Objects(t, cfg, "plain")
			if err := s.EnsureLockedBucket(ctx, "locked"); err != nil {
				t.Fatal(err)
			}
			for _, bucket := range []string{"plain", "locked"} {
				for _, key := range []string{"a/b.wav", "a/b.wav", "a/b.wav2", "a/b.wav/c"} {
					if key == "a/b.wav/c" && name == "embedded" {
						continue // a file system has no such neighbours
					}
					put(t, s, bucket, key, []byte(key), nil)
				}
				if err := client(t, cfg).RemoveObject(ctx, bucket, "a/b.wav", minio.RemoveObjectOptions{}); err != nil { // in a bucket with versions: a mark
					t.Fatal(err)
				}
				put(t, s, bucket, "a/b.wav", []byte("once more"), nil)
				for range 2 { // it can be repeated
					if err := s.RemoveAll(ctx, bucket, "a/b.wav"); err != nil {
						t.Fatal(err)
					}
				}
				left, err := s.Versions(ctx, bucket, "a/b.wav")
				if err != nil {
					t.Fatal(err)
				}
				for _, o := range left {
					if o.Key == "a/b.wav" {
						t.Errorf("%s: %+v is left", bucket, o)
					}
				}
				if len(left) == 0 {
					t.Errorf("%s: the neighbours are gone", bucket)
				}
			}
			held := put(t, s, "locked", "held.wav", []byte("x"), nil)
			if err := s.Retain(ctx, held, time.Now().Add(time.Hour), custody.Governance); err != nil {
				t.Fatal(err)
			}
			put(t, s, "locked", "held.wav", []byte("y"), nil)
			if err := s.RemoveAll(ctx, "locked", "held.wav"); err == nil {
				t.Error("a locked version was removed")
			}
			if _, err := s.Kept(ctx, held); err != nil {
				t.Error(err)
			}
		})
	}
}
