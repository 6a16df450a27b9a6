package custody_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/speechqa/speechqa/custody"
	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/storage/objects"
	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
)

func TestMain(m *testing.M) {
	if d := os.Getenv("DISPOSE"); d != "" { // see archive.process
		if err := dispose(d); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	storagetest.Main(m)
}

var by = custody.Actor{Name: "keeper"}

// house is a database and a MinIO server with a bucket that locks.
type house struct {
	*testing.T
	db      *postgres.Store
	url     string
	objects *objects.Store
	bucket  string
	log     *lines
}

func newHouse(t *testing.T, cfg objects.Config) *house {
	t.Helper()
	db, url := storagetest.Open(t)
	h := &house{T: t, db: db, url: url, objects: storagetest.Objects(t, cfg), bucket: "kept", log: new(lines)}
	if err := h.objects.EnsureLockedBucket(t.Context(), h.bucket); err != nil {
		t.Fatal(err)
	}
	return h
}

// minio is a house with a MinIO server.
func minio(t *testing.T) *house { return newHouse(t, minioConfig(t)) }

func minioConfig(t *testing.T) objects.Config { return storagetest.MinIO(t, "", "") }

func (h *house) ok(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// take puts an object in the bucket and makes its row, as discovery does; its contact was so many years ago.
func (h *house) take(bucket, key, content string, years int) (id string, o pipeline.Object) {
	h.Helper()
	_, err := h.objects.Put(h.Context(), bucket, key, strings.NewReader(content), int64(len(content)), objects.PutOptions{})
	h.ok(err)
	o, err = h.objects.Stat(h.Context(), bucket, key)
	h.ok(err)
	f := pipeline.Found{Object: o, Kind: detectors.KindCall,
		Metadata: detectors.Metadata{AgentID: "a1", CaseID: "case-" + key, StartedAt: time.Now().AddDate(-years, 0, -1)}}
	n, err := h.db.Discover(h.Context(), []pipeline.Found{f})
	h.ok(err)
	if n != 1 {
		h.Fatalf("%d rows of %s", n, key)
	}
	return h.query(`SELECT id FROM recordings WHERE key = $1 AND bucket = $2 ORDER BY created_at DESC LIMIT 1`, key, bucket)[0], o
}

func (h *house) query(sql string, args ...any) []string {
	h.Helper()
	return storagetest.Query(h, h.url, sql, args...)
}

func (h *house) exec(sql string) { h.Helper(); storagetest.Exec(h, h.url, sql) }

func (h *house) keeper() *custody.Keeper {
	return &custody.Keeper{Store: h.db, Objects: h.objects, Buckets: []string{h.bucket}, Mode: custody.Compliance, Log: h.logger()}
}

func (h *house) logger() *slog.Logger { return slog.New(slog.NewTextHandler(h.log, nil)) }

func (h *house) kept(o pipeline.Object) custody.Kept {
	h.Helper()
	k, err := h.objects.Kept(h.Context(), o)
	h.ok(err)
	return k
}

// lines collects a log.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// spoil turns over one byte of a file.
func spoil(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	f, err := os.OpenFile(path, os.O_WRONLY, 0) // in place: attributes stay
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(b, 0); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}
