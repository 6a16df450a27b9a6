package custody_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/speechqa/speechqa/custody"
	"github.com/speechqa/speechqa/storage/embedded"
	"github.com/speechqa/speechqa/storage/objects"
	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
)

// second is a house with a second store.
type second struct {
	*house
	there *objects.Store
	cfg   objects.Config
	dir   string // of the second store
}

func twoStores(t *testing.T, first objects.Config) *second {
	t.Helper()
	h := &second{house: newHouse(t, first), dir: t.TempDir()}
	srv, err := embedded.StartS3(t.Context(), embedded.Options{Dir: h.dir, Volatile: true})
	h.ok(err)
	t.Cleanup(func() { h.ok(srv.Stop(context.WithoutCancel(t.Context()))) })
	h.cfg = objects.Config{Endpoint: "http://" + srv.Endpoint, AccessKey: srv.AccessKey, SecretKey: srv.SecretKey, Region: srv.Region, Style: "path"}
	h.there = storagetest.Objects(t, h.cfg)
	h.ok(h.there.EnsureLockedBucket(t.Context(), "copies"))
	return h
}

func (h *second) copier() *custody.Copier {
	return &custody.Copier{Store: h.db, From: h.objects, Second: h.there, Name: "second", Bucket: "copies", Log: h.logger()}
}

func (h *second) copies() *custody.Copies { return &custody.Copies{Store: h.db, Second: h.there} }

func (h *second) keeps() *custody.Keeper {
	return &custody.Keeper{Store: postgres.CopyKeeping{Store: h.db}, Objects: h.there, Buckets: []string{"copies"}, Mode: custody.Compliance, Of: "second copies", Log: h.logger()}
}

// running runs a copier until the test ends, or stop is called.
func running(t *testing.T, c *custody.Copier) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); c.Run(ctx) }()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

// copied waits until nothing is due any more.
func (h *second) copied() {
	h.Helper()
	h.await("everything is copied", func() bool {
		return h.query(`SELECT count(*) FROM copies WHERE due_at IS NOT NULL`)[0] == "0"
	})
}

func (h *house) await(what string, done func() bool) {
	h.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			h.Fatalf("waited in vain until %s\n%s", what, h.log)
		}
	}
}

func (h *second) verified(id string) custody.Copy {
	h.Helper()
	c, err := h.copies().VerifyCopy(h.Context(), id)
	h.ok(err)
	return c
}

// What is taken in is copied, read back, locked and held as the first one is; what is written over it, too.
func TestCopies(t *testing.T) {
	for name, start := range map[string]func(testing.TB) objects.Config{
		"minio": func(t testing.TB) objects.Config { return storagetest.MinIO(t, "", "") }, "embedded": storagetest.S3,
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); testCopies(t, twoStores(t, start(t))) })
	}
}

func testCopies(t *testing.T, h *second) {
	ctx := t.Context()
	old, _ := h.take(h.bucket, "录音/a b.wav", "sound", 0)
	if _, err := h.copies().VerifyCopy(ctx, old); !errors.Is(err, custody.ErrNoCopy) {
		t.Errorf("before there is one: %v", err)
	}
	running(t, h.copier())
	h.copied()
	now, o := h.take(h.bucket, "录音/a b.wav", strings.Repeat("other sound ", 2<<20), 0) // in two parts
	h.copied()
	for id, want := range map[string]string{old: "sound", now: strings.Repeat("other sound ", 2<<20)} {
		c := h.verified(id)
		if c.Object.Size != int64(len(want)) || c.SHA256 != c.First || c.VerifiedAt.IsZero() || !strings.HasPrefix(c.Object.Key, "kept/录音/") || !strings.HasSuffix(c.Object.Key, "/a b.wav") {
			t.Errorf("copy %+v of %q", c, want[:5])
		}
	}
	k := h.keeps()
	lockable, err := k.Look(ctx)
	h.ok(err)
	_, _, err = h.db.PlaceHold(ctx, by, custody.Hold{Recording: now, Reason: "调查", Owner: "法务"})
	h.ok(err)
	h.ok(k.Once(ctx, lockable))
	cu, err := h.db.Custody(ctx, now)
	h.ok(err)
	c, err := h.db.CopyOf(ctx, now)
	h.ok(err)
	if kept, err := h.there.Kept(ctx, c.Object); err != nil || kept.Mode != custody.Compliance || kept.Until.Before(cu.RetainUntil) || !kept.Held || !c.Held {
		t.Errorf("the copy is kept as %+v (%v), noted as %+v", kept, err, c)
	}
	later := cu.RetainUntil.AddDate(1, 0, 0)
	h.ok(h.db.ExtendRetention(ctx, by, now, later, "complaint"))
	h.ok(k.Once(ctx, lockable))
	if kept, err := h.there.Kept(ctx, c.Object); err != nil || kept.Until.Before(later) {
		t.Errorf("after the extension: %+v %v", kept, err)
	}
	if err := h.there.Remove(ctx, c.Object); err == nil {
		t.Error("a copy was deleted before its date")
	}
	st, err := h.db.CopyStanding(ctx)
	if err != nil || !st.On() || st.Waiting != 0 || st.Lag() != 0 || !st.Locks || st.Store != "second" {
		t.Errorf("%+v %v", st, err)
	}
	if o.Key == "" {
		t.Error("no object")
	}
}

