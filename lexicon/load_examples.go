package lexicon

import (
	"strings"

	"gopkg.in/yaml.v3"
)

// examples reads a rule's own tests.
//
//	flag:
//	  - 今天把本金还了,「剩下的利息我给你免了」        # one sentence of the speaker the rule is about; 「」 marks the quote
//	  - {say: [customer 能不能少点, agent 我做主给你免], quote: 我做主}
//	pass:
//	  - 这个要向银行申请                              # nothing matches
//	  - because: 否定                                 # matches, but this exception applies
//	    say: [我们没有权限给您减免]
//	  - 否定: [我免不了您的利息, …]                    # the same, several one-sentence examples at once
func (s *scope) examples(rule *Rule, n *yaml.Node) {
	r := s.r
	if n == nil {
		r.errorf(rule.Line, "examples are missing: a rule needs at least one flag and one pass example")
		return
	}
	o := r.object(n, "examples", "flag", "pass")
	for _, item := range r.list(o["flag"], "flag") {
		rule.Flag = append(rule.Flag, s.example(rule, item, true)...)
	}
	for _, item := range r.list(o["pass"], "pass") {
		rule.Pass = append(rule.Pass, s.example(rule, item, false)...)
	}
	if len(rule.Flag) == 0 || len(rule.Pass) == 0 {
		r.errorf(n.Line, "a rule needs at least one flag and one pass example")
	}
}

func (s *scope) example(rule *Rule, n *yaml.Node, flag bool) []Example {
	r := s.r
	base := Example{File: r.file, LineNo: n.Line, IsFlag: flag}
	if rule.Kind == KindContacts && n.Kind != yaml.MappingNode {
		r.errorf(n.Line, "an example of a contacts rule must look like {contacts: [1 10:00 debtor answered, …]}")
		return nil
	}
	if n.Kind == yaml.ScalarNode {
		s.say(rule, &base, []*yaml.Node{n})
		return []Example{base}
	}
	if n.Kind == yaml.MappingNode && len(n.Content) == 2 && n.Content[1].Kind == yaml.SequenceNode && n.Content[0].Value != "say" && n.Content[0].Value != "contacts" {
		if flag {
			r.errorf(n.Line, "a flag example has no reason to pass")
			return nil
		}
		var out []Example
		for _, item := range n.Content[1].Content {
			ex := base
			ex.LineNo, ex.Because = item.Line, n.Content[0].Value
			s.say(rule, &ex, []*yaml.Node{item})
			out = append(out, ex)
		}
		return out
	}
	o := r.object(n, "example", "say", "quote", "because", "kind", "callee", "relation", "principal", "at", "facts", "contacts", "note")
	if o == nil {
		return nil
	}
	base.Quote, base.Because, base.Optional = r.str(o["quote"], "quote"), r.str(o["because"], "because"), r.str(o["note"], "note")
	base.Meta = map[string]string{}
	base.Meta["kind"] = r.enum(o["kind"], "kind", "", "call", "visit")
	base.Meta["callee"] = r.enum(o["callee"], "callee", "", listeners...)
	for _, k := range []string{"relation", "principal", "at"} {
		base.Meta[k] = r.str(o[k], k)
	}
	if f := o["facts"]; f != nil {
		base.Facts = map[string]float64{}
		for k, v := range r.object(f, "facts") {
			base.Facts[k] = r.number(v, k, 0)
		}
	}
	if flag && base.Because != "" {
		r.errorf(n.Line, "a flag example has no reason to pass")
	}
	if rule.Kind == KindContacts {
		if base.Contacts = s.exampleContacts(r.list(o["contacts"], "contacts")); len(base.Contacts) == 0 {
			r.errorf(n.Line, "an example of a contacts rule needs contacts")
		}
		return []Example{base}
	}
	s.say(rule, &base, r.list(o["say"], "say"))
	return []Example{base}
}

// say reads the lines of an example and checks that the quote is really in them.
func (s *scope) say(rule *Rule, ex *Example, items []*yaml.Node) {
	if len(items) == 0 {
		s.r.errorf(ex.LineNo, "the example says nothing")
	}
	for _, item := range items {
		text := strings.TrimSpace(s.r.str(item, "say"))
		speaker := rule.Speaker
		if speaker == "any" {
			speaker = "agent"
		}
		for _, who := range []string{"agent", "customer"} {
			if t, ok := strings.CutPrefix(text, who+" "); ok {
				speaker, text = who, strings.TrimSpace(t)
			}
		}
		if a, rest, ok := strings.Cut(text, "「"); ok && ex.IsFlag && ex.Quote == "" {
			if q, b, ok := strings.Cut(rest, "」"); ok {
				ex.Quote, text = q, a+q+b
			}
		}
		if text == "" {
			s.r.errorf(item.Line, "the example says nothing")
			continue
		}
		ex.Say = append(ex.Say, Line{Speaker: speaker, Text: text})
	}
	if ex.Quote == "" {
		return
	}
	for _, l := range ex.Say {
		if strings.Contains(l.Text, ex.Quote) {
			return
		}
	}
	s.r.errorf(ex.LineNo, "the quote %q is not in the example", ex.Quote)
}
