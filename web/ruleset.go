package web

import (
	"time"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/lexicon"
)

// RulesOf makes the console's Rules of a loaded ruleset.
func RulesOf(rs *lexicon.Ruleset) Rules { return ruleset{rs} }

type ruleset struct{ rs *lexicon.Ruleset }

func (r ruleset) Title(rule, lang string) string {
	if found, ok := r.rs.Rule(rule); ok {
		for _, l := range []string{lang, string(Chinese), string(English)} {
			if s := found.Title[l]; s != "" {
				return s
			}
		}
	}
	return rule
}

func (r ruleset) Clauses(rule string, at time.Time) []lexicon.Clause { return r.rs.ClausesOf(rule, at) }

func (r ruleset) Score(principal string, at time.Time, findings []detectors.Finding) (score int, fatal bool) {
	return detectors.Grade(r.rs.ScoringFor(principal, at), findings)
}
