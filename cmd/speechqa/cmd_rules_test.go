package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/speechqa/speechqa/lexicon"
	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
)

// copyRules writes the built-in rules to a new directory, changed by pairs of old and new text in a file.
func copyRules(t *testing.T, file string, oldnew ...string) string {
	t.Helper()
	files, err := lexicon.ReadFiles(lexicon.DefaultFiles())
	if err != nil {
		t.Fatal(err)
	}
	if file != "" {
		text := string(files[file])
		for i := 0; i < len(oldnew); i += 2 {
			if !strings.Contains(text, oldnew[i]) {
				t.Fatalf("%s does not hold %q", file, oldnew[i])
			}
			text = strings.Replace(text, oldnew[i], oldnew[i+1], 1)
		}
		files[file] = []byte(text)
	}
	dir := filepath.Join(t.TempDir(), "rules")
	if err := writeRuleset(dir, files); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestStoredRules is a version's life by commands: imported, approved by a second person, compared, published, rolled
// back, and exported as it was.
func TestStoredRules(t *testing.T) {
	store, url := storagetest.Open(t)
	for _, name := range []string{"zhang", "wang"} {
		if _, err := store.CreateUser(t.Context(), postgres.User{Name: name, DisplayName: name, PasswordHash: "x", Role: "lead"}); err != nil {
			t.Fatal(err)
		}
	}
	env := map[string]string{"SPEECHQA_DATABASE_URL": storagetest.AppURL(t, url)}
	do := func(want int, says string, args ...string) {
		t.Helper()
		status, out, errs := speechqa(t, env, append([]string{"rules"}, args...)...)
		if status != want || !strings.Contains(out+errs, says) {
			t.Fatalf("rules %v: status %d, want %d with %q:\n%s%s", args, status, want, says, out, errs)
		}
	}
	one := copyRules(t, "lists/gang.txt", "弟兄们\n", "弟兄们\n老铁们\n")
	two := copyRules(t, "ruleset.yaml", "name: ", "name: own ")
	do(1, "there is no user", "import", one, "--as", "nobody", "--why", "x")
	do(0, "version 1, hash ", "import", one, "--as", "zhang", "--why", "新称呼")
	do(0, "version 1 already", "import", one, "--as", "wang", "--why", "again")
	do(1, "second person", "approve", "1", "--as", "zhang")
	do(1, "not approved", "publish", "1", "--as", "zhang")
	do(0, "version 1: draft", "approve", "1", "--as", "wang")
	do(0, "version 1: live", "publish", "1", "--as", "zhang") // nothing was live: there is nothing to compare with
	do(0, "version 2, hash ", "import", two, "--as", "zhang", "--why", "只改名称")
	do(0, "version 2: draft", "approve", "v2", "--as", "wang")
	do(1, "no finished back-test", "publish", "2", "--as", "zhang")
	do(0, "0 conversations", "backtest", "live", "2")
	do(0, "version 2: live", "publish", "2", "--as", "zhang")
	do(0, "version 1: live", "rollback", "1", "--as", "wang", "--why", "更稳")
	do(0, "新称呼", "list", "--stored")
	do(1, "there is no version 9", "export", "9", t.TempDir())

	out := filepath.Join(t.TempDir(), "out")
	do(0, "version 1: ", "export", "live", out)
	do(1, "is not empty", "export", "live", out)
	want, err := lexicon.ReadFiles(os.DirFS(one))
	if err != nil {
		t.Fatal(err)
	}
	got, err := lexicon.ReadFiles(os.DirFS(out))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("exported files differ:\n%.2000s", d)
	}
}

// Two rulesets over a file of dialogues: what the new one finds and loses, and what forbids publishing it.
func TestBacktestOverFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "d.jsonl")
	err := os.WriteFile(file, []byte(`{"id":"a","kind":"visit","turns":[{"speaker":"agent","text":"我让老铁们去你家喝茶"}]}
{"id":"b","kind":"visit","turns":[{"speaker":"agent","text":"你通过一下我的好友申请"}],"labels":[{"rule":"private_channel","turn":0,"quote":"好友申请"}]}
`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	old, now := copyRules(t, ""), copyRules(t, "lists/gang.txt", "弟兄们\n", "弟兄们\n老铁们\n")
	for _, dir := range []string{old, now} { // the patterns alone
		if err := os.Remove(filepath.Join(dir, "model.txt")); err != nil {
			t.Fatal(err)
		}
	}
	rule := filepath.Join(now, "rules", "private_channel.yaml")
	text, err := os.ReadFile(rule)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(rule, []byte(strings.Replace(string(text), "status: live", "status: retired", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	status, out, errs := speechqa(t, nil, "rules", "backtest", old, now, file)
	for _, want := range []string{"2 conversations, 2 differ", "FOUND   threat a:0", "LOST    private_channel b:0", "private_channel: 1 confirmed findings are lost", "\nagent  calls"} {
		if status != 0 || !strings.Contains(out, want) {
			t.Errorf("status %d, %q is missing:\n%s%s", status, want, out, errs)
		}
	}
}
