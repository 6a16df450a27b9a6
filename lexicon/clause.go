package lexicon

import (
	"slices"
	"time"
)

// Clause is a place in a document that rules rest on.
type Clause struct {
	ID       string
	Document string
	Clause   string    // its number as printed; empty where the document numbers nothing or nobody has looked it up
	Text     string    // word for word; empty until the compliance officer has filled it in
	Kind     string    // company | contract | statute
	From, To time.Time // inclusive, exclusive; zero: not known, until further notice
	Rules    []string
	Note     string
	Line     int
}

// Pending says whether the clause's text still waits for the compliance officer.
func (c *Clause) Pending() bool { return c.Text == "" }

// InForce says whether the clause applied at a time; one whose time nobody knows is taken as of today's clauses.
func (c *Clause) InForce(at time.Time) bool {
	if at.IsZero() {
		return c.To.IsZero()
	}
	return !at.Before(c.From) && (c.To.IsZero() || at.Before(c.To))
}

// Library is every clause that any rule rests on: those of clauses.yaml, then what rules quote themselves, which has no ID.
func (rs *Ruleset) Library() []Clause {
	out := slices.Clone(rs.Clauses)
	at := map[Basis]int{}
	for _, rule := range rs.Rules {
		for _, c := range rs.clausesOf[rule.ID] {
			if c.ID != "" {
				continue
			}
			b := Basis{c.Document, c.Text}
			if i, known := at[b]; known {
				out[i].Rules = append(out[i].Rules, rule.ID)
				continue
			}
			at[b] = len(out)
			c.Rules = []string{rule.ID}
			out = append(out, c)
		}
	}
	return out
}

// ClausesOf are the clauses a rule rested on at a time, those with a text first.
func (rs *Ruleset) ClausesOf(rule string, at time.Time) []Clause {
	var have, pending []Clause
	for _, c := range rs.clausesOf[rule] {
		switch {
		case !c.InForce(at):
		case c.Pending():
			pending = append(pending, c)
		default:
			have = append(have, c)
		}
	}
	return append(have, pending...)
}
