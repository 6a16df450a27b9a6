package lexicon

import (
	"cmp"
	"slices"
)

// clauses reads clauses.yaml, the library of what rules rest on, and adds what the rules' files say themselves.
//
//	conduct-threat:
//	  document: 催收行为规范
//	  clause: 第三条
//	  text: 严禁以暴力、恐吓、侮辱等不当方式催收
//	  kind: company
//	  from: 2025-01-01
//	  rules: [threat, insult]
func (l *loader) clauses() {
	l.rs.clausesOf = map[string][]Clause{}
	if r, n := l.optional("clauses.yaml"); n != nil {
		for id, v := range r.object(n, "clauses") {
			o := r.object(v, "clause", "document", "clause", "text", "kind", "from", "to", "rules", "note")
			c := Clause{ID: id, Document: r.str(o["document"], "document"), Clause: r.str(o["clause"], "clause"), Text: r.str(o["text"], "text"),
				Kind: r.enum(o["kind"], "kind", "company", "company", "contract", "statute"), From: r.date(o["from"], "from"), To: r.date(o["to"], "to"),
				Rules: keys(l.ruleSet(r, o["rules"], "rules")), Note: r.str(o["note"], "note"), Line: v.Line}
			slices.Sort(c.Rules)
			if c.Document == "" {
				r.errorf(v.Line, "clause %q: document is missing", id)
			}
			if len(c.Rules) == 0 {
				r.errorf(v.Line, "clause %q belongs to no rule", id)
			}
			if !c.From.IsZero() && !c.To.IsZero() && !c.From.Before(c.To) {
				r.errorf(v.Line, "from must be before to")
			}
			l.rs.Clauses = append(l.rs.Clauses, c)
		}
	}
	slices.SortFunc(l.rs.Clauses, func(a, b Clause) int { return cmp.Compare(a.ID, b.ID) })
	for _, c := range l.rs.Clauses {
		for _, rule := range c.Rules {
			l.rs.clausesOf[rule] = append(l.rs.clausesOf[rule], c)
		}
	}
	for _, rule := range l.rs.Rules {
		for _, b := range rule.Basis {
			known := slices.ContainsFunc(l.rs.clausesOf[rule.ID], func(c Clause) bool { return c.Document == b.Doc && c.Text == b.Quote })
			if !known {
				l.rs.clausesOf[rule.ID] = append(l.rs.clausesOf[rule.ID], Clause{Document: b.Doc, Text: b.Quote, Kind: "company", Rules: []string{rule.ID}})
			}
		}
	}
}
