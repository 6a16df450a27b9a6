package discovery_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/notification"

	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/pipeline/meta"
	"github.com/speechqa/speechqa/storage/objects"
	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
	"github.com/speechqa/speechqa/worker/discovery"
)

func TestMain(m *testing.M) { storagetest.Main(m) }

const token = "a-token-of-the-tests"

// bed is a database and an object store with two buckets.
type bed struct {
	t       *testing.T
	url     string
	store   *postgres.Store
	objects *objects.Store
}

func newBed(t *testing.T, cfg objects.Config) *bed {
	t.Helper()
	b := &bed{t: t, objects: storagetest.Objects(t, cfg, "calls", "visits")}
	b.store, b.url = storagetest.Open(t)
	return b
}

func (b *bed) discoverer(change func(*discovery.Config)) *discovery.Discoverer {
	cfg := discovery.Config{Store: b.store, Bucket: b.objects, Match: []string{"*.wav", "*.MP3"}, Resolver: meta.Resolver{Location: time.UTC},
		Places: []discovery.Place{{Bucket: "calls"}, {Bucket: "visits", Prefix: "2026/"}}, Every: 50 * time.Millisecond}
	if change != nil {
		change(&cfg)
	}
	return discovery.New(cfg)
}

func (b *bed) put(bucket, key, content string) {
	b.t.Helper()
	if _, err := b.objects.Put(b.t.Context(), bucket, key, strings.NewReader(content), int64(len(content)), objects.PutOptions{}); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bed) keys() []string {
	b.t.Helper()
	return storagetest.Query(b.t, b.url, `SELECT bucket || '/' || key FROM recordings ORDER BY 1`)
}

