package custody_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/speechqa/speechqa/custody"
	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/storage/embedded"
	"github.com/speechqa/speechqa/storage/objects"
	"github.com/speechqa/speechqa/storage/postgres"
)

// A run that is cut off goes on where it was; damage, loss and replacement are found, and nothing else.
func TestVerifyStorage(t *testing.T) {
	dir := t.TempDir()
	srv, err := embedded.StartS3(t.Context(), embedded.Options{Dir: dir, Volatile: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := srv.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	h := newHouse(t, objects.Config{Endpoint: "http://" + srv.Endpoint, AccessKey: srv.AccessKey, SecretKey: srv.SecretKey, Region: srv.Region, Style: "path"})
	ctx := t.Context()
	for i := range 120 {
		h.take(h.bucket, fmt.Sprintf("%03d.wav", i), fmt.Sprint("sound ", i), 0)
	}
	h.ok(h.keeper().Once(ctx, []string{h.bucket}))
	read := &counting{Reader: h.objects, stopAt: 70}
	v := custody.Verifier{Store: h.db, Objects: read, AtOnce: 1}
	r, err := v.Run(ctx)
	if !errors.Is(err, errCut) || r.Checked != 50 || r.Total != 120 {
		t.Fatalf("%+v %v", r, err)
	}
	read.n, read.stopAt = 0, 0
	if r, err = v.Run(ctx); err != nil || !r.Resumed || r.Checked != 120 || r.Bad != 0 || read.n != 70 {
		t.Fatalf("%+v %v after %d reads", r, err, read.n)
	}
	if got := h.query(`SELECT count(*) FROM custody WHERE sha256 <> '' AND checked_at IS NOT NULL`)[0]; got != "120" {
		t.Errorf("%s of 120 checked", got)
	}

	// A byte on the disk turns over; an object vanishes from it; a hash does not fit.
	spoil(t, filepath.Join(dir, "objects", h.bucket, "007.wav"))
	remove(t, filepath.Join(dir, "objects", h.bucket, "008.wav"))
	h.exec(`ALTER TABLE custody DISABLE TRIGGER USER; UPDATE custody SET sha256 = repeat('0', 64) WHERE recording = (SELECT id FROM recordings WHERE key = '009.wav')`)
	if r, err = v.Run(ctx); err != nil || r.Resumed || r.Checked != 120 || r.Bad != 3 {
		t.Fatalf("%+v %v", r, err)
	}
	rep, err := h.db.RetentionReport(ctx, postgres.Scope{})
	h.ok(err)
	for i, want := range []string{"damaged", "gone", "not the one first taken"} {
		if p := rep.Problems[i]; !strings.HasSuffix(p.Key, fmt.Sprintf("%03d.wav", 7+i)) || !strings.Contains(p.Problem, want) {
			t.Errorf("%+v, want %q", p, want)
		}
	}
	v.Sample = 10
	if r, err = v.Run(ctx); err != nil || r.Checked != 10 || r.Total != 10 {
		t.Errorf("sample: %+v %v", r, err)
	}
	if got := h.query(`SELECT count(*) FROM audit_log WHERE action = 'storage.verify'`)[0]; got != "3" {
		t.Errorf("%s runs on record", got)
	}
}

var errCut = errors.New("cut off")

// counting breaks off at a read.
type counting struct {
	custody.Reader
	n, stopAt int
}

func (c *counting) Open(ctx context.Context, o pipeline.Object) (io.ReadCloser, error) {
	if c.n++; c.n == c.stopAt {
		return nil, errCut
	}
	return c.Reader.Open(ctx, o)
}
