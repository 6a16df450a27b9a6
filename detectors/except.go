package detectors

import "github.com/speechqa/speechqa/lexicon"

// sentenceReach bounds "the same sentence" where a recogniser wrote no punctuation, in characters.
const sentenceReach = 40

// excused says whether the exception applies to a match in block bi.
func (s *scan) excused(e *exception, bi int, f *found) bool {
	b := s.blocks[bi]
	u := int(b.utt[f.start])
	switch e.where {
	case lexicon.WherePrevious:
		return s.saidNear(e.words, u-int(e.within), u-1, e.by)
	case lexicon.WhereNext:
		last := int(b.utt[f.end-1])
		return s.saidNear(e.words, last+1, last+int(e.within), e.by)
	case lexicon.WhereAnywhere:
		return s.saidNear(e.words, 0, len(s.c.Utterances)-1, e.by)
	}
	a := f.anchor(e.of)
	bounds := span{0, int32(len(b.runes))}
	switch e.where {
	case lexicon.WhereBefore, lexicon.WhereAfter, lexicon.WhereAround:
		bounds = span{max(0, a.start-e.within-8), min(bounds.end, a.end+e.within+8)}
	case lexicon.WhereInside:
		bounds = a
	case lexicon.WhereSentence:
		bounds = b.stretch(a, hardBreak, sentenceReach)
	case lexicon.WhereUtterance:
		first, last := b.uttSpan(u), b.uttSpan(int(b.utt[f.end-1]))
		bounds = span{first.start, last.end}
	}
	breaks := hardBreak
	if !e.cross {
		breaks |= softBreak
	}
	for _, p := range e.words {
		ok := false
		b.each(p, bounds, true, func(x *found) bool {
			ok = s.stands(e, b, a, f, x.span, breaks)
			return !ok
		})
		if ok {
			return true
		}
	}
	return false
}

// stands says whether words at x stand where the exception wants them in relation to the anchor.
func (s *scan) stands(e *exception, b *block, a span, f *found, x span, breaks uint8) bool {
	// "不会" may share its 会 with the match, so words that begin before the match may run into it.
	before := x.start < a.start && x.end < a.end && a.start-x.end <= e.within && !b.crosses(x.end, a.start+1, breaks)
	after := x.start >= a.end && x.start-a.end <= e.within && !b.crosses(a.end, x.start+1, breaks)
	inside := x.start >= a.start && x.end <= a.end && (e.of != "" || !f.covered(x))
	switch e.where {
	case lexicon.WhereBefore:
		return before
	case lexicon.WhereAfter:
		return after
	case lexicon.WhereInside:
		return inside
	case lexicon.WhereAround:
		return before || after || inside
	}
	return !f.covered(x)
}

// saidNear says whether one of the patterns occurs in an utterance of the speaker in [from, to].
func (s *scan) saidNear(ps []*pattern, from, to int, by string) bool {
	for u := max(from, 0); u <= to && u < len(s.c.Utterances); u++ {
		bi := s.blockOf[u]
		if bi < 0 || !speaks(s.blocks[bi].speaker, by) {
			continue
		}
		b := s.blocks[bi]
		if _, ok := b.any(ps, b.uttSpan(u)); ok {
			return true
		}
	}
	return false
}

// speaks says whether utterances of the speaker count for a role in a rule.
func speaks(sp Speaker, role string) bool {
	return role == "any" || role == string(sp) || sp == SpeakerUnknown && role == string(SpeakerAgent)
}
