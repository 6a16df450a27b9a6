package whisper

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// hub is a model server that serves one file, breaks off after some bytes when told to, and counts what it sent.
type hub struct {
	content  []byte
	breakAt  atomic.Int64 // 0 = never
	noRanges atomic.Bool
	sent     atomic.Int64
	asked    atomic.Int64
}

func (h *hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.asked.Add(1)
	if h.noRanges.Load() {
		r.Header.Del("Range")
	}
	c := &cutWriter{ResponseWriter: w, hub: h, left: h.breakAt.Load()}
	http.ServeContent(c, r, "model.bin", time.Time{}, bytes.NewReader(h.content))
}

type cutWriter struct {
	http.ResponseWriter
	hub  *hub
	left int64
}

func (w *cutWriter) Write(b []byte) (int, error) {
	if w.hub.breakAt.Load() > 0 {
		if w.left <= 0 {
			panic(http.ErrAbortHandler)
		}
		b = b[:min(int64(len(b)), w.left)]
		w.left -= int64(len(b))
	}
	n, err := w.ResponseWriter.Write(b)
	w.hub.sent.Add(int64(n))
	if f, ok := w.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
	return n, err
}

func newHub(t *testing.T, n int) (*hub, string, string) {
	t.Helper()
	h := &hub{content: make([]byte, n)}
	rnd := rand.NewChaCha8([32]byte{1})
	if _, err := io.ReadFull(rnd, h.content); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	sum := sha256.Sum256(h.content)
	return h, srv.URL + "/model.bin", hex.EncodeToString(sum[:])
}

// TestFetchResumes breaks a download off and continues it with a range; nothing is sent twice.
func TestFetchResumes(t *testing.T) {
	const n = 1 << 20
	h, url, sum := newHub(t, n)
	path := filepath.Join(t.TempDir(), "models", "model.bin")
	h.breakAt.Store(300_000)
	if err := (Download{}).Fetch(t.Context(), url, path, sum, n); err == nil || !strings.Contains(err.Error(), "run it again to continue") {
		t.Fatalf("a broken download: %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Fatal("a half model lies under the model's name")
	}
	h.breakAt.Store(0)
	var last int64
	d := Download{Progress: func(done, total int64) {
		if done < last || total != n {
			t.Errorf("progress %d of %d after %d", done, total, last)
		}
		last = done
	}}
	if err := d.Fetch(t.Context(), url, path, sum, n); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, h.content) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if last != n || h.sent.Load() != n {
		t.Errorf("progress ended at %d; %d bytes were sent for a file of %d", last, h.sent.Load(), n)
	}
	asked := h.asked.Load()
	if err := (Download{}).Fetch(t.Context(), url, path, sum, n); err != nil || h.asked.Load() != asked {
		t.Errorf("a model that is there is fetched again: %v", err)
	}
}

// TestFetchWithoutRanges starts over where the server cannot continue.
func TestFetchWithoutRanges(t *testing.T) {
	const n = 1 << 18
	h, url, sum := newHub(t, n)
	path := filepath.Join(t.TempDir(), "model.bin")
	write(t, path+".part", h.content[:1000])
	h.noRanges.Store(true)
	if err := (Download{}).Fetch(t.Context(), url, path, sum, 0); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, h.content) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// TestFetchRefuses takes no file but the right one.
