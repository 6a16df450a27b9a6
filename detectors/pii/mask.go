package pii

import (
	"strings"
	"unicode/utf8"
)

// Mask hides the spans of a text. The result has the same length in bytes, so that other spans of the text, such as a
// finding's evidence, hold for it too. Spans outside the text are cut to it.
func Mask(text string, spans []Span) string {
	if len(spans) == 0 {
		return text
	}
	var b strings.Builder
	b.Grow(len(text))
	at := 0
	for _, s := range Merge(append([]Span(nil), spans...)) {
		from, to := edge(text, s.Start, -1), edge(text, s.End, +1)
		if from < at {
			from = at
		}
		if to <= from {
			continue
		}
		b.WriteString(text[at:from])
		for _, r := range text[from:to] {
			hide(&b, r)
		}
		at = to
	}
	b.WriteString(text[at:])
	return b.String()
}

// hide writes as many bytes as the character has.
func hide(b *strings.Builder, r rune) {
	switch n := utf8.RuneLen(r); n {
	case 3:
		b.WriteRune('＊')
	case -1:
		b.WriteByte('*')
	default:
		for range n {
			b.WriteByte('*')
		}
	}
}

// edge brings an offset into the text, and outwards to the edge of a character.
func edge(s string, i, by int) int {
	i = max(0, min(i, len(s)))
	for i > 0 && i < len(s) && !utf8.RuneStart(s[i]) {
		i += by
	}
	return i
}
