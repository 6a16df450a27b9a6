package rulework

import (
	"cmp"
	"slices"

	"github.com/speechqa/speechqa/detectors"
)

// Kinds of differences between two rulesets' findings in a conversation.
const (
	Found   = "found"   // only the new rules find it
	Lost    = "lost"    // only the old rules found it
	Changed = "changed" // both do, with another quote, severity or certainty
)

// Difference is one finding that a change of the rules makes, loses or changes.
type Difference struct {
	Kind      string            `json:"kind"`
	Recording string            `json:"recording"`
	Agent     string            `json:"agent,omitempty"`
	Rule      string            `json:"rule"`
	Turn      int               `json:"turn"`
	Start     float64           `json:"start"`
	Quote     string            `json:"quote"`
	Before    string            `json:"before,omitempty"` // the old quote of a changed one
	Why       string            `json:"why"`
	Because   string            `json:"because,omitempty"` // of a lost one: the exception that excuses it now
	Verdict   string            `json:"verdict,omitempty"` // what people decided: confirmed or overturned
	Key       string            `json:"key"`
	Finding   detectors.Finding `json:"-"`
}

// RuleTally counts one rule, or one agent, in both rulesets. Confirmed and overturned are findings that people judged.
type RuleTally struct {
	Old           int `json:"old"` // findings
	New           int `json:"new"`
	Found         int `json:"found"`
	Lost          int `json:"lost"`
	Changed       int `json:"changed"`
	OldConfirmed  int `json:"old_confirmed"`
	OldOverturned int `json:"old_overturned"`
	NewConfirmed  int `json:"new_confirmed"`
	NewOverturned int `json:"new_overturned"`
	// Confirmed is everything people confirmed or added, whether a ruleset finds it or not: the recall's denominator.
	Confirmed       int `json:"confirmed"`
	LostConfirmed   int `json:"lost_confirmed"`
	LostOverturned  int `json:"lost_overturned"`
	FoundConfirmed  int `json:"found_confirmed"`
	FoundOverturned int `json:"found_overturned"`
}

func (t *RuleTally) add(o *RuleTally) {
	t.Old, t.New = t.Old+o.Old, t.New+o.New
	t.Found, t.Lost, t.Changed = t.Found+o.Found, t.Lost+o.Lost, t.Changed+o.Changed
	t.OldConfirmed, t.OldOverturned = t.OldConfirmed+o.OldConfirmed, t.OldOverturned+o.OldOverturned
	t.NewConfirmed, t.NewOverturned = t.NewConfirmed+o.NewConfirmed, t.NewOverturned+o.NewOverturned
	t.Confirmed += o.Confirmed
	t.LostConfirmed, t.LostOverturned = t.LostConfirmed+o.LostConfirmed, t.LostOverturned+o.LostOverturned
	t.FoundConfirmed, t.FoundOverturned = t.FoundConfirmed+o.FoundConfirmed, t.FoundOverturned+o.FoundOverturned
}

// Share is a proportion with its 95 % interval.
type Share struct {
	K, N      int
	Low, High float64
}

// Value is the share, 0 where nothing was counted.
func (s Share) Value() float64 {
	if s.N == 0 {
		return 0
	}
	return float64(s.K) / float64(s.N)
}

// ShareOf makes a share of k in n.
func ShareOf(k, n int) Share {
	low, high := Wilson(k, n)
	return Share{k, n, low, high}
}

// OldPrecision and NewPrecision are of findings that people have judged.
func (t *RuleTally) OldPrecision() Share {
	return ShareOf(t.OldConfirmed, t.OldConfirmed+t.OldOverturned)
}

// NewPrecision: see OldPrecision.
func (t *RuleTally) NewPrecision() Share {
	return ShareOf(t.NewConfirmed, t.NewConfirmed+t.NewOverturned)
}

// OldRecall and NewRecall are of what people have confirmed or added. They say nothing of what nobody has seen: they are
// no estimate of recall, but they show when it falls.
func (t *RuleTally) OldRecall() Share { return ShareOf(t.OldConfirmed, t.Confirmed) }