func (b *bed) scan(d *discovery.Discoverer) discovery.Tally {
	b.t.Helper()
	t, err := d.ScanAll(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return t
}

func TestScan(t *testing.T) {
	t.Parallel()
	b := newBed(t, storagetest.S3(t))
	b.put("calls", "1.wav", "x")
	b.put("calls", "1.json", `{"agent_id": "a9", "agent_name": "李明"}`)
	b.put("calls", "deep/er/2.mp3", "x")
	b.put("calls", "notes.txt", "x")
	b.put("visits", "2026/3.WAV", "x")
	b.put("visits", "2025/4.wav", "x")
	d := b.discoverer(nil)
	if got, want := b.scan(d), (discovery.Tally{Listed: 5, New: 3, Ignored: 1, Sidecar: 1}); got != want {
		t.Errorf("first: %+v, want %+v", got, want)
	}
	if got, want := b.keys(), []string{"calls/1.wav", "calls/deep/er/2.mp3", "visits/2026/3.WAV"}; !slices.Equal(got, want) {
		t.Errorf("rows: %q", got)
	}
	if got := storagetest.Query(t, b.url, `SELECT agent_id || (metadata ->> 'agent_name') FROM recordings WHERE key = '1.wav'`); got[0] != "a9李明" {
		t.Errorf("metadata of the file beside it: %q", got)
	}
	if got, want := b.scan(d), (discovery.Tally{Listed: 5, Known: 3, Ignored: 1, Sidecar: 1}); got != want {
		t.Errorf("again: %+v, want %+v", got, want)
	}
	b.put("calls", "1.wav", "another")
	if got := b.scan(d); got.New != 1 || len(b.keys()) != 4 {
		t.Errorf("rewritten: %+v, %q", got, b.keys())
	}
}

// fragile is a bucket whose listing breaks off after so many objects.
type fragile struct {
	discovery.Bucket
	left atomic.Int64
}

var errBroken = errors.New("broken off")

func (f *fragile) Stat(ctx context.Context, bucket, key string) (pipeline.Object, error) {
	if strings.HasSuffix(key, ".wav") {
		if f.left.Add(-1) < 0 {
			return pipeline.Object{}, errBroken
		}
	}
	return f.Bucket.Stat(ctx, bucket, key)
}

// An interrupted listing goes on from its last whole page, and in the end nothing is missing.
func TestScanResumes(t *testing.T) {
	t.Parallel()
	b := newBed(t, storagetest.S3(t))
	const n = 1100 // more than a page
	var wg sync.WaitGroup
	for part := range 8 {
		wg.Go(func() {
			for i := part; i < n; i += 8 {
				key := fmt.Sprintf("%05d.wav", i)
				if _, err := b.objects.Put(t.Context(), "calls", key, bytes.NewReader([]byte{1}), 1, objects.PutOptions{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	breaks := &fragile{Bucket: b.objects}
	breaks.left.Store(1050)
	broken := b.discoverer(func(c *discovery.Config) { c.Bucket = breaks })
	if tally, err := broken.ScanAll(t.Context()); !errors.Is(err, errBroken) || tally.New != 1000 {
		t.Fatalf("interrupted: %+v, %v", tally, err)
	}
	if tally := b.scan(b.discoverer(nil)); tally.New != 100 || tally.Listed != 100 {
		t.Errorf("resumed: %+v", tally)
	}
	if got := len(b.keys()); got != n {
		t.Errorf("%d rows", got)
	}
}

// Several ingesters at once, by listing and by notification, make one row of each object.
func TestIngestersAtOnce(t *testing.T) {
	t.Parallel()
	b := newBed(t, storagetest.S3(t))
	const n = 60
	for i := range n {
		b.put("calls", fmt.Sprintf("%02d.wav", i), fmt.Sprint(i))
	}
	var wg sync.WaitGroup
	for range 3 {
		d := b.discoverer(nil)
		wg.Go(func() {
			if _, err := d.ScanAll(t.Context()); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			for i := range n {
				if code := notify(d, token, event("calls", fmt.Sprintf("%02d.wav", i))); code != http.StatusNoContent {
					t.Errorf("notification: %d", code)
				}
			}
		})
	}
	wg.Wait()
	if got := b.keys(); len(got) != n || len(slices.Compact(got)) != n {
		t.Errorf("%d rows", len(got))
	}
}

// event is a notification as S3 servers send it.
func event(bucket, key string) string {
	return fmt.Sprintf(`{"EventName":"s3:ObjectCreated:Put","Records":[{"eventName":"s3:ObjectCreated:Put","s3":{"bucket":{"name":%q},"object":{"key":%q}}}]}`, bucket, key)
}

func notify(d *discovery.Discoverer, bearer, body string) int {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+bearer)
	w := httptest.NewRecorder()
	d.Webhook(token).ServeHTTP(w, r)
	return w.Code
}

func TestWebhookAnswers(t *testing.T) {
	t.Parallel()
	b := newBed(t, storagetest.S3(t))
	b.put("calls", "空 格.wav", "x")
	b.put("visits", "2025/4.wav", "x")
	d := b.discoverer(nil)
	for name, tc := range map[string]struct {
		token, body string
		want        int
	}{
		"wrong token":         {"guessed", event("calls", "空 格.wav"), http.StatusUnauthorized},
		"no JSON":             {token, "hello", http.StatusBadRequest},
		"too long":            {token, `{"x":"` + strings.Repeat("x", 2<<20) + `"}`, http.StatusBadRequest},
		"nothing":             {token, `{}`, http.StatusNoContent},
		"another bucket":      {token, event("other", "1.wav"), http.StatusNoContent},
		"outside of a prefix": {token, event("visits", "2025/4.wav"), http.StatusNoContent},
		"gone":                {token, event("calls", "gone.wav"), http.StatusNoContent},
		"deleted":             {token, strings.Replace(event("calls", "1.wav"), `"eventName":"s3:ObjectCreated:Put"`, `"eventName":"s3:ObjectRemoved:Delete"`, 1), http.StatusNoContent},
	} {
		if got := notify(d, tc.token, tc.body); got != tc.want {
			t.Errorf("%s: %d, want %d", name, got, tc.want)
		}
	}
	if got := b.keys(); len(got) != 0 {
		t.Errorf("rows: %q", got)
	}
	if got := notify(d, token, event("calls", "%E7%A9%BA+%E6%A0%BC.wav")); got != http.StatusNoContent || len(b.keys()) != 1 {
		t.Errorf("a key with a space: %d, %q", got, b.keys())
	}
	// What cannot be stored now is kept by the sender.
	b.store.Close()
	if got := notify(d, token, event("calls", "%E7%A9%BA+%E6%A0%BC.wav")); got != http.StatusServiceUnavailable {
		t.Errorf("without a database: %d", got)
	}
}

// MinIO's own notifications find recordings; those it could not deliver are found by the listing.
func TestMinIONotifications(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var handler http.Handler
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		h := handler
		mu.Unlock()
		if h == nil { // the notification is lost
			w.WriteHeader(http.StatusOK)
			return
		}
		h.ServeHTTP(w, r)
	}))
	defer srv.Close()
	cfg := storagetest.MinIO(t, srv.URL, token)
	b := newBed(t, cfg)
	c, err := minio.New(strings.TrimPrefix(cfg.Endpoint, "http://"), &minio.Options{Creds: credentials.NewStaticV4(cfg.AccessKey, cfg.SecretKey, "")})
	if err != nil {
		t.Fatal(err)
	}
	arn, err := notification.NewArnFromString(storagetest.Webhook)
	if err != nil {
		t.Fatal(err)
	}
	to := notification.NewConfig(arn)
	to.AddEvents(notification.ObjectCreatedAll)
	var n notification.Configuration
	n.AddQueue(to)
	if err := c.SetBucketNotification(t.Context(), "calls", n); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		b.put("calls", fmt.Sprintf("lost/%d.wav", i), fmt.Sprint(i))
	}
	d := b.discoverer(nil)
	mu.Lock()
	handler = d.Webhook(token)
	mu.Unlock()
	b.put("calls", "told/录 音.wav", "x")
	b.wait("the notification's row", func() bool { return slices.Contains(b.keys(), `"calls/told/录 音.wav"`) })
	b.scan(d)
	if got := b.keys(); len(got) != 21 {
		t.Errorf("%d rows after the listing", len(got))
	}
}

// Run lists again and again: what comes later is found without any notification.
func TestRunFindsWhatComesLater(t *testing.T) {
	t.Parallel()
	b := newBed(t, storagetest.S3(t))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); b.discoverer(nil).Run(ctx) }()
	for i := range 3 {
		b.put("calls", fmt.Sprintf("%d.wav", i), "x")
		b.wait("row", func() bool { return len(b.keys()) == i+1 })
	}
	cancel()
	<-done
}

func (b *bed) wait(what string, done func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatalf("%s: not within a minute; %q", what, b.keys())
		}
	}
}

// A rate is kept without losing anything, and a stop in the middle is heeded.
func TestRate(t *testing.T) {
	t.Parallel()
	b := newBed(t, storagetest.S3(t))
	for i := range 5 {
		b.put("calls", fmt.Sprintf("%d.wav", i), "x")
	}
	slow := b.discoverer(func(c *discovery.Config) { c.Rate = 0.001 })
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := slow.ScanAll(ctx); err == nil {
		t.Error("five recordings came at once at one per thousand seconds")
	}
	if tally := b.scan(b.discoverer(func(c *discovery.Config) { c.Rate = 1000 })); tally.New != 5 {
		t.Errorf("%+v", tally)
	}
}
