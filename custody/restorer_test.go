package custody_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/speechqa/speechqa/custody"
	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/storage/objects"
	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
)

func (h *second) restorer() *custody.Restorer {
	return &custody.Restorer{Store: h.db, First: h.objects, Second: h.there, By: by}
}

// restore puts back what is named, or everything, and gives the error of each.
func (h *second) restore(ids ...string) map[string]error {
	h.Helper()
	out := map[string]error{}
	h.ok(h.restorer().Each(h.Context(), ids, func(b custody.Broken, well bool, err error) {
		if well {
			err = errWell
		}
		out[b.ID] = err
	}))
	return out
}

var errWell = errors.New("well")

func (h *second) verify() custody.Run {
	h.Helper()
	r, err := (&custody.Verifier{Store: h.db, Objects: h.objects, Fresh: true}).Run(h.Context())
	h.ok(err)
	return r
}

// takenAndCopied takes in four recordings, two of them long, reads, locks and copies them.
func (h *second) takenAndCopied() (ids []string, all []pipeline.Object) {
	h.Helper()
	for i, name := range []string{"lost.wav", "damaged.wav", "录音/damaged long.wav", "well.wav"} {
		id, o := h.take(h.bucket, name, strings.Repeat("sound of "+name, 1+i/2<<20), 0)
		ids, all = append(ids, id), append(all, o)
	}
	stop := running(h.T, h.copier())
	h.copied()
	stop()
	if r := h.verify(); r.Bad != 0 || r.Checked != 4 {
		h.Fatalf("%+v", r)
	}
	return ids, all
}

// What is lost or damaged in the first store is found, put back from the second copy as a new version that is the
// current one, locked and held as before, and found well; the damaged version stays.
func TestRestore(t *testing.T) {
	t.Run("minio", func(t *testing.T) {
		t.Parallel()
		disk := filepath.Dir(t.TempDir()) // the server's directory is beside this one
		testRestore(t, minioConfig(t), func(h *second, o pipeline.Object) {
			parts, err := filepath.Glob(filepath.Join(disk, "*", h.bucket, o.Key, "*", "part.1"))
			h.ok(err)
			if len(parts) == 0 { // a small object is in its description
				parts = []string{one(t, filepath.Join(disk, "*", h.bucket, o.Key, "xl.meta"))}
			}
			spoil(t, parts[0])
		}, func(h *second, o pipeline.Object) {
			h.ok(os.RemoveAll(filepath.Dir(one(t, filepath.Join(disk, "*", h.bucket, o.Key, "xl.meta")))))
		})
	})
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		disk := filepath.Dir(t.TempDir())
		testRestore(t, storagetest.S3(t), func(h *second, o pipeline.Object) {
			spoil(t, one(t, filepath.Join(disk, "*", "objects", h.bucket, o.Key)))
		},
			func(h *second, o pipeline.Object) {
				remove(t, one(t, filepath.Join(disk, "*", "objects", h.bucket, o.Key)))
			})
	})
}

func one(t *testing.T, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: %v %v", pattern, found, err)
	}
	return found[0]
}

func testRestore(t *testing.T, cfg objects.Config, damage, lose func(*second, pipeline.Object)) {
	h := twoStores(t, cfg)
	ctx := t.Context()
	ids, all := h.takenAndCopied()
	lost, damaged, long, well := ids[0], ids[1], ids[2], ids[3]
	_, _, err := h.db.PlaceHold(ctx, by, custody.Hold{Recording: long, Reason: "调查", Owner: "法务"})
	h.ok(err)
	h.ok(h.keeper().Once(ctx, []string{h.bucket}))
	before := h.kept(all[2])
	if got := h.restore(well); !errors.Is(got[well], errWell) {
		t.Errorf("a recording that is well: %v", got)
	}
	lose(h, all[0])
	damage(h, all[1])
	damage(h, all[2])
	if r := h.verify(); r.Bad != 3 {
		t.Fatalf("%+v\n%v", r, h.query(`SELECT problem FROM custody`))
	}
	got := h.restore()
	if errors.Is(got[damaged], custody.ErrUnreadable) {
		// MinIO keeps a small object in the description of all its versions and writes nothing under a damaged one: its
		// operator has to move that away.
		lose(h, all[1])
		got[damaged] = h.restore()[damaged]
	}
	if len(got) != 3 || got[lost] != nil || got[damaged] != nil || got[long] != nil {
		t.Fatalf("put back: %v", got)
	}
	if r := h.verify(); r.Bad != 0 || r.Checked != 4 {
		t.Errorf("%+v\n%v", r, h.query(`SELECT problem FROM custody`))
	}
	h.ok(h.keeper().Once(ctx, []string{h.bucket}))
	for i, id := range ids[:3] {
		now, err := h.objects.Stat(ctx, h.bucket, all[i].Key)
		h.ok(err)
		if now.VersionID == all[i].VersionID || now.VersionID != h.query(`SELECT version_id FROM recordings WHERE id = $1`, id)[0] {
			t.Errorf("the current version is %s, it was %s", now.VersionID, all[i].VersionID)
		}
		c, err := h.db.Custody(ctx, id)
		h.ok(err)
		if k := h.kept(now); k.Mode != custody.Compliance || k.Until.Before(c.RetainUntil) || k.Held != (id == long) || c.LockedUntil.IsZero() || c.Problem != "" {
			t.Errorf("kept as %+v, noted as %+v", k, c)
		}
		if err := h.objects.Remove(ctx, now); err == nil {
			t.Error("what was put back can be deleted")
		}
	}
	versions, err := h.objects.Versions(ctx, h.bucket, all[2].Key)
	if err != nil || len(versions) != 2 {
		t.Errorf("the damaged version is not there any more: %+v %v (kept as %+v)", versions, err, before)
	}
	// The store tells of what was put back, and a listing finds it: it is no recording of its own.
	for _, o := range all {
		now, err := h.objects.Stat(ctx, h.bucket, o.Key)
		h.ok(err)
		if n, err := h.db.Discover(ctx, []pipeline.Found{{Object: now, Kind: detectors.KindCall}}); n != 0 || err != nil {
			t.Errorf("%s was taken in again: %d %v", o.Key, n, err)
		}
	}
	if n := h.query(`SELECT count(*) FROM audit_log WHERE action = 'storage.restore'`)[0]; n != "3" {
		t.Errorf("%s on record", n)
	}
	for _, change := range []string{`UPDATE recordings SET version = 'x', version_id = 'x'`, `UPDATE restorations SET to_version = 'x'`, `DELETE FROM restorations`} {
		if err := h.try(change); err == nil {
			t.Errorf("%s was done", change)
		}
	}
}

