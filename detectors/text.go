package detectors

import (
	"regexp"
	"unicode/utf8"

	"github.com/speechqa/speechqa/lexicon"
)

// read gathers the conversation into blocks of normalised text and finds every phrase in them.
func (s *scan) read() {
	m := s.mem
	bytes := 0
	for u := range s.c.Utterances {
		bytes += len(s.c.Utterances[u].Text)
	}
	m.reserve(bytes, len(s.c.Utterances))
	m.begin(s.e.index)
	s.blockOf = m.blockOf[:len(s.c.Utterances)]
	var cur *block
	closeBlock := func() {
		if cur != nil {
			cur.brk = append(cur.brk, hardBreak|softBreak)
			m.keep(cur)
			s.occurrencesIn(cur)
			cur = nil
		}
	}
	for u := range s.c.Utterances {
		ut := &s.c.Utterances[u]
		s.blockOf[u] = -1
		if !hasText(ut.Text) {
			continue
		}
		if cur != nil && cur.speaker != ut.Speaker {
			closeBlock()
		}
		if cur == nil {
			cur = m.block()
			cur.s, cur.index, cur.place = s, int32(len(s.blocks)), placeOf(len(s.blocks))
			cur.speaker, cur.first = ut.Speaker, u
			s.blocks = append(s.blocks, cur)
		}
		for int(cur.first)+len(cur.spans) < u { // utterances without text between those of the block
			cur.spans = append(cur.spans, span{int32(len(cur.runes)), int32(len(cur.runes))})
		}
		cur.last = u
		s.blockOf[u] = len(s.blocks) - 1
		from := int32(len(cur.runes))
		cur.append(u, ut.Text)
		cur.spans = append(cur.spans, span{from, int32(len(cur.runes))})
	}
	closeBlock()
	s.spread()
}

func hasText(t string) bool {
	for _, r := range t {
		if _, k := lexicon.CharOf(r); k&lexicon.CharSpoken != 0 {
			return true
		}
	}
	return false
}

// append adds an utterance's normalised text, with the byte span of every character.
func (b *block) append(u int, text string) {
	table := lexicon.CharTable()
	// What ended the utterance before still stands between the two.
	pending := softBreak | b.tail
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		from := i
		i += n
		var kind lexicon.CharKind
		if r < 0x10000 {
			c := &table[r]
			r, kind = rune(c.Fold), c.Kind
		} else {
			r, kind = lexicon.CharOf(r)
		}
		switch {
		case kind&lexicon.CharFiller != 0:
		case kind&lexicon.CharWord != 0:
			if kind&lexicon.CharStutter != 0 && pending == 0 && len(b.runes) > 0 && b.runes[len(b.runes)-1] == r {
				continue
			}
			b.runes = append(b.runes, r)
			b.utt = append(b.utt, int32(u))
			b.from = append(b.from, int32(from))
			b.to = append(b.to, int32(i))
			b.brk = append(b.brk, pending)
			pending = 0
		default:
			pending |= softBreak
			if kind&lexicon.CharSentence != 0 {
				pending |= hardBreak
			}
			if kind&lexicon.CharQuestion != 0 {
				pending |= questionBreak
			}
		}
	}
	b.tail = pending
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

// occurrencesIn notes every phrase and entity of the ruleset in the block.
func (s *scan) occurrencesIn(b *block) {
	s.phrasesIn(b)
	s.entities(b)
}

// phrasesIn notes the phrases: one pass over the characters drives the automaton by character and that by sound.
func (s *scan) phrasesIn(b *block) {
	e := s.e
	byChar, bySound := e.matcher, e.sounds.auto
	var n, k int32
	sentence := int32(-1) // where the sentence begins
	for i, r := range b.runes {
		if brk := b.brk[i]; brk != 0 {
			k = 0 // what is heard by sound does not reach over a pause
			if brk&hardBreak != 0 {
				sentence = int32(i)
			}
		}
		var g glyph
		if uint32(r) < 0x10000 {
			g = e.glyphs[r]
		}
		end := int32(i + 1)
		n = byChar.step(n, g.char)
		if o := byChar.cells[n].out; o != 0 {
			for ; byChar.outs[o] >= 0; o++ {
				t := byChar.outs[o]
				start := end - byChar.size[t]
				s.note(t, hit{start: start, end: end, block: b.index, conf: 1, term: t}, start < sentence)
			}
		}
		k = bySound.step(k, g.sound)
		if o := bySound.cells[k].out; o != 0 {
			for ; bySound.outs[o] >= 0; o++ {
				t := bySound.outs[o]
				start := end - bySound.size[t]
				if conf, ok := e.sounds.heard(t, b.runes[start:end]); ok {
					t = e.sounds.terms[t]
					s.note(t, hit{start: start, end: end, block: b.index, conf: conf, term: t, sound: true}, start < sentence)
				}
			}
		}
	}
}

// regexp appends what a regular expression matches in the block, but not over the end of a sentence.
func (b *block) regexp(re *regexp.Regexp, to []hit) []hit {
	text := string(b.runes)
	at, n := 0, int32(0) // a byte of the text, and the characters before it
	count := func(end int) int32 {
		n += int32(utf8.RuneCountInString(text[at:end]))
		at = end
		return n
	}
	for _, m := range re.FindAllStringIndex(text, -1) {
		start := count(m[0])
		end := count(m[1])
		if !b.crosses(start+1, end, hardBreak) {
			to = append(to, hit{start: start, end: end, block: b.index, conf: 1, term: -1})
		}
	}
	return to
}

func fold(text string) []rune {
	var b block
	b.append(0, text)
	return b.runes
}
