package rulework

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/lexicon"
)

// The intervals are those of R. G. Newcombe, Two-sided confidence intervals for the single proportion, Statistics in
// Medicine 17 (1998), table I, method 3.
func TestWilson(t *testing.T) {
	for _, c := range []struct {
		k, n      int
		low, high float64
	}{{81, 263, .2553, .3662}, {15, 148, .0624, .1605}, {0, 20, 0, .1611}, {1, 29, .0061, .1718}, {0, 0, 0, 1}} {
		low, high := Wilson(c.k, c.n)
		if math.Abs(low-c.low) > 5e-5 || math.Abs(high-c.high) > 5e-5 {
			t.Errorf("Wilson(%d, %d) = %.4f–%.4f, want %.4f–%.4f", c.k, c.n, low, high, c.low, c.high)
		}
	}
}

// The tail of the binomial distribution with p = ½, from its table: n = 10 has 1024 outcomes.
func TestSignTest(t *testing.T) {
	for _, c := range []struct {
		bad, n int
		want   float64
	}{{10, 10, 1. / 1024}, {9, 10, 11. / 1024}, {8, 10, 56. / 1024}, {5, 5, 1. / 32}, {0, 4, 1}, {0, 0, 1}, {1, 1, .5}} {
		if got := SignTest(c.bad, c.n); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("SignTest(%d, %d) = %v, want %v", c.bad, c.n, got, c.want)
		}
	}
}

// files are the built-in rules without the statistical layer, changed.
func files(t *testing.T, change map[string]func(string) string) map[string][]byte {
	t.Helper()
	out, err := lexicon.ReadFiles(lexicon.DefaultFiles())
	if err != nil {
		t.Fatal(err)
	}
	delete(out, "model.txt")
	for file, f := range change {
		if out[file] == nil {
			t.Fatalf("there is no %s", file)
		}
		out[file] = []byte(f(string(out[file])))
	}
	return out
}

// replaced is a change of one piece of a file; it fails the test where there is none.
func replaced(t *testing.T, old, now string) func(string) string {
	return func(s string) string {
		if !strings.Contains(s, old) {
			t.Fatalf("%q is not there", old)
		}
		return strings.Replace(s, old, now, 1)
	}
}

