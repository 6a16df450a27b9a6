package rulework

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
)

// Neighbour is a piece of speech around a term, and how often it was said.
type Neighbour struct {
	Before, Term, After string
	Count               int
}

// neighbourReach is how much is shown on either side of a term, in characters; it ends at punctuation.
const neighbourReach = 6

// Neighbours counts what is said around a term in texts, the most frequent first.
func Neighbours(texts []string, term string, limit int) []Neighbour {
	if term == "" {
		return nil
	}
	type around struct{ before, after string }
	count := map[around]int{}
	for _, text := range texts {
		for at := 0; ; {
			i := strings.Index(text[at:], term)
			if i < 0 {
				break
			}
			i += at
			at = i + len(term)
			count[around{before(text[:i]), after(text[at:])}]++
		}
	}
	out := make([]Neighbour, 0, len(count))
	for a, n := range count {
		out = append(out, Neighbour{Before: a.before, Term: term, After: a.after, Count: n})
	}
	slices.SortFunc(out, func(a, b Neighbour) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Before, b.Before), cmp.Compare(a.After, b.After))
	})
	return out[:min(limit, len(out))]
}

func spoken(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '%' }

func before(s string) string {
	rs := []rune(s[max(0, len(s)-8*neighbourReach):])
	i := len(rs)
	for i > 0 && len(rs)-i < neighbourReach && spoken(rs[i-1]) && rs[i-1] != unicode.ReplacementChar {
		i--
	}
	return string(rs[i:])
}

func after(s string) string {
	n := 0
	for i, r := range s {
		if n == neighbourReach || !spoken(r) {
			return s[:i]
		}
		n++
	}
	return s
}
