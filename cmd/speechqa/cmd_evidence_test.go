package main

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// checkEvidence takes a pack out of a running console and proves it without one, the audio heard again included.
func checkEvidence(t *testing.T, address, password, data, recording string) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	res, err := client.PostForm(address+"/login", url.Values{"name": {"lead"}, "password": {password}})
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	res, err = client.Get(address + "/recordings/" + recording + "/evidence")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	pack, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/zip" {
		t.Fatalf("status %s, %v: %.300s", res.Status, err, pack)
	}
	file := filepath.Join(t.TempDir(), "pack.zip")
	if err := os.WriteFile(file, pack, 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, nil, "verify", "pack", "--audio", "--key", filepath.Join(data, "signing.key.pub"), file)
	if status := p.wait(); status != 0 {
		t.Fatalf("exit status %d", status)
	}
	for _, want := range []string{"signed with the key given", "byte for byte", "heard again, the same words and the same findings"} {
		if !strings.Contains(p.stdout.String(), want) {
			t.Errorf("verify pack does not say %q:\n%s", want, p.stdout.String())
		}
	}
	pack[len(pack)/2] ^= 1
	if err := os.WriteFile(file, pack, 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, nil, "not as it was made", "verify", "pack", file)
}

func TestEvidenceCommands(t *testing.T) {
	env, _, ids := custodyEnv(t)
	file := filepath.Join(t.TempDir(), "signing.key")
	refused(t, env, "no signing key is configured", "evidence", "export", ids[0])
	must(t, env, "evidence", "key", file)
	for name, mode := range map[string]os.FileMode{file: 0o600, file + ".pub": 0o644} {
		if st, err := os.Stat(name); err != nil || st.Mode().Perm() != mode {
			t.Errorf("%s: %v %v", name, st, err)
		}
	}
	refused(t, env, "file exists", "evidence", "key", file)
	env["SPEECHQA_SIGNING_KEY_FILE"] = file
	out := filepath.Join(t.TempDir(), "pack.zip")
	refused(t, env, "not inspected", "evidence", "export", "-o", out, ids[0])
	refused(t, env, "no such recording", "evidence", "export", "-o", out, "00000000-0000-0000-0000-000000000000")
	if _, err := os.Stat(out); !os.IsNotExist(err) {
		t.Error("a refused export leaves a file")
	}
	refused(t, env, "not as it was made", "verify", "pack", file)
	refused(t, env, "no minisign public key", "verify", "pack", "--key", "x", file)
}