// NewRecall: see OldRecall.
func (t *RuleTally) NewRecall() Share { return ShareOf(t.NewConfirmed, t.Confirmed) }

// AgentTally is what a change means for an agent: all rules' findings in his calls together.
type AgentTally struct {
	Calls      int `json:"calls"`
	OldFlagged int `json:"old_flagged"` // calls with a certain finding
	NewFlagged int `json:"new_flagged"`
	RuleTally
}

// Tally is the outcome of a back-test so far. Tallies of parts can be added.
type Tally struct {
	Calls       int                    `json:"calls"`
	Differ      int                    `json:"differ"` // calls with a difference
	ScoreFalls  int                    `json:"score_falls"`
	ScoreRises  int                    `json:"score_rises"`
	Rules       map[string]*RuleTally  `json:"rules"`
	Agents      map[string]*AgentTally `json:"agents"`
	Differences []Difference           `json:"differences"` // the first of every rule and kind
}

// maxDifferences is how many differences of each rule and kind are kept to be read; all are counted.
const maxDifferences = 50

// NewTally is one without anything.
func NewTally() *Tally {
	return &Tally{Rules: map[string]*RuleTally{}, Agents: map[string]*AgentTally{}}
}

func (t *Tally) rule(id string) *RuleTally {
	r := t.Rules[id]
	if r == nil {
		r = &RuleTally{}
		t.Rules[id] = r
	}
	return r
}

func (t *Tally) agent(id string) *AgentTally {
	a := t.Agents[id]
	if a == nil {
		a = &AgentTally{}
		t.Agents[id] = a
	}
	return a
}

// Add adds another part's outcome.
func (t *Tally) Add(o *Tally) {
	t.Calls, t.Differ = t.Calls+o.Calls, t.Differ+o.Differ
	t.ScoreFalls, t.ScoreRises = t.ScoreFalls+o.ScoreFalls, t.ScoreRises+o.ScoreRises
	for id, r := range o.Rules {
		t.rule(id).add(r)
	}
	for id, a := range o.Agents {
		b := t.agent(id)
		b.Calls, b.OldFlagged, b.NewFlagged = b.Calls+a.Calls, b.OldFlagged+a.OldFlagged, b.NewFlagged+a.NewFlagged
		b.add(&a.RuleTally)
	}
	t.Differences = append(t.Differences, o.Differences...)
	t.trim()
}

// trim keeps the differences that matter: those people have judged first, then by recording, so that the result does not
// depend on who counted what.
func (t *Tally) trim() {
	slices.SortStableFunc(t.Differences, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Kind, b.Kind), cmp.Compare(judgedFirst(a), judgedFirst(b)),
			cmp.Compare(a.Recording, b.Recording), cmp.Compare(a.Turn, b.Turn), cmp.Compare(a.Key, b.Key))
	})
	type group struct{ rule, kind string }
	seen := map[group]int{}
	t.Differences = slices.DeleteFunc(t.Differences, func(d Difference) bool {
		g := group{d.Rule, d.Kind}
		seen[g]++
		return seen[g] > maxDifferences
	})
}

func judgedFirst(d Difference) int {
	if d.Verdict != "" {
		return 0
	}
	return 1
}

// Total is all rules together.
func (t *Tally) Total() RuleTally {
	var sum RuleTally
	for _, r := range t.Rules {
		sum.add(r)
	}
	return sum
}

// ChangedAgents are at most limit agents with differences, those with the most first.
func (t *Tally) ChangedAgents(limit int) []string {
	var ids []string
	for id, a := range t.Agents {
		if a.Found+a.Lost+a.Changed > 0 {
			ids = append(ids, id)
		}
	}
	differences := func(id string) int { a := t.Agents[id]; return a.Found + a.Lost + a.Changed }
	slices.SortFunc(ids, func(a, b string) int {
		return cmp.Or(cmp.Compare(differences(b), differences(a)), cmp.Compare(a, b))
	})
	return ids[:min(len(ids), limit)]
}

// RuleIDs are the rules in order.
func (t *Tally) RuleIDs() []string {
	out := make([]string, 0, len(t.Rules))
	for id := range t.Rules {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}
