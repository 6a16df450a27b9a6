package web

import (
	"testing"
	"time"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/lexicon"
)

func TestRulesOfTheEmbeddedRuleset(t *testing.T) {
	rs, err := lexicon.LoadDefault()
	if err != nil {
		t.Fatal(err)
	}
	r := RulesOf(rs)
	if zh, en := r.Title("threat", "zh"), r.Title("threat", "en"); zh == en || zh == "threat" {
		t.Errorf("titles %q and %q", zh, en)
	}
	if got := r.Title("no_such_rule", "zh"); got != "no_such_rule" {
		t.Errorf("an unknown rule is called %q", got)
	}
	if score, fatal := r.Score("", time.Time{}, nil); score != 100 || fatal {
		t.Errorf("nothing found scores %d, fatal %v", score, fatal)
	}
	before, _ := r.Score("", time.Time{}, []detectors.Finding{{Rule: "missing_closing", Severity: "minor"}})
	if before >= 100 {
		t.Errorf("a finding costs nothing: %d", before)
	}
}
