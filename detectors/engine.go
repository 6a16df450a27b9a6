package detectors

import (
	"fmt"

	"github.com/speechqa/speechqa/lexicon"
)

// Engine inspects conversations against one ruleset. It is built once, holds no state between calls and may
// be used by many goroutines.
type Engine struct {
	rs       *lexicon.Ruleset
	comp     *compiler
	matcher  *automaton
	sounds   *soundIndex
	glyphs   *[0x10000]glyph // folded character → its numbers in the automatons
	index    *setIndex
	concepts *concepts
	terms    [][]rune // the phrases, folded
	numeric  map[quantity][]numericTerm
	rules    []*rule         // live and shadow, in the order they run
	across   []*lexicon.Rule // of kind contacts, live and shadow
	ruleIn   map[string]int  // rule → index in the model
	known    *modelIndex     // nil without a model
	listener struct{ third, debtor, handover, recorder []evidence }
}

// glyph is what the automatons call a character.
type glyph struct{ char, sound, modelChar, modelSound uint16 }

// New compiles a ruleset.
func New(rs *lexicon.Ruleset) (*Engine, error) {
	e := &Engine{rs: rs, comp: newCompiler()}
	// Slots look at the findings of other rules (a false identity does not fill a slot), so they run last.
	for _, last := range []bool{false, true} {
		for i := range rs.Rules {
			lr := &rs.Rules[i]
			if (lr.Kind == lexicon.KindSlots) != last || lr.Status != lexicon.StatusLive && lr.Status != lexicon.StatusShadow {
				continue
			}
			if lr.Kind == lexicon.KindContacts {
				e.across = append(e.across, lr)
				continue
			}
			r, err := e.comp.rule(lr)
			if err != nil {
				return nil, fmt.Errorf("rule %s: %w", lr.ID, err)
			}
			e.rules = append(e.rules, r)
		}
	}
	if l := rs.Listener; l != nil {
		for _, part := range []struct {
			from []lexicon.Evidence
			to   *[]evidence
		}{{l.ThirdParty, &e.listener.third}, {l.Debtor, &e.listener.debtor}, {l.Handover, &e.listener.handover}, {l.Recorder, &e.listener.recorder}} {
			ev, err := e.comp.evidence(part.from)
			if err != nil {
				return nil, fmt.Errorf("listener.yaml: %w", err)
			}
			*part.to = ev
		}
	}
	e.index = newSetIndex(e.comp)
	e.concepts = newConcepts(e.comp.sets)
	e.terms = make([][]rune, len(e.comp.terms))
	for i, t := range e.comp.terms {
		e.terms[i] = fold(t.Text)
	}
	e.ruleIn = map[string]int{}
	if rs.Model != nil {
		for i, id := range rs.Model.Rules {
			e.ruleIn[id] = i
		}
	}
	var short *lexicon.Set
	if l := rs.Lists["heard_short"]; l != nil {
		short = l.Set
	}
	e.matcher = newAutomaton(e.terms)
	e.numeric = numericTerms(e.terms)
	e.sounds = newSoundIndex(e.comp.terms, short)
	if rs.Model != nil {
		e.known = newModelIndex(rs.Model, e.concepts)
	}
	e.glyphs = new([0x10000]glyph)
	for r := range rune(len(e.glyphs)) {
		e.glyphs[r] = e.numbers(r)
	}
	return e, nil
}

func (e *Engine) numbers(r rune) glyph {
	class := lexicon.SoundOf(r).Class
	g := glyph{char: e.matcher.number(r), sound: e.sounds.auto.class[class]}
	if e.known != nil {
		g.modelChar, g.modelSound = e.known.chars.number(r), e.known.sounds.number(soundKey(class))
	}
	return g
}

// glyph gives a folded character's numbers.
func (e *Engine) glyph(r rune) glyph {
	if uint32(r) < 0x10000 {
		return e.glyphs[r]
	}
	return e.numbers(r)
}

// Ruleset returns the rules the engine was built from.
func (e *Engine) Ruleset() *lexicon.Ruleset { return e.rs }

// Inspect finds what the rules forbid in one conversation.
func (e *Engine) Inspect(c *Conversation) Result {
	s := e.scan(c, false)
	defer s.mem.release()
	return s.result()
}

// Rescore grades findings by the ruleset's scoring, e.g. those that stand after a reviewer overturned some.
func (e *Engine) Rescore(standing []Finding) (score int, fatal bool) {
	return Grade(&e.rs.Scoring, standing)
}

// Suppressed is a match that an exception excused, for rule tests and explanations.
type Suppressed struct {
	Rule, Exception, Quote, Pattern string
	Turn                            int
}

// Explain is Inspect with the matches that exceptions excused.
func (e *Engine) Explain(c *Conversation) (Result, []Suppressed) {
	s := e.scan(c, true)
	defer s.mem.release()
	return s.result(), s.suppressed
}
