package lexicon

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// withBanks is small with what several recordings, banks and clauses need.
func withBanks(profiles string) fstest.MapFS {
	fs := small()
	fs["hours.yaml"].Data = append(fs["hours.yaml"].Data, "industry: {title: 公约, from: \"08:00\", to: \"22:00\"}\n"...)
	fs["contacts.yaml"] = &fstest.MapFile{Data: []byte("company:\n  title: 公司\n  limits:\n    - {name: 一天一次, most: 1, days: 1}\n")}
	fs["clauses.yaml"] = &fstest.MapFile{Data: []byte(`old: {document: 规范, clause: 第一条, text: 旧文, from: 2020-01-01, to: 2026-01-01, rules: [threat]}
new: {document: 规范, clause: 第一条, text: 新文, from: 2026-01-01, rules: [threat]}
law: {document: 法律, kind: statute, rules: [threat], note: 待填}
`)}
	fs["profiles.yaml"] = &fstest.MapFile{Data: []byte(profiles)}
	return fs
}

func TestPolicyInForce(t *testing.T) {
	rs, err := LoadFS(withBanks(`甲:
  principals: [甲银行, 甲卡]
  versions:
    - {version: 1, from: 2026-01-01, to: 2026-07-01, points: {threat: {points: 40}}, severities: {minor: 3}}
    - {version: 2, from: 2026-08-01, hours: industry, off: [threat]}
`))
	if err != nil {
		t.Fatal(err)
	}
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, tc := range []struct{ principal, at, want string }{
		{"甲银行", "2025-12-31T23:59:59+08:00", ""},
		{"甲银行", "2026-01-01T00:00:00+08:00", "甲/1"},
		{"甲卡", "2026-06-30T23:59:59+08:00", "甲/1"},
		{"甲卡", "2026-07-01T00:00:00+08:00", ""},
		{"甲卡", "2026-09-01T00:00:00+08:00", "甲/2"},
		{"乙银行", "2026-09-01T00:00:00+08:00", ""},
		{"", "2026-09-01T00:00:00+08:00", ""},
	} {
		if got := rs.Policy(tc.principal, at(tc.at)).Stamp(); got != tc.want {
			t.Errorf("%s at %s: %q, want %q", tc.principal, tc.at, got, tc.want)
		}
	}
	if got := rs.Policy("甲银行", time.Time{}).Stamp(); got != "甲/2" {
		t.Errorf("without a time: %q, want the last version", got)
	}
	s := rs.ScoringFor("甲银行", at("2026-03-01T00:00:00Z"))
	if s.Rules["threat"].Points != 40 || s.Points["minor"] != 3 || s.Points["major"] != 15 {
		t.Errorf("scoring %+v", s)
	}
	if rs.Scoring.Points["minor"] != 5 || rs.Scoring.Rules["threat"].Points != 0 {
		t.Errorf("the default scoring changed: %+v", rs.Scoring)
	}
	var texts []string
	for _, c := range rs.ClausesOf("threat", at("2026-03-01T00:00:00Z")) {
		texts = append(texts, c.Text)
	}
	if got := strings.Join(texts, "|"); got != "新文|" {
		t.Errorf("clauses in force: %q", got)
	}
}

func TestPolicyErrorsHaveTheirLines(t *testing.T) {
	for _, tc := range []struct{ file, text, want string }{
		{"profiles.yaml", "甲:\n  principals: [甲银行]\n  versions:\n    - {version: 1, from: 2026-01-01, of: [threat]}\n", `profiles.yaml:4: unknown key "of"`},
		{"profiles.yaml", "甲:\n  principals: [甲银行]\n  versions:\n    - {version: 1, from: 2026-01-01, off: [threet]}\n", `profiles.yaml:4: off: no rule "threet"`},
		{"profiles.yaml", "甲:\n  principals: [甲银行]\n  versions:\n    - {version: 1, from: 2026-13-01}\n", `profiles.yaml:4: from must be a day`},
		{"profiles.yaml", "甲:\n  principals: [甲银行]\n  versions:\n    - {version: 1, from: 2026-01-01}\n    - {version: 2, from: 2026-02-01}\n", `profiles.yaml:5: two versions of profile "甲" are in force on 2026-02-01`},
		{"profiles.yaml", "甲:\n  principals: [甲银行]\n  versions:\n    - {version: 1, from: 2026-01-01, hours: night}\n", `profiles.yaml:4: hours: no profile "night"`},
		{"profiles.yaml", "甲:\n  principals: [甲银行]\n  versions:\n    - {version: 1, from: 2026-01-01, contacts: weekly}\n", `profiles.yaml:4: contacts: no profile "weekly"`},
		{"profiles.yaml", "甲:\n  principals: [甲银行]\n  versions:\n    - {version: 1, from: 2026-01-01, openings: {threat: {allow_missing: 0}}}\n", `profiles.yaml:4: openings: "threat" is no rule of kind slots`},
		{"profiles.yaml", "甲:\n  principals: [甲银行]\n  versions: [{version: 1, from: 2026-01-01}]\n乙:\n  principals: [甲银行]\n  versions: [{version: 1, from: 2026-01-01}]\n", `the principal "甲银行" is in profile`},
		{"contacts.yaml", "company:\n  limits:\n    - {name: 多, most: 1}\n", `contacts.yaml:3: days must be 1 to`},
		{"contacts.yaml", "company:\n  limits:\n    - {name: 多, most: 0, days: 3}\n", `contacts.yaml:3: most is missing`},
		{"contacts.yaml", "company:\n  limits:\n    - {name: 后, most: 0, days: 3, after: [stop]}\n", `contacts.yaml:3: after: no rule "stop"`},
		{"clauses.yaml", "a:\n  document: 法\n  rules: [none]\n", `clauses.yaml:3: rules: no rule "none"`},
		{"clauses.yaml", "a: {text: 字, rules: [threat]}\n", `clauses.yaml:1: clause "a": document is missing`},
	} {
		fs := withBanks("")
		fs[tc.file] = &fstest.MapFile{Data: []byte(tc.text)}
		_, err := LoadFS(fs)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s\n%s: %v, want %q", tc.file, tc.text, err, tc.want)
		}
	}
}
