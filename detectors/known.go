package detectors

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/speechqa/speechqa/lexicon"
)

// modelIndex finds the features of an utterance that the model has weights for, without looking at the many others: runs
// of characters and of sounds by two automatons, the rest by number.
type modelIndex struct {
	chars, sounds *automaton       // with the model's rows in place of terms
	one           []int32          // concept → row; -1 = none
	two           [][]int32        // two concepts → row
	listener      map[string]int32 // role → row
}

// Lengths of runs that are features, in characters; see observe.
const (
	longestChars  = 4
	shortestSound = 2
	longestSound  = 3
)

func newModelIndex(m *lexicon.Model, c *concepts) *modelIndex {
	x := &modelIndex{listener: map[string]int32{}}
	var chars, sounds [][]rune
	var charRows, soundRows []int32
	for row := range int32(m.Rows()) {
		name, kind := lexicon.FeatureText(m.Name(row))
		switch text := []rune(name); {
		case kind == lexicon.FeatureChars && len(text) <= longestChars:
			chars = append(chars, text)
			charRows = append(charRows, row)
		case kind == lexicon.FeatureSounds && len(text) >= shortestSound && len(text) <= longestSound:
			for i, r := range text {
				text[i] = soundKey(lexicon.SoundOf(r).Class)
			}
			sounds = append(sounds, text)
			soundRows = append(soundRows, row)
		}
	}
	x.chars, x.sounds = newAutomaton(chars), newAutomaton(sounds)
	x.chars.rename(charRows)
	x.sounds.rename(soundRows)
	row := func(f lexicon.Feature) int32 {
		if row, ok := m.Row(f); ok {
			return row
		}
		return -1
	}
	for a := range c.names {
		x.one = append(x.one, row(c.one[a]))
		pairs := make([]int32, len(c.names))
		for b := range pairs {
			pairs[b] = row(c.two[a][b])
		}
		x.two = append(x.two, pairs)
	}
	for _, role := range []string{roleDebtor, roleThird, roleUnknown} {
		x.listener[role] = row(lexicon.ListenerFeature(role))
	}
	return x
}

// soundKey is what the automaton by sound calls a class: characters without a sound are a class, too.
func soundKey(class uint16) rune { return rune(class) + 1 }

// rowSet collects rows, each once.
type rowSet struct {
	rows []int32
	seen []int32 // a hash table of rows plus one; 0 = free
}

// begin empties the set and makes room for so many rows.
func (x *rowSet) begin(rows int) {
	size := 64
	for size < 2*rows {
		size *= 2
	}
	x.rows = x.rows[:0]
	x.seen = slices.Grow(x.seen[:0], size)[:size]
	clear(x.seen)
}

// add adds a row unless it is none (-1).
func (x *rowSet) add(row int32) {
	if row < 0 {
		return
	}
	mask := int32(len(x.seen) - 1)
	for i := row & mask; ; i = (i + 1) & mask {
		switch x.seen[i] {
		case row + 1:
			return
		case 0:
			x.seen[i] = row + 1
			x.rows = append(x.rows, row)
			return
		}
	}
}

// known gives the rows of an utterance's features that the model has, and the number of all its features as far as
// ModelScale asks: up to fewestFeatures it is a bound. Both count what is there twice once.
func (s *scan) known(u int) (rows []int32, all int) {
	m, e, x := s.mem, s.e, s.e.known
	b := s.blocks[s.blockOf[u]]
	in := b.uttSpan(u)
	rs := b.runes[in.start:in.end]
	var few [16]int
	there := e.concepts.in(b, in, few[:0])
	others := len(there)*(len(there)+1)/2 + 1
	most := others + runs(len(rs), 1, longestChars) + runs(len(rs), shortestSound, longestSound)
	m.known.begin(most)
	var n, k int32
	for _, r := range rs {
		g := e.glyph(r)
		n = x.chars.step(n, g.modelChar)
		for o := x.chars.cells[n].out; x.chars.outs[o] >= 0; o++ {
			m.known.add(x.chars.outs[o])
		}
		k = x.sounds.step(k, g.modelSound)
		for o := x.sounds.cells[k].out; x.sounds.outs[o] >= 0; o++ {
			m.known.add(x.sounds.outs[o])
		}
	}
	for i, a := range there {
		m.known.add(x.one[a])
		for _, c := range there[i+1:] {
			m.known.add(x.two[a][c])
		}
	}
	m.known.add(x.listener[s.listeners[u].role])
	rows = m.known.rows
	if most <= fewestFeatures {
		return rows, most
	}
	all = others + m.distinct(rs, 1, longestChars)
	m.classes = m.classes[:0]
	for _, r := range rs {
		m.classes = append(m.classes, soundKey(lexicon.SoundOf(r).Class))
	}
	return rows, all + m.distinct(m.classes, shortestSound, longestSound)
}

// runs is how many runs of so many characters are in n characters.
func runs(n, least, most int) (sum int) {
	for k := least; k <= most; k++ {
		sum += max(0, n-k+1)
	}
	return sum
}

// window is a run of up to four characters as a number: in order, windows that begin alike stand together.
type window struct {
	first uint64 // three characters of 21 bits
	rest  uint32 // the fourth
	n     int32
}

// distinct counts the different runs of least to most (at most four) characters. Characters are not 0.
func (m *mem) distinct(rs []rune, least, most int) (sum int) {
	m.windows = m.windows[:0]
	for i := range rs {
		w := window{n: int32(min(most, len(rs)-i))}
		for k := range w.n {
			if r := rs[i+int(k)]; k < 3 {
				w.first |= uint64(r) << (42 - 21*k)
			} else {
				w.rest = uint32(r)
			}
		}
		m.windows = append(m.windows, w)
	}
	slices.SortFunc(m.windows, func(a, b window) int {
		if a.first != b.first {
			return cmp.Compare(a.first, b.first)
		}
		return cmp.Compare(a.rest, b.rest)
	})
	var last window
	for _, w := range m.windows {
		sum += max(0, int(w.n)-max(w.alike(last), least-1))
		last = w
	}
	return sum
}

// alike is how many characters two windows begin with in common.
func (w window) alike(o window) int {
	if d := w.first ^ o.first; d != 0 {
		return (bits.LeadingZeros64(d) - 1) / 21
	}
	if w.rest != o.rest || w.rest == 0 {
		return int(min(w.n, o.n, 3))
	}
	return 4
}
