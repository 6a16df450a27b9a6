package rulework

import (
	"errors"
	"fmt"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/lexicon"
)

// CheckResult is what is wrong with a ruleset, each with file and line.
type CheckResult struct {
	Ruleset  *lexicon.Ruleset // nil with errors
	Errors   []lexicon.LoadError
	Examples int                 // that ran
	Failed   []lexicon.LoadError // examples that do not hold
}

// OK says that nothing is wrong.
func (c CheckResult) OK() bool { return len(c.Errors) == 0 && len(c.Failed) == 0 }

// Check loads a ruleset's files and runs its examples, or only those of one rule.
func Check(files map[string][]byte, rule string) (CheckResult, error) {
	rs, err := lexicon.LoadFiles(files)
	var all lexicon.LoadErrors
	switch {
	case errors.As(err, &all):
		return CheckResult{Errors: all}, nil
	case err != nil:
		return CheckResult{}, err
	}
	out := CheckResult{Ruleset: rs}
	ran, failures, err := detectors.TestExamples(rs, rule)
	if err != nil {
		return out, fmt.Errorf("run the examples: %w", err)
	}
	out.Examples = ran
	for _, f := range failures {
		out.Failed = append(out.Failed, lexicon.LoadError{File: f.File, Line: f.Line, Msg: f.Rule + ": " + f.Reason})
	}
	return out, nil
}
