package detectors

import (
	"fmt"
	"time"
)

// fact looks a measurement up.
func (s *scan) fact(name string) (float64, bool) {
	if name == "duration" {
		d := s.duration()
		return d, d > 0
	}
	v, ok := s.c.Facts.Values[name]
	return v, ok
}

func (s *scan) facts(r *rule) {
	f := r.Fact
	switch {
	case f.Hours != "":
		s.hours(r)
	case f.Value != "":
		v, ok := s.fact(f.Value)
		if ok && (f.Over == nil || v > *f.Over) && (f.Under == nil || v < *f.Under) {
			why := f.Why
			if why == "" {
				why = f.Value + " = %v"
			}
			s.whole(r, "fact", fmt.Sprintf(why, v))
		}
	default:
		for _, g := range s.c.Facts.Gaps {
			s.interrupted(r, g)
		}
	}
}

// interrupted adds a finding of a gap that the rule asks for. A step in the wave may also be a knock on the microphone, and
// digital silence of a call somebody on hold: people have to listen.
func (s *scan) interrupted(r *rule, g Gap) {
	f := r.Fact
	cut := g.Reason == GapDiscontinuity
	if cut && !f.Cuts || !cut && g.End-g.Start < f.Gap || len(f.GapReasons) > 0 && !contains(f.GapReasons, g.Reason) {
		return
	}
	why := fmt.Sprintf("录音在 %.1f 秒至 %.1f 秒中断(%s)", g.Start, g.End, gapTitles[g.Reason])
	if cut {
		why = fmt.Sprintf("录音在 %.1f 秒处波形突变,可能被剪接,也可能是碰到话筒,请听录音确认", g.Start)
	}
	held := g.Reason == GapDigitalSilence && contains(f.Holds, string(s.c.Kind))
	if held {
		why += ",也可能是通话保持,请听录音确认"
	}
	s.whole(r, "fact", why)
	last := &s.findings[len(s.findings)-1]
	last.Start, last.End, last.Term, last.Doubtful = g.Start, g.End, g.Reason, cut || held
}

func (s *scan) hours(r *rule) {
	name := r.Fact.Hours
	if s.policy != nil && s.policy.Hours != "" {
		name = s.policy.Hours
	}
	p := s.e.rs.Hours[name]
	at := s.c.Metadata.StartedAt
	if at.IsZero() || len(p.Kinds) > 0 && !contains(p.Kinds, string(s.c.Kind)) {
		return
	}
	if within(p, at) {
		return
	}
	local := at.In(time.FixedZone("", p.Offset*60))
	s.whole(r, "fact", fmt.Sprintf("开始于 %s,不在可联络时间 %02d:%02d–%02d:%02d 内(%s,第 %d 版)",
		local.Format("15:04"), p.From/60, p.From%60, p.To/60, p.To%60, p.Title, p.Version))
}

// whole adds a finding about the whole recording.
func (s *scan) whole(r *rule, how, why string) {
	s.findings = append(s.findings, Finding{Rule: r.ID, RuleVersion: r.Version, Severity: Severity(r.Severity), Turn: -1,
		How: how, Confidence: 1, Why: why, Shadow: r.Status == "shadow"})
}
