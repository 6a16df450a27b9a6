package detectors

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/speechqa/speechqa/lexicon"
)

var update = flag.Bool("update", false, "rewrite golden files")

// TestQuality holds the figures of every rule to the golden file, so that a change of precision or recall shows in
// review. Rewrite it with: go test ./detectors -run TestQuality -update
func TestQuality(t *testing.T) {
	var b bytes.Buffer
	for _, name := range []string{"dev.jsonl", "validation.jsonl", "authored-a.jsonl", "authored-b.jsonl", "authored-c.jsonl"} {
		q := measure(engine(t), dialogues(t, name))
		fmt.Fprintf(&b, "# %s (%d dialogues)\n", name, q.Dialogues)
		q.Write(&b)
		b.WriteByte('\n')
		if name != "dev.jsonl" {
			continue
		}
		all, core := q.MacroF1(q.Call)
		if core < 0.95 || all < 0.90 || q.CleanFlagged > 2 {
			t.Errorf("dev: core F1 %.3f (want 0.95), all %.3f (want 0.90), clean dialogues flagged %d (want at most 2)", core, all, q.CleanFlagged)
		}
	}
	const golden = "testdata/quality.txt"
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("quality changed (-golden +now); if meant, run with -update and commit:\n%s", diff)
	}
}

func TestExamplesHold(t *testing.T) {
	rs, err := lexicon.LoadDefault()
	if err != nil {
		t.Fatal(err)
	}
	ran, failures, err := TestExamples(rs, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range failures {
		t.Error(f.Error())
	}
	if ran < 600 {
		t.Errorf("%d examples, want at least 600", ran)
	}
	for _, id := range LabelledRules[:coreRules] {
		r, ok := rs.Rule(id)
		if !ok {
			t.Fatalf("no rule %s", id)
		}
		if len(r.Flag) < 25 || len(r.Pass) < 20 {
			t.Errorf("%s has %d flag and %d pass examples, want at least 25 and 20", id, len(r.Flag), len(r.Pass))
		}
	}
}

// TestMeasureCounts checks the arithmetic on a case counted by hand.
func TestMeasureCounts(t *testing.T) {
	q := NewQuality()
	d := &Dialogue{Labels: []Label{{Rule: "threat", Turn: 1}, {Rule: "threat", Turn: 3}, {Rule: "insult", Turn: 3}, {Rule: "missing_closing", Turn: -1}}}
	q.Add(d, Result{Findings: []Finding{{Rule: "threat", Turn: 1}, {Rule: "threat", Turn: 5}, {Rule: "threat", Turn: 7, Doubtful: true},
		{Rule: "missing_closing", Turn: -1}, {Rule: "outside_hours", Turn: -1}}})
	q.Add(&Dialogue{}, Result{Findings: []Finding{{Rule: "insult", Turn: 0}}})
	q.Add(&Dialogue{}, Result{Findings: []Finding{{Rule: "insult", Turn: 0, Shadow: true}}})
	for _, c := range []struct {
		what      string
		got, want Counts
	}{
		{"call threat", *q.Call["threat"], Counts{1, 0, 0}},
		{"evidence threat", *q.Evidence["threat"], Counts{1, 1, 1}},
		{"call insult", *q.Call["insult"], Counts{0, 1, 1}},
		{"evidence missing_closing", *q.Evidence["missing_closing"], Counts{1, 0, 0}},
	} {
		if c.got != c.want {
			t.Errorf("%s: %+v, want %+v", c.what, c.got, c.want)
		}
	}
	all, core := q.MacroF1(q.Call)
	if all != 2.0/3 || core != 1 {
		t.Errorf("macro F1 %v, core %v; want 2/3 and 1", all, core)
	}
	if q.Clean != 2 || q.CleanFlagged != 1 {
		t.Errorf("clean %d, flagged %d; want 2 and 1", q.Clean, q.CleanFlagged)
	}
}
