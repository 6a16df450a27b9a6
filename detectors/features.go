package detectors

import (
	"sort"

	"github.com/speechqa/speechqa/lexicon"
)

// feature is the hash of one observation about an utterance; featureName gives it back for people.
type feature uint64

const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

func hashRunes(seed byte, rs []rune) feature {
	h := (uint64(fnvOffset) ^ uint64(seed)) * fnvPrime
	for _, r := range rs {
		for k := 0; k < 3; k++ {
			h = (h ^ uint64(byte(r>>(8*k)))) * fnvPrime
		}
	}
	return feature(h)
}

func hashString(seed byte, s string) feature {
	h := (uint64(fnvOffset) ^ uint64(seed)) * fnvPrime
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * fnvPrime
	}
	return feature(h)
}

// observed collects the features of one utterance: characters in ones to threes, sounds in twos and threes, the word
// lists that occur, and pairs of lists. name, if not nil, is told every feature in words.
func (s *scan) observed(u int, name func(feature, string)) []feature {
	bi := s.blockOf[u]
	if bi < 0 {
		return nil
	}
	b := s.blocks[bi]
	in := b.uttSpan(u)
	rs := b.runes[in.start:in.end]
	var out []feature
	add := func(f feature, text func() string) {
		out = append(out, f)
		if name != nil {
			name(f, text())
		}
	}
	classes := make([]rune, len(rs))
	for i, r := range rs {
		classes[i] = rune(lexicon.SoundOf(r).Class)
	}
	for i := range rs {
		for n := 1; n <= 4 && i+n <= len(rs); n++ {
			gram := rs[i : i+n]
			add(hashRunes(byte(n), gram), func() string { return string(gram) })
		}
		for n := 2; n <= 3 && i+n <= len(rs); n++ {
			gram, text := classes[i:i+n], rs[i:i+n]
			add(hashRunes(byte(10+n), gram), func() string { return "音:" + string(text) })
		}
	}
	var concepts []string
	for id, set := range s.e.comp.sets {
		if !s.e.concept[id] {
			continue
		}
		hits := b.setHits(setID(id))
		if k := lowerBound(hits, in.start); k < len(hits) && hits[k].start < in.end {
			concepts = append(concepts, set.Name)
		}
	}
	sort.Strings(concepts)
	concepts = compact(concepts)
	for i, a := range concepts {
		add(hashString(20, a), func() string { return "词表:" + a })
		for _, c := range concepts[i+1:] {
			add(hashString(21, a+"+"+c), func() string { return "词表:" + a + "+" + c })
		}
	}
	add(hashString(22, s.listeners[u].role), func() string { return "听者:" + s.listeners[u].role })
	sort.Slice(out, func(i, j int) bool { return out[i] < out[j] })
	n := 0
	for i, f := range out {
		if i == 0 || f != out[n-1] {
			out[n] = f
			n++
		}
	}
	return out[:n]
}

func compact(list []string) []string {
	out := list[:0]
	for i, s := range list {
		if i == 0 || s != out[len(out)-1] {
			out = append(out, s)
		}
	}
	return out
}

// Observation is one utterance of a training conversation.
type Observation struct {
	Features []uint64
	Names    map[uint64]string
}

// Observe gives the features of every utterance of the agent, by utterance; for training.
func (e *Engine) Observe(c *Conversation) map[int]Observation {
	s := &scan{e: e, c: c}
	s.read()
	s.whoListens()
	out := map[int]Observation{}
	for u := range c.Utterances {
		if c.Utterances[u].Speaker == SpeakerCustomer {
			continue
		}
		o := Observation{Names: map[uint64]string{}}
		for _, f := range s.observed(u, func(f feature, n string) { o.Names[uint64(f)] = n }) {
			o.Features = append(o.Features, uint64(f))
		}
		out[u] = o
	}
	return out
}
