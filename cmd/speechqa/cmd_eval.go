package main

import (
	"encoding/json"
	"fmt"

	"github.com/speechqa/speechqa/detectors"
)

// evalCmd compares findings with labels.
type evalCmd struct {
	Rules  string `help:"Directory with an own ruleset; the built-in one otherwise." placeholder:"DIR"`
	Errors bool   `help:"List every disagreement."`
	Only   string `help:"List disagreements of one rule only." placeholder:"RULE"`
	JSON   bool   `help:"Print the figures as JSON."`
	File   string `arg:"" help:"Labelled dialogues, one JSON object a line; - reads standard input."`
}

// Run prints precision, recall and F1 per rule.
func (c *evalCmd) Run(a *app) error {
	e, err := loadEngine(c.Rules)
	if err != nil {
		return err
	}
	q := detectors.NewQuality()
	texts := map[string]*detectors.Dialogue{}
	bad, err := eachDialogue(a, c.File, true, func(d *detectors.Dialogue) error {
		q.Add(d, e.Inspect(&d.Conversation))
		if c.Errors || c.Only != "" {
			texts[d.ID] = d
		}
		return nil
	})
	if err != nil {
		return err
	}
	if c.Errors || c.Only != "" {
		c.list(a, q, texts)
	}
	if c.JSON {
		err = printJSON(a, q)
	} else {
		q.Write(a.stdout)
	}
	if err == nil && bad > 0 {
		err = fmt.Errorf("%d lines could not be read", bad)
	}
	return err
}

func (c *evalCmd) list(a *app, q *detectors.Quality, texts map[string]*detectors.Dialogue) {
	q.SortErrors()
	for _, e := range q.Errors {
		if c.Only != "" && e.Rule != c.Only {
			continue
		}
		kind, detail, text := "FALSE", "", ""
		if e.Missed {
			kind = "MISSED"
		} else {
			detail = e.Finding.Why
		}
		if e.Turn >= 0 {
			text = texts[e.Dialogue].Utterances[e.Turn].Text
		}
		fmt.Fprintf(a.stdout, "%-6s %s %s:%d %s\n", kind, e.Rule, e.Dialogue, e.Turn, text)
		if detail != "" {
			fmt.Fprintf(a.stdout, "       %s\n", detail)
		}
	}
}

// printJSON prints what score-keeping scripts read.
func printJSON(a *app, q *detectors.Quality) error {
	type level struct {
		TP, FP, FN int
		P, R, F1   float64
	}
	rules := map[string]map[string]level{}
	of := func(c *detectors.Counts) level { return level{c.TP, c.FP, c.FN, c.Precision(), c.Recall(), c.F1()} }
	for _, r := range detectors.LabelledRules {
		rules[r] = map[string]level{"call": of(q.Call[r]), "evidence": of(q.Evidence[r])}
	}
	all, core := q.MacroF1(q.Call)
	eAll, eCore := q.MacroF1(q.Evidence)
	return json.NewEncoder(a.stdout).Encode(map[string]any{"dialogues": q.Dialogues, "clean": q.Clean, "clean_flagged": q.CleanFlagged, "rules": rules,
		"call": map[string]float64{"macro_f1": all, "core_f1": core}, "evidence": map[string]float64{"macro_f1": eAll, "core_f1": eCore}})
}
