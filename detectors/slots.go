package detectors

import (
	"strings"

	"github.com/speechqa/speechqa/lexicon"
)

// slotsRule checks an opening or a closing: every element may be said anywhere in the part, in any order.
func (s *scan) slotsRule(r *rule) {
	spec := r.slots[s.c.Kind]
	if spec == nil {
		return
	}
	turns := s.part(spec.Part, spec.Turns, r.Speaker)
	if len(turns) == 0 {
		return // nobody of that side spoke: nothing to judge
	}
	var change lexicon.SlotsPolicy
	if s.policy != nil {
		change = s.policy.Openings[r.ID]
	}
	allowed := spec.AllowMissing
	if change.AllowMissing != nil {
		allowed = *change.AllowMissing
	}
	heard := make([]Slot, 0, len(spec.slots))
	missing := []string{}
	for i := range spec.slots {
		slot := &spec.slots[i]
		if contains(change.NotNeeded, slot.Name) {
			continue
		}
		h := Slot{Name: slot.Name, Title: slot.Title}
		s.fill(&h, slot, turns)
		if !h.Heard {
			missing = append(missing, slot.Title)
		}
		heard = append(heard, h)
	}
	if s.slots == nil {
		s.slots = map[string][]Slot{}
	}
	s.slots[r.ID] = heard
	if len(missing) <= allowed {
		return
	}
	for _, e := range spec.excused {
		if s.excusedPart(r, e) {
			return
		}
	}
	why := "缺少:" + strings.Join(missing, "、")
	if got := heardTitles(heard); got != "" {
		why += ";已听到:" + got
	}
	doubt := s.partDoubt(turns)
	if doubt != "" {
		why += ";" + doubt
	}
	s.whole(r, "slots", why)
	f := &s.findings[len(s.findings)-1]
	f.Slots, f.Doubtful = heard, doubt != ""
}

// certainSlots is the mean confidence of the words of an opening or closing below which nobody can say what was not
// said. It is higher than that for words that were heard: a slot is missing only if all of the part was understood.
const certainSlots = 0.7

// partDoubt says why something may have been said and not heard in the utterances; "" where all was heard well.
func (s *scan) partDoubt(turns []int) string {
	sum, n := 0.0, 0
	for _, t := range turns {
		u := &s.c.Utterances[t]
		if u.Speaker == SpeakerUnknown || u.SpeakerConfidence > 0 && u.SpeakerConfidence < SpeakerCertain {
			return "说话人不确定,请听录音确认"
		}
		if u.Confidence > 0 {
			sum, n = sum+u.Confidence*float64(len(u.Text)), n+len(u.Text)
		}
	}
	if n > 0 && sum/float64(n) < certainSlots {
		return "这一段识别把握低,可能说了没听清,请听录音确认"
	}
	return ""
}

func heardTitles(slots []Slot) string {
	var out []string
	for _, h := range slots {
		if h.Heard {
			out = append(out, h.Title+"「"+h.Quote+"」")
		}
	}
	return strings.Join(out, "、")
}

// part gives the utterances of a speaker that belong to the opening or the closing.
func (s *scan) part(part string, n int, speaker string) []int {
	var all []int
	for u := range s.c.Utterances {
		if s.blockOf[u] >= 0 && speaks(s.c.Utterances[u].Speaker, speaker) {
			all = append(all, u)
		}
	}
	// A recogniser may cut one sentence into several utterances, so the part is counted in blocks.
	keep := map[int]bool{}
	var out []int
	for i := range all {
		u := all[i]
		if part == "closing" {
			u = all[len(all)-1-i]
		}
		bi := s.blockOf[u]
		if !keep[bi] && len(keep) == n {
			break
		}
		keep[bi] = true
		out = append(out, u)
	}
	return out
}

func (s *scan) fill(h *Slot, slot *slot, turns []int) {
	for _, u := range turns {
		bi := s.blockOf[u]
		b := s.blocks[bi]
		if s.voided(slot, u) {
			continue
		}
		for _, p := range slot.say {
			b.each(p, b.uttSpan(u), true, func(f *found) bool {
				for _, e := range slot.unless {
					if s.excused(e, bi, f) {
						return true
					}
				}
				from, to := b.bytes(f.span, u)
				*h = Slot{Name: h.Name, Title: h.Title, Heard: true, Turn: u, Quote: s.c.Utterances[u].Text[from:to]}
				return false
			})
			if h.Heard {
				return
			}
		}
	}
}

// voided says whether another rule's finding in the utterance spoils the slot.
func (s *scan) voided(slot *slot, u int) bool {
	for _, f := range s.findings {
		if f.Turn == u && contains(slot.VoidBy, f.Rule) {
			return true
		}
	}
	return false
}

// excusedPart asks an exception about the whole recording: its words must have been said where it says.
func (s *scan) excusedPart(r *rule, e *exception) bool {
	from, to := 0, len(s.c.Utterances)-1
	switch e.where {
	case "next", "after":
		from = max(0, len(s.c.Utterances)-int(e.within))
	case "previous", "before":
		to = min(to, int(e.within)-1)
	}
	if !s.saidNear(e.words, from, to, e.by) {
		return false
	}
	if s.trace {
		s.suppressed = append(s.suppressed, Suppressed{Rule: r.ID, Exception: e.name, Turn: -1})
	}
	return true
}
