package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// speechqaText runs the command and returns what it wrote.
func speechqaText(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(context.Background(), args, func(string) string { return "" }, strings.NewReader(stdin), &out, &errs)
	return code, out.String(), errs.String()
}

func TestScanReportsBadLinesAndGoesOn(t *testing.T) {
	good := `{"id":"G1","kind":"call","metadata":{"callee":"debtor","started_at":"2026-03-02T10:00:00+08:00"},"turns":[{"speaker":"agent","text":"我明天带几个兄弟去你家堵门","start":3.5,"end":6}],"labels":"nonsense that scan must not read"}`
	lines := []string{
		good,
		`{"id":"B2","kind":"call","turns":[`,
		`{"id":"B3","kind":"call","turns":[{"speaker":"boss","text":"x"},{"speaker":"agent"}]}`,
		`{"id":"B4","kind":"fax","turns":[]}`,
		"{\"id\":\"B5\",\"kind\":\"call\",\"turns\":[{\"speaker\":\"agent\",\"text\":\"\xff\"}]}",
		`{"id":"B6","kind":"call","turns":"none"}`,
		`{"kind":"call","turns":[{"speaker":"agent","text":"x","start":9,"end":3}]}`,
		"",
		strings.Replace(good, "G1", "G9", 1),
	}
	code, stdout, stderr := speechqaText(t, strings.Join(lines, "\n")+"\n", "scan", "-")
	if code != 1 {
		t.Errorf("exit status %d, want 1", code)
	}
	for _, want := range []string{"standard input:2: malformed JSON", `:3: turns[0].speaker: "boss"`, "turns[1].text: missing", `:4: kind: "fax"`, "turns: empty",
		":5: the line is not valid UTF-8", ":6: turns: cannot be a string", ":7: id: missing", "turns[0].end: 3 is before start 9", "6 lines could not be read"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("standard error lacks %q:\n%s", want, stderr)
		}
	}
	got := strings.Split(strings.TrimSpace(stdout), "\n")
	if len(got) != 2 {
		t.Fatalf("%d lines out, want those of the two good dialogues:\n%s", len(got), stdout)
	}
	var line struct {
		ID       string `json:"id"`
		Score    int    `json:"score"`
		Findings []struct {
			Rule, Quote, Severity, Why string
			Turn                       int
		} `json:"findings"`
	}
	if err := json.Unmarshal([]byte(got[1]), &line); err != nil {
		t.Fatal(err)
	}
	if line.ID != "G9" || line.Score != 0 || len(line.Findings) == 0 || line.Findings[0].Rule != "threat" || line.Findings[0].Turn != 0 ||
		!strings.Contains("我明天带几个兄弟去你家堵门", line.Findings[0].Quote) || line.Findings[0].Severity != "critical" || line.Findings[0].Why == "" {
		t.Errorf("%+v", line)
	}
}

func TestScanMissingFile(t *testing.T) {
	if code, _, stderr := speechqaText(t, "", "scan", filepath.Join(t.TempDir(), "none.jsonl")); code != 1 || !strings.Contains(stderr, "none.jsonl") {
		t.Errorf("exit status %d: %s", code, stderr)
	}
}

// TestEvalCountsAsTheScorer compares with figures counted by hand by the rules of the acceptance scorer: two dialogues,
// one with a threat that is found and an insult label on a turn where nothing insulting is said, one clean.
func TestEvalCountsAsTheScorer(t *testing.T) {
	in := `{"id":"1","kind":"call","metadata":{"callee":"debtor"},"turns":[{"speaker":"agent","text":"您好请问是王强先生本人吗我是某某科技工号001通话录音"},{"speaker":"customer","text":"是"},{"speaker":"agent","text":"我明天带几个兄弟去你家堵门"},{"speaker":"customer","text":"哦"},{"speaker":"agent","text":"好的谢谢再见"}],"labels":[{"rule":"threat","turn":2,"quote":"带几个兄弟"},{"rule":"insult","turn":0,"quote":"您好"}]}
{"id":"2","kind":"call","metadata":{"callee":"debtor"},"turns":[{"speaker":"agent","text":"您好请问是王强先生本人吗我是某某科技工号001通话录音"},{"speaker":"customer","text":"是"},{"speaker":"agent","text":"好的谢谢再见"}],"labels":[]}
`
	code, stdout, stderr := speechqaText(t, in, "eval", "-")
	if code != 0 {
		t.Fatalf("exit status %d: %s", code, stderr)
	}
	for _, want := range []string{"threat                      1.00   1.00   1.00      1.00   1.00   1.00   1/0/0", "insult                      1.00   0.00   0.00",
		"call: precision 1.000 recall 0.500 f1 0.667 macro-f1 0.500 core-f1 1.000", "clean dialogues flagged: 0 of 1"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("output lacks %q:\n%s", want, stdout)
		}
	}
}

