package lexicon

import (
	"fmt"
	"sort"
	"strings"
)

// LoadError is one thing wrong with a ruleset, with its place.
type LoadError struct {
	File string
	Line int
	Msg  string
}

func (e LoadError) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Msg) }

// LoadErrors is everything wrong with a ruleset at once.
type LoadErrors []LoadError

func (es LoadErrors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

func (es LoadErrors) sorted() LoadErrors {
	sort.SliceStable(es, func(i, j int) bool {
		if es[i].File != es[j].File {
			return es[i].File < es[j].File
		}
		return es[i].Line < es[j].Line
	})
	return es
}

// suggest returns ", did you mean …?" for the nearest known word, or "".
func suggest(word string, known []string) string {
	best, dist := "", 1<<30
	for _, k := range known {
		if d := editDistance(word, k); d < dist {
			best, dist = k, d
		}
	}
	if best == "" || dist > 1+len([]rune(word))/3 {
		return ""
	}
	return fmt.Sprintf(", did you mean %q?", best)
}

func editDistance(a, b string) int {
	x, y := []rune(a), []rune(b)
	prev := make([]int, len(y)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := range x {
		diag := prev[0]
		prev[0] = i + 1
		for j := range y {
			cost := 1
			if x[i] == y[j] {
				cost = 0
			}
			next := min(prev[j+1]+1, prev[j]+1, diag+cost)
			diag, prev[j+1] = prev[j+1], next
		}
	}
	return prev[len(y)]
}
