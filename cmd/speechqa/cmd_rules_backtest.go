package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/lexicon"
	"github.com/speechqa/speechqa/rulework"
	"github.com/speechqa/speechqa/storage/postgres"
)

type rulesBacktestCmd struct {
	databaseFlags
	From   time.Time `format:"2006-01-02" placeholder:"DAY" help:"Only contacts from this day on."`
	To     time.Time `format:"2006-01-02" placeholder:"DAY" help:"Only contacts before this day."`
	Zone   string    `name:"time-zone" config:"SPEECHQA_TIME_ZONE" default:"Asia/Shanghai" placeholder:"ZONE" help:"Zone in which a day begins."`
	Sample int       `placeholder:"N" help:"At most so many recordings; 0 is all."`
	Show   int       `default:"20" placeholder:"N" help:"Print so many differences."`
	Old    string    `arg:"" help:"Number of a stored version, live, builtin, or a directory."`
	New    string    `arg:"" help:"The same of the rules to compare with it."`
	File   string    `arg:"" optional:"" help:"Dialogues, one JSON object a line, instead of the stored transcripts; labels count as confirmed."`
}

// Run compares two rulesets and prints what differs. Two stored versions over stored transcripts are kept as a back-test,
// as the console does it: it can be gone on with after a break, and publishing asks for it.
func (c *rulesBacktestCmd) Run(a *app) error {
	zone, err := time.LoadLocation(c.Zone)
	if err != nil {
		return fmt.Errorf("%q is no time zone this machine knows", c.Zone)
	}
	day := func(t time.Time) time.Time {
		if t.IsZero() {
			return t
		}
		return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, zone)
	}
	sel := rulework.Selection{Since: day(c.From), Until: day(c.To), Sample: c.Sample}
	if c.File != "" && !c.stored(c.Old) && !c.stored(c.New) {
		return c.overFile(a, nil)
	}
	return withStore(a, c.databaseFlags, func(s *postgres.Store) error {
		switch {
		case c.File != "":
			return c.overFile(a, s)
		case c.stored(c.Old) && c.stored(c.New):
			return c.kept(a, s, sel)
		}
		return c.passing(a, s, sel)
	})
}

// stored says whether a ruleset is one of the database.
func (c *rulesBacktestCmd) stored(name string) bool {
	if name == "builtin" {
		return false
	}
	_, err := os.Stat(name)
	return err != nil
}

func (c *rulesBacktestCmd) engines(a *app, s *postgres.Store) (compare rulework.Comparison, err error) {
	if compare.Old, err = c.engine(a, s, c.Old); err != nil {
		return compare, err
	}
	compare.New, err = c.engine(a, s, c.New)
	return compare, err
}

func (c *rulesBacktestCmd) engine(a *app, s *postgres.Store, name string) (*detectors.Engine, error) {
	if !c.stored(name) {
		if name == "builtin" {
			name = ""
		}
		return loadEngine(name)
	}
	v, err := storedVersion(a, s, name)
	if err != nil {
		return nil, err
	}
	files, err := s.RulesetFiles(a.ctx, v.ID)
	if err != nil {
		return nil, err
	}
	return rulework.Engine(files)
}

// overFile compares over dialogues of a file.
func (c *rulesBacktestCmd) overFile(a *app, s *postgres.Store) error {
	compare, err := c.engines(a, s)
	if err != nil {
		return err
	}
	t := rulework.NewTally()
	bad, err := eachDialogue(a, c.File, true, func(d *detectors.Dialogue) error {
		in := rulework.Case{Conversation: &d.Conversation}
		for _, l := range d.Labels {
			in.Judged = append(in.Judged, rulework.Judged{Rule: l.Rule, Turn: l.Turn, Confirmed: true})
		}
		compare.Add(t, in)
		return nil
	})
	if err != nil {
		return err
	}
	if bad > 0 {
		return fmt.Errorf("%d lines could not be read", bad)
	}
	return c.print(a.stdout, finished(t), compare.Old.Ruleset(), compare.New.Ruleset())
}

// finished is a tally whose differences are in order.
func finished(t *rulework.Tally) *rulework.Tally {
	out := rulework.NewTally()
	out.Add(t)
	return out
}

// passing compares over stored transcripts, of which nothing is kept.
func (c *rulesBacktestCmd) passing(a *app, s *postgres.Store, sel rulework.Selection) error {
	compare, err := c.engines(a, s)
	if err != nil {
		return err
	}
	total, err := s.CountCases(a.ctx, sel)
	if err != nil {
		return err
	}
	sum, done := rulework.NewTally(), 0
	err = rulework.EachPart(a.ctx, s, compare, sel, "", 0, func(t *rulework.Tally, n int, _ string) error {
		sum.Add(t)
		done += n
		fmt.Fprintf(a.stderr, "%d of %d\n", done, total)
		return nil
	})
	if err != nil {
		return err
	}
	return c.print(a.stdout, sum, compare.Old.Ruleset(), compare.New.Ruleset())
}

