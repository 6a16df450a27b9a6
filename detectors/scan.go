package detectors

import (
	"fmt"
	"sort"
	"strings"

	"github.com/speechqa/speechqa/lexicon"
)

// scan is one conversation being inspected.
type scan struct {
	e          *Engine
	mem        *mem
	c          *Conversation
	policy     *lexicon.PolicyVersion // what the principal asked; nil: nothing special
	blocks     []*block
	blockOf    []int      // utterance → block, -1 for an utterance without text
	listeners  []listener // utterance → who hears it
	recorder   []bool     // utterance → spoken to the recorder, not to a person
	findings   []Finding
	slots      map[string][]Slot
	trace      bool
	suppressed []Suppressed
	opinions   []float64 // the model's, by utterance and rule, once asked
}

func (e *Engine) scan(c *Conversation, trace bool) *scan {
	s := &scan{e: e, c: c, mem: mems.Get().(*mem), trace: trace, policy: e.rs.Policy(c.Metadata.Principal, c.Metadata.StartedAt)}
	s.read()
	s.whoListens()
	for _, r := range e.rules {
		if s.policy != nil && s.policy.Off[r.ID] || len(r.Recordings) > 0 && c.Kind != "" && !contains(r.Recordings, string(c.Kind)) {
			continue
		}
		switch r.Kind {
		case lexicon.KindPhrase, lexicon.KindDisclosure:
			s.phrases(r)
		case lexicon.KindSlots:
			s.slotsRule(r)
		case lexicon.KindFacts:
			s.facts(r)
		}
	}
	return s
}

// candidate is a match that no exception excused.
type candidate struct {
	f     found
	block int
	turn  int
	alt   *alternative
	conf  float64
	doubt string // why a person must hear it first
}

// verdict is what a rule says about an utterance.
type verdict struct {
	best    *candidate // the best unexcused match
	spoiled bool       // there is a match that an exception excused
	noted   bool       // in mem.judged
}

// about gives the verdict of the rule that runs about an utterance, to be changed.
func (s *scan) about(turn int) *verdict {
	v := &s.mem.verdicts[turn]
	if !v.noted {
		v.noted = true
		s.mem.judged = append(s.mem.judged, turn)
	}
	return v
}

// best is the match so far of the rule that runs in an utterance, or nil.
func (s *scan) best(turn int) *candidate { return s.mem.verdicts[turn].best }

// phrases runs a rule of patterns: the best unexcused match of every utterance is its finding.
func (s *scan) phrases(r *rule) {
	// Alternatives that need an earlier finding of the same rule go last, utterance by utterance.
	for _, followUp := range []bool{false, true} {
		for i := range r.alts {
			if alt := &r.alts[i]; alt.followUp == followUp {
				s.alternative(r, alt)
			}
		}
	}
	s.askModel(r)
	m := s.mem
	sort.Ints(m.judged)
	for _, t := range m.judged {
		if c := s.best(t); c != nil {
			s.findings = append(s.findings, s.finding(r, c))
		}
		m.verdicts[t] = verdict{}
	}
	m.judged = m.judged[:0]
}

func (s *scan) alternative(r *rule, alt *alternative) {
	// Most patterns occur in no block: then not even the blocks are looked at.
	may, all := s.mem.may[:0], places(0)
	for _, p := range alt.say {
		at := s.where(p)
		may, all = append(may, at), all|at
	}
	s.mem.may = may
	if all == 0 {
		return
	}
	for bi, b := range s.blocks {
		if all&b.place == 0 || !speaks(b.speaker, r.Speaker) {
			continue
		}
		for i, p := range alt.say {
			if may[i]&b.place != 0 {
				s.matches(r, alt, p, bi)
			}
		}
	}
}

// matches judges the occurrences of one of the alternative's patterns in a block.
func (s *scan) matches(r *rule, alt *alternative, p *pattern, bi int) {
	b := s.blocks[bi]
	b.each(p, span{0, int32(len(b.runes))}, alt.Sound, func(f *found) bool {
		turn := b.mainUtterance(f)
		if r.Kind == lexicon.KindDisclosure {
			if s.recorder[turn] {
				s.excuse(r, lexicon.RecorderException, bi, turn, f)
				return true
			}
			if s.listeners[turn].role != roleThird {
				return true
			}
		}
		for i := range alt.needs {
			if !s.holds(&alt.needs[i], turn) {
				return true
			}
		}
		for _, e := range alt.unless {
			if s.excused(e, bi, f) {
				s.excuse(r, e.name, bi, turn, f)
				s.about(turn).spoiled = true
				return true
			}
		}
		conf := alt.Confidence * float64(f.conf)
		if old := s.best(turn); old == nil || conf > old.conf || conf == old.conf && f.end-f.start > old.f.end-old.f.start {
			s.about(turn).best = &candidate{f: *f, block: bi, turn: turn, alt: alt, conf: conf}
		}
		return true
	})
}

