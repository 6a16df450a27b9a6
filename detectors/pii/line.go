package pii

import (
	"iter"
	"maps"
	"regexp"

	"github.com/speechqa/speechqa/lexicon"
)

// line is one text, folded character by character: half width, simplified, lower case.
type line struct {
	text   string
	folded []rune
	at     []int // byte offset of each character in text, and of the end
	plain  string
	index  []int32 // byte offset in plain → character; filled when first needed
}

func newLine(text string) line {
	l := line{text: text}
	for i, r := range text {
		l.folded = append(l.folded, lexicon.FoldRune(r))
		l.at = append(l.at, i)
	}
	l.at = append(l.at, len(text))
	l.plain = string(l.folded)
	return l
}

// span is the span of the characters from, …, to-1.
func (l *line) span(from, to int, k Kind) Span {
	return Span{Start: l.at[from], End: l.at[to], Kind: k}
}

// matches gives the characters that the pattern's groups cover: from, to, from of group 1, …; -1 where a group took no
// part.
func (l *line) matches(p *regexp.Regexp) iter.Seq[[]int] {
	return func(yield func([]int) bool) {
		for _, m := range p.FindAllStringSubmatchIndex(l.plain, -1) {
			for i, b := range m {
				if b >= 0 {
					m[i] = l.character(b)
				}
			}
			if !yield(m) {
				return
			}
		}
	}
}

func (l *line) character(b int) int {
	if l.index == nil {
		l.index = make([]int32, len(l.plain)+1)
		n := int32(0)
		for i := range l.plain {
			l.index[i] = n
			n++
		}
		l.index[len(l.plain)] = n
	}
	return int(l.index[b])
}

// rune is the character at i; 0 outside.
func (l *line) rune(i int) rune {
	if i < 0 || i >= len(l.folded) {
		return 0
	}
	return l.folded[i]
}

func (l *line) string(from, to int) string { return string(l.folded[from:to]) }

func mapKeys(m map[string]string) iter.Seq[string] { return maps.Keys(m) }
