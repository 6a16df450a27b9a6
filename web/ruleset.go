package web

import (
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

func (r ruleset) Basis(rule string) []lexicon.Basis {
	found, ok := r.rs.Rule(rule)
	if !ok {
		return nil
	}
	return found.Basis
}

func (r ruleset) Score(findings []detectors.Finding) (score int, fatal bool) {
	return detectors.Grade(&r.rs.Scoring, findings)
}