func TestFetchRefuses(t *testing.T) {
	const n = 1 << 16
	_, url, sum := newHub(t, n)
	wrong := strings.Repeat("0", 64)
	for name, c := range map[string]struct {
		part []byte
		sum  string
		size int64
		want string
	}{
		"another file":      {nil, wrong, n, "wrong SHA-256"},
		"a corrupt part":    {make([]byte, 1000), sum, n, "wrong SHA-256"},
		"a file too long":   {nil, sum, n / 2, "wrong SHA-256"},
		"a file too short":  {nil, sum, n * 2, "run it again"},
		"no hash":           {nil, "", n, "is no SHA-256"},
		"a hash that is no": {nil, "abc", n, "is no SHA-256"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "model.bin")
			if c.part != nil {
				write(t, path+".part", c.part)
			}
			err := (Download{}).Fetch(t.Context(), url, path, c.sum, c.size)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want %s", err, c.want)
			}
			if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
				t.Error("it lies under the model's name")
			}
			if _, err := os.Stat(path + ".part"); c.want == "wrong SHA-256" && !errors.Is(err, os.ErrNotExist) {
				t.Error("the wrong file was kept: no later call could succeed")
			}
		})
	}
	none := httptest.NewServer(http.NotFoundHandler())
	defer none.Close()
	if err := (Download{}).Fetch(t.Context(), none.URL, filepath.Join(t.TempDir(), "m"), sum, n); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("no such file: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (Download{}).Fetch(ctx, url, filepath.Join(t.TempDir(), "m"), sum, n); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestFetchOnce: a second download of the same file at the same time is refused, not mixed in.
func TestFetchOnce(t *testing.T) {
	const n = 1 << 16
	_, url, sum := newHub(t, n)
	path := filepath.Join(t.TempDir(), "model.bin")
	inside := false
	d := Download{Progress: func(int64, int64) {
		if inside {
			return
		}
		inside = true
		if err := (Download{}).Fetch(t.Context(), url, path, sum, n); err == nil || !strings.Contains(err.Error(), "another download") {
			t.Errorf("the second download: %v", err)
		}
	}}
	if err := d.Fetch(t.Context(), url, path, sum, n); err != nil {
		t.Fatal(err)
	}
	if !inside {
		t.Error("no progress was told")
	}
}

// TestModels checks the table: names and hashes are unique and well formed, addresses as documented.
func TestModels(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range Models {
		if b, err := hex.DecodeString(m.SHA256); err != nil || len(b) != 32 || m.Size < 500_000 || seen[m.Name] || seen[m.SHA256] {
			t.Errorf("%+v", m)
		}
		seen[m.Name], seen[m.SHA256] = true, true
		if got, ok := LookUp(m.File); !ok || got != m {
			t.Errorf("%s is not found by its file name", m.Name)
		}
	}
	m, _ := LookUp("large-v3-turbo-q5_0")
	if got := m.URL("https://mirror.example/"); got != "https://mirror.example/ggerganov/whisper.cpp/resolve/5359861c739e955e79d9a303bcbc70fb988958b1/ggml-large-v3-turbo-q5_0.bin" {
		t.Error(got)
	}
	if got := m.URL("https://intranet.example/models/{file}?v=1"); got != "https://intranet.example/models/ggml-large-v3-turbo-q5_0.bin?v=1" {
		t.Error(got)
	}
}

// TestFindModel takes paths and names, and says how to get what is not there.
func TestFindModel(t *testing.T) {
	dir := t.TempDir()
	if got, err := FindModel(demoModel, dir); err != nil || got != demoModel {
		t.Errorf("a path: %q, %v", got, err)
	}
	if _, err := FindModel("small", dir); err == nil || !strings.Contains(err.Error(), "speechqa model get small") {
		t.Errorf("a model that is not fetched: %v", err)
	}
	write(t, filepath.Join(dir, "ggml-small.bin"), []byte("half"))
	if _, err := FindModel("small", dir); err == nil || !strings.Contains(err.Error(), "has 4 bytes") {
		t.Errorf("a damaged model: %v", err)
	}
	if _, err := FindModel("smal", dir); err == nil || !strings.Contains(err.Error(), "speechqa model list") {
		t.Errorf("a typing error: %v", err)
	}
}

// TestLoadProfile reads the demo model's profile and refuses nonsense.
func TestLoadProfile(t *testing.T) {
	p, err := LoadProfile(demoModel)
	if err != nil || p.Name != "demo-zh" || p.UsePrompt || p.Decoding.Language != "zh" {
		t.Errorf("%+v, %v", p, err)
	}
	model := filepath.Join(t.TempDir(), "ggml-small.bin")
	if p, err := LoadProfile(model); err != nil || p.Name != "small" || p.MaxWindow != 30 {
		t.Errorf("no profile: %+v, %v", p, err)
	}
	for _, bad := range []string{`{"max_windows": 3}`, `{"max_window": 60}`, `{"decoding": {"beam": -1}}`, `{`, `{"min_probability": 2}`} {
		write(t, strings.TrimSuffix(model, ".bin")+".json", []byte(bad))
		if _, err := LoadProfile(model); err == nil || !strings.Contains(err.Error(), "ggml-small.json") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
