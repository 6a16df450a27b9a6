package detectors

// found is one occurrence of a pattern.
type found struct {
	span
	hits [maxElems]hit // of the elements that matched, in order
	of   [maxElems]string
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

func (f *found) add(h hit, name string) bool {
	if f.n == maxElems {
		return false
	}
	if f.n == 0 {
		f.start, f.end, f.conf = h.start, h.end, 1
	}
	f.start, f.end = min(f.start, h.start), max(f.end, h.end)
	f.conf = min(f.conf, h.conf)
	f.snd = f.snd || h.sound
	f.hits[f.n], f.of[f.n] = h, name
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
			if f.of[i] == of || f.of[i] == "@"+of {
				return span{f.hits[i].start, f.hits[i].end}
			}
		}
	}
	return f.span
}

// matcher walks one pattern over one block within bounds.
type matcher struct {
	b      *block
	bounds span
	sound  bool
	yield  func(*found) bool // false stops
	left   int
}

// each calls yield for every occurrence of the pattern within the bounds, until yield returns false.
func (b *block) each(p *pattern, bounds span, sound bool, yield func(*found) bool) {
	for _, seq := range p.seqs {
		for _, e := range seq {
			if !e.optional && b.lookup[e.set] == b.lookup[e.set+1] {
				return
			}
		}
	}
	m := matcher{b: b, bounds: bounds, sound: sound, yield: yield, left: maxFoundBlock}
	f := found{pat: p}
	m.sequences(p, 0, &f)
}

// sequences places the i-th sequence anywhere within the window of those before it.
func (m *matcher) sequences(p *pattern, i int, f *found) bool {
	if i == len(p.seqs) {
		m.left--
		return m.yield(f) && m.left > 0
	}
	return m.sequence(p.seqs[i], 0, -1, f, func(g *found) bool {
		if i > 0 && p.window > 0 && g.end-g.start > p.window {
			return true
		}
		if i > 0 && p.window == 0 && m.b.utt[g.start] != m.b.utt[g.end-1] {
			return true
		}
		return m.sequences(p, i+1, g)
	})
}

// sequence extends f by the elements from k on; prev is the end of the element before, or -1.
func (m *matcher) sequence(seq []elem, k int, prev int32, f *found, done func(*found) bool) bool {
	if k == len(seq) {
		if prev < 0 {
			return true // only optional elements, none there
		}
		return done(f)
	}
	e := &seq[k]
	hits := m.b.setHits(e.set)
	budget := maxFromStart
	if prev < 0 {
		budget = maxFoundBlock
	}
	from := m.bounds.start
	if prev >= 0 {
		from = prev
	}
	for _, h := range hits[lowerBound(hits, from):] {
		if prev >= 0 && h.start > prev+e.gap {
			break
		}
		if h.start >= m.bounds.end {
			break
		}
		if h.end > m.bounds.end || h.sound && !m.sound || !m.placed(e, h) {
			continue
		}
		if prev >= 0 && m.b.crosses(prev, h.start+1, hardBreak) {
			break
		}
		if budget--; budget < 0 {
			break
		}
		g := *f
		if !g.add(h, e.name) {
			continue
		}
		if !m.sequence(seq, k+1, h.end, &g, done) {
			return false
		}
	}
	if e.optional {
		return m.sequence(seq, k+1, prev, f, done)
	}
	return true
}

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

func lowerBound(hits []hit, start int32) int {
	lo, hi := 0, len(hits)
	for lo < hi {
		mid := (lo + hi) / 2
		if hits[mid].start < start {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
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
