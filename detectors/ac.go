package detectors

// automaton finds many phrases in one pass (Aho–Corasick).
//
// Characters are numbered by the order in which the phrases use them; what no phrase uses is 0 and leads back to the
// root. Transitions out of the root, where most text stays, are a plain table; all others share one double array: a
// state's transition for c lies in cell base+c and is its own where the cell's check names the state. Ten thousands of
// phrases take a few megabytes, and a step costs two loads.
type automaton struct {
	class [0x10000]uint16 // character → number
	above map[rune]uint16 // the same for characters above the basic plane
	root  []int32         // number → state
	cells []cell          // state → cell
	outs  []int32         // lists of phrases, each ended by -1; the first is the empty list
	size  []int32         // phrase → length
}

type cell struct {
	base  int32 // where the transitions begin
	check int32 // the state that this cell is a transition of; -1 = free
	fail  int32 // the state of the longest proper suffix
	out   int32 // its phrases in outs
}

// trieNode is a state while the automaton is built; 0 is the root, and children are linked.
type trieNode struct {
	class       uint16 // of the transition that leads here
	child, next int32  // first child, next sibling; 0 = none
	fail        int32
	out         []int32
}

func newAutomaton(terms [][]rune) *automaton {
	a := &automaton{outs: []int32{-1}, above: map[rune]uint16{}}
	nodes := make([]trieNode, 1, 1024)
	root := make([]int32, 1, 1024) // the root's children by number: it has too many to search
	for i, t := range terms {
		a.size = append(a.size, int32(len(t)))
		if len(t) == 0 {
			continue
		}
		n := int32(0)
		for _, r := range t {
			c := a.number(r)
			if c == 0 {
				c = uint16(len(root))
				root = append(root, 0)
				if uint32(r) < 0x10000 {
					a.class[r] = c
				} else {
					a.above[r] = c
				}
			}
			m := childOf(nodes, root, n, c)
			if m == 0 {
				m = int32(len(nodes))
				nodes = append(nodes, trieNode{class: c, next: nodes[n].child})
				nodes[n].child = m
				if n == 0 {
					root[c] = m
				}
			}
			n = m
		}
		nodes[n].out = append(nodes[n].out, int32(i))
	}
	order := links(nodes, root)
	a.place(nodes, root, order)
	return a
}

// number is what the automaton calls a character; 0 where no phrase has it.
func (a *automaton) number(r rune) uint16 {
	if uint32(r) < 0x10000 {
		return a.class[r]
	}
	return a.above[r]
}

func childOf(nodes []trieNode, root []int32, n int32, c uint16) int32 {
	if n == 0 {
		return root[c]
	}
	for m := nodes[n].child; m != 0; m = nodes[m].next {
		if nodes[m].class == c {
			return m
		}
	}
	return 0
}

// links sets the failure links breadth first, hands phrases down along them and returns the order.
func links(nodes []trieNode, root []int32) []int32 {
	order := make([]int32, 0, len(nodes))
	for m := nodes[0].child; m != 0; m = nodes[m].next {
		order = append(order, m)
	}
	for i := 0; i < len(order); i++ {
		n := order[i]
		for m := nodes[n].child; m != 0; m = nodes[m].next {
			for f := nodes[n].fail; ; f = nodes[f].fail {
				if t := childOf(nodes, root, f, nodes[m].class); t != 0 {
					nodes[m].fail = t
					break
				}
				if f == 0 {
					break
				}
			}
			nodes[m].out = append(nodes[m].out, nodes[nodes[m].fail].out...)
			order = append(order, m)
		}
	}
	return order
}

// place lays the states out in the double array. Cells below the number of classes stay free, so that every free cell
// can take any single transition.
func (a *automaton) place(nodes []trieNode, root, order []int32) {
	classes := int32(len(root))
	at := make([]int32, len(nodes)) // state → cell
	first := classes                // the first free cell
	grow := func(to int32) {
		for int32(len(a.cells)) <= to {
			a.cells = append(a.cells, cell{check: -1})
		}
	}
	grow(2*classes + 1)
	put := func(parent int32) (base int32) {
		for base = first - int32(nodes[nodes[parent].child].class); ; base++ {
			fits := base >= 0
			for m := nodes[parent].child; m != 0 && fits; m = nodes[m].next {
				grow(base + classes)
				fits = a.cells[base+int32(nodes[m].class)].check == -1 && base+int32(nodes[m].class) >= classes
			}
			if fits {
				return base
			}
		}
	}
	// The root's children have cells of their own without being transitions in the array.
	for _, n := range order {
		if root[nodes[n].class] != n {
			continue
		}
		grow(first)
		at[n] = first
		a.cells[first].check = 0
		first++
	}
	for _, n := range order {
		if nodes[n].child == 0 {
			continue
		}
		base := put(n)
		a.cells[at[n]].base = base
		for m := nodes[n].child; m != 0; m = nodes[m].next {
			at[m] = base + int32(nodes[m].class)
			a.cells[at[m]].check = at[n]
		}
		for grow(first); a.cells[first].check != -1; grow(first) {
			first++
		}
	}
	for _, n := range order {
		c := &a.cells[at[n]]
		c.fail = at[nodes[n].fail]
		if len(nodes[n].out) > 0 {
			c.out = int32(len(a.outs))
			a.outs = append(append(a.outs, nodes[n].out...), -1)
		}
	}
	a.root = make([]int32, classes)
	for c, n := range root {
		a.root[c] = at[n]
	}
}

// rename has the automaton give names in place of the phrases' numbers.
func (a *automaton) rename(names []int32) {
	for i, t := range a.outs {
		if t >= 0 {
			a.outs[i] = names[t]
		}
	}
}

// step goes from state n by the character with number c.
func (a *automaton) step(n int32, c uint16) int32 {
	if c == 0 {
		return 0
	}
	for n != 0 {
		s := a.cells[n].base + int32(c)
		if a.cells[s].check == n {
			return s
		}
		n = a.cells[n].fail
	}
	return a.root[c]
}
