package detectors

import (
	"fmt"
	"math"
	"sort"
	"strings"

	"github.com/speechqa/speechqa/lexicon"
)

// askModel lets the linear model doubt matches it finds unlikely and propose utterances no pattern matched.
//
// A pattern of confidence 0.95 and more is not doubted, and an utterance whose match an exception excused is not
// proposed: what a person wrote down outranks statistics.
func (s *scan) askModel(r *rule) {
	k, ok := s.e.ruleIn[r.ID]
	if !ok || r.Model.Propose == 0 && r.Model.Confirm == 0 {
		return
	}
	for bi, b := range s.blocks {
		if !speaks(b.speaker, r.Speaker) {
			continue
		}
		for u := b.first; u <= b.last; u++ {
			// A word or two is too little to go by.
			if in := b.uttSpan(u); s.blockOf[u] != bi || in.end-in.start < 3 {
				continue
			}
			p := s.judged(u)[k]
			c := s.best(u)
			switch {
			case c != nil:
				if p < r.Model.Confirm && c.alt.Confidence < 0.95 && !c.alt.followUp {
					c.doubt = fmt.Sprintf("统计模型认为可能性低(%.2f),请听录音确认", p)
				}
			case r.Model.Propose > 0 && p >= r.Model.Propose && !s.mem.verdicts[u].spoiled:
				if r.Kind == lexicon.KindDisclosure && (s.recorder[u] || s.listeners[u].role != roleThird) {
					continue
				}
				f := found{span: s.weightiest(u, k)}
				if e := s.modelExcused(r, bi, &f); e != nil {
					s.excuse(r, e.name, bi, u, &f)
					continue
				}
				s.about(u).best = &candidate{f: f, block: bi, turn: u, conf: p}
			}
		}
	}
}

// modelExcused is the exception that keeps the model from proposing a clause, or nil.
func (s *scan) modelExcused(r *rule, bi int, f *found) *exception {
	for _, e := range r.model {
		if s.excused(e, bi, f) {
			return e
		}
	}
	return nil
}

// Judges says whether the statistical model has a say about a rule.
func (e *Engine) Judges(rule string) bool {
	_, ok := e.ruleIn[rule]
	return ok
}

// judged asks the model about an utterance, once: the probability by rule of the model.
func (s *scan) judged(u int) []float64 {
	m := s.e.rs.Model
	rules := len(m.Rules)
	if s.opinions == nil {
		s.opinions = s.mem.opinionsFor(len(s.c.Utterances), rules)
	}
	p := s.opinions[u*rules:][:rules]
	if !math.IsNaN(p[0]) {
		return p
	}
	rows, all := s.known(u)
	clear(p)
	// The sums don't depend on the order: weights are so few bits that adding them loses none.
	for _, row := range rows {
		weights := m.Weights(row)[:len(p)]
		for k := range p {
			p[k] += float64(weights[k])
		}
	}
	scale := ModelScale(all)
	for i := range p {
		p[i] = 1 / (1 + math.Exp(-(float64(m.Bias[i]) + p[i]*scale)))
	}
	return p
}

// fewestFeatures is how many features an utterance is taken to have at least.
const fewestFeatures = 160

// ModelScale is what a sum of weights is multiplied with: long utterances must not shout, and in short ones a word must
// not weigh too much.
func ModelScale(features int) float64 {
	return 1 / math.Sqrt(float64(max(features, fewestFeatures)))
}

// weightiest is the clause of the utterance that speaks loudest for the rule.
func (s *scan) weightiest(u, k int) span {
	b := s.blocks[s.blockOf[u]]
	in := b.uttSpan(u)
	m := s.e.rs.Model
	weight := make([]float64, in.end-in.start)
	for i := in.start; i < in.end; i++ {
		for n := int32(1); n <= 4 && i+n <= in.end; n++ {
			row, ok := m.Row(lexicon.CharFeature(b.runes[i : i+n]))
			if !ok {
				continue
			}
			w := float64(m.Weights(row)[k]) / float64(n)
			for j := i; j < i+n; j++ {
				weight[j-in.start] += w
			}
		}
	}
	best, most := in, math.Inf(-1)
	for from := in.start; from < in.end; {
		to, sum := from, 0.0
		for to < in.end && (to == from || b.brk[to]&(softBreak|hardBreak) == 0) {
			sum += weight[to-in.start]
			to++
		}
		if sum > most {
			best, most = span{from, to}, sum
		}
		from = to
	}
	return best
}

// proposed writes the finding of the model alone, with the features that spoke most for it.
func (s *scan) proposed(r *rule, c *candidate) Finding {
	b := s.blocks[c.block]
	u := &s.c.Utterances[c.turn]
	from, to := b.bytes(c.f.span, c.turn)
	k := s.e.ruleIn[r.ID]
	f := Finding{Rule: r.ID, RuleVersion: r.Version, Severity: Severity(r.Severity), Turn: c.turn, ByteStart: from, ByteEnd: to, Quote: u.Text[from:to],
		Confidence: c.conf, Shadow: r.Status == lexicon.StatusShadow, How: "model", Term: strings.Join(s.loudest(c.turn, k, 3), "、")}
	f.Start, f.End = u.TimeSpan(from, to)
	f.Why = fmt.Sprintf("统计模型判断(%.2f),主要依据:%s", c.conf, strings.Join(s.loudest(c.turn, k, 6), "、"))
	c.conf = 1 // the model's probability is its own threshold
	if doubt := s.doubt(u, c, from, to); doubt != "" {
		f.Doubtful, f.Why = true, f.Why+";"+doubt
	}
	return f
}

// loudest names the features of an utterance with the greatest weights for a rule.
func (s *scan) loudest(u, k, n int) []string {
	m := s.e.rs.Model
	type loud struct {
		row int32
		f   lexicon.Feature
		w   float32
	}
	var list []loud
	rows, _ := s.known(u)
	for _, row := range rows {
		if w := m.Weights(row)[k]; w > 0 {
			list = append(list, loud{row, m.Feature(row), w})
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].w > list[j].w || list[i].w == list[j].w && list[i].f < list[j].f })
	var out []string
	for _, x := range list {
		name := m.Name(x.row)
		if len([]rune(name)) < 2 || overlapping(out, name) {
			continue
		}
		if out = append(out, name); len(out) == n {
			break
		}
	}
	return out
}

func overlapping(list []string, s string) bool {
	for _, x := range list {
		if strings.Contains(x, s) || strings.Contains(s, x) {
			return true
		}
	}
	return false
}
