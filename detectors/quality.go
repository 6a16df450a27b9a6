package detectors

import (
	"fmt"
	"io"
	"sort"
)

// Counts are true positives, false positives and false negatives.
type Counts struct{ TP, FP, FN int }

// Precision is 1 where nothing was found.
func (c Counts) Precision() float64 { return ratio(c.TP, c.TP+c.FP) }

// Recall is 1 where nothing was there to find.
func (c Counts) Recall() float64 { return ratio(c.TP, c.TP+c.FN) }

// F1 is the harmonic mean of precision and recall.
func (c Counts) F1() float64 {
	p, r := c.Precision(), c.Recall()
	if p+r == 0 {
		return 0
	}
	return 2 * p * r / (p + r)
}

func ratio(a, b int) float64 {
	if b == 0 {
		return 1
	}
	return float64(a) / float64(b)
}

// LabelledRules are the twelve rules that dialogues are labelled with; the first six are the core.
var LabelledRules = []string{
	"threat", "impersonation", "unauthorized_waiver", "third_party_disclosure", "missing_opening", "missing_closing",
	"insult", "private_payment", "cash_out_inducement", "incite_complaint", "private_channel", "deception",
}

const coreRules = 6

// Quality compares findings with labels: per dialogue (was the rule found in it at all?) and per utterance
// (does the finding point at the very one?). Only LabelledRules count, and no doubtful or shadow findings.
type Quality struct {
	Dialogues, Clean, CleanFlagged int
	Call, Evidence                 map[string]*Counts
	Errors                         []QualityError
}

// QualityError is one disagreement between findings and labels.
type QualityError struct {
	Dialogue, Rule string
	Turn           int
	Missed         bool // labelled and not found; else found and not labelled
	Finding        *Finding
	Label          *Label
}

// NewQuality returns empty counts.
func NewQuality() *Quality {
	q := &Quality{Call: map[string]*Counts{}, Evidence: map[string]*Counts{}}
	for _, r := range LabelledRules {
		q.Call[r], q.Evidence[r] = &Counts{}, &Counts{}
	}
	return q
}

// Add counts one dialogue.
func (q *Quality) Add(d *Dialogue, res Result) {
	type place struct {
		rule string
		turn int
	}
	want, have := map[place]*Label{}, map[place]*Finding{}
	wantRule, haveRule := map[string]bool{}, map[string]bool{}
	for i := range d.Labels {
		l := &d.Labels[i]
		want[place{l.Rule, l.Turn}] = l
		wantRule[l.Rule] = true
	}
	for i := range res.Findings {
		f := &res.Findings[i]
		if q.Call[f.Rule] == nil || f.Doubtful || f.Shadow {
			continue
		}
		have[place{f.Rule, f.Turn}] = f
		haveRule[f.Rule] = true
	}
	q.Dialogues++
	if len(d.Labels) == 0 {
		q.Clean++
		if len(have) > 0 {
			q.CleanFlagged++
		}
	}
	for _, r := range LabelledRules {
		q.Call[r].count(wantRule[r], haveRule[r])
	}
	for p, l := range want {
		if q.Evidence[p.rule] == nil {
			continue
		}
		f := have[p]
		q.Evidence[p.rule].count(true, f != nil)
		if f == nil {
			q.Errors = append(q.Errors, QualityError{Dialogue: d.ID, Rule: p.rule, Turn: p.turn, Missed: true, Label: l})
		}
	}
	for p, f := range have {
		if want[p] == nil {
			q.Evidence[p.rule].count(false, true)
			q.Errors = append(q.Errors, QualityError{Dialogue: d.ID, Rule: p.rule, Turn: p.turn, Finding: f})
		}
	}
}

func (c *Counts) count(want, have bool) {
	switch {
	case want && have:
		c.TP++
	case have:
		c.FP++
	case want:
		c.FN++
	}
}

// MacroF1 is the mean F1 over the rules that have labels: all of them, and the core alone.
func (q *Quality) MacroF1(level map[string]*Counts) (all, core float64) {
	n, nCore := 0, 0
	for i, r := range LabelledRules {
		c := level[r]
		if c.TP+c.FN == 0 {
			continue
		}
		all += c.F1()
		n++
		if i < coreRules {
			core += c.F1()
			nCore++
		}
	}
	return all / float64(max(n, 1)), core / float64(max(nCore, 1))
}

// Total adds a level up over the rules.
func (q *Quality) Total(level map[string]*Counts) Counts {
	var t Counts
	for _, r := range LabelledRules {
		t.TP, t.FP, t.FN = t.TP+level[r].TP, t.FP+level[r].FP, t.FN+level[r].FN
	}
	return t
}

// Write prints the table.
func (q *Quality) Write(w io.Writer) {
	fmt.Fprintf(w, "%-24s %7s %6s %6s   %7s %6s %6s   tp/fp/fn (call)\n", "rule", "call P", "R", "F1", "evid. P", "R", "F1")
	for _, r := range LabelledRules {
		c, e := q.Call[r], q.Evidence[r]
		fmt.Fprintf(w, "%-24s %7.2f %6.2f %6.2f   %7.2f %6.2f %6.2f   %d/%d/%d\n", r, c.Precision(), c.Recall(), c.F1(),
			e.Precision(), e.Recall(), e.F1(), c.TP, c.FP, c.FN)
	}
	for _, l := range []struct {
		name  string
		level map[string]*Counts
	}{{"call", q.Call}, {"evidence", q.Evidence}} {
		t := q.Total(l.level)
		all, core := q.MacroF1(l.level)
		fmt.Fprintf(w, "%s: precision %.3f recall %.3f f1 %.3f macro-f1 %.3f core-f1 %.3f\n", l.name, t.Precision(), t.Recall(), t.F1(), all, core)
	}
	fmt.Fprintf(w, "clean dialogues flagged: %d of %d\n", q.CleanFlagged, q.Clean)
}

// SortErrors orders the disagreements by rule, dialogue and utterance.
func (q *Quality) SortErrors() {
	sort.Slice(q.Errors, func(i, j int) bool {
		a, b := &q.Errors[i], &q.Errors[j]
		if a.Rule != b.Rule {
			return a.Rule < b.Rule
		}
		if a.Dialogue != b.Dialogue {
			return a.Dialogue < b.Dialogue
		}
		return a.Turn < b.Turn
	})
}
