package detectors

import "slices"

// What occurs in a conversation is kept by phrase, for phrases are few and most of them belong to many sets: 我 is in
// every list of people. Which sets may occur in which block is known from the phrases at once; the hits of a set are put
// together when a pattern asks for them, and most are never asked for, because another set of the pattern is not there.

// places says in which blocks something may be: bit i stands for the blocks i, i+64, i+128 and so on.
type places uint64

func placeOf(block int) places { return 1 << (block & 63) }

// occurrence is a phrase, an entity or a regular expression in a block, whatever sets it counts for.
type occurrence struct {
	hit
	before  int32 // the occurrence of the same term before this one, plus one; 0 = none
	crosses bool  // reaches over the end of a sentence: it shields from hits and is none itself
}

// termState is what is known of a term in the conversation. Terms are the phrases and behind them the kinds of entities.
type termState struct {
	places places // of occurrences that count
	last   int32  // the last occurrence, plus one; 0 = none
}

// setState is what is known of a set in the conversation.
type setState struct {
	places   places
	from, to int32 // its hits in mem.hits, by block and start
	gathered bool
}

// indexedSet is a set by the terms that count for it. One that stands in the set twice counts twice.
type indexedSet struct {
	terms, blockers []int32
	regexes         []compiledRegexp
}

// setIndex is the ruleset's sets by term and its terms by set.
type setIndex struct {
	terms   int              // how many there are
	entity  map[string]int32 // kind of entity → term
	setsOf  [][]setID        // term → sets it counts for; those it only shields are not among them
	sets    []indexedSet
	regexes []setID // sets with regular expressions, which may occur anywhere
	// everywhere takes every set to be possible in every block, for tests of what is ruled out beforehand.
	everywhere bool
}

func newSetIndex(c *compiler) *setIndex {
	x := &setIndex{entity: map[string]int32{}, setsOf: make([][]setID, len(c.terms), len(c.terms)+len(c.ents)), sets: make([]indexedSet, len(c.sets))}
	count := func(t int32, use termUse) {
		set := &x.sets[use.set]
		if use.blocker {
			set.blockers = append(set.blockers, t)
			return
		}
		set.terms = append(set.terms, t)
		if !slices.Contains(x.setsOf[t], use.set) {
			x.setsOf[t] = append(x.setsOf[t], use.set)
		}
	}
	for t, uses := range c.uses {
		for _, use := range uses {
			count(int32(t), use)
		}
	}
	for name, sets := range c.ents {
		t := int32(len(x.setsOf))
		x.entity[name] = t
		x.setsOf = append(x.setsOf, nil)
		for _, id := range sets {
			count(t, termUse{set: id})
		}
	}
	for _, re := range c.regexes {
		x.sets[re.set].regexes = append(x.sets[re.set].regexes, re)
		if !slices.Contains(x.regexes, re.set) {
			x.regexes = append(x.regexes, re.set)
		}
	}
	x.terms = len(x.setsOf)
	return x
}

// note keeps an occurrence of a term.
func (s *scan) note(term int32, h hit, crosses bool) {
	m := s.mem
	st := &m.terms[term]
	if st.last == 0 {
		m.present = append(m.present, term)
	}
	m.occurrences = append(m.occurrences, occurrence{hit: h, before: st.last, crosses: crosses})
	st.last = int32(len(m.occurrences))
	if !crosses {
		st.places |= placeOf(int(h.block))
	}
}

// spread tells the sets where their terms are.
func (s *scan) spread() {
	m, x := s.mem, s.e.index
	for _, t := range m.present {
		at := m.terms[t].places
		for _, id := range x.setsOf[t] {
			m.sets[id].places |= at
		}
	}
	for _, id := range x.regexes {
		m.sets[id].places = ^places(0)
	}
	for id := range m.sets {
		if x.everywhere {
			m.sets[id].places = ^places(0)
		}
	}
}

// gather puts the hits of a set together: those of its terms and regular expressions that no blocker shields.
func (s *scan) gather(id setID) {
	m, set := s.mem, &s.e.index.sets[id]
	from := len(m.hits)
	for _, t := range set.terms {
		for o := m.terms[t].last; o != 0; {
			x := &m.occurrences[o-1]
			if !x.crosses {
				m.hits = append(m.hits, x.hit)
			}
			o = x.before
		}
	}
	for _, re := range set.regexes {
		for _, b := range s.blocks {
			m.hits = b.regexp(re.re, m.hits)
		}
	}
	sortHits(m.hits[from:])
	if len(set.blockers) > 0 && len(m.hits) > from {
		m.shields = m.shields[:0]
		for _, t := range set.blockers {
			for o := m.terms[t].last; o != 0; o = m.occurrences[o-1].before {
				m.shields = append(m.shields, m.occurrences[o-1].hit)
			}
		}
		sortHits(m.shields)
		m.hits = m.hits[:from+unshielded(m.hits[from:], m.shields)]
	}
	st := &m.sets[id]
	st.from, st.to, st.gathered = int32(from), int32(len(m.hits)), true
}

// unshielded moves the hits that lie in no shield to the front and says how many they are. What only sounds like the
// shield shields from what is shorter. Both are sorted.
func unshielded(hits, shields []hit) int {
	kept, at := 0, 0
	block, reach := int32(-1), int32(0) // reach: the end of the shields in the block that begin before the hit
	for _, h := range hits {
		if h.block != block {
			block, reach = h.block, 0
			for at < len(shields) && shields[at].block < block {
				at++
			}
		}
		for ; at < len(shields) && shields[at].block == block && shields[at].start < h.start; at++ {
			reach = max(reach, shields[at].end)
		}
		inside := reach >= h.end
		for i := at; i < len(shields) && shields[i].block == block && shields[i].start == h.start && !inside; i++ {
			inside = shields[i].end > h.end || shields[i].end == h.end && !shields[i].sound
		}
		if !inside {
			hits[kept] = h
			kept++
		}
	}
	return kept
}

// has says whether a set may occur in the block; if not, it does not.
func (b *block) has(id setID) bool { return b.s.mem.sets[id].places&b.place != 0 }

// hitsFrom gives the hits of a set in the block that begin at a character or behind it, by start. Behind them stand
// hits of later blocks.
func (b *block) hitsFrom(id setID, start int32) []hit {
	m := b.s.mem
	st := &m.sets[id]
	if st.places&b.place == 0 {
		return nil
	}
	if !st.gathered {
		b.s.gather(id)
	}
	hits := m.hits[st.from:st.to]
	lo, hi := 0, len(hits)
	for lo < hi {
		mid := (lo + hi) / 2
		if h := &hits[mid]; h.block < b.index || h.block == b.index && h.start < start {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return hits[lo:]
}

// where says in which blocks a pattern may occur: where all its sets are.
func (s *scan) where(p *pattern) places {
	at := ^places(0)
	for _, id := range p.required {
		at &= s.mem.sets[id].places
	}
	return at
}

// sortHits sorts hits of one set, of which there are mostly few.
func sortHits(hits []hit) {
	if len(hits) > 16 {
		slices.SortFunc(hits, compareHits)
		return
	}
	for i := 1; i < len(hits); i++ {
		for k := i; k > 0 && compareHits(hits[k], hits[k-1]) < 0; k-- {
			hits[k], hits[k-1] = hits[k-1], hits[k]
		}
	}
}