func (h *house) try(sql string) error {
	conn, err := pgx.Connect(h.Context(), h.url)
	h.ok(err)
	defer conn.Close(context.WithoutCancel(h.Context()))
	_, err = conn.Exec(h.Context(), sql)
	return err
}

// A restoration that is cut off after it wrote is gone on with, and writes no second time; nothing is taken in meanwhile.
func TestRestoreCutOff(t *testing.T) {
	h := twoStores(t, minioConfig(t))
	ctx := t.Context()
	ids, all := h.takenAndCopied()
	h.lose(all[0])
	cut := h.restorer()
	cut.Store = forgetful{h.db}
	h.ok(cut.Each(ctx, ids[:1], func(_ custody.Broken, _ bool, err error) {
		if !errors.Is(err, errCut) {
			t.Errorf("%v", err)
		}
	}))
	now, err := h.objects.Stat(ctx, h.bucket, all[0].Key)
	h.ok(err)
	if n, err := h.db.Discover(ctx, []pipeline.Found{{Object: now, Kind: detectors.KindCall}}); n != 0 || err != nil {
		t.Errorf("what is being put back was taken in: %d %v", n, err)
	}
	if got := h.restore(ids[0]); got[ids[0]] != nil {
		t.Fatal(got)
	}
	if again, err := h.objects.Stat(ctx, h.bucket, all[0].Key); err != nil || again.VersionID != now.VersionID {
		t.Errorf("written twice: %+v %v", again, err)
	}
	if r := h.verify(); r.Bad != 0 {
		t.Errorf("%+v", r)
	}
}

// forgetful breaks off before it is noted what was put back.
type forgetful struct{ *postgres.Store }

func (forgetful) Restored(context.Context, custody.Actor, custody.Restoration) error { return errCut }

// lose destroys a version as the store's root account can where the lock is GOVERNANCE or none.
func (h *second) lose(o pipeline.Object) {
	h.Helper()
	h.ok(h.objects.Remove(h.Context(), o))
}

// What must not be put back is not: from a copy that is bad too, over something else in a bucket without versions.
func TestRestoreRefuses(t *testing.T) {
	h := twoStores(t, minioConfig(t))
	ctx := t.Context()
	ids, all := h.takenAndCopied()
	h.lose(all[0])
	spoil(t, filepath.Join(h.dir, "objects", "copies", h.verified(ids[0]).Object.Key))
	if got := h.restore(ids[0]); !errors.Is(got[ids[0]], custody.ErrBadCopy) {
		t.Errorf("from a bad copy: %v", got)
	}
	if _, err := h.objects.Stat(ctx, h.bucket, all[0].Key); !errors.Is(err, pipeline.ErrGone) {
		t.Errorf("something was put back: %v", err)
	}
	if err := h.restorer().Each(ctx, []string{"00000000-0000-0000-0000-000000000001"}, nil); !errors.Is(err, custody.ErrNotKept) {
		t.Errorf("an unknown recording: %v", err)
	}

	h = twoStores(t, minioConfig(t))
	h.ok(h.objects.EnsureBucket(ctx, "plain"))
	id, o := h.take("plain", "d.wav", "sound of d", 0)
	stop := running(t, h.copier())
	h.copied()
	stop()
	_, err := h.objects.Put(ctx, "plain", o.Key, strings.NewReader("other"), 5, objects.PutOptions{})
	h.ok(err)
	if got := h.restore(id); !errors.Is(got[id], custody.ErrOccupied) {
		t.Errorf("over another object: %v", got)
	}
	h.ok(h.objects.RemoveAll(ctx, "plain", o.Key))
	if got := h.restore(id); got[id] != nil {
		t.Errorf("in a bucket without versions: %v", got)
	}
	if sum, err := custody.HashOf(ctx, h.objects, pipeline.Object{Bucket: "plain", Key: o.Key}); err != nil || sum != h.query(`SELECT sha256 FROM custody WHERE recording = $1`, id)[0] {
		t.Errorf("%s %v", sum, err)
	}
}
