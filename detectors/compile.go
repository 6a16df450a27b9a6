package detectors

import (
	"fmt"
	"regexp"

	"github.com/speechqa/speechqa/lexicon"
)

// setID names a compiled set; every distinct *lexicon.Set has one.
type setID int32

type phraseKey struct {
	text  string
	sound lexicon.SoundMark
}

// termUse says which set a phrase of the matcher counts for.
type termUse struct {
	set     setID
	blocker bool
}

// compiler turns the ruleset's patterns into numbers: one matcher over all phrases, one id per set.
type compiler struct {
	ids     map[*lexicon.Set]setID
	sets    []*lexicon.Set
	terms   []lexicon.Phrase
	uses    [][]termUse
	byTerm  map[phraseKey]int
	regexes []compiledRegexp
	ents    map[string][]setID
}

type compiledRegexp struct {
	re  *regexp.Regexp
	set setID
}

type elem struct {
	set        setID
	gap        int32
	optional   bool
	start, end bool
	name       string
}

type pattern struct {
	source string
	file   string
	line   int
	window int32
	seqs   [][]elem
	// required are the sets of which every occurrence of the pattern holds a phrase.
	required []setID
}

type exception struct {
	name   string
	words  []*pattern
	where  lexicon.Where
	within int32
	of     string
	cross  bool
	by     string
}

type condition struct {
	*lexicon.Condition
	said []*pattern
}

type alternative struct {
	*lexicon.Alternative
	say    []*pattern
	needs  []condition
	unless []*exception
	// followUp: it needs an earlier finding of its own rule.
	followUp bool
}

type slot struct {
	*lexicon.SlotSpec
	say    []*pattern
	unless []*exception
}

type rule struct {
	*lexicon.Rule
	alts  []alternative
	model []*exception // that keep the model from proposing
	slots map[Kind]*slotsRule
}

type slotsRule struct {
	*lexicon.SlotsSpec
	slots   []slot
	excused []*exception
}

type evidence struct {
	*lexicon.Evidence
	say, after []*pattern
	unless     []*exception
}

func newCompiler() *compiler {
	return &compiler{ids: map[*lexicon.Set]setID{}, byTerm: map[phraseKey]int{}, ents: map[string][]setID{}}
}

func (c *compiler) set(s *lexicon.Set) (setID, error) {
	if id, ok := c.ids[s]; ok {
		return id, nil
	}
	id := setID(len(c.sets))
	c.ids[s] = id
	c.sets = append(c.sets, s)
	add := func(ps []lexicon.Phrase, blocker bool) error {
		for _, p := range ps {
			t := phraseKey{p.Text, p.Sound}
			i, ok := c.byTerm[t]
			if !ok {
				i = len(c.terms)
				c.byTerm[t] = i
				c.terms = append(c.terms, p)
				c.uses = append(c.uses, nil)
			}
			c.uses[i] = append(c.uses[i], termUse{set: id, blocker: blocker})
		}
		return nil
	}
	if err := add(s.Phrases, false); err != nil {
		return 0, err
	}
	if err := add(s.Blockers, true); err != nil {
		return 0, err
	}
	for _, e := range s.Entities {
		c.ents[e] = append(c.ents[e], id)
	}
	for _, re := range s.Regexes {
		c.regexes = append(c.regexes, compiledRegexp{re: re, set: id})
	}
	return id, nil
}

func (c *compiler) patterns(ps []*lexicon.Pattern) ([]*pattern, error) {
	out := make([]*pattern, 0, len(ps))
	for _, p := range ps {
		q := &pattern{source: p.Source, file: p.File, line: p.Line, window: int32(p.Window)}
		for _, seq := range p.Seqs {
			var es []elem
			for _, e := range seq {
				id, err := c.set(e.Set)
				if err != nil {
					return nil, fmt.Errorf("%s:%d: %w", p.File, p.Line, err)
				}
				if !e.Optional {
					q.required = append(q.required, id)
				}
				es = append(es, elem{set: id, gap: int32(e.Gap), optional: e.Optional, start: e.Start, end: e.End, name: e.Set.Name})
			}
			q.seqs = append(q.seqs, es)
		}
		out = append(out, q)
	}
	return out, nil
}

func (c *compiler) exceptions(es []*lexicon.Exception) ([]*exception, error) {
	out := make([]*exception, 0, len(es))
	for _, e := range es {
		words, err := c.patterns(e.Words)
		if err != nil {
			return nil, err
		}
		out = append(out, &exception{name: e.Name, words: words, where: e.Where, within: int32(e.Within), of: e.Of, cross: e.Cross, by: e.By})
	}
	return out, nil
}

func (c *compiler) rule(lr *lexicon.Rule) (*rule, error) {
	r := &rule{Rule: lr}
	common, err := c.exceptions(lr.Unless)
	if err != nil {
		return nil, err
	}
	if r.model, err = c.exceptions(lr.Model.Unless); err != nil {
		return nil, err
	}
	for _, e := range common {
		if e.where == lexicon.WhereSentence || e.where == lexicon.WhereUtterance {
			r.model = append(r.model, e)
		}
	}
	for _, a := range lr.Match {
		alt := alternative{Alternative: a}
		if alt.say, err = c.patterns(a.Say); err != nil {
			return nil, err
		}
		own, err := c.exceptions(a.Unless)
		if err != nil {
			return nil, err
		}
		for _, e := range common {
			if !contains(a.Ignore, e.name) {
				alt.unless = append(alt.unless, e)
			}
		}
		alt.unless = append(alt.unless, own...)
		for _, n := range a.Needs {
			said, err := c.patterns(n.Said)
			if err != nil {
				return nil, err
			}
			alt.needs = append(alt.needs, condition{Condition: n, said: said})
			alt.followUp = alt.followUp || n.Found == "self"
		}
		r.alts = append(r.alts, alt)
	}
	r.slots = map[Kind]*slotsRule{}
	for kind, spec := range lr.Slots {
		sr := &slotsRule{SlotsSpec: spec}
		if sr.excused, err = c.exceptions(spec.Excused); err != nil {
			return nil, err
		}
		for i := range spec.Slots {
			s := slot{SlotSpec: &spec.Slots[i]}
			if s.say, err = c.patterns(s.SlotSpec.Say); err != nil {
				return nil, err
			}
			if s.unless, err = c.exceptions(s.SlotSpec.Unless); err != nil {
				return nil, err
			}
			sr.slots = append(sr.slots, s)
		}
		r.slots[Kind(kind)] = sr
	}
	return r, nil
}

func (c *compiler) evidence(es []lexicon.Evidence) ([]evidence, error) {
	out := make([]evidence, 0, len(es))
	for i := range es {
		e := evidence{Evidence: &es[i]}
		var err error
		if e.say, err = c.patterns(e.Say); err != nil {
			return nil, err
		}
		if e.after, err = c.patterns(e.After); err != nil {
			return nil, err
		}
		if e.unless, err = c.exceptions(e.Unless); err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