func TestRulesCommands(t *testing.T) {
	if code, stdout, stderr := speechqaText(t, "", "rules", "list"); code != 0 || !strings.Contains(stdout, "third_party_disclosure") {
		t.Errorf("list: exit status %d\n%s%s", code, stdout, stderr)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../lexicon/data")); err != nil {
		t.Fatal(err)
	}
	if code, stdout, stderr := speechqaText(t, "", "rules", "check", dir); code != 0 || !strings.Contains(stdout, "hash") {
		t.Errorf("check: exit status %d\n%s%s", code, stdout, stderr)
	}
	// Break one word of one list: the examples that rest on it must fail, with their place and the reason.
	list := filepath.Join(dir, "lists", "jail.txt")
	text, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(list, []byte(strings.Replace(string(text), "\n坐牢\n", "\n坐车\n", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	code, stdout, _ := speechqaText(t, "", "rules", "test", "--rule", "threat", dir)
	if code != 1 || !strings.Contains(stdout, "rules/threat.yaml:") || !strings.Contains(stdout, "no pattern matches") {
		t.Errorf("test with a broken list: exit status %d\n%s", code, stdout)
	}
	if err := os.WriteFile(filepath.Join(dir, "rules", "threat.yaml"), []byte("id: threat\nsevrity: critical\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := speechqaText(t, "", "rules", "check", dir)
	if code != 1 || !strings.Contains(stderr, `rules/threat.yaml:2: unknown key "sevrity" in rule, did you mean "severity"?`) {
		t.Errorf("check: exit status %d\n%s", code, stderr)
	}
}

// TestScanTwoMegabyteUtterance: a huge utterance is inspected, and the line behind it too.
func TestScanTwoMegabyteUtterance(t *testing.T) {
	huge := strings.Repeat("您好请问还款", 120_000) + "判下来你就等着坐牢吧"
	in := `{"id":"H1","kind":"call","turns":[{"speaker":"agent","text":"` + huge + `"}]}` + "\n" + `{"id":"H2","kind":"call","turns":[{"speaker":"agent","text":"您好"}]}` + "\n"
	code, stdout, stderr := speechqaText(t, in, "scan", "-")
	if code != 0 || strings.Count(stdout, "\n") != 2 || !strings.Contains(stdout, `"rule":"threat"`) || !strings.Contains(stdout, `{"id":"H2"`) {
		t.Errorf("exit status %d: %.300s\n%s", code, stdout, stderr)
	}
}

// TestRulesCheckNamesEveryMistake breaks a ruleset on disk in three files and wants all places at once.
func TestRulesCheckNamesEveryMistake(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../lexicon/data")); err != nil {
		t.Fatal(err)
	}
	write := func(file, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("lists/ring_a.txt", "坐牢\n@ring_b\n")
	write("lists/ring_b.txt", "蹲监狱\n@ring_a\n")
	write("lists/latin.txt", "\xff\xfe")
	write("rules/zz_test.yaml", `id: zz_test
version: 1
title: {zh: 试, en: Test}
spaeker: agent
match:
  - 坐牢
examples:
  flag:
    - {say: [你等着坐牢], quote: 进监狱}
  pass:
    - 请还款
`)
	code, _, stderr := speechqaText(t, "", "rules", "check", dir)
	if code != 1 {
		t.Errorf("exit status %d, want 1", code)
	}
	for _, want := range []string{`rules/zz_test.yaml:4: unknown key "spaeker" in rule, did you mean "speaker"?`,
		`rules/zz_test.yaml:9: the quote "进监狱" is not in the example`, "lists/ring_", "includes itself", "lists/latin.txt:1: the file is not valid UTF-8"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("standard error lacks %q:\n%s", want, stderr)
		}
	}
	// The other commands refuse the same ruleset in the same words.
	if code, _, stderr := speechqaText(t, "", "scan", "--rules", dir, "-"); code != 1 || !strings.Contains(stderr, "includes itself") {
		t.Errorf("scan: exit status %d\n%s", code, stderr)
	}
}
