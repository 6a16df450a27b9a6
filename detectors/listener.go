package detectors

// Roles of whoever hears the agent.
const (
	roleDebtor  = "debtor"
	roleThird   = "third_party"
	roleUnknown = "unknown"
)

// listener is who hears an utterance and how that is known.
type listener struct {
	role string
	why  string
}

// whoListens decides who hears each utterance: from what the talk shows, else from the metadata.
//
// A conversation falls into stretches with one person each; a handover ("我叫他来接") begins a new one. What is
// learned late counts for the whole stretch: an agent who speaks before asking has told whoever it was.
func (s *scan) whoListens() {
	n := len(s.c.Utterances)
	s.listeners = make([]listener, n)
	s.recorder = make([]bool, n)
	begin := 0
	first := true
	flush := func(end int) {
		l := s.identify(begin, end, first)
		for u := begin; u < end; u++ {
			s.listeners[u] = l
		}
		begin, first = end, false
	}
	for u := 1; u < n; u++ {
		if s.evident(s.e.listener.handover, u) != nil {
			flush(u)
		}
	}
	flush(n)
	s.spokenToRecorder()
}

func (s *scan) identify(from, to int, first bool) listener {
	third, debtor := 0.0, 0.0
	var thirdBy, debtorBy *evidence
	for u := from; u < to; u++ {
		if e := s.evident(s.e.listener.third, u); e != nil && e.Weight > third {
			third, thirdBy = e.Weight, e
		}
		if e := s.evident(s.e.listener.debtor, u); e != nil && e.Weight > debtor {
			debtor, debtorBy = e.Weight, e
		}
	}
	callee := s.c.Metadata.Callee
	if first {
		// Metadata is believed like clear words; only clearer words outweigh it.
		switch callee {
		case roleDebtor:
			debtor = max(debtor, 1.5)
		case roleThird:
			third = max(third, 2.5)
		}
	}
	switch {
	case third > debtor:
		if thirdBy == nil {
			return listener{roleThird, "系统登记的接听人是" + s.relation()}
		}
		return listener{roleThird, thirdBy.Name}
	case debtor > 0:
		if debtorBy == nil {
			return listener{roleDebtor, "系统登记的接听人是本人"}
		}
		return listener{roleDebtor, debtorBy.Name}
	}
	return listener{roleUnknown, "没有依据"}
}

func (s *scan) relation() string {
	names := map[string]string{"spouse": "配偶", "parent": "父母", "child": "子女", "friend": "朋友", "colleague": "同事",
		"neighbor": "邻居", "property_manager": "物业"}
	if n := names[s.c.Metadata.Relation]; n != "" {
		return n
	}
	return "第三方"
}

// evident returns the strongest evidence in an utterance, or nil.
func (s *scan) evident(list []evidence, u int) *evidence {
	bi := s.blockOf[u]
	if bi < 0 {
		return nil
	}
	b := s.blocks[bi]
	in := b.uttSpan(u)
	var best *evidence
	for i := range list {
		e := &list[i]
		if !speaks(b.speaker, e.By) || best != nil && best.Weight >= e.Weight {
			continue
		}
		if len(e.after) > 0 && !s.answers(e, bi, u) {
			continue
		}
		for _, p := range e.say {
			b.each(p, in, true, func(f *found) bool {
				for _, x := range e.unless {
					if s.excused(x, bi, f) {
						return true
					}
				}
				best = e
				return false
			})
			if best == e {
				break
			}
		}
	}
	return best
}

// answers says whether the block before the utterance's, of the other side, matches what the evidence answers.
func (s *scan) answers(e *evidence, bi, u int) bool {
	if bi == 0 || s.blocks[bi].first != u {
		return false
	}
	prev := s.blocks[bi-1]
	_, ok := prev.any(e.after, span{0, int32(len(prev.runes))})
	return ok
}

// spokenToRecorder marks the statements a visitor makes to the recorder before anybody answers and after leaving.
func (s *scan) spokenToRecorder() {
	if s.c.Kind != KindVisit {
		return
	}
	firstOther, lastOther := len(s.c.Utterances), -1
	for u := range s.c.Utterances {
		if s.c.Utterances[u].Speaker == SpeakerCustomer {
			firstOther, lastOther = min(firstOther, u), u
		}
	}
	for u := range s.c.Utterances {
		if (u < firstOther || u > lastOther) && s.evident(s.e.listener.recorder, u) != nil {
			s.recorder[u] = true
		}
	}
}
