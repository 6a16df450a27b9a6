package main

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/speechqa/speechqa/custody"
	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/storage/objects"
	"github.com/speechqa/speechqa/storage/storagetest"
)

// A worker that is killed in the midst of a copy leaves nothing that counts; another one makes it.
func TestCopyKilled(t *testing.T) {
	env, db, ids := custodyEnv(t)
	ctx := t.Context()
	cfg := storagetest.MinIO(t, "", "")
	there := storagetest.Objects(t, cfg)
	if err := there.EnsureLockedBucket(ctx, "copies"); err != nil {
		t.Fatal(err)
	}
	large := strings.Repeat("sound ", 6<<20) // in three parts
	first := storagetest.Objects(t, objects.Config{Endpoint: env["SPEECHQA_S3_ENDPOINT"], AccessKey: env["SPEECHQA_S3_ACCESS_KEY"], SecretKey: env["SPEECHQA_S3_SECRET_KEY"], Region: "us-east-1", Style: "path"})
	o, err := first.Put(ctx, "kept", "large.wav", strings.NewReader(large), int64(len(large)), objects.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Discover(ctx, []pipeline.Found{{Object: o, Kind: "call"}}); err != nil {
		t.Fatal(err)
	}
	id := storagetest.Query(t, env["SPEECHQA_DATABASE_URL"], `SELECT id FROM recordings WHERE key = 'large.wav'`)[0]

	// The second store takes the first part and then nothing more.
	u, err := url.Parse(cfg.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u); r.Out.Host = r.In.Host }}
	var midst atomic.Bool
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("partNumber") == "2" {
			_, _ = io.Copy(io.Discard, r.Body) // only then is it seen that the client is gone
			midst.Store(true)
			<-r.Context().Done()
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(slow.Close)
	env["SPEECHQA_REDIS_URL"] = storagetest.Redis(t).URL()
	for name, value := range map[string]string{"BUCKET": "copies", "ENDPOINT": slow.URL, "ACCESS_KEY": cfg.AccessKey, "SECRET_KEY": cfg.SecretKey, "STYLE": "path"} {
		env["SPEECHQA_COPY_"+name] = value
	}
	worker := start(t, envList(env, "SPEECHQA_METRICS_LISTEN=off", "SPEECHQA_STEPS=inspect"), "worker")
	eventually(t, "the second part", midst.Load)
	eventually(t, "the small ones", func() bool {
		return storagetest.Query(t, env["SPEECHQA_DATABASE_URL"], `SELECT count(*) FROM copies WHERE due_at IS NOT NULL`)[0] == "1"
	})
	worker.kill()

	copies := &custody.Copies{Store: db, Second: there}
	if _, err := copies.VerifyCopy(ctx, id); !errors.Is(err, custody.ErrNoCopy) {
		t.Errorf("half a copy counts: %v", err)
	}
	if _, err := there.Stat(ctx, "copies", custody.CopyKey(o)); !errors.Is(err, pipeline.ErrGone) {
		t.Errorf("half a copy is there: %v", err)
	}
	if out := must(t, env, "status"); !strings.Contains(out, "without a second copy") {
		t.Error(out)
	}
	storagetest.Exec(t, env["SPEECHQA_DATABASE_URL"], `UPDATE copies SET alive_at = alive_at - interval '2 minutes'`) // time passes
	env["SPEECHQA_COPY_ENDPOINT"] = cfg.Endpoint
	storagetest.Exec(t, env["SPEECHQA_DATABASE_URL"], `UPDATE copy_store SET store = '`+cfg.Endpoint+`'`) // it is the same store
	start(t, envList(env, "SPEECHQA_METRICS_LISTEN=off", "SPEECHQA_STEPS=inspect"), "worker")
	eventually(t, "the copy", func() bool {
		return storagetest.Query(t, env["SPEECHQA_DATABASE_URL"], `SELECT count(*) FROM copies WHERE due_at IS NOT NULL`)[0] == "0"
	})
	for _, id := range append(ids, id) {
		if _, err := copies.VerifyCopy(ctx, id); err != nil {
			t.Error(err)
		}
	}
	if out := must(t, env, "verify", "storage", "--copies"); !strings.Contains(out, "3 second copies read, 0 with a problem") {
		t.Error(out)
	}
}
