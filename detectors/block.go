package detectors

import "cmp"

// Boundaries that punctuation, pauses or a change of utterance leave before a character.
const (
	softBreak     uint8 = 1 << iota // comma, pause, end of an utterance
	hardBreak                       // end of a sentence
	questionBreak                   // end of a question
)

// hit is one occurrence of a set's phrase, in characters of the block's normalised text.
type hit struct {
	start, end int32
	block      int32
	conf       float32 // 1 for an exact match
	term       int32   // index of the phrase; -1 for entities and regular expressions
	sound      bool
}

// block is consecutive utterances of one speaker, read as one text: a recogniser cuts sentences where it likes.
type block struct {
	s           *scan
	index       int32
	place       places
	speaker     Speaker
	first, last int     // utterances
	runes       []rune  // normalised text
	utt         []int32 // utterance of every character
	from, to    []int32 // byte span of every character in its utterance's original text
	brk         []uint8 // breaks before every character; one more at the end
	tail        uint8   // breaks behind the last character so far
	spans       []span  // of every utterance from first on
}

// span is a stretch of a block's characters.
type span struct{ start, end int32 }

// compareHits orders hits of a set by place, the longer and the surer first.
func compareHits(a, b hit) int {
	switch {
	case a.block != b.block:
		return cmp.Compare(a.block, b.block)
	case a.start != b.start:
		return cmp.Compare(a.start, b.start)
	case a.end != b.end:
		return cmp.Compare(b.end, a.end)
	case a.conf != b.conf:
		return cmp.Compare(b.conf, a.conf)
	}
	return cmp.Compare(a.term, b.term)
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
