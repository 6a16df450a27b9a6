package lexicon

import (
	"slices"
	"time"

	"gopkg.in/yaml.v3"
)

// chinaTime is the zone of dates without one: where the calls are made.
var chinaTime = time.FixedZone("CST", 8*3600)

// policies reads profiles.yaml: what principal banks ask.
//
//	甲银行:
//	  title: 甲银行信用卡中心
//	  principals: [甲银行, 甲银行信用卡]
//	  versions:
//	    - version: 1
//	      from: 2026-01-01
//	      to: 2026-07-01
//	      off: [insult]
//	      shadow: [deception]
//	      severities: {minor: 3}
//	      points: {threat: {points: 40, cap: 80, fatal: true}}
//	      hours: industry
//	      contacts: seven_in_seven
//	      openings: {missing_opening: {allow_missing: 0, not_needed: [recording]}}
func (l *loader) policies() {
	l.rs.policyOf = map[string]*Policy{}
	r, n := l.optional("profiles.yaml")
	if n == nil {
		return
	}
	all := r.object(n, "profiles")
	names := keys(all)
	slices.Sort(names)
	for _, name := range names {
		v := all[name]
		o := r.object(v, "profile", "title", "principals", "versions")
		p := Policy{Name: name, Title: r.str(o["title"], "title"), Principals: r.strs(o["principals"], "principals"), Line: v.Line}
		if len(p.Principals) == 0 {
			r.errorf(v.Line, "profile %q names no principals", name)
		}
		for _, item := range r.list(o["versions"], "versions") {
			p.Versions = append(p.Versions, l.policyVersion(r, name, item))
		}
		l.checkVersions(r, &p)
		l.rs.Policies = append(l.rs.Policies, p)
	}
	for i := range l.rs.Policies {
		p := &l.rs.Policies[i]
		for _, bank := range p.Principals {
			if other := l.rs.policyOf[bank]; other != nil {
				r.errorf(p.Line, "the principal %q is in profile %q already", bank, other.Name)
			}
			l.rs.policyOf[bank] = p
		}
	}
}

func (l *loader) checkVersions(r nodes, p *Policy) {
	if len(p.Versions) == 0 {
		r.errorf(p.Line, "profile %q has no versions", p.Name)
	}
	slices.SortStableFunc(p.Versions, func(a, b PolicyVersion) int { return a.From.Compare(b.From) })
	numbers := map[int]bool{}
	for i, v := range p.Versions {
		if numbers[v.Version] {
			r.errorf(v.Line, "version %d of profile %q is there twice", v.Version, p.Name)
		}
		numbers[v.Version] = true
		if !v.To.IsZero() && !v.From.Before(v.To) {
			r.errorf(v.Line, "from must be before to")
		}
		if i > 0 && (p.Versions[i-1].To.IsZero() || v.From.Before(p.Versions[i-1].To)) {
			r.errorf(v.Line, "two versions of profile %q are in force on %s", p.Name, v.From.Format(time.DateOnly))
		}
	}
}

func (l *loader) policyVersion(r nodes, policy string, n *yaml.Node) PolicyVersion {
	o := r.object(n, "version", "version", "from", "to", "off", "shadow", "severities", "points", "hours", "contacts", "openings")
	v := PolicyVersion{Policy: policy, Version: r.integer(o["version"], "version", 0), From: r.date(o["from"], "from"), To: r.date(o["to"], "to"),
		Off: l.ruleSet(r, o["off"], "off"), Shadow: l.ruleSet(r, o["shadow"], "shadow"), Points: map[string]int{}, Rules: map[string]RulePoints{},
		Hours: r.str(o["hours"], "hours"), Contacts: r.str(o["contacts"], "contacts"), Openings: map[string]SlotsPolicy{}, Line: n.Line}
	if v.Version < 1 {
		r.errorf(n.Line, "version must be 1 or more")
	}
	if o["from"] == nil {
		r.errorf(n.Line, "from is missing: the day from which this version is in force")
	}
	if s := o["severities"]; s != nil {
		for k, p := range r.object(s, "severities", severities...) {
			v.Points[k] = r.integer(p, "points", 0)
		}
	}
	if p := o["points"]; p != nil {
		v.Rules = l.rulePoints(r, p)
	}
	if _, ok := l.rs.Hours[v.Hours]; v.Hours != "" && !ok {
		r.errorf(o["hours"].Line, "hours: no profile %q in hours.yaml%s", v.Hours, suggest(v.Hours, keys(l.rs.Hours)))
	}
	if _, ok := l.rs.Frequency[v.Contacts]; v.Contacts != "" && !ok {
		r.errorf(o["contacts"].Line, "contacts: no profile %q in contacts.yaml%s", v.Contacts, suggest(v.Contacts, keys(l.rs.Frequency)))
	}
	if s := o["openings"]; s != nil {
		for id, part := range r.object(s, "openings") {
			if p, ok := l.slotsPolicy(r, id, part); ok {
				v.Openings[id] = p
			}
		}
	}
	v.Scoring = v.scoring(l.rs.Scoring)
	return v
}

// slotsPolicy reads what a profile changes in one opening or closing.
func (l *loader) slotsPolicy(r nodes, id string, n *yaml.Node) (p SlotsPolicy, ok bool) {
	rule, known := l.rs.Rule(id)
	if !known || rule.Kind != KindSlots {
		r.errorf(n.Line, "openings: %q is no rule of kind slots%s", id, suggest(id, l.ruleIDs()))
		return p, false
	}
	o := r.object(n, "opening", "allow_missing", "not_needed")
	if m := o["allow_missing"]; m != nil {
		most := r.integer(m, "allow_missing", 0)
		p.AllowMissing = &most
	}
	p.NotNeeded = r.strs(o["not_needed"], "not_needed")
	var slots []string
	for _, spec := range rule.Slots {
		for _, s := range spec.Slots {
			slots = append(slots, s.Name)
		}
	}
	for _, name := range p.NotNeeded {
		if !slices.Contains(slots, name) {
			r.errorf(o["not_needed"].Line, "not_needed: %s has no slot %q%s", id, name, suggest(name, slots))
		}
	}
	return p, true
}

// ruleSet reads a list of rules that must exist.
func (l *loader) ruleSet(r nodes, n *yaml.Node, what string) map[string]bool {
	out := map[string]bool{}
	for _, id := range r.strs(n, what) {
		if _, ok := l.rs.Rule(id); !ok {
			r.errorf(n.Line, "%s: no rule %q%s", what, id, suggest(id, l.ruleIDs()))
		}
		out[id] = true
	}
	return out
}

// date reads a day, which begins at midnight in China; zero where there is none.
func (r nodes) date(n *yaml.Node, what string) time.Time {
	if n == nil {
		return time.Time{}
	}
	t, err := time.ParseInLocation(time.DateOnly, r.str(n, what), chinaTime)
	if err != nil {
		r.errorf(n.Line, "%s must be a day such as 2026-01-31, not %q", what, n.Value)
	}
	return t
}
