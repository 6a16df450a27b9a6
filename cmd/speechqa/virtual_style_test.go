package main

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/speechqa/speechqa/storage/storagetest"
)

// TestVirtualStyle: with SPEECHQA_S3_STYLE=virtual the bucket is a part of the host's name. A proxy stands for the name service.
func TestVirtualStyle(t *testing.T) {
	store := storagetest.MinIO(t, "", "")
	storagetest.Objects(t, store, "recordings")
	to, err := url.Parse(store.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	asked := map[string]int{}
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host // which is signed, and names the bucket
		mu.Lock()
		asked[r.In.Host]++
		mu.Unlock()
	}, ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
		http.Error(w, err.Error(), http.StatusBadGateway)
	}})
	defer proxy.Close()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "1.wav")
	if err := os.WriteFile(file, []byte("RIFF"), 0o600); err != nil {
		t.Fatal(err)
	}
	database := storagetest.Database(t)
	for _, args := range [][]string{{"ingest", "put", file}, {"ingest", "backfill"}} {
		cmd := exec.Command(path, args...)
		cmd.Env = []string{"HTTP_PROXY=" + proxy.URL, "SPEECHQA_S3_ENDPOINT=http://store.test", "SPEECHQA_S3_STYLE=virtual", "SPEECHQA_S3_ACCESS_KEY=" + store.AccessKey,
			"SPEECHQA_S3_SECRET_KEY=" + store.SecretKey, "SPEECHQA_BUCKETS=recordings", "SPEECHQA_DATABASE_URL=" + storagetest.AppURL(t, database), "SPEECHQA_METRICS_LISTEN=off"}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v, %s", args, err, out)
		}
	}
	if got := storagetest.Query(t, database, `SELECT count(*) FROM recordings WHERE bucket = 'recordings'`); got[0] != "1" {
		t.Errorf("%s recordings are known", got[0])
	}
	if asked["recordings.store.test"] == 0 || len(asked) != 1 {
		t.Errorf("hosts asked: %v", asked)
	}
}
