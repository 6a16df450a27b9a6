package lexicon

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// small is a ruleset with one rule, valid.
func small() fstest.MapFS {
	out := fstest.MapFS{}
	for name, text := range map[string]string{
		"ruleset.yaml":    "name: small\nversion: 1\n",
		"scoring.yaml":    "start: 100\npoints: {info: 0, minor: 5, major: 15, critical: 30}\nrules:\n  threat: {cap: 60, fatal: true}\n",
		"hours.yaml":      "company: {version: 1, title: 公司, from: \"08:00\", to: \"20:00\"}\n",
		"exceptions.yaml": "exceptions:\n  否定: {words: [\"[不会|绝不]\"], where: before}\n",
		"listener.yaml":   "third_party:\n  - {name: 妈妈, say: [我是他妈]}\n",
		"lists/jail.txt":  "# 坐牢\n坐牢\n蹲监狱\n",
		"rules/threat.yaml": `id: threat
version: 1
title: {zh: 威胁, en: Threat}
severity: critical
sets:
  等: [等着, 准备]
match:
  - name: 坐牢
    say: ["{等}..4@jail"]
unless: [否定]
examples:
  flag:
    - 你就「等着坐牢」吧
  pass:
    - 否定: [您不会等着坐牢的]
`} {
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

func TestSmallRulesetLoads(t *testing.T) {
	a, err := LoadFS(small())
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Rules) != 1 || a.Version != "1" || len(a.Hash) != 64 {
		t.Fatalf("%d rules, version %q, hash %q", len(a.Rules), a.Version, a.Hash)
	}
	changed := small()
	changed["lists/jail.txt"] = &fstest.MapFile{Data: []byte("坐牢\n")}
	b, err := LoadFS(changed)
	if err != nil {
		t.Fatal(err)
	}
	if a.Hash == b.Hash {
		t.Error("the hash does not show a change in a list")
	}
}

// TestMistakes breaks the ruleset in one place at a time and wants the place and a helpful word in the message.
func TestMistakes(t *testing.T) {
	for _, c := range []struct{ file, old, new, want string }{
		{"rules/threat.yaml", "severity: critical", "sevrity: critical", `rules/threat.yaml:4: unknown key "sevrity" in rule, did you mean "severity"?`},
		{"rules/threat.yaml", "severity: critical", "severity: criticl", `rules/threat.yaml:4: severity cannot be "criticl", did you mean "critical"?`},
		{"rules/threat.yaml", "id: threat", "id: thread", `must agree`},
		{"rules/threat.yaml", "version: 1", "version: one", `rules/threat.yaml:2: version must be a whole number`},
		{"rules/threat.yaml", "{等}..4@jail", "{等}..4@jial", `rules/threat.yaml:9: say: "{等}..4@jial": no list @jial (there is no lists/jial.txt), did you mean "jail"?`},
		{"rules/threat.yaml", "{等}..4@jail", "{登}..4@jail", `no set {登} in this file`},
		{"rules/threat.yaml", "{等}..4@jail", "{等..4@jail", `never closed`},
		{"rules/threat.yaml", "{等}..4@jail", "..4@jail", `.. needs something before it`},
		{"rules/threat.yaml", "{等}..4@jail", "{等}.. 4@jail", `right after the dots`},
		{"rules/threat.yaml", "{等}..4@jail", "<amuont>", `no entity <amuont>, did you mean "amount"?`},
		{"rules/threat.yaml", "{等}..4@jail", "/(/", `regular expression`},
		{"rules/threat.yaml", "{等}..4@jail", "/a*/", `matches the empty text`},
		{"rules/threat.yaml", "{等}..4@jail", "{等}?", `every element is optional`},
		{"rules/threat.yaml", "unless: [否定]", "unless: [否认]", `rules/threat.yaml:10: no exception "否认" in exceptions.yaml, did you mean "否定"?`},
		{"rules/threat.yaml", "「等着坐牢」", "等着", ``},
		{"rules/threat.yaml", "    - 你就「等着坐牢」吧", "    - {say: [你就等着坐牢吧], quote: 等着进去}", `rules/threat.yaml:13: the quote "等着进去" is not in the example`},
		{"rules/threat.yaml", "- 否定:", "- 否认:", `rules/threat.yaml:15: because: the rule has no exception "否认"`},
		{"rules/threat.yaml", "  等: [等着, 准备]", "  等: [\"{等}\"]", `includes itself`},
		{"rules/threat.yaml", "title: {zh: 威胁, en: Threat}", "title: {zh: 威胁}", `title.en is missing`},
		{"rules/threat.yaml", "examples:", "exmaples:", `examples are missing`},
		{"rules/threat.yaml", "match:", "\tmatch:", `not valid YAML`},
		{"lists/jail.txt", "蹲监狱", "坐牢", `lists/jail.txt:3: "坐牢" is already in line 2`},
		{"lists/jail.txt", "蹲监狱", "@jail", `lists/jail.txt:3: the list @jail includes itself`},
		{"lists/jail.txt", "蹲监狱", "蹲|监狱", `lists/jail.txt:3: the phrase "蹲|监狱" holds a sign`},
		{"scoring.yaml", "  threat:", "  threads:", `scoring.yaml:4: no rule "threads", did you mean "threat"?`},
		{"scoring.yaml", "major: 15, ", "", `severity "major" is missing`},
		{"hours.yaml", "08:00", "8 Uhr", `a time must look like 08:00`},
		{"hours.yaml", "08:00", "21:00", `from must be before to`},
		{"exceptions.yaml", "where: before", "where: befor", `did you mean "before"?`},
		{"listener.yaml", "say: [我是他妈]", "sagt: [我是他妈]", `unknown key "sagt"`},
	} {
		set := small()
		text := string(set[c.file].Data)
		if !strings.Contains(text, c.old) {
			t.Fatalf("%q is not in %s", c.old, c.file)
		}
		set[c.file] = &fstest.MapFile{Data: []byte(strings.Replace(text, c.old, c.new, 1))}
		_, err := LoadFS(set)
		if c.want == "" {
			if err != nil {
				t.Errorf("%q → %q: %v", c.old, c.new, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %q → %q:\n got %v\nwant %s", c.file, c.old, c.new, err, c.want)
		}
	}
}

func TestAllErrorsAtOnce(t *testing.T) {
	set := small()
	set["rules/threat.yaml"].Data = []byte(strings.NewReplacer("severity", "sevrity", "@jail", "@jial").Replace(string(set["rules/threat.yaml"].Data)))
	set["lists/jail.txt"].Data = []byte("坐牢\n坐牢\n")
	_, err := LoadFS(set)
	var all LoadErrors
	if !errors.As(err, &all) || len(all) != 3 {
		t.Fatalf("want three errors, got:\n%v", err)
	}
	if all[0].File != "lists/jail.txt" || all[0].Line != 2 || all[1].File != "rules/threat.yaml" || all[1].Line != 4 {
		t.Errorf("places: %v", all)
	}
}

func TestListCycleThroughTwoFiles(t *testing.T) {
	set := small()
	set["lists/jail.txt"].Data = []byte("坐牢\n@prison\n")
	set["lists/prison.txt"] = &fstest.MapFile{Data: []byte("监狱\n@jail\n")}
	if _, err := LoadFS(set); err == nil || !strings.Contains(err.Error(), "includes itself") {
		t.Fatalf("got %v", err)
	}
}

func TestMissingFilesAndDirectory(t *testing.T) {
	if _, err := LoadDir(filepath.Join(t.TempDir(), "none")); err == nil || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if _, err := LoadDir(t.TempDir()); err == nil || !strings.Contains(err.Error(), "ruleset.yaml:1: the file is missing") {
		t.Errorf("got %v", err)
	}
}

// TestDefaultFromDirectory holds that a copy of the built-in ruleset on disk is the same ruleset.
func TestDefaultFromDirectory(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, DefaultFiles()); err != nil {
		t.Fatal(err)
	}
	a, err := LoadDefault()
	if err != nil {
		t.Fatal(err)
	}
	b, err := LoadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if a.Hash != b.Hash {
		t.Error("the hashes differ")
	}
}

func TestFoldRune(t *testing.T) {
	for from, want := range map[rune]rune{'銀': '银', '還': '还', 'Ａ': 'a', '５': '5', '。': '。', 'Q': 'q', '坐': '坐'} {
		if got := FoldRune(from); got != want {
			t.Errorf("FoldRune(%q) = %q, want %q", from, got, want)
		}
	}
}

func TestSounds(t *testing.T) {
	for _, c := range []struct {
		a, b           rune
		same, confused bool
	}{{'诉', '述', false, true}, {'法', '发', true, true}, {'征', '真', false, true}, {'是', '四', false, true}, {'兰', '南', false, true}, {'还', '海', false, false}} {
		x, y := SoundOf(c.a), SoundOf(c.b)
		if x.Syllable == 0 || (x.Syllable == y.Syllable) != c.same || (x.Class == y.Class) != c.confused {
			t.Errorf("%c %c: same syllable %v, same class %v; want %v, %v", c.a, c.b, x.Syllable == y.Syllable, x.Class == y.Class, c.same, c.confused)
		}
	}
	if !CommonWord("真心") || CommonWord("真信") {
		t.Error("真心 is a common word, 真信 is none")
	}
}

func FuzzLoad(f *testing.F) {
	base := small()
	f.Add(base["rules/threat.yaml"].Data, base["lists/jail.txt"].Data)
	f.Fuzz(func(t *testing.T, rule, list []byte) {
		set := small()
		set["rules/threat.yaml"] = &fstest.MapFile{Data: rule}
		set["lists/jail.txt"] = &fstest.MapFile{Data: list}
		rs, err := LoadFS(set)
		if err == nil && len(rs.Rules) != 1 {
			t.Errorf("%d rules", len(rs.Rules))
		}
		var all LoadErrors
		if err != nil && errors.As(err, &all) {
			for _, e := range all {
				if e.File == "" || e.Line < 1 || e.Msg == "" {
					t.Errorf("an error without a place: %+v", e)
				}
			}
		}
	})
}

// TestSoundNumbers pins the numbers of some sounds. The model's features are hashes of these numbers: where they change,
// the model must be trained again, and where they change from process to process, findings do too.
func TestSoundNumbers(t *testing.T) {
	for r, want := range map[rune]Sound{'法': {Syllable: 87, Class: 59}, '院': {Syllable: 377, Class: 273}, '征': {Syllable: 396, Class: 282}} {
		if got := SoundOf(r); got != want {
			t.Errorf("SoundOf(%c) = %+v, want %+v", r, got, want)
		}
	}
}

func TestCompareRune(t *testing.T) {
	for from, want := range map[rune]rune{'俺': '我', '嚟': '来', '畀': '给', '甭': '别', '銀': '银', '我': '我'} {
		if got := CompareRune(from); got != want {
			t.Errorf("CompareRune(%q) = %q, want %q", from, got, want)
		}
	}
}

func TestParseModel(t *testing.T) {
	const head = "# made by hand\nrule a -1.5\nrule b -2\n"
	m, errs := ParseModel(head + "还钱 12 -3\n音:还钱 0 7\n词表:@jail+要挟 5\n听者:debtor 0 1\n")
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	for f, want := range map[Feature][2]float32{
		CharFeature([]rune("还钱")): {1.2, -0.3}, SoundFeature([]rune("海前")): {}, SoundFeature([]rune("还前")): {0, 0.7},
		PairFeature("@jail", "要挟"): {0.5, 0}, ListFeature("@jail"): {}, ListenerFeature("debtor"): {0, 0.1},
	} {
		row, ok := m.Row(f)
		if ok != (want != [2]float32{}) {
			t.Errorf("feature %x known: %v, want weights %v", f, ok, want)
			continue
		}
		if w := m.Weights(max(row, 0)); ok && (w[0] != want[0] || w[1] != want[1]) {
			t.Errorf("%s: %v, want %v", m.Name(row), w, want)
		}
	}
	for text, line := range map[string]int{
		"rule a x\n": 1, head + "还钱 1 2 3\n": 4, head + "还钱 1\n还钱 2\n": 5, head + "还钱 一\n": 4, head + "还钱 1\nrule c 1\n": 5, head + "音:一二三四五 1\n": 4,
	} {
		if _, errs := ParseModel(text); len(errs) != 1 || errs[0].Line != line {
			t.Errorf("%q: %v, want one error in line %d", text, errs, line)
		}
	}
}
