package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/speechqa/speechqa/detectors"
)

// rulesCmd works on rulesets.
type rulesCmd struct {
	Check rulesCheckCmd `cmd:"" help:"Load a ruleset and report everything wrong with it."`
	Test  rulesTestCmd  `cmd:"" help:"Run the examples embedded in the rules."`
	List  rulesListCmd  `cmd:"" help:"List the rules; with --stored the versions in the database."`

	Backtest rulesBacktestCmd `cmd:"" help:"What would other rules find and lose? Compare two rulesets over stored transcripts or a file."`
	Retrain  rulesRetrainCmd  `cmd:"" help:"Have the statistical model learn from confirmed and overturned findings; the result is a draft."`
	Import   rulesImportCmd   `cmd:"" help:"Store the files of a directory as a version."`
	Export   rulesExportCmd   `cmd:"" help:"Write a stored version's files, byte for byte."`
	Approve  rulesApproveCmd  `cmd:"" help:"Approve a version that somebody else wrote."`
	Shadow   rulesShadowCmd   `cmd:"" help:"Run a version beside the live one on new recordings; only leads see what it finds."`
	Publish  rulesPublishCmd  `cmd:"" help:"Make an approved version live; what other rules inspected is inspected again."`
	Rollback rulesRollbackCmd `cmd:"" help:"Make a version live that was so before."`
}

type rulesCheckCmd struct {
	Dir string `arg:"" optional:"" help:"Directory with a ruleset; the built-in one otherwise."`
}

// Run loads and compiles the ruleset.
func (c *rulesCheckCmd) Run(a *app) error {
	rs, err := loadRules(c.Dir)
	if err != nil {
		return fmt.Errorf("the ruleset has errors:\n%w", err)
	}
	if _, err := detectors.New(rs); err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "%s %s: %d rules, %d lists, hash %s\n", rs.Name, rs.Version, len(rs.Rules), len(rs.Lists), rs.Hash)
	return nil
}

type rulesTestCmd struct {
	Rule string `help:"Only this rule." placeholder:"ID"`
	Dir  string `arg:"" optional:"" help:"Directory with a ruleset; the built-in one otherwise."`
}

// Run runs every example and prints those that fail with file and line.
func (c *rulesTestCmd) Run(a *app) error {
	rs, err := loadRules(c.Dir)
	if err != nil {
		return fmt.Errorf("the ruleset has errors:\n%w", err)
	}
	ran, failures, err := detectors.TestExamples(rs, c.Rule)
	if err != nil {
		return err
	}
	for _, f := range failures {
		fmt.Fprintln(a.stdout, f.Error())
	}
	fmt.Fprintf(a.stdout, "%d examples, %d failed\n", ran, len(failures))
	if len(failures) > 0 {
		return fmt.Errorf("%d of %d examples failed", len(failures), ran)
	}
	return nil
}

type rulesListCmd struct {
	databaseFlags
	Stored bool   `help:"List the versions in the database."`
	Dir    string `arg:"" optional:"" help:"Directory with a ruleset; the built-in one otherwise."`
}

// Run prints a table.
func (c *rulesListCmd) Run(a *app) error {
	if c.Stored {
		return listStored(a, c.databaseFlags)
	}
	rs, err := loadRules(c.Dir)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(a.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "id\tversion\tstatus\tkind\tseverity\tflag\tpass\ttitle")
	for _, r := range rs.Rules {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%d\t%d\t%s %s\n", r.ID, r.Version, r.Status, r.Kind, r.Severity, len(r.Flag), len(r.Pass), r.Title["zh"], r.Title["en"])
	}
	return w.Flush()
}
