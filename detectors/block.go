package detectors

import "sort"

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
	speaker     Speaker
	first, last int     // utterances
	runes       []rune  // normalised text
	utt         []int32 // utterance of every character
	from, to    []int32 // byte span of every character in its utterance's original text
	brk         []uint8 // breaks before every character; one more at the end
	hits        []hit   // by set, then start
	lookup      []int32 // first hit of every set; one more at the end
}

// span is a stretch of a block's characters.
type span struct{ start, end int32 }

func (b *block) setHits(id setID) []hit { return b.hits[b.lookup[id]:b.lookup[id+1]] }

// index sorts the gathered hits by set, drops those inside a blocker's hit and those across a sentence end.
func (b *block) index(blockers []hit, sets int) {
	sort.Slice(blockers, func(i, j int) bool { return less(blockers[i], blockers[j]) })
	kept := b.hits[:0]
	for _, h := range b.hits {
		if b.crosses(h.start+1, h.end, hardBreak) || blocked(h, blockers) {
			continue
		}
		kept = append(kept, h)
	}
	b.hits = kept
	sort.Slice(b.hits, func(i, j int) bool { return less(b.hits[i], b.hits[j]) })
	b.lookup = make([]int32, sets+1)
	at := 0
	for s := range sets {
		b.lookup[s] = int32(at)
		for at < len(b.hits) && int(b.hits[at].set) == s {
			at++
		}
	}
	b.lookup[sets] = int32(at)
}

func less(a, b hit) bool {
	if a.set != b.set {
		return a.set < b.set
	}
	if a.start != b.start {
		return a.start < b.start
	}
	return a.end > b.end
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

// uttSpan returns the characters of an utterance.
func (b *block) uttSpan(u int) span {
	lo := sort.Search(len(b.utt), func(i int) bool { return int(b.utt[i]) >= u })
	hi := sort.Search(len(b.utt), func(i int) bool { return int(b.utt[i]) > u })
	return span{int32(lo), int32(hi)}
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