// mainUtterance is the utterance that holds most of the match; the later one where they share it equally.
func (b *block) mainUtterance(f *found) int {
	best, most, n := int(b.utt[f.end-1]), 0, 0
	for i := f.end - 1; i >= f.start; i-- {
		if i < f.end-1 && b.utt[i] != b.utt[i+1] {
			n = 0
		}
		if n++; n > most {
			best, most = int(b.utt[i]), n
		}
	}
	return best
}

func (s *scan) excuse(r *rule, name string, bi, turn int, f *found) {
	if !s.trace {
		return
	}
	from, to := s.blocks[bi].bytes(f.span, turn)
	x := Suppressed{Rule: r.ID, Exception: name, Turn: turn, Quote: s.c.Utterances[turn].Text[from:to]}
	if f.pat != nil { // the model's proposals have none
		x.Pattern = f.pat.source
	}
	s.suppressed = append(s.suppressed, x)
}

// holds answers a condition for a match in an utterance.
func (s *scan) holds(c *condition, turn int) bool {
	ok := false
	m := &s.c.Metadata
	switch {
	case len(c.Listener) > 0:
		ok = contains(c.Listener, s.listeners[turn].role)
	case len(c.Callee) > 0:
		ok = contains(c.Callee, m.Callee)
	case len(c.Relation) > 0:
		ok = contains(c.Relation, m.Relation)
	case len(c.said) > 0:
		ok = s.saidNear(c.said, turn-c.Before, turn-1, c.By) || c.After > 0 && s.saidNear(c.said, turn+1, turn+c.After, c.By)
	case c.Found == "self":
		for t := max(0, turn-c.Before); t < turn; t++ {
			ok = ok || s.best(t) != nil
		}
	case c.Found != "":
		for _, f := range s.findings {
			ok = ok || f.Rule == c.Found && f.Turn <= turn && f.Turn >= turn-c.Before
		}
	case c.First > 0:
		ok = turn < c.First
	case c.Last > 0:
		ok = turn >= len(s.c.Utterances)-c.Last
	case c.FirstSecs > 0:
		ok = s.c.Utterances[turn].Start <= c.FirstSecs
	case c.LastSecs > 0:
		ok = s.duration()-s.c.Utterances[turn].End <= c.LastSecs
	case c.Fact != "":
		v, known := s.fact(c.Fact)
		ok = known && (c.Over == nil || v > *c.Over) && (c.Under == nil || v < *c.Under)
	}
	return ok != c.Not
}

func (s *scan) duration() float64 {
	if s.c.Facts.Duration > 0 {
		return s.c.Facts.Duration
	}
	if n := len(s.c.Utterances); n > 0 {
		return s.c.Utterances[n-1].End
	}
	return 0
}

// Thresholds under which a finding is listed for a person but not scored.
const (
	certainMatch = 0.6 // confidence of the match, sound included
	certainWords = 0.4 // mean confidence of the recognised words under the match
)

// quoteReach bounds how far a quote is widened to whole clauses, in characters.
const quoteReach = 14

