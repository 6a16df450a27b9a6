package main

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestModelGet fetches from a mirror and refuses what is not the published file.
func TestModelGet(t *testing.T) {
	content := []byte(strings.Repeat("weights ", 1000))
	sum := sha256.Sum256(content)
	var asked []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path)
		if _, err := w.Write(content); err != nil {
			t.Error(err)
		}
	}))
	defer srv.Close()
	env := map[string]string{"SPEECHQA_MODELS_DIR": t.TempDir()}
	dir := env["SPEECHQA_MODELS_DIR"]

	status, _, errs := speechqa(t, env, "model", "get", "silero-v6.2.0", "--mirror", srv.URL)
	if status != 1 || !strings.Contains(errs, "run it again") && !strings.Contains(errs, "wrong SHA-256") {
		t.Errorf("another file under a published name: status %d, %s", status, errs)
	}
	if len(asked) != 1 || !strings.HasPrefix(asked[0], "/ggml-org/whisper-vad/resolve/") {
		t.Errorf("asked for %v", asked)
	}
	if _, err := os.Stat(filepath.Join(dir, "ggml-silero-v6.2.0.bin")); err == nil {
		t.Error("it was kept")
	}

	status, out, errs := speechqa(t, env, "model", "get", "ours.bin", "--url", srv.URL+"/x", "--sha256", hex.EncodeToString(sum[:]))
	if want := filepath.Join(dir, "ours.bin"); status != 0 || strings.TrimSpace(out) != want {
		t.Errorf("status %d, %q, %s", status, out, errs)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"get", "ours.bin", "--url", srv.URL}, "--sha256"},
		{[]string{"get", "../ours.bin", "--url", srv.URL, "--sha256", hex.EncodeToString(sum[:])}, "not a path"},
		{[]string{"get", "large-v9"}, "model list"},
		{[]string{"get", "small", "--url", srv.URL, "--sha256", hex.EncodeToString(sum[:])}, "published"},
		{[]string{"verify"}, "no model is in"},
		{[]string{"verify", filepath.Join(dir, "ours.bin")}, hex.EncodeToString(sum[:])},
	} {
		if status, _, errs := speechqa(t, env, append([]string{"model"}, c.args...)...); status != 1 || !strings.Contains(errs, c.want) {
			t.Errorf("%v: status %d, %s", c.args, status, errs)
		}
	}

	if err := os.WriteFile(filepath.Join(dir, "ggml-small.bin"), content, 0o644); err != nil {
		t.Fatal(err)
	}
	if status, _, errs := speechqa(t, env, "model", "verify"); status != 1 || !strings.Contains(errs, "wrong SHA-256") {
		t.Errorf("a damaged model: status %d, %s", status, errs)
	}
	if status, out, _ := speechqa(t, env, "model", "list"); status != 0 || !strings.Contains(out, "large-v3-turbo-q5_0") || !strings.Contains(out, "damaged") {
		t.Errorf("list: status %d\n%s", status, out)
	}
}
