package rulework

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/lexicon"
)

// shipped are the built-in rules with their model.
func shipped(t *testing.T) map[string][]byte {
	t.Helper()
	out, err := lexicon.ReadFiles(lexicon.DefaultFiles())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// overturnedSlang are calls in which a house word that sounds like an insult was found and overturned every time, and
// calls in which real insults were confirmed.
func overturnedSlang(t *testing.T, e *detectors.Engine) (cases []Case, slang int) {
	t.Helper()
	add := func(line string, confirmed bool) {
		id := fmt.Sprintf("r%03d", len(cases))
		conv := said(id, "a1", "您好我是乙公司工号1234", line)
		in := Case{Conversation: conv}
		for _, f := range e.Inspect(conv).Findings {
			if f.Rule == "insult" && !f.Shadow {
				in.Judged = append(in.Judged, Judged{Key: f.Key, Rule: f.Rule, Turn: f.Turn, Confirmed: confirmed})
			}
		}
		cases = append(cases, in)
	}
	for i := range 40 {
		add(fmt.Sprintf("我们做废物利用的第%d个项目您看看", i+2), false)
		add(fmt.Sprintf("你这个废物欠了%d块都还不上", 100*(i+1)), true)
	}
	for _, c := range cases {
		for _, j := range c.Judged {
			if !j.Confirmed {
				slang++
			}
		}
	}
	return cases, slang
}

// A model that was corrected forty times in the same words has learnt it, and cross-validation says so; the rules that
// nobody judged keep every weight.
func TestRetrain(t *testing.T) {
	f := shipped(t)
	e := engine(t, f)
	cases, slang := overturnedSlang(t, e)
	if slang < 20 {
		t.Fatalf("the rules find only %d of the harmless sentences: choose others", slang)
	}
	out, err := Retrain(f, cases, RetrainOptions{Folds: 4, MinJudged: 20})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Learnt) != 1 || out.Learnt[0] != "insult" {
		t.Fatalf("learnt %v, want insult alone", out.Learnt)
	}
	before, after := out.F1()
	if after <= before {
		t.Errorf("F1 %.3f before, %.3f after", before, after)
	}
	x := out.Figures["insult"]
	if x.NewOverturned >= x.OldOverturned || x.NewConfirmed < x.OldConfirmed {
		t.Errorf("certain findings of what was overturned %d → %d, of what was confirmed %d → %d", x.OldOverturned, x.NewOverturned, x.OldConfirmed, x.NewConfirmed)
	}
	now, err := lexicon.LoadFiles(out.Files)
	if err != nil {
		t.Fatal(err)
	}
	old := e.Ruleset().Model
	weights := map[string][]float32{}
	for row := range int32(now.Model.Rows()) {
		weights[now.Model.Name(row)] = now.Model.Weights(row)
	}
	for row := range int32(old.Rows()) {
		name := old.Name(row)
		for k, rule := range old.Rules {
			var w float32 // a feature that is left out weighs nothing
			if there := weights[name]; there != nil {
				w = there[k]
			}
			if rule != "insult" && w != old.Weights(row)[k] {
				t.Fatalf("the weight of %q for %s was %v and is %v, though nobody judged that rule", name, rule, old.Weights(row)[k], w)
			}
		}
	}
	if check, err := Check(out.Files, ""); err != nil || !check.OK() {
		t.Errorf("examples that do not hold any more: %v %v", check.Failed, err)
	}
	again, err := Retrain(f, cases, RetrainOptions{Folds: 4, MinJudged: 20})
	if err != nil || string(again.Files["model.txt"]) != string(out.Files["model.txt"]) {
		t.Errorf("the same decisions made another model (%v)", err)
	}
}

func TestRetrainRefuses(t *testing.T) {
	f := shipped(t)
	if _, err := Retrain(f, nil, RetrainOptions{Folds: 5, MinJudged: 20}); !errors.Is(err, ErrFewDecisions) {
		t.Errorf("without decisions: %v", err)
	}
	if _, err := Retrain(files(t, nil), nil, RetrainOptions{Folds: 5}); !errors.Is(err, ErrNoModel) {
		t.Errorf("without a model: %v", err)
	}
	f["rules/insult.yaml"] = []byte("id: other\n")
	if _, err := Retrain(f, nil, RetrainOptions{Folds: 5}); err == nil || !strings.Contains(err.Error(), "insult.yaml:1") {
		t.Errorf("with a broken rule: %v", err)
	}
}
