package detectors

// found is one occurrence of a pattern.
type found struct {
	span
	hits [maxElems]hit // of the elements that matched, in order
	of   [maxElems]*elem
	n    int
	conf float32
	snd  bool
	pat  *pattern
}

const (
	maxElems      = 16  // elements of one pattern
	maxFoundBlock = 256 // occurrences looked at per pattern and block
	maxFromStart  = 24  // occurrences that begin with the same hit
)

func (f *found) add(h hit, e *elem) bool {
	if f.n == maxElems {
		return false
	}
	if f.n == 0 {
		f.start, f.end, f.conf = h.start, h.end, 1
	}
	f.start, f.end = min(f.start, h.start), max(f.end, h.end)
	f.conf = min(f.conf, h.conf)
	f.snd = f.snd || h.sound
	f.hits[f.n], f.of[f.n] = h, e
	f.n++
	return true
}

// covered says whether a span lies wholly inside one element of the match.
func (f *found) covered(s span) bool {
	for _, h := range f.hits[:f.n] {
		if h.start <= s.start && s.end <= h.end {
			return true
		}
	}
	return false
}

// anchor is the span an exception measures from: the named element, or the whole match.
func (f *found) anchor(of string) span {
	if of != "" {
		for i := range f.n {
			if name := f.of[i].name; name == of || len(name) == len(of)+1 && name[0] == '@' && name[1:] == of {
				return span{f.hits[i].start, f.hits[i].end}
			}
		}
	}
	return f.span
}

// matcher walks one pattern over one block within bounds.
type matcher struct {
	b      *block
	p      *pattern
	bounds span
	sound  bool
	yield  func(*found) bool // false stops
	left   int
}

// each calls yield for every occurrence of the pattern within the bounds, until yield returns false. What yield gets
// is its own only until it returns.
func (b *block) each(p *pattern, bounds span, sound bool, yield func(*found) bool) {
	for _, set := range p.required {
		if !b.has(set) {
			return
		}
	}
	m := matcher{b: b, p: p, bounds: bounds, sound: sound, yield: yield, left: maxFoundBlock}
	f := b.s.mem.take()
	f.n, f.snd, f.pat, f.span, f.conf = 0, false, p, span{}, 0
	m.sequence(0, 0, -1, f)
	b.s.mem.give(f)
}

// sequence extends f by the elements of the i-th sequence from k on; prev is the end of the element before, or -1.
// Later sequences may stand anywhere within the window of those before. It returns false when yield wants no more.
func (m *matcher) sequence(i, k int, prev int32, f *found) bool {
	seq := m.p.seqs[i]
	if k == len(seq) {
		return prev < 0 || m.placedSequence(i, f) // prev < 0: only optional elements, none there
	}
	e := &seq[k]
	budget, from := maxFromStart, prev
	if prev < 0 {
		budget, from = maxFoundBlock, m.bounds.start
	}
	hits := m.b.hitsFrom(e.set, from)
	for at := range hits {
		h := &hits[at]
		if h.block != m.b.index || prev >= 0 && h.start > prev+e.gap || h.start >= m.bounds.end {
			break
		}
		if h.end > m.bounds.end || h.sound && !m.sound || !m.placed(e, *h) {
			continue
		}
		if prev >= 0 && m.b.crosses(prev, h.start+1, hardBreak) {
			break
		}
		if budget--; budget < 0 {
			break
		}
		was := f.state()
		if !f.add(*h, e) {
			continue
		}
		more := m.sequence(i, k+1, h.end, f)
		f.back(was)
		if !more {
			return false
		}
	}
	if e.optional {
		return m.sequence(i, k+1, prev, f)
	}
	return true
}

// placedSequence goes on behind the i-th sequence: to the next one, or to yield.
func (m *matcher) placedSequence(i int, f *found) bool {
	if i > 0 && m.p.window > 0 && f.end-f.start > m.p.window {
		return true
	}
	if i > 0 && m.p.window == 0 && m.b.utt[f.start] != m.b.utt[f.end-1] {
		return true
	}
	if i+1 < len(m.p.seqs) {
		return m.sequence(i+1, 0, -1, f)
	}
	m.left--
	return m.yield(f) && m.left > 0
}

// foundState is what add changes besides appending.
type foundState struct {
	span
	n    int
	conf float32
	snd  bool
}

func (f *found) state() foundState { return foundState{f.span, f.n, f.conf, f.snd} }

func (f *found) back(s foundState) { f.span, f.n, f.conf, f.snd = s.span, s.n, s.conf, s.snd }

// placed checks ^ and $. Particles at the end of an utterance don't count.
func (m *matcher) placed(e *elem, h hit) bool {
	if !e.start && !e.end {
		return true
	}
	b := m.b
	if e.start {
		if from := h.start - e.gap - 1; from >= 0 && b.utt[from] == b.utt[h.start] {
			return false
		}
	}
	if e.end {
		u := b.utt[h.end-1]
		for i := h.end; int(i) < len(b.runes) && b.utt[i] == u; i++ {
			if !particle(b.runes[i]) {
				return false
			}
		}
	}
	return true
}

func particle(r rune) bool {
	switch r {
	case '啊', '呀', '呢', '吧', '嘛', '哦', '噢', '咯', '哈', '的', '了', '啦', '喽', '哟', '哎', '诶', '撒', '噻', '嘞', '呐', '哇', '么':
		return true
	}
	return false
}

// any says whether one of the patterns occurs within the bounds.
func (b *block) any(ps []*pattern, bounds span) (span, bool) {
	for _, p := range ps {
		var at span
		ok := false
		b.each(p, bounds, true, func(f *found) bool {
			at, ok = f.span, true
			return false
		})
		if ok {
			return at, true
		}
	}
	return span{}, false
}