func (s *scan) finding(r *rule, c *candidate) Finding {
	b := s.blocks[c.block]
	u := &s.c.Utterances[c.turn]
	in := b.uttSpan(c.turn)
	core := span{max(c.f.start, in.start), min(c.f.end, in.end)}
	wide := b.stretch(core, softBreak|hardBreak, quoteReach)
	from, to := b.bytes(span{max(wide.start, in.start), min(wide.end, in.end)}, c.turn)
	coreFrom, coreTo := b.bytes(core, c.turn)
	if c.alt == nil {
		return s.proposed(r, c)
	}
	f := Finding{Rule: r.ID, RuleVersion: r.Version, Severity: Severity(r.Severity), Turn: c.turn, ByteStart: from, ByteEnd: to,
		Quote: u.Text[from:to], Confidence: c.conf, Shadow: r.Status == lexicon.StatusShadow, How: "exact", Term: s.terms(c)}
	f.Start, f.End = u.TimeSpan(from, to)
	if c.f.snd {
		f.How = "homophone"
	}
	why := []string{}
	if c.alt.Name != "" {
		why = append(why, c.alt.Name)
	}
	why = append(why, fmt.Sprintf("命中「%s」", f.Term))
	if c.f.snd {
		why = append(why, fmt.Sprintf("原文「%s」按读音匹配", u.Text[coreFrom:coreTo]))
	}
	if r.Kind == lexicon.KindDisclosure {
		why = append(why, "听者为第三方:"+s.listeners[c.turn].why)
	}
	if len(c.alt.unless) > 0 {
		names := make([]string, len(c.alt.unless))
		for i, e := range c.alt.unless {
			names[i] = e.name
		}
		why = append(why, "例外均不适用("+strings.Join(names, "、")+")")
	}
	if doubt := s.doubt(u, c, coreFrom, coreTo); doubt != "" {
		f.Doubtful = true
		why = append(why, doubt)
	}
	f.Why = strings.Join(why, ";")
	return f
}

// doubt says why a finding must be listened to before it counts; "" when it is certain.
func (s *scan) doubt(u *Utterance, c *candidate, from, to int) string {
	if c.doubt != "" {
		return c.doubt
	}
	if c.conf < certainMatch {
		return "匹配把握不足,请听录音确认"
	}
	if u.Speaker == SpeakerUnknown || u.SpeakerConfidence > 0 && u.SpeakerConfidence < SpeakerCertain {
		return "说话人不确定,请听录音确认"
	}
	sum, n := 0.0, 0
	for _, w := range u.Words {
		if w.End > from && w.Start < to {
			sum, n = sum+w.Confidence, n+1
		}
	}
	conf := u.Confidence
	if n > 0 {
		conf = sum / float64(n)
	}
	if conf > 0 && conf < certainWords {
		return "识别把握低,请听录音确认"
	}
	return ""
}

// terms names the phrases of the rule that matched.
func (s *scan) terms(c *candidate) string {
	var out []string
	for _, h := range c.f.hits[:c.f.n] {
		if h.term >= 0 {
			out = append(out, s.e.comp.terms[h.term].Text)
		} else {
			out = append(out, string(s.blocks[c.block].runes[h.start:h.end]))
		}
	}
	return strings.Join(out, "…")
}

// TimeSpan gives the seconds of a byte span: from its words where they are known, else in proportion.
func (u *Utterance) TimeSpan(from, to int) (float64, float64) {
	start, end := -1.0, -1.0
	for _, w := range u.Words {
		if w.End > from && w.Start < to {
			if start < 0 {
				start = w.From
			}
			end = max(end, w.To)
		}
	}
	if start >= 0 {
		return start, end
	}
	if n := len(u.Text); n > 0 && u.End > u.Start {
		d := (u.End - u.Start) / float64(n)
		return u.Start + d*float64(from), u.Start + d*float64(to)
	}
	return u.Start, u.End
}

// result numbers, keys and scores the findings.
func (s *scan) result() Result {
	if s.findings == nil {
		s.findings = []Finding{}
	}
	sort.SliceStable(s.findings, func(i, j int) bool {
		a, b := &s.findings[i], &s.findings[j]
		if (a.Turn < 0) != (b.Turn < 0) {
			return b.Turn < 0
		}
		if a.Turn != b.Turn {
			return a.Turn < b.Turn
		}
		return a.Rule < b.Rule
	})
	scoring := &s.e.rs.Scoring
	if s.policy != nil {
		scoring = &s.policy.Scoring
	}
	seen := map[[2]string]int{}
	for i := range s.findings {
		f := &s.findings[i]
		f.Shadow = f.Shadow || s.policy != nil && s.policy.Shadow[f.Rule]
		id := [2]string{f.Rule, f.Quote}
		f.Key = FindingKey(s.c.ID, f.Rule, f.Quote, seen[id])
		seen[id]++
	}
	score, fatal := Grade(scoring, s.findings)
	return Result{Score: score, Fatal: fatal, Findings: s.findings, Slots: s.slots, RulesetHash: s.e.rs.Hash, EngineVersion: EngineVersion,
		Profile: s.policy.Stamp(), Scoring: scoring}
}
