package detectors

import (
	"cmp"
	"slices"
	"sort"
)

// Boundaries that punctuation, pauses or a change of utterance leave before a character.
const (
	softBreak     uint8 = 1 << iota // comma, pause, end of an utterance
	hardBreak                       // end of a sentence
	questionBreak                   // end of a question
)

// hit is one occurrence of a set's phrase in a block, in characters of the block's normalised text.
type hit struct {
	start, end int32
	set        setID
	conf       float32 // 1 for an exact match
	sound      bool
	term       int32 // index of the phrase; -1 for entities and regular expressions
}

// block is consecutive utterances of one speaker, read as one text: a recogniser cuts sentences where it likes.
type block struct {
	mem         *mem // that the slices below lie in
	speaker     Speaker
	first, last int     // utterances
	runes       []rune  // normalised text
	utt         []int32 // utterance of every character
	from, to    []int32 // byte span of every character in its utterance's original text
	brk         []uint8 // breaks before every character; one more at the end
	tail        uint8   // breaks behind the last character so far
	spans       []span  // of every utterance from first on
	hits        []hit   // by set, then start
	lookup      []int32 // first hit of every set; one more at the end
}

// span is a stretch of a block's characters.
type span struct{ start, end int32 }

func (b *block) setHits(id setID) []hit { return b.hits[b.lookup[id]:b.lookup[id+1]] }

// index sorts the hits gathered in m.raw by set and drops those inside a blocker's hit and
// entities and regular expressions that reach over the end of a sentence (phrases that do are not in m.raw).
func (b *block) index(m *mem, sets int) {
	slices.SortFunc(m.blockers, compareHits)
	m.lookup, b.lookup = tail(m.lookup, sets+1)
	clear(b.lookup)
	kept := m.raw[:0]
	for _, h := range m.raw {
		if h.term < 0 && b.crosses(h.start+1, h.end, hardBreak) || len(m.blockers) > 0 && blocked(h, m.blockers) {
			continue
		}
		kept = append(kept, h)
		b.lookup[h.set]++
	}
	m.hits, b.hits = tail(m.hits, len(kept))
	// lookup counts; it becomes the end of every set's hits, and filling from behind makes it their start.
	at := int32(0)
	for s := range b.lookup {
		at += b.lookup[s]
		b.lookup[s] = at
	}
	for i := len(kept) - 1; i >= 0; i-- {
		h := &kept[i]
		b.lookup[h.set]--
		b.hits[b.lookup[h.set]] = *h
	}
	for s := range sets {
		if hits := b.setHits(setID(s)); len(hits) > 1 {
			sortHits(hits)
		}
	}
}

// sortHits sorts hits of one set, which come nearly sorted.
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

// compareHits orders by set, place, the longer and the surer first.
func compareHits(a, b hit) int {
	switch {
	case a.set != b.set:
		return cmp.Compare(a.set, b.set)
	case a.start != b.start:
		return cmp.Compare(a.start, b.start)
	case a.end != b.end:
		return cmp.Compare(b.end, a.end)
	case a.conf != b.conf:
		return cmp.Compare(b.conf, a.conf)
	}
	return cmp.Compare(a.term, b.term)
}

func blocked(h hit, blockers []hit) bool {
	i := sort.Search(len(blockers), func(i int) bool { return blockers[i].set >= h.set })
	for ; i < len(blockers) && blockers[i].set == h.set && blockers[i].start <= h.start; i++ {
		if blockers[i].end >= h.end && (blockers[i].start < h.start || blockers[i].end > h.end || !blockers[i].sound) {
			return true
		}
	}
	return false
}

// crosses says whether one of the breaks lies before a character of [start, end).
func (b *block) crosses(start, end int32, mask uint8) bool {
	for i := start; i < end; i++ {
		if b.brk[i]&mask != 0 {
			return true
		}
	}
	return false
}

// uttSpan returns the characters of an utterance of the block.
func (b *block) uttSpan(u int) span {
	switch i := u - b.first; {
	case i < 0:
		return span{}
	case i >= len(b.spans):
		return span{int32(len(b.runes)), int32(len(b.runes))}
	default:
		return b.spans[i]
	}
}

// stretch widens a span to the nearest breaks of the mask on both sides, at most limit characters each way.
func (b *block) stretch(s span, mask uint8, limit int32) span {
	for n := int32(0); n < limit && s.start > 0 && b.brk[s.start]&mask == 0; n++ {
		s.start--
	}
	for n := int32(0); n < limit && int(s.end) < len(b.runes) && b.brk[s.end]&mask == 0; n++ {
		s.end++
	}
	return s
}
