package pii

import (
	"strings"
	"unicode"

	"github.com/speechqa/speechqa/detectors"
)

// WordSlack is by how much, in seconds, a bleep begins before a word and ends after it: recognisers know the times of
// words to about a fifth of a second.
const WordSlack = 0.2

// Times is when a span of an utterance is said, in seconds from the start of the recording, with WordSlack on both
// sides. Where the words that carry times do not cover the span it is the whole utterance: what cannot be placed is not
// to be heard.
func Times(u detectors.Utterance, s Span) (from, to float64) {
	from, to = u.Start, u.End
	first, last := len(u.Text), 0 // bytes that words with times cover
	begin, end := 0.0, 0.0
	for _, w := range u.Words {
		if w.End <= s.Start || w.Start >= s.End || w.To <= w.From {
			continue
		}
		if last == 0 || w.From < begin {
			begin = w.From
		}
		end = max(end, w.To)
		first, last = min(first, w.Start), max(last, w.End)
	}
	if last > 0 && silent(u.Text, s.Start, first) && silent(u.Text, last, s.End) {
		from, to = begin, end
	}
	return max(0, from-WordSlack), to + WordSlack
}

// silent says whether nothing between two offsets is spoken.
func silent(text string, from, to int) bool {
	if to > len(text) || from < 0 {
		return false
	}
	return from >= to || strings.IndexFunc(text[from:to], func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) < 0
}