// A copy that is damaged or gone is found, does not count, and is made again.
func TestDamagedCopy(t *testing.T) {
	h := twoStores(t, storagetest.S3(t))
	a, _ := h.take(h.bucket, "a.wav", "sound of a", 0)
	b, _ := h.take(h.bucket, "b.wav", "sound of b", 0)
	stop := running(t, h.copier())
	h.copied()
	stop()
	spoil(t, filepath.Join(h.dir, "objects", "copies", h.verified(a).Object.Key))
	remove(t, filepath.Join(h.dir, "objects", "copies", h.verified(b).Object.Key))
	for id, want := range map[string]string{a: "damaged", b: "gone"} {
		c, err := h.copies().VerifyCopy(t.Context(), id)
		if !errors.Is(err, custody.ErrBadCopy) || !strings.Contains(c.Problem, want) {
			t.Errorf("%s: %v, %+v", want, err, c)
		}
		if _, err := h.copies().VerifyCopy(t.Context(), id); !errors.Is(err, custody.ErrNoCopy) {
			t.Errorf("%s: once found it still counts: %v", want, err)
		}
	}
	running(t, h.copier())
	h.copied()
	h.verified(a)
	h.verified(b)
}

// What is not what was taken in is not copied, and said.
func TestDamagedRecordingIsNotCopied(t *testing.T) {
	first := t.TempDir()
	srv, err := embedded.StartS3(t.Context(), embedded.Options{Dir: first, Volatile: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := srv.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	h := twoStores(t, objects.Config{Endpoint: "http://" + srv.Endpoint, AccessKey: srv.AccessKey, SecretKey: srv.SecretKey, Region: srv.Region, Style: "path"})
	bad, _ := h.take(h.bucket, "bad.wav", "sound", 0)
	gone, o := h.take(h.bucket, "gone.wav", "sound", 0)
	other, _ := h.take(h.bucket, "other.wav", "sound", 0)
	h.ok(h.objects.Remove(t.Context(), o))
	spoil(t, filepath.Join(first, "objects", h.bucket, "bad.wav"))
	h.exec(`UPDATE custody SET sha256 = repeat('0', 64) WHERE recording = '` + other + `'`)
	running(t, h.copier())
	h.await("all are tried", func() bool { return h.query(`SELECT count(*) FROM copies WHERE stuck`)[0] == "3" })
	for id, want := range map[string]string{bad: "own checksum", gone: "gone", other: "not the one first taken"} {
		if got := h.query(`SELECT problem FROM copies WHERE recording = $1`, id)[0]; !strings.Contains(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		if _, err := h.copies().VerifyCopy(t.Context(), id); !errors.Is(err, custody.ErrNoCopy) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if st, err := h.db.CopyStanding(t.Context()); err != nil || st.Stuck != 3 || st.Waiting != 0 || st.Lag() != 0 {
		t.Errorf("%+v %v", st, err)
	}
}

// Another second store means that everything is copied anew; a copy that is there already is read, not written.
func TestOtherSecondStore(t *testing.T) {
	h := twoStores(t, storagetest.S3(t))
	id, _ := h.take(h.bucket, "a.wav", "sound", 0)
	stop := running(t, h.copier())
	h.copied()
	stop()
	was := h.verified(id)
	h.ok(h.there.EnsureLockedBucket(t.Context(), "elsewhere"))
	for _, bucket := range []string{"elsewhere", "copies"} {
		c := h.copier()
		c.Bucket = bucket
		stop := running(t, c)
		h.await("it is copied to "+bucket, func() bool {
			return h.query(`SELECT count(*) FROM copies WHERE due_at IS NULL AND bucket = $1`, bucket)[0] == "1"
		})
		stop()
	}
	if is := h.verified(id); is.Object.VersionID != was.Object.VersionID {
		t.Errorf("the copy that was there was written again: %+v, before %+v", is.Object, was.Object)
	}
}

// away is a proxy before a store, which can be taken away.
type away struct {
	*httptest.Server
	gone  atomic.Bool
	spoil atomic.Bool // hands out other bytes than the store does
}

func before(t *testing.T, cfg objects.Config) (*away, objects.Config) {
	t.Helper()
	u, err := url.Parse(cfg.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	a := new(away)
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u); r.Out.Host = r.In.Host }, // signatures are over the host
		ModifyResponse: func(r *http.Response) error {
			if !a.spoil.Load() || r.Request.Method == http.MethodPut || !strings.HasSuffix(r.Request.URL.Path, ".wav") {
				return nil
			}
			r.Header.Del("Etag") // a store without MD5s: only the SHA-256 can tell
			if r.Request.Method == http.MethodGet {
				r.Body = io.NopCloser(strings.NewReader(strings.Repeat("x", int(r.ContentLength))))
			}
			return nil
		},
	}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.gone.Load() {
			panic(http.ErrAbortHandler) // the connection breaks
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(a.Close)
	cfg.Endpoint = a.URL
	return a, cfg
}

// While the second store is away the first goes on, and it is seen that copies are missing; afterwards they are made.
func TestSecondStoreAway(t *testing.T) {
	h := twoStores(t, storagetest.S3(t))
	proxy, cfg := before(t, h.cfg)
	h.there = storagetest.Objects(t, cfg)
	proxy.gone.Store(true)
	running(t, h.copier())
	var ids []string
	for _, key := range []string{"a.wav", "b.wav", "c.wav"} {
		id, _ := h.take(h.bucket, key, "sound of "+key, 0)
		ids = append(ids, id)
	}
	h.exec(`UPDATE copies SET since = now() - interval '10 minutes'`)
	var st postgres.CopyStanding
	h.await("the outage is seen", func() bool {
		var err error
		st, err = h.db.CopyStanding(t.Context())
		h.ok(err)
		return st.Problem != ""
	})
	if st.Alarm() != postgres.CopiesAway || st.Waiting != 3 || st.Lag() < 10*time.Minute || !strings.Contains(h.log.String(), "only one copy") {
		t.Errorf("%+v\n%s", st, h.log)
	}
	if got := h.query(`SELECT sum(tries) FROM copies`)[0]; got != "0" {
		t.Errorf("%s tries while there was nothing to try", got)
	}
	proxy.gone.Store(false)
	h.copied()
	for _, id := range ids {
		h.verified(id)
	}
	if st, err := h.db.CopyStanding(t.Context()); err != nil || st.Problem != "" || st.Lag() != 0 {
		t.Errorf("%+v %v", st, err)
	}
}

// What the second store gives back is not what it was given: that counts for nothing.
func TestCopyReadBackWrong(t *testing.T) {
	h := twoStores(t, storagetest.S3(t))
	proxy, cfg := before(t, h.cfg)
	h.there = storagetest.Objects(t, cfg)
	proxy.spoil.Store(true)
	id, _ := h.take(h.bucket, "a.wav", "sound", 0)
	running(t, h.copier())
	h.await("it was tried", func() bool { return h.query(`SELECT count(*) FROM copies WHERE problem <> ''`)[0] == "1" })
	if got := h.query(`SELECT problem FROM copies WHERE due_at IS NOT NULL AND copied_at IS NULL`); len(got) != 1 || !strings.Contains(got[0], "other bytes") {
		t.Errorf("%v", got)
	}
	if _, err := h.copies().VerifyCopy(t.Context(), id); !errors.Is(err, custody.ErrNoCopy) {
		t.Errorf("it counts: %v", err)
	}
	proxy.spoil.Store(false)
	h.exec(`UPDATE copies SET due_at = now() WHERE due_at > now()`)
	h.copied()
	h.verified(id)
}

// Copiers in several processes never make one copy twice, and an attempt that was given up cannot be noted.
func TestCopiersShare(t *testing.T) {
	h := twoStores(t, storagetest.S3(t))
	for i := range 30 {
		h.take(h.bucket, fmt.Sprintf("%02d.wav", i), fmt.Sprint("sound ", i), 0)
	}
	task, ok, err := h.db.ClaimCopy(t.Context())
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	for range 3 {
		running(t, h.copier())
	}
	h.await("all but the claimed one are copied", func() bool { return h.query(`SELECT count(*) FROM copies WHERE due_at IS NOT NULL`)[0] == "1" })
	if got := h.query(`SELECT max(attempt) FROM copies`)[0]; got != "1" {
		t.Errorf("%s attempts at one recording", got)
	}
	h.exec(`UPDATE copies SET alive_at = now() - interval '2 minutes' WHERE alive_at IS NOT NULL`) // its process died
	h.copied()
	if err := h.db.CopyDone(t.Context(), task, task.Object, "x"); !errors.Is(err, custody.ErrFenced) {
		t.Errorf("the dead attempt noted a copy: %v", err)
	}
	if err := h.db.CopyAlive(t.Context(), task); !errors.Is(err, custody.ErrFenced) {
		t.Errorf("the dead attempt lives: %v", err)
	}
	h.verified(task.ID)
}

// Second copies are read again in runs of their own that can be cut off; a damaged one is made again.
func TestVerifyCopies(t *testing.T) {
	h := twoStores(t, storagetest.S3(t))
	var ids []string
	for i := range 60 {
		id, _ := h.take(h.bucket, fmt.Sprintf("%02d.wav", i), fmt.Sprint("sound ", i), 0)
		ids = append(ids, id)
	}
	stop := running(t, h.copier())
	h.copied()
	stop()
	h.ok(h.keeps().Once(t.Context(), []string{"copies"}))
	other, err := (&custody.Verifier{Store: h.db, Objects: &counting{Reader: h.objects, stopAt: 1}, AtOnce: 1}).Run(t.Context())
	if !errors.Is(err, errCut) {
		t.Fatal(other, err)
	}
	spoil(t, filepath.Join(h.dir, "objects", "copies", h.verified(ids[7]).Object.Key))
	read := &counting{Reader: h.there, stopAt: 55}
	v := custody.Verifier{Store: postgres.CopyChecks{Store: h.db}, Objects: read, AtOnce: 1}
	if r, err := v.Run(t.Context()); !errors.Is(err, errCut) || r.Checked != 50 || r.Total != 60 || r.ID == other.ID {
		t.Fatalf("%+v %v", r, err)
	}
	read.n, read.stopAt = 0, 0
	if r, err := v.Run(t.Context()); err != nil || !r.Resumed || r.Checked != 60 || r.Bad != 1 {
		t.Fatalf("%+v %v", r, err)
	}
	if got := h.query(`SELECT recording FROM copies WHERE due_at IS NOT NULL AND problem LIKE '%damaged%'`); len(got) != 1 || got[0] != ids[7] {
		t.Errorf("found bad: %v, want %s", got, ids[7])
	}
	running(t, h.copier())
	h.copied()
	v.Sample = 5
	if r, err := v.Run(t.Context()); err != nil || r.Checked != 5 || r.Bad != 0 {
		t.Errorf("%+v %v", r, err)
	}
	h.verified(ids[7])
}
