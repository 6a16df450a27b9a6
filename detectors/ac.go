package detectors

// automaton finds many phrases in one pass (Aho–Corasick).
//
// Characters are numbered by the order in which the phrases use them; what no phrase uses is 0 and leads back to the
// root. Transitions out of the root, where most text stays, are a plain table; all others lie in one hash table, which
// keeps thousands of phrases in a few megabytes.
type automaton struct {
	class [0x10000]uint16 // character → number; characters above the basic plane are never in phrases
	root  []int32         // number → state
	keys  []uint64        // hash table: state<<16 | number, plus 1; 0 = free
	vals  []int32
	mask  uint64
	fail  []int32
	out   [][]int32 // state → phrases that end here
	size  []int32   // phrase → length
}

func newAutomaton(terms [][]rune) *automaton {
	a := &automaton{out: [][]int32{nil}, fail: []int32{0}}
	next := []map[uint16]int32{{}}
	classes := uint16(0)
	for i, t := range terms {
		a.size = append(a.size, int32(len(t)))
		n, ok := int32(0), len(t) > 0
		for _, r := range t {
			ok = ok && r >= 0 && r < 0x10000
		}
		if !ok {
			continue
		}
		for _, r := range t {
			if a.class[r] == 0 {
				classes++
				a.class[r] = classes
			}
			m, ok := next[n][a.class[r]]
			if !ok {
				m = int32(len(next))
				next[n][a.class[r]] = m
				next = append(next, map[uint16]int32{})
				a.fail = append(a.fail, 0)
				a.out = append(a.out, nil)
			}
			n = m
		}
		a.out[n] = append(a.out[n], int32(i))
	}
	a.links(next)
	a.root = make([]int32, int(classes)+1)
	for c, n := range next[0] {
		a.root[c] = n
	}
	slots := uint64(64)
	for slots < 3*uint64(len(next)) {
		slots *= 2
	}
	a.keys, a.vals, a.mask = make([]uint64, slots), make([]int32, slots), slots-1
	for n := 1; n < len(next); n++ {
		for c, m := range next[n] {
			key := (uint64(n)<<16 | uint64(c)) + 1
			i := mix(key) & a.mask
			for a.keys[i] != 0 {
				i = (i + 1) & a.mask
			}
			a.keys[i], a.vals[i] = key, m
		}
	}
	return a
}

// links sets the failure links breadth first and hands phrases down along them.
func (a *automaton) links(next []map[uint16]int32) {
	var queue []int32
	for _, n := range next[0] {
		queue = append(queue, n)
	}
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		for c, m := range next[n] {
			for f := a.fail[n]; ; f = a.fail[f] {
				if t, ok := next[f][c]; ok {
					a.fail[m] = t
					break
				}
				if f == 0 {
					break
				}
			}
			a.out[m] = append(a.out[m], a.out[a.fail[m]]...)
			queue = append(queue, m)
		}
	}
}

func mix(x uint64) uint64 {
	x *= 0x9e3779b97f4a7c15
	return x ^ x>>29
}

// find calls yield for every occurrence of every phrase, by its end.
func (a *automaton) find(text []rune, yield func(term, start, end int32)) {
	n := int32(0)
	for i, r := range text {
		c := uint16(0)
		if uint32(r) < 0x10000 {
			c = a.class[r]
		}
		n = a.step(n, c)
		for _, t := range a.out[n] {
			yield(t, int32(i+1)-a.size[t], int32(i+1))
		}
	}
}

func (a *automaton) step(n int32, c uint16) int32 {
	if c == 0 {
		return 0
	}
	for n != 0 {
		key := (uint64(n)<<16 | uint64(c)) + 1
		for i := mix(key) & a.mask; a.keys[i] != 0; i = (i + 1) & a.mask {
			if a.keys[i] == key {
				return a.vals[i]
			}
		}
		n = a.fail[n]
	}
	return a.root[c]
}
