package detectors

// automaton finds many phrases in one pass (Aho–Corasick).
type automaton struct {
	next []map[rune]int32
	fail []int32
	out  [][]int32
	size []int32
}

func newAutomaton(terms [][]rune) *automaton {
	a := &automaton{next: []map[rune]int32{{}}, fail: []int32{0}, out: [][]int32{nil}}
	for i, t := range terms {
		a.size = append(a.size, int32(len(t)))
		if len(t) == 0 {
			continue
		}
		n := int32(0)
		for _, r := range t {
			m, ok := a.next[n][r]
			if !ok {
				m = int32(len(a.next))
				a.next[n][r] = m
				a.next = append(a.next, map[rune]int32{})
				a.fail = append(a.fail, 0)
				a.out = append(a.out, nil)
			}
			n = m
		}
		a.out[n] = append(a.out[n], int32(i))
	}
	queue := []int32{}
	for _, n := range a.next[0] {
		queue = append(queue, n)
	}
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		for r, m := range a.next[n] {
			f := a.fail[n]
			for {
				if t, ok := a.next[f][r]; ok && t != m {
					a.fail[m] = t
					break
				}
				if f == 0 {
					break
				}
				f = a.fail[f]
			}
			a.out[m] = append(a.out[m], a.out[a.fail[m]]...)
			queue = append(queue, m)
		}
	}
	return a
}

func (a *automaton) find(text []rune, yield func(term, start, end int32)) {
	n := int32(0)
	for i, r := range text {
		for {
			if m, ok := a.next[n][r]; ok {
				n = m
				break
			}
			if n == 0 {
				break
			}
			n = a.fail[n]
		}
		for _, t := range a.out[n] {
			yield(t, int32(i+1)-a.size[t], int32(i+1))
		}
	}
}
