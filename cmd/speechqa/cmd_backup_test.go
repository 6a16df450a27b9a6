package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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

// Backups in the second store are read back, locked, verified from there, and the oldest go once their lock has ended.
func TestBackupInSecondStore(t *testing.T) {
	env, _, _ := custodyEnv(t)
	refused(t, env, "SPEECHQA_COPY_BUCKET", "backup", "make", "--second")
	refused(t, env, "say where", "backup", "make")
	env["SPEECHQA_COPY_BUCKET"] = "copies"
	o, err := openObjects(objectSettings{Endpoint: env["SPEECHQA_S3_ENDPOINT"], AccessKey: env["SPEECHQA_S3_ACCESS_KEY"], SecretKey: env["SPEECHQA_S3_SECRET_KEY"], Region: "us-east-1", Style: "path"})
	if err != nil {
		t.Fatal(err)
	}
	if err := o.EnsureLockedBucket(t.Context(), "copies"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"0 older removed, 0 older still locked", "0 older removed, 1 older still locked"} {
		if out := must(t, env, "backup", "make", "--second", "--keep", "1"); !strings.Contains(out, want) {
			t.Errorf("%s, want %q", out, want)
		}
	}
	shelf := &backupShelf{store: o, bucket: "copies"}
	all, err := shelf.list(t.Context())
	if err != nil || len(all) != 2 {
		t.Fatal(all, err)
	}
	if kept, err := o.Kept(t.Context(), all[0].dump); err != nil || kept.Until.Before(time.Now().AddDate(0, 0, 29)) {
		t.Errorf("%+v %v", kept, err)
	}
	if err := o.Remove(t.Context(), all[1].dump); err == nil {
		t.Error("a locked backup was removed")
	}
	if out := must(t, env, "backup", "verify", "--second"); !strings.Contains(out, all[0].name+" from the second store") || !strings.Contains(out, "unbroken") {
		t.Error(out)
	}
	refused(t, env, "there is no backup", "backup", "verify", "--second", "other")

	// Without a lock the oldest go at once.
	if err := o.EnsureBucket(t.Context(), "loose"); err != nil {
		t.Fatal(err)
	}
	env["SPEECHQA_COPY_BUCKET"] = "loose"
	must(t, env, "backup", "make", "--second", "--keep", "1")
	if out := must(t, env, "backup", "make", "--second", "--keep", "1"); !strings.Contains(out, "1 older removed, 0 older still locked") {
		t.Error(out)
	}
	shelf.bucket = "loose"
	if all, err := shelf.list(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("%+v %v", all, err)
	}
}
