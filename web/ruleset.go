package web

import (
	"cmp"
	"slices"
	"time"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/lexicon"
)

// RulesOf makes the console's Rules of a loaded ruleset.
func RulesOf(rs *lexicon.Ruleset) Rules { return ruleset{rs} }

type ruleset struct{ rs *lexicon.Ruleset }

func (r ruleset) Ruleset() *lexicon.Ruleset { return r.rs }

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

func (r ruleset) Running(kind detectors.Kind) []RunningRule {
	var out []RunningRule
	for _, rule := range r.rs.Rules {
		if rule.Status == lexicon.StatusLive && (len(rule.Recordings) == 0 || slices.Contains(rule.Recordings, string(kind))) {
			out = append(out, RunningRule{rule.ID, detectors.Severity(rule.Severity)})
		}
	}
	slices.SortStableFunc(out, func(a, b RunningRule) int {
		return cmp.Compare(slices.Index(severities, a.Severity), slices.Index(severities, b.Severity))
	})
	return out
}

func (r ruleset) Judgeable() []string {
	var ids []string
	for _, rule := range r.rs.Rules {
		if rule.Status == lexicon.StatusLive && rule.Severity != "info" && rule.Kind != lexicon.KindFacts && rule.Kind != lexicon.KindContacts {
			ids = append(ids, rule.ID)
		}
	}
	return ids
}

func (r ruleset) Numbers() map[string]int {
	out := map[string]int{}
	for _, rule := range r.rs.Rules {
		if rule.Status == lexicon.StatusLive {
			out[rule.ID] = rule.Version
		}
	}
	return out
}

func (r ruleset) Score(principal string, at time.Time, findings []detectors.Finding) (score int, fatal bool) {
	return detectors.Grade(r.rs.ScoringFor(principal, at), findings)
}
