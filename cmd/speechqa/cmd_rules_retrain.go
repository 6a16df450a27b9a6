package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/speechqa/speechqa/rulework"
	"github.com/speechqa/speechqa/storage/postgres"
)

type rulesRetrainCmd struct {
	databaseFlags
	actorFlags
	Why     string    `required:"" placeholder:"SENTENCE" help:"What the version is for; the figures are added."`
	Folds   int       `default:"5" placeholder:"N" help:"Parts of the cross-validation, by recording."`
	Enough  int       `default:"30" placeholder:"N" help:"Judged findings from which on a rule's weights are learnt."`
	From    time.Time `format:"2006-01-02" placeholder:"DAY" help:"Only decisions about contacts from this day on (UTC)."`
	Most    int       `default:"20000" placeholder:"N" help:"At most so many recordings, the latest."`
	DryRun  bool      `help:"Only show what it would be like."`
	Anyway  bool      `help:"Keep the version though cross-validation shows no gain."`
	Version string    `arg:"" default:"live" help:"Number of the version to begin with, or live."`
}

// Run has the statistical model of a stored version learn from what people decided, shows by cross-validation what that
// is worth, and stores the result as a draft, which is back-tested, approved and published like any other.
func (c *rulesRetrainCmd) Run(a *app) error {
	return onVersion(a, c.databaseFlags, c.actorFlags, c.Version, func(s *postgres.Store, v rulework.Version, by rulework.Actor) error {
		files, err := s.RulesetFiles(a.ctx, v.ID)
		if err != nil {
			return err
		}
		cases, err := s.JudgedCases(a.ctx, rulework.Selection{Since: c.From, Sample: c.Most})
		if err != nil {
			return err
		}
		out, err := rulework.Retrain(files, cases, rulework.RetrainOptions{Folds: c.Folds, MinJudged: c.Enough})
		if errors.Is(err, rulework.ErrFewDecisions) {
			return fmt.Errorf("%w: at least %d for a rule (--enough); there are %s", err, c.Enough, judgedByRule(out))
		}
		if err != nil {
			return err
		}
		if err := printRetrained(a.stdout, out, c.Folds); err != nil {
			return err
		}
		before, after := out.F1()
		if after <= before && !c.Anyway && !c.DryRun {
			return errors.New("nothing was stored: in cross-validation the decisions did not make the model better (--anyway stores it all the same)")
		}
		if c.DryRun {
			return nil
		}
		return c.store(a, s, v, out, by)
	})
}

// store keeps the version when its examples hold.
func (c *rulesRetrainCmd) store(a *app, s *postgres.Store, base rulework.Version, out *rulework.Retrained, by rulework.Actor) error {
	check, err := rulework.Check(out.Files, "")
	if err != nil {
		return err
	}
	if !check.OK() {
		for _, e := range append(check.Errors, check.Failed...) {
			fmt.Fprintln(a.stderr, e.Error())
		}
		return errors.New("nothing was stored: these examples of the rules do not hold with what was learnt")
	}
	was, err := s.RulesetFiles(a.ctx, base.ID)
	if err != nil {
		return err
	}
	taken, err := s.RuleNumbers(a.ctx)
	if err != nil {
		return err
	}
	files, _, err := rulework.Raise(was, out.Files, taken)
	if err != nil {
		return err
	}
	before, after := out.F1()
	why := fmt.Sprintf("%s(%d 条录音的复核结论,%d 折交叉验证,F1 %.3f → %.3f:%s)", c.Why, out.Calls, c.Folds, before, after, strings.Join(out.Learnt, ", "))
	v, err := s.AddRuleset(a.ctx, rulework.NewVersion{Files: files, Name: check.Ruleset.Name, Label: check.Ruleset.Version,
		From: rulework.OriginRetrain, Base: base.ID, Why: why, Author: by})
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "version %d, a draft: back-test it, have it approved, publish it\n", v.ID)
	return nil
}

func judgedByRule(out *rulework.Retrained) string {
	var parts []string
	for _, rule := range slices.Sorted(maps.Keys(out.Judged)) {
		parts = append(parts, fmt.Sprintf("%s %d", rule, out.Judged[rule]))
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// printRetrained shows what cross-validation says, rule by rule.
func printRetrained(w io.Writer, out *rulework.Retrained, folds int) error {
	fmt.Fprintf(w, "%d recordings with decisions, %d utterances learnt from, examples of the rules included; %d-fold cross-validation by recording:\n\n",
		out.Calls, out.Samples, folds)
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "rule\tjudged\tlearnt\tprecision before\tafter\trecall of confirmed before\tafter")
	for _, id := range slices.Sorted(maps.Keys(out.Figures)) {
		r := out.Figures[id]
		learnt := ""
		if slices.Contains(out.Learnt, id) {
			learnt = "yes"
		}
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t%s\t%s\n", id, out.Judged[id], learnt,
			share(r.OldPrecision()), share(r.NewPrecision()), share(r.OldRecall()), share(r.NewRecall()))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	before, after := out.F1()
	fmt.Fprintf(w, "\nF1 of judged findings over the rules learnt: %.3f before, %.3f after\n", before, after)
	return nil
}
