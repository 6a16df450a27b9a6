package detectors

import (
	"math"
	"slices"
	"sync"
)

// mem is the working memory of one inspection. It is used again for the next one, so that inspecting allocates little
// more than the findings; nothing in a Result may point into it.
type mem struct {
	runes         []rune
	utt, from, to []int32
	brk           []uint8
	spans         []span
	blockOf       []int
	blocks        []block
	occurrences   []occurrence
	terms         []termState // all zero between inspections
	present       []int32     // the terms that occur
	sets          []setState
	hits, shields []hit
	found         []*found
	may           []places  // of the alternative that is looked at, by pattern
	verdicts      []verdict // of the rule that runs, by utterance; all zero between rules
	judged        []int     // the utterances that have one
	opinions      []float64
	known         rowSet   // features of the utterance that the model has
	classes       []rune   // how its characters sound
	windows       []window // to count features
}

// maxKept bounds what is kept for the next inspection, in characters: a rare huge one does not stay in memory.
const maxKept = 1 << 18

var mems = sync.Pool{New: func() any { return new(mem) }}

func (m *mem) release() {
	m.forget()
	if cap(m.runes) > maxKept || cap(m.hits) > 8*maxKept || cap(m.occurrences) > 8*maxKept {
		return
	}
	mems.Put(m)
}

// forget makes the terms ready for the next conversation.
func (m *mem) forget() {
	for _, t := range m.present {
		m.terms[t] = termState{}
	}
	m.present = m.present[:0]
}

// opinionsFor gives room for the model's opinions about a conversation; NaN is one it was not asked for.
func (m *mem) opinionsFor(utterances, rules int) []float64 {
	n := utterances * rules
	m.opinions = slices.Grow(m.opinions[:0], n)[:n]
	for i := range m.opinions {
		m.opinions[i] = math.NaN()
	}
	return m.opinions
}

// begin makes room for what is found of an index.
func (m *mem) begin(x *setIndex) {
	if len(m.terms) < x.terms {
		m.terms = make([]termState, x.terms)
	}
	m.sets = slices.Grow(m.sets[:0], len(x.sets))[:len(x.sets)]
	clear(m.sets)
	m.occurrences, m.hits = m.occurrences[:0], m.hits[:0]
}

// reserve makes room for a conversation of so many bytes, so that the parts of blocks stay where they are.
func (m *mem) reserve(bytes, utterances int) {
	m.runes = slices.Grow(m.runes[:0], bytes)
	m.utt = slices.Grow(m.utt[:0], bytes)
	m.from = slices.Grow(m.from[:0], bytes)
	m.to = slices.Grow(m.to[:0], bytes)
	m.brk = slices.Grow(m.brk[:0], bytes+utterances)
	m.spans = slices.Grow(m.spans[:0], utterances)
	m.blockOf = slices.Grow(m.blockOf[:0], utterances)
	m.blocks = slices.Grow(m.blocks[:0], utterances)
	if len(m.verdicts) < utterances {
		m.verdicts = make([]verdict, utterances)
	}
}

// block begins a block at the ends of the shared slices.
func (m *mem) block() *block {
	m.blocks = append(m.blocks, block{runes: m.runes[len(m.runes):], utt: m.utt[len(m.utt):], from: m.from[len(m.from):],
		to: m.to[len(m.to):], brk: m.brk[len(m.brk):], spans: m.spans[len(m.spans):]})
	return &m.blocks[len(m.blocks)-1]
}

// keep closes the block: what it appended is its own.
func (m *mem) keep(b *block) {
	m.runes = m.runes[:len(m.runes)+len(b.runes)]
	m.utt = m.utt[:len(m.utt)+len(b.utt)]
	m.from = m.from[:len(m.from)+len(b.from)]
	m.to = m.to[:len(m.to)+len(b.to)]
	m.brk = m.brk[:len(m.brk)+len(b.brk)]
	m.spans = m.spans[:len(m.spans)+len(b.spans)]
}

// take lends a match to be filled; give takes it back.
func (m *mem) take() *found {
	if n := len(m.found); n > 0 {
		f := m.found[n-1]
		m.found = m.found[:n-1]
		return f
	}
	return new(found)
}

func (m *mem) give(f *found) { m.found = append(m.found, f) }