func engine(t *testing.T, f map[string][]byte) *detectors.Engine {
	t.Helper()
	e, err := Engine(f)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func said(id, agent string, lines ...string) *detectors.Conversation {
	c := &detectors.Conversation{ID: id, Kind: detectors.KindVisit, Metadata: detectors.Metadata{AgentID: agent}}
	for _, l := range lines {
		c.Utterances = append(c.Utterances, detectors.Utterance{Speaker: detectors.SpeakerAgent, Text: l})
	}
	return c
}

const wechat = "你加一下我个人微信" // the built-in rule private_channel finds it

func TestComparison(t *testing.T) {
	const exempt = "  - {name: 工作微信, where: sentence, words: [工作用的]}\n  - 引述\n"
	now := files(t, map[string]func(string) string{
		"rules/private_channel.yaml": replaced(t, "  - 引述\n", exempt),
		"lists/gang.txt":             func(s string) string { return s + "老铁们\n" },
	})
	c := Comparison{Old: engine(t, files(t, nil)), New: engine(t, now)}
	add := func(judged ...Judged) *Tally {
		tally := NewTally()
		for _, conv := range []*detectors.Conversation{
			said("1", "a", wechat), said("2", "a", wechat+"工作用的"), said("3", "b", "我让老铁们去你家喝茶"), said("4", "b", "请您尽快还款"),
		} {
			in := Case{Conversation: conv}
			for _, j := range judged {
				if strings.HasPrefix(j.Key, conv.ID+":") {
					in.Judged = append(in.Judged, Judged{Key: "other", Rule: j.Rule, Turn: 0, Confirmed: j.Confirmed})
				}
			}
			c.Add(tally, in)
		}
		sum := NewTally()
		sum.Add(tally)
		return sum
	}
	got := add(Judged{Key: "1:", Rule: "private_channel", Confirmed: true}, Judged{Key: "2:", Rule: "private_channel"})
	want := RuleTally{Old: 2, New: 1, Lost: 1, OldConfirmed: 1, NewConfirmed: 1, OldOverturned: 1, LostOverturned: 1, Confirmed: 1}
	if d := cmp.Diff(&want, got.Rules["private_channel"]); d != "" {
		t.Errorf("private_channel (-want +got):\n%s", d)
	}
	if r := got.Rules["threat"]; r == nil || r.Found != 1 || r.Old != 0 {
		t.Errorf("threat: %+v", r)
	}
	if got.Calls != 4 || got.Differ != 2 || got.Agents["a"].Calls != 2 || got.Agents["a"].Lost != 1 || got.Agents["a"].OldPrecision().N != 2 || got.Agents["a"].NewPrecision().Value() != 1 || got.Agents["b"].Found != 1 {
		t.Errorf("%d calls, %d differ, agents %+v %+v", got.Calls, got.Differ, got.Agents["a"], got.Agents["b"])
	}
	for _, d := range got.Differences {
		if d.Rule == "private_channel" && (d.Kind != Lost || d.Recording != "2" || d.Because != "工作微信" || d.Verdict != "overturned") {
			t.Errorf("difference %+v", d)
		}
	}
	if blocks := Blocks(got, c.Old.Ruleset(), c.New.Ruleset()); len(blocks) != 0 {
		t.Errorf("a change for the better is blocked: %v", blocks)
	}
	bad := add(Judged{Key: "2:", Rule: "private_channel", Confirmed: true})
	if blocks := Blocks(bad, c.Old.Ruleset(), c.New.Ruleset()); len(blocks) != 1 || blocks[0] != (Block{Code: BlockLostConfirmed, Rule: "private_channel", N: 1}) {
		t.Errorf("blocks of a lost confirmed finding: %v", blocks)
	}
	missed := add(Judged{Key: "4:", Rule: "threat", Confirmed: true})
	if r := missed.Rules["threat"]; r.Confirmed != 1 || r.NewConfirmed != 0 || r.NewRecall().Value() != 0 {
		t.Errorf("what a reviewer added and nobody finds: %+v", r)
	}
}

// Core rules are held to more than others: to the direction of judged changes, and to their precision.
func TestBlocks(t *testing.T) {
	rs := engine(t, files(t, nil)).Ruleset()
	for name, c := range map[string]struct {
		rule  string
		tally RuleTally
		want  []string
	}{
		"refound":             {"threat", RuleTally{FoundOverturned: 6, LostOverturned: 0}, []string{BlockWorse}},
		"refound, no core":    {"missing_closing", RuleTally{FoundOverturned: 6}, nil},
		"too few":             {"threat", RuleTally{FoundOverturned: 4}, nil},
		"balanced":            {"threat", RuleTally{FoundOverturned: 6, LostOverturned: 6}, nil},
		"precision falls":     {"threat", RuleTally{OldConfirmed: 90, OldOverturned: 10, NewConfirmed: 90, NewOverturned: 60}, []string{BlockPrecision}},
		"precision uncertain": {"threat", RuleTally{OldConfirmed: 3, OldOverturned: 1, NewConfirmed: 3, NewOverturned: 2}, nil},
		"confirmed lost":      {"missing_closing", RuleTally{LostConfirmed: 1}, []string{BlockLostConfirmed}},
	} {
		tally := NewTally()
		tally.Rules[c.rule] = &c.tally
		var got []string
		for _, b := range Blocks(tally, rs, rs) {
			got = append(got, b.Code)
			if b.String() == b.Code {
				t.Errorf("%s has no sentence", b.Code)
			}
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestDiff(t *testing.T) {
	old := files(t, nil)
	now := files(t, map[string]func(string) string{
		"lists/gang.txt": func(s string) string { return "老铁们\n" + s },
		"rules/private_channel.yaml": func(s string) string {
			s = replaced(t, "version: 1\n", "version: 2\n")(s)
			s = replaced(t, "  - 引述\n", "  - {name: 工作微信, where: sentence, words: [工作用的]}\n  - 引述\n")(s)
			return replaced(t, "    - 那没事,「你加一下我个人微信」\n", "")(s)
		},
		"scoring.yaml": replaced(t, "minor: 5", "minor: 8"),
		"hours.yaml":   func(s string) string { return s + "# a remark\n" },
	})
	got := Diff(old, now)
	want := []Change{
		{File: "hours.yaml", Code: ChangeForm},
		{File: "lists/gang.txt", Code: ChangeWords, Added: []string{"老铁们"}},
		{File: "rules/private_channel.yaml", Code: ChangeFlag, Place: "examples.flag", Removed: []string{"那没事,「你加一下我个人微信」"}},
		{File: "rules/private_channel.yaml", Code: ChangeNamedAdded, Place: "unless.工作微信", New: "{name: 工作微信, where: sentence, words: [工作用的]}"},
		{File: "rules/private_channel.yaml", Code: ChangeValue, Place: "version", Old: "1", New: "2"},
		{File: "scoring.yaml", Code: ChangeValue, Place: "points.minor", Old: "5", New: "8"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	delete(now, "hours.yaml")
	if c := Diff(old, now)[0]; c.Code != ChangeFileRemoved {
		t.Errorf("a file taken away: %+v", c)
	}
}

func TestLines(t *testing.T) {
	got := Lines("a\nb\nc\nd\ne\nf\ng\n", "a\nb\nc\nD\ne\nf\ng\nh\n")
	want := []Line{{'@', ""}, {' ', "b"}, {' ', "c"}, {'-', "d"}, {'+', "D"}, {' ', "e"}, {' ', "f"}, {' ', "g"}, {'+', "h"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if got := Lines("same\n", "same\n"); len(got) != 1 || got[0].Sign != '@' {
		t.Errorf("the same text: %v", got)
	}
}

// An example that was added is read back as it was said, and nothing else of the file changes.
func TestAddExample(t *testing.T) {
	f := files(t, nil)
	const file = "rules/private_channel.yaml"
	for _, c := range []struct{ kind, text, quote string }{
		{ExampleFlag, `加我"V": 信,#1 回头说`, `加我"V"`}, {ExamplePass, "- 我们只用公司座机: [联系] 您", ""},
	} {
		got, err := AddExample(f[file], c.kind, c.text, c.quote)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(got), "\n") - strings.Count(string(f[file]), "\n"); n != 1 {
			t.Errorf("%d lines more", n)
		}
		for _, l := range compareLines(splitLines(string(f[file])), splitLines(string(got))) {
			if l.Sign == '-' {
				t.Errorf("the line %q is gone", l.Text)
			}
		}
		g := files(t, map[string]func(string) string{file: func(string) string { return string(got) }})
		rs, err := lexicon.LoadFiles(g)
		if err != nil {
			t.Fatal(err)
		}
		r, _ := rs.Rule("private_channel")
		ex := r.Pass[0]
		if c.kind == ExampleFlag {
			ex = r.Flag[0]
		}
		if ex.Say[0].Text != c.text || ex.Quote != c.quote {
			t.Errorf("%q came back as %+v", c.text, ex)
		}
	}
	if _, err := AddExample([]byte("id: x\n"), ExamplePass, "a", ""); err == nil {
		t.Error("a rule without examples takes one")
	}
}

func TestMask(t *testing.T) {
	m := detectors.Metadata{AgentName: "李明"}
	got, quote := Mask("我是李明,王建国先生你加我微信13800001234,今天还三千块", "你加我微信", m)
	if quote != "你加我微信" {
		t.Errorf("the quote has become %q", quote)
	}
	for _, secret := range []string{"李明", "王建国", "13800001234"} {
		if strings.Contains(got, secret) {
			t.Errorf("%q is still in %q", secret, got)
		}
	}
	for _, evidence := range []string{"你加我微信", "三千块"} {
		if !strings.Contains(got, evidence) {
			t.Errorf("%q was taken out: %q", evidence, got)
		}
	}
	// Within the evidence names go, too, and numbers keep their form, so that the rule still finds it.
	e := engine(t, files(t, nil))
	for _, said := range []string{"李明让弟兄们去你家喝茶", "你把钱直接转到我这张卡6222021234567890123就行", "你把钱转到我手机号幺三八零零零零幺二三四上"} {
		before := e.Inspect(visitSays(said))
		if len(before.Findings) == 0 {
			t.Fatalf("nothing is found in %q", said)
		}
		f := before.Findings[0]
		masked, quote := Mask(said, f.Quote, m)
		if strings.ContainsAny(masked, "123456789幺三") || strings.Contains(masked, "李明") || !strings.Contains(masked, quote) {
			t.Errorf("%q and %q of %q", masked, quote, said)
		}
		if after := e.Inspect(visitSays(masked)); len(after.Findings) == 0 || after.Findings[0].Rule != f.Rule {
			t.Errorf("in %q the rule %s finds %+v", masked, f.Rule, after.Findings)
		}
	}
}

// visitSays is what an agent says on a visit, where no opening is asked for.
func visitSays(text string) *detectors.Conversation {
	return &detectors.Conversation{ID: "1", Kind: detectors.KindVisit, Utterances: []detectors.Utterance{{Speaker: detectors.SpeakerAgent, Text: text}}}
}

func TestCheck(t *testing.T) {
	broken := files(t, map[string]func(string) string{"rules/private_channel.yaml": replaced(t, "severity: major", "severity: mayor")})
	got, err := Check(broken, "")
	if err != nil || len(got.Errors) != 1 || got.Errors[0].File != "rules/private_channel.yaml" || got.Errors[0].Line != 7 {
		t.Errorf("%v, %+v", err, got.Errors)
	}
	failing := files(t, map[string]func(string) string{"rules/private_channel.yaml": replaced(t, "  flag:\n", "  flag:\n    - 请您尽快还款\n")})
	got, err = Check(failing, "private_channel")
	if err != nil || len(got.Failed) != 1 || got.Failed[0].Line == 0 || got.Examples == 0 {
		t.Errorf("%v, %+v", err, got)
	}
}
