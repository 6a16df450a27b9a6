package lexicon

import (
	"fmt"
	"maps"
	"time"
)

// Policy is what one principal bank asks: which rules apply, what they cost, the hours, the frequency, the openings.
type Policy struct {
	Name       string
	Title      string
	Principals []string // as the recordings' metadata names them
	Versions   []PolicyVersion
	Line       int
}

// PolicyVersion is a policy during a time. What it does not mention is as without a policy.
type PolicyVersion struct {
	Policy   string
	Version  int
	From, To time.Time // inclusive, exclusive; a zero To is until further notice
	Off      map[string]bool
	Shadow   map[string]bool
	Points   map[string]int        // by severity
	Rules    map[string]RulePoints // by rule
	Hours    string
	Contacts string
	Openings map[string]SlotsPolicy // by slots rule

	Scoring Scoring // the ruleset's with Points and Rules
	Line    int
}

// SlotsPolicy changes an opening or a closing.
type SlotsPolicy struct {
	AllowMissing *int
	NotNeeded    []string // names of slots
}

// Stamp names the version as inspections carry it.
func (v *PolicyVersion) Stamp() string {
	if v == nil {
		return ""
	}
	return fmt.Sprintf("%s/%d", v.Policy, v.Version)
}

// Policy returns what a principal asked at a time; nil where nothing special is in force. A recording whose time nobody
// knows is judged by the last version.
func (rs *Ruleset) Policy(principal string, at time.Time) *PolicyVersion {
	p := rs.policyOf[principal]
	if p == nil {
		return nil
	}
	for i := range p.Versions {
		v := &p.Versions[i]
		if at.IsZero() && i == len(p.Versions)-1 || !at.IsZero() && !at.Before(v.From) && (v.To.IsZero() || at.Before(v.To)) {
			return v
		}
	}
	return nil
}

// ScoringFor is how the recordings of a principal are graded at a time.
func (rs *Ruleset) ScoringFor(principal string, at time.Time) *Scoring {
	if v := rs.Policy(principal, at); v != nil {
		return &v.Scoring
	}
	return &rs.Scoring
}

// scoring is base with what the version changes.
func (v *PolicyVersion) scoring(base Scoring) Scoring {
	s := Scoring{Start: base.Start, Points: maps.Clone(base.Points), Rules: maps.Clone(base.Rules)}
	maps.Copy(s.Points, v.Points)
	maps.Copy(s.Rules, v.Rules)
	return s
}
