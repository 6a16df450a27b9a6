package detectors

import (
	"unicode"

	"github.com/speechqa/speechqa/lexicon"
)

// read gathers the conversation into blocks of normalised text and finds every phrase in them.
func (s *scan) read() {
	s.blockOf = make([]int, len(s.c.Utterances))
	var cur *block
	close := func() {
		if cur != nil {
			cur.brk = append(cur.brk, hardBreak|softBreak)
			s.phrasesIn(cur)
			cur = nil
		}
	}
	for u := range s.c.Utterances {
		ut := &s.c.Utterances[u]
		s.blockOf[u] = -1
		if cur != nil && cur.speaker != ut.Speaker && hasText(ut.Text) {
			close()
		}
		if !hasText(ut.Text) {
			continue
		}
		if cur == nil {
			cur = &block{speaker: ut.Speaker, first: u}
			s.blocks = append(s.blocks, cur)
		}
		cur.last = u
		s.blockOf[u] = len(s.blocks) - 1
		cur.append(u, ut.Text)
	}
	close()
}

func hasText(t string) bool {
	for _, r := range t {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return true
		}
	}
	return false
}

func (b *block) append(u int, text string) {
	pending := softBreak
	for i, r := range text {
		n := len(string(r))
		r = lexicon.FoldRune(r)
		switch {
		case lexicon.Filler(r), pending == 0 && len(b.runes) > 0 && b.runes[len(b.runes)-1] == r && lexicon.Stutters(r):
			continue
		case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '%':
			b.runes = append(b.runes, r)
			b.utt = append(b.utt, int32(u))
			b.from = append(b.from, int32(i))
			b.to = append(b.to, int32(i+n))
			b.brk = append(b.brk, pending)
			pending = 0
		case r == '。' || r == '!' || r == ';':
			pending |= hardBreak | softBreak
		case r == '?':
			pending |= hardBreak | softBreak | questionBreak
		default:
			pending |= softBreak
		}
	}
}

// bytes gives the byte span, in the utterance's text, of the part of s that lies in utterance u.
func (b *block) bytes(s span, u int) (int, int) {
	in := b.uttSpan(u)
	s.start, s.end = max(s.start, in.start), min(s.end, in.end)
	if s.start >= s.end {
		return 0, 0
	}
	return int(b.from[s.start]), int(b.to[s.end-1])
}

// phrasesIn finds every phrase, entity and regular expression of the ruleset in the block.
func (s *scan) phrasesIn(b *block) {
	var blockers []hit
	comp := s.e.comp
	add := func(term, start, end int32, conf float32, sound bool) {
		for _, use := range comp.uses[term] {
			h := hit{start: start, end: end, set: use.set, conf: conf, term: term, sound: sound}
			if use.blocker {
				blockers = append(blockers, h)
			} else {
				b.hits = append(b.hits, h)
			}
		}
	}
	s.e.matcher.find(b.runes, func(term, start, end int32) { add(term, start, end, 1, false) })
	classes := make([]rune, len(b.runes))
	for i, r := range b.runes {
		classes[i] = rune(lexicon.SoundOf(r).Class)
	}
	s.e.sounds.find(b.runes, classes, func(term, start, end int32, conf float32) {
		if !b.crosses(start+1, end, softBreak) {
			add(term, start, end, conf, true)
		}
	})
	s.entities(b)
	s.regexes(b)
	b.index(blockers, len(comp.sets))
}

func (s *scan) regexes(b *block) {
	if len(s.e.comp.regexes) == 0 {
		return
	}
	text := string(b.runes)
	starts := make(map[int]int32, len(b.runes)+1)
	n := int32(0)
	for i := range text {
		starts[i] = n
		n++
	}
	starts[len(text)] = n
	for _, re := range s.e.comp.regexes {
		for _, m := range re.re.FindAllStringIndex(text, -1) {
			b.hits = append(b.hits, hit{start: starts[m[0]], end: starts[m[1]], set: re.set, conf: 1, term: -1})
		}
	}
}

func fold(text string) []rune {
	var b block
	b.append(0, text)
	return b.runes
}