// kept runs a back-test that the database keeps.
func (c *rulesBacktestCmd) kept(a *app, s *postgres.Store, sel rulework.Selection) error {
	old, err := storedVersion(a, s, c.Old)
	if err != nil {
		return err
	}
	now, err := storedVersion(a, s, c.New)
	if err != nil {
		return err
	}
	id, err := s.AskBackTest(a.ctx, old.ID, now.ID, sel, rulework.Actor{})
	if err != nil {
		return err
	}
	began := time.Now()
	if err := c.follow(a, s, id); err != nil {
		return err
	}
	b, err := s.BackTest(a.ctx, id)
	if err != nil {
		return err
	}
	if b.State != rulework.BackTestDone {
		return fmt.Errorf("the back-test ended as %s: %s", b.State, b.Problem)
	}
	fmt.Fprintf(a.stderr, "back-test %s: %d recordings in %.1f s\n", id, b.Done, time.Since(began).Seconds())
	var sets [2]*lexicon.Ruleset
	for i, v := range []rulework.Version{old, now} {
		files, err := s.RulesetFiles(a.ctx, v.ID)
		if err != nil {
			return err
		}
		if sets[i], err = lexicon.LoadFiles(files); err != nil {
			return err
		}
	}
	return c.print(a.stdout, b.Tally, sets[0], sets[1])
}

// follow works on a back-test, or watches while a console does.
func (c *rulesBacktestCmd) follow(a *app, s *postgres.Store, id string) error {
	r := &rulework.Runner{Store: s}
	for {
		b, ours, err := s.TakeThisBackTest(a.ctx, id)
		if err != nil {
			return err
		}
		if ours {
			err := r.Do(a.ctx, b, func(done, total int) { fmt.Fprintf(a.stderr, "%d of %d\n", done, total) })
			if errors.Is(err, context.Canceled) {
				fmt.Fprintf(a.stderr, "broken off; the console goes on with it, or the same command begins anew\n")
			}
			return err
		}
		if b, err = s.BackTest(a.ctx, id); err != nil || b.State != rulework.BackTestWaiting {
			return err
		}
		select {
		case <-a.ctx.Done():
			return a.ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// print shows a tally: the figures by rule, the differences, and what forbids publishing.
func (c *rulesBacktestCmd) print(out io.Writer, t *rulework.Tally, old, now *lexicon.Ruleset) error {
	fmt.Fprintf(out, "%d conversations, %d differ; %d scores fall, %d rise\n\n", t.Calls, t.Differ, t.ScoreFalls, t.ScoreRises)
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "rule\told\tnew\tfound\tlost\tchanged\tprecision before\tafter\trecall of confirmed before\tafter")
	for _, id := range t.RuleIDs() {
		r := t.Rules[id]
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t%s\t%s\n", id, r.Old, r.New, r.Found, r.Lost, r.Changed,
			share(r.OldPrecision()), share(r.NewPrecision()), share(r.OldRecall()), share(r.NewRecall()))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := printAgents(out, t); err != nil {
		return err
	}
	for i, d := range t.Differences {
		if i == 0 {
			fmt.Fprintln(out)
		}
		if i == c.Show {
			fmt.Fprintf(out, "… and %d more\n", len(t.Differences)-i)
			break
		}
		extra := ""
		if d.Because != "" {
			extra = " (now excused: " + d.Because + ")"
		}
		if d.Verdict != "" {
			extra += " [" + d.Verdict + "]"
		}
		fmt.Fprintf(out, "%-7s %s %s:%d %s%s\n", strings.ToUpper(d.Kind), d.Rule, d.Recording, d.Turn, d.Quote, extra)
	}
	if blocks := rulework.Blocks(t, old, now); len(blocks) > 0 {
		fmt.Fprintln(out, "\npublishing would be blocked:")
		for _, b := range blocks {
			fmt.Fprintln(out, " ", b)
		}
	}
	return nil
}

// agentsShown is how many agents are listed, those with the most differences first.
const agentsShown = 20

// printAgents shows what the change means for those in whose calls something differs.
func printAgents(out io.Writer, t *rulework.Tally) error {
	ids := t.ChangedAgents(agentsShown)
	if len(ids) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "\nagent\tcalls\tflagged before\tafter\tfound\tlost\tprecision before\tafter\trecall of confirmed before\tafter")
	for _, id := range ids {
		a := t.Agents[id]
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t%s\t%s\n", cmp.Or(id, "–"), a.Calls, a.OldFlagged, a.NewFlagged, a.Found, a.Lost,
			share(a.OldPrecision()), share(a.NewPrecision()), share(a.OldRecall()), share(a.NewRecall()))
	}
	return w.Flush()
}

// share writes a proportion with its interval, or a dash where nothing was counted.
func share(s rulework.Share) string {
	if s.N == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f%% (%.0f–%.0f%%, n=%d)", 100*s.Value(), 100*s.Low, 100*s.High, s.N)
}
