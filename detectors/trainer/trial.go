package main

import (
	"fmt"
	"os"
	"slices"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/detectors/training"
	"github.com/speechqa/speechqa/lexicon"
)

// Thresholds to try beside those of the rules.
var (
	proposals = []float64{0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7, 0.8, 0}
	confirms  = []float64{0, 0.03, 0.06, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4}
)

// trial measures models through the whole engine: patterns, exceptions and model together.
type trial struct {
	rs            *lexicon.Ruleset
	sweep, errors bool
	quality       *detectors.Quality
	byPropose     []*detectors.Quality // beside proposals
	byConfirm     []*detectors.Quality // beside confirms
}

// crossValidate keeps the utterances of one dialogue in one fold. Single utterances are always learnt from.
func (t *trial) crossValidate(c *corpus, folds int) error {
	for fold := range folds {
		var test []*detectors.Dialogue
		for i, d := range c.dialogues {
			if i%folds == fold {
				test = append(test, d)
			}
		}
		if err := t.measure(c.Fit(options, func(dialogue int) bool { return dialogue%folds == fold }, nil), test); err != nil {
			return err
		}
	}
	t.report()
	return nil
}

// measure adds what the engine finds with the model to the counts.
func (t *trial) measure(m *training.Model, ds []*detectors.Dialogue) error {
	parsed, errs := lexicon.ParseModel(m.Text())
	if len(errs) > 0 {
		return fmt.Errorf("model written wrongly: %v", errs[0])
	}
	inspect := func(q **detectors.Quality, change func(*lexicon.ModelUse)) error {
		if *q == nil {
			*q = detectors.NewQuality()
		}
		rs := *t.rs
		rs.Model = parsed
		rs.Rules = slices.Clone(rs.Rules)
		for i := range rs.Rules {
			if u := &rs.Rules[i].Model; u.Propose != 0 || u.Confirm != 0 {
				change(u)
			}
		}
		e, err := detectors.New(&rs)
		if err != nil {
			return err
		}
		for _, d := range ds {
			(*q).Add(d, e.Inspect(&d.Conversation))
		}
		return nil
	}
	if err := inspect(&t.quality, func(*lexicon.ModelUse) {}); err != nil || !t.sweep {
		return err
	}
	t.byPropose = slices.Grow(t.byPropose, len(proposals))[:len(proposals)]
	for i, p := range proposals {
		if err := inspect(&t.byPropose[i], func(u *lexicon.ModelUse) { u.Propose = p }); err != nil {
			return err
		}
	}
	t.byConfirm = slices.Grow(t.byConfirm, len(confirms))[:len(confirms)]
	for i, p := range confirms {
		if err := inspect(&t.byConfirm[i], func(u *lexicon.ModelUse) { u.Confirm = p }); err != nil {
			return err
		}
	}
	return nil
}

func (t *trial) report() {
	t.quality.Write(os.Stdout)
	if t.errors {
		t.quality.SortErrors()
		for _, e := range t.quality.Errors {
			if e.Missed {
				fmt.Printf("%s %s:%d missed 「%s」\n", e.Rule, e.Dialogue, e.Turn, e.Label.Quote)
			} else {
				fmt.Printf("%s %s:%d false 「%s」 %s\n", e.Rule, e.Dialogue, e.Turn, e.Finding.Quote, e.Finding.Why)
			}
		}
	}
	if t.sweep {
		table("propose", proposals, t.byPropose)
		table("confirm", confirms, t.byConfirm)
	}
}

// table prints F1 per dialogue and per utterance for every threshold, by rule.
func table(what string, thresholds []float64, qs []*detectors.Quality) {
	fmt.Printf("%-24s", what)
	for _, th := range thresholds {
		fmt.Printf(" %9.2f", th)
	}
	fmt.Println()
	for _, r := range modelRules {
		fmt.Printf("%-24s", r)
		for _, q := range qs {
			fmt.Printf(" %.2f/%.2f", q.Call[r].F1(), q.Evidence[r].F1())
		}
		fmt.Println()
	}
	fmt.Printf("%-24s", "clean flagged")
	for _, q := range qs {
		fmt.Printf(" %9d", q.CleanFlagged)
	}
	fmt.Println()
}
