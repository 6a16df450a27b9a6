// Command trainer fits the linear model that confirms and proposes findings.
//
//	go run ./detectors/trainer -out lexicon/data/model.txt testdata/dialogues/dev.jsonl testdata/dialogues/utterances/*.jsonl
//	go run ./detectors/trainer -cv 5 FILES           # cross-validation by dialogue, through the engine; writes nothing
//	go run ./detectors/trainer -eval NEW.jsonl FILES # train on FILES, measure on NEW
//
// It is reproducible: fixed seed, fixed order, no clock.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/detectors/training"
	"github.com/speechqa/speechqa/lexicon"
)

// modelRules are the rules a single utterance can show; openings and closings are not among them.
var modelRules = []string{"threat", "impersonation", "unauthorized_waiver", "third_party_disclosure", "insult", "private_payment",
	"cash_out_inducement", "incite_complaint", "private_channel", "deception"}

// options are flags, to try others.
var options = training.Defaults

func main() {
	log.SetFlags(0)
	flag.IntVar(&options.Epochs, "epochs", options.Epochs, "passes over the data")
	flag.Float64Var(&options.Rate, "rate", options.Rate, "step size")
	flag.Float64Var(&options.L2, "l2", options.L2, "pull of the weights towards zero")
	flag.Float64Var(&options.PosCost, "pos", options.PosCost, "weight of a violation against that of a compliant utterance")
	flag.IntVar(&options.MinSeen, "seen", options.MinSeen, "utterances a feature must occur in")
	flag.Float64Var(&options.MinWeight, "min", options.MinWeight, "smallest weight worth keeping")
	out := flag.String("out", "", "model file to write")
	folds := flag.Int("cv", 0, "folds of cross-validation by dialogue")
	eval := flag.String("eval", "", "labelled dialogues to measure on after training")
	sweep := flag.Bool("sweep", false, "with -cv or -eval: also try other thresholds than the rules'")
	errors := flag.Bool("errors", false, "with -cv: print every miss and false alarm")
	flag.Parse()
	if err := run(*out, *folds, *eval, *sweep, *errors, flag.Args()); err != nil {
		log.Fatal(err)
	}
}

func run(out string, folds int, eval string, sweep, errors bool, files []string) error {
	rs, err := lexicon.LoadDefault()
	if err != nil {
		return err
	}
	e, err := detectors.New(rs)
	if err != nil {
		return err
	}
	c := newCorpus(e)
	for _, f := range files {
		if err := c.read(f); err != nil {
			return err
		}
	}
	fmt.Printf("%d dialogues, %d utterances, %d features\n", len(c.dialogues), c.Len(), c.Features())
	t := trial{rs: rs, sweep: sweep, errors: errors}
	switch {
	case folds > 0:
		return t.crossValidate(c, folds)
	case eval != "":
		test := newCorpus(e)
		if err := test.read(eval); err != nil {
			return err
		}
		if err := t.measure(c.Fit(options, nil, nil), test.dialogues); err != nil {
			return err
		}
		t.report()
	}
	if out == "" {
		return nil
	}
	return os.WriteFile(out, []byte(c.Fit(options, nil, nil).Text()), 0o644)
}
