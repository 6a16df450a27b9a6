package detectors

import (
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
	lookup        []int32
	hits          []hit
	raw, blockers []hit // of the block being read
	found         []*found
	seen          []uint64 // features of the utterance being judged
	known         []knownFeature
}

// maxKept bounds what is kept for the next inspection, in characters: a rare huge one does not stay in memory.
const maxKept = 1 << 18

var mems = sync.Pool{New: func() any { return new(mem) }}

func (m *mem) release() {
	if cap(m.runes) > maxKept || cap(m.hits) > 8*maxKept || cap(m.raw) > 8*maxKept {
		return
	}
	mems.Put(m)
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
	m.lookup, m.hits = m.lookup[:0], m.hits[:0]
}

// block begins a block at the ends of the shared slices.
func (m *mem) block() *block {
	m.blocks = append(m.blocks, block{mem: m, runes: m.runes[len(m.runes):], utt: m.utt[len(m.utt):], from: m.from[len(m.from):],
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

// tail adds n elements to a shared slice and returns them; elements handed out before keep their place or are copies
// that nobody writes to any more.
func tail[T any](s []T, n int) (all, part []T) {
	all = slices.Grow(s, n)[:len(s)+n]
	return all, all[len(s):len(all):len(all)]
}
