package main

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/speechqa/speechqa/storage/storagetest"
	"github.com/speechqa/speechqa/worker"
)

// Whether a process can work, asked over HTTP while its services go away one after the other; and that the time they
// take is measured.
func TestReadyz(t *testing.T) {
	_, database := storagetest.Open(t)
	redis := storagetest.Redis(t)
	opt, err := worker.ParseRedis(redis.URL())
	if err != nil {
		t.Fatal(err)
	}
	s3 := storagetest.S3(t)
	storagetest.Objects(t, s3, "recordings")
	sys, err := openSystem(t.Context(), services{DatabaseURL: storagetest.AppURL(t, database), Redis: opt, Objects: objectSettings{Endpoint: s3.Endpoint,
		AccessKey: s3.AccessKey, SecretKey: s3.SecretKey, Region: s3.Region, Style: s3.Style, Places: []bucketPrefix{{Bucket: "recordings"}}}},
		slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := sys.close(); err != nil {
			t.Error(err)
		}
	}()
	get := func(path string) (int, string) {
		w := httptest.NewRecorder()
		sys.observeHandler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w.Code, strings.TrimSpace(w.Body.String())
	}
	expect := func(status int, said string) {
		t.Helper()
		if code, body := get("/readyz"); code != status || body != said {
			t.Errorf("/readyz: %d %q, want %d %q", code, body, status, said)
		}
	}
	expect(http.StatusOK, "ok")
	_, metrics := get("/metrics")
	for _, want := range []string{`speechqa_sql_seconds_count{outcome="ok",statement="select"}`, `speechqa_store_seconds_count{method="head",outcome="ok"}`} {
		if !strings.Contains(metrics, want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}

	if err := redis.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect(http.StatusServiceUnavailable, "the queue does not answer")
	if err := sys.storesReady(t.Context()); err != nil {
		t.Errorf("the console needs no queue: %v", err)
	}
	sys.Objects.Places[0].Bucket = "elsewhere"
	expect(http.StatusServiceUnavailable, "the bucket elsewhere cannot be reached")
	sys.store.Close()
	expect(http.StatusServiceUnavailable, "the database does not answer")
	if code, _ := get("/healthz"); code != http.StatusOK {
		t.Errorf("/healthz: %d though the process lives", code)
	}
}
