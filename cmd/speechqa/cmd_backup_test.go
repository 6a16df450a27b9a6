package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/speechqa/speechqa/storage/storagetest"
)

// A dump is restored and compared; one that is damaged, or not what its list says, is found.
func TestBackup(t *testing.T) {
	env, _, ids := custodyEnv(t)
	must(t, env, "retention", "hold", "add", "--recording", ids[0], "--reason", "r", "--owner", "o")
	file := filepath.Join(t.TempDir(), "speechqa.dump")
	must(t, env, "backup", "make", file)
	refused(t, env, "there already", "backup", "make", file)
	storagetest.Exec(t, env["SPEECHQA_DATABASE_OWNER_URL"], `UPDATE recordings SET team = 'later'`) // after the dump: not in it
	if out := must(t, nil, "backup", "verify", file); !strings.Contains(out, "1 audit entries, unbroken") {
		t.Error(out)
	}
	list, err := os.ReadFile(file + ".json")
	if err != nil {
		t.Fatal(err)
	}
	other := strings.Replace(string(list), `"table":"public.recordings","rows":2`, `"table":"public.recordings","rows":3`, 1)
	if other == string(list) {
		t.Fatalf("the list has no recordings: %s", list)
	}
	if err := os.WriteFile(file+".json", []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, nil, "not those that were dumped", "backup", "verify", file)
	dump, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	dump[len(dump)/2] ^= 1
	if err := os.WriteFile(file, dump, 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, nil, "damaged", "backup", "verify", file)
}
