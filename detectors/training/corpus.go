package training

import (
	"maps"
	"slices"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/lexicon"
)

// Single is the group of an utterance that stands alone: it is always learnt from, whatever is held out.
const Single = -1

// Label says what is known of a rule in an utterance. The zero value is that it is not broken.
type Label uint8

// Labels.
const (
	No      Label = iota // not broken
	Yes                  // broken
	Unknown              // nobody said: the rule learns nothing from this utterance
)

// Labels are those of one utterance by rule; a rule that is not named has the label Others.
type Labels struct {
	ByRule map[string]Label
	Others Label
}

func (l Labels) of(rule string) Label {
	if x, ok := l.ByRule[rule]; ok {
		return x
	}
	return l.Others
}

// sample is one utterance of an agent.
type sample struct {
	group    int
	features []int32
	labels   Labels
}

// Corpus is everything to learn from.
type Corpus struct {
	engine  *detectors.Engine
	rules   []string
	prior   *lexicon.Model // nil: learn from nothing
	index   map[lexicon.Feature]int32
	names   []string // of features, by number
	row     []int32  // of features in prior, by number; -1 where it has none
	samples []sample
}

// NewCorpus is an empty corpus for the rules that a model shall judge. With a prior, which must judge the same rules in
// the same order, what is learnt are departures from it.
func NewCorpus(e *detectors.Engine, rules []string, prior *lexicon.Model) *Corpus {
	return &Corpus{engine: e, rules: rules, prior: prior, index: map[lexicon.Feature]int32{}}
}

// Len is the number of utterances to learn from, Features that of different features in them.
func (c *Corpus) Len() int { return len(c.samples) }

// Features: see Len.
func (c *Corpus) Features() int { return len(c.names) }

// Add adds the agent's utterances of a conversation, with what is known of each; utterances of one group are held out
// together. An utterance for which labels gives false is left out.
func (c *Corpus) Add(group int, conv *detectors.Conversation, labels func(utterance int) (Labels, bool)) {
	obs := c.engine.Observe(conv)
	for _, u := range slices.Sorted(maps.Keys(obs)) {
		l, known := labels(u)
		if !known {
			continue
		}
		s := sample{group: group, labels: l}
		for _, f := range obs[u].Features {
			s.features = append(s.features, c.number(f, obs[u].Names[f]))
		}
		c.samples = append(c.samples, s)
	}
}

// number gives a feature its number, a new one the next.
func (c *Corpus) number(f lexicon.Feature, name string) int32 {
	i, ok := c.index[f]
	if ok {
		return i
	}
	i = int32(len(c.names))
	c.index[f] = i
	row := int32(-1)
	if c.prior != nil {
		if r, known := c.prior.Row(f); known {
			row, name = r, c.prior.Name(r) // one sound can be written in many characters
		}
	}
	c.names = append(c.names, name)
	c.row = append(c.row, row)
	return i
}
