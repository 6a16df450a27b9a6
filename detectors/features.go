package detectors

import (
	"maps"
	"slices"
	"strings"

	"github.com/speechqa/speechqa/lexicon"
)

// observed is told every feature of an utterance, some more than once; see described for its words.
type observed func(f lexicon.Feature, d described)

// described is a feature in terms of the utterance, from which its words can be made.
type described struct {
	from, n int32 // characters of the block
	sound   bool
	a, b    int // concepts, plus one; 0 = none
	role    string
}

// concepts are the named word lists and sets that the model may see, in the order of their names, and the hashes of
// one and of two of them.
type concepts struct {
	names []string
	sets  [][]setID // a name may be that of sets of several rules
	one   []lexicon.Feature
	two   [][]lexicon.Feature
}

func newConcepts(sets []*lexicon.Set) *concepts {
	c := &concepts{}
	byName := map[string][]setID{}
	for id, set := range sets {
		if !strings.ContainsAny(set.Name, "[</") && len(set.Phrases) > 3 && set.Name != "@heard_short" {
			byName[set.Name] = append(byName[set.Name], setID(id))
		}
	}
	c.names = slices.Sorted(maps.Keys(byName))
	for i, a := range c.names {
		c.sets = append(c.sets, byName[a])
		c.one = append(c.one, lexicon.ListFeature(a))
		c.two = append(c.two, make([]lexicon.Feature, len(c.names)))
		for k, b := range c.names {
			c.two[i][k] = lexicon.PairFeature(a, b)
		}
	}
	return c
}

// in appends those that occur in a stretch of a block.
func (c *concepts) in(b *block, in span, to []int) []int {
	for i, sets := range c.sets {
		for _, id := range sets {
			if hits := b.hitsFrom(id, in.start); len(hits) > 0 && hits[0].block == b.index && hits[0].start < in.end {
				to = append(to, i)
				break
			}
		}
	}
	return to
}

// observe tells the features of one utterance: characters in ones to fours, sounds in twos and threes, the word lists
// that occur, pairs of lists, and who listens.
func (s *scan) observe(u int, tell observed) {
	bi := s.blockOf[u]
	if bi < 0 {
		return
	}
	b := s.blocks[bi]
	in := b.uttSpan(u)
	rs := b.runes[in.start:in.end]
	for i := range rs {
		at := in.start + int32(i)
		for n := 1; n <= 4 && i+n <= len(rs); n++ {
			tell(lexicon.CharFeature(rs[i:i+n]), described{from: at, n: int32(n)})
		}
		for n := 2; n <= 3 && i+n <= len(rs); n++ {
			tell(lexicon.SoundFeature(rs[i:i+n]), described{from: at, n: int32(n), sound: true})
		}
	}
	var few [16]int
	there := s.e.concepts.in(b, in, few[:0])
	for i, a := range there {
		tell(s.e.concepts.one[a], described{a: a + 1})
		for _, c := range there[i+1:] {
			tell(s.e.concepts.two[a][c], described{a: a + 1, b: c + 1})
		}
	}
	tell(lexicon.ListenerFeature(s.listeners[u].role), described{role: s.listeners[u].role})
}

// words names a feature for people.
func (s *scan) words(u int, d described) string {
	c := s.e.concepts
	switch {
	case d.b > 0:
		return lexicon.PairName(c.names[d.a-1], c.names[d.b-1])
	case d.a > 0:
		return lexicon.ListName(c.names[d.a-1])
	case d.n == 0:
		return lexicon.ListenerName(d.role)
	}
	text := string(s.blocks[s.blockOf[u]].runes[d.from : d.from+d.n])
	if d.sound {
		return lexicon.SoundName(text)
	}
	return lexicon.CharName(text)
}

// Observation is one utterance of a training conversation.
type Observation struct {
	Features []lexicon.Feature
	Names    map[lexicon.Feature]string
}

// Observe gives the features of every utterance of the agent, by utterance; for training.
func (e *Engine) Observe(c *Conversation) map[int]Observation {
	s := &scan{e: e, c: c, mem: mems.Get().(*mem)}
	defer s.mem.release()
	s.read()
	s.whoListens()
	out := map[int]Observation{}
	for u := range c.Utterances {
		if c.Utterances[u].Speaker == SpeakerCustomer {
			continue
		}
		o := Observation{Names: map[lexicon.Feature]string{}}
		s.observe(u, func(f lexicon.Feature, d described) { o.Names[f] = s.words(u, d) })
		o.Features = slices.Sorted(maps.Keys(o.Names))
		out[u] = o
	}
	return out
}
