package rulework

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/detectors/training"
	"github.com/speechqa/speechqa/lexicon"
)

// RetrainOptions say how the statistical model learns from decisions.
type RetrainOptions struct {
	Folds     int // of the cross-validation, by recording; at least 2
	MinJudged int // a rule with fewer judged findings keeps its weights
}

// Retrained is a ruleset whose model has learnt from decisions.
type Retrained struct {
	Files map[string][]byte // all of them; only the model differs
	// Figures compare, by rule, the old model with the new one over judged findings: every recording is judged by a model
	// that was fitted without its fold. Only certain findings count, for doubtful ones cost an agent nothing.
	Figures map[string]*RuleTally
	Learnt  []string       // rules whose weights have changed
	Judged  map[string]int // judged findings by rule, whether enough or not
	Calls   int            // recordings with decisions
	Samples int            // utterances learnt from
}

// F1 is the harmonic mean of precision and recall of what people have judged, before and after, over the rules learnt.
func (r *Retrained) F1() (before, after float64) {
	var sum RuleTally
	for _, id := range r.Learnt {
		if t := r.Figures[id]; t != nil {
			sum.add(t)
		}
	}
	return harmonic(sum.OldPrecision(), sum.OldRecall()), harmonic(sum.NewPrecision(), sum.NewRecall())
}

func harmonic(p, r Share) float64 {
	if p.K == 0 || r.K == 0 {
		return 0
	}
	return 2 * p.Value() * r.Value() / (p.Value() + r.Value())
}

// ErrNoModel and ErrFewDecisions say why there is nothing to learn.
var (
	ErrNoModel      = errors.New("the ruleset has no statistical model (model.txt): its patterns work alone")
	ErrFewDecisions = errors.New("no rule of the model has enough judged findings to learn from")
)

// Retrain has the model of a ruleset learn from what people decided. It departs from the weights that are there no
// further than the decisions and the rules' own examples make it: a confirmed or added finding is a violation, an
// overturned one is none, and where everything found in a recording was judged, its other utterances are none either.
func Retrain(files map[string][]byte, cases []Case, o RetrainOptions) (*Retrained, error) {
	rs, err := lexicon.LoadFiles(files)
	if err != nil {
		return nil, fmt.Errorf("the ruleset has errors:\n%w", err)
	}
	if rs.Model == nil || len(rs.Model.Rules) == 0 {
		return nil, ErrNoModel
	}
	engine, err := detectors.New(rs)
	if err != nil {
		return nil, err
	}
	l := &learner{rs: rs, engine: engine, corpus: training.NewCorpus(engine, rs.Model.Rules, rs.Model), out: &Retrained{Figures: map[string]*RuleTally{}, Judged: map[string]int{}}}
	if err := l.examples(); err != nil {
		return nil, err
	}
	var judged []Case
	for _, c := range cases {
		if len(c.Judged) > 0 {
			l.decisions(len(judged), c)
			judged = append(judged, c)
		}
	}
	for _, rule := range rs.Model.Rules {
		if l.out.Judged[rule] >= max(o.MinJudged, 1) {
			l.out.Learnt = append(l.out.Learnt, rule)
		}
	}
	l.out.Calls, l.out.Samples = len(judged), l.corpus.Len()
	if len(l.out.Learnt) == 0 {
		return l.out, ErrFewDecisions
	}
	if err := l.crossValidate(judged, o.Folds); err != nil {
		return nil, err
	}
	l.out.Files = maps.Clone(files)
	l.out.Files["model.txt"] = []byte(l.fit(nil))
	return l.out, nil
}

type learner struct {
	rs     *lexicon.Ruleset
	engine *detectors.Engine
	corpus *training.Corpus
	out    *Retrained
}

// examples are learnt from, too, so that the model does not forget what its rules say of themselves.
func (l *learner) examples() error {
	for i := range l.rs.Rules {
		r := &l.rs.Rules[i]
		if l.engine.Judges(r.ID) {
			for k := range r.Flag {
				if err := l.example(r, &r.Flag[k]); err != nil {
					return err
				}
			}
			for k := range r.Pass {
				if err := l.example(r, &r.Pass[k]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// example adds an example: of other rules it says nothing.
func (l *learner) example(r *lexicon.Rule, ex *lexicon.Example) error {
	conv, err := detectors.ExampleConversation(r, ex)
	if err != nil {
		return fmt.Errorf("%s:%d: %w", ex.File, ex.LineNo, err)
	}
	l.corpus.Add(training.Single, conv, func(u int) (training.Labels, bool) {
		label := training.No
		if ex.IsFlag {
			// Without a quote nobody knows which of several sentences is meant.
			if ex.Quote == "" && len(conv.Utterances) > 1 || !strings.Contains(conv.Utterances[u].Text, ex.Quote) {
				return training.Labels{}, false
			}
			label = training.Yes
		}
		return training.Labels{ByRule: map[string]training.Label{r.ID: label}, Others: training.Unknown}, true
	})
	return nil
}

// decisions adds a recording with what people decided about it.
func (l *learner) decisions(group int, c Case) {
	byTurn := map[int]map[string]training.Label{}
	set := func(turn int, rule string, label training.Label) {
		if byTurn[turn] == nil {
			byTurn[turn] = map[string]training.Label{}
		}
		// Two findings of a rule in one utterance: one confirmed makes the utterance a violation.
		if byTurn[turn][rule] != training.Yes {
			byTurn[turn][rule] = label
		}
	}
	for _, j := range c.Judged {
		if j.Turn < 0 || !l.engine.Judges(j.Rule) {
			continue
		}
		l.out.Judged[j.Rule]++
		label := training.No
		if j.Confirmed {
			label = training.Yes
		}
		set(j.Turn, j.Rule, label)
	}
	others := training.No
	for _, f := range l.engine.Inspect(c.Conversation).Findings {
		if f.Turn < 0 || f.Shadow {
			continue
		}
		if _, judged := byTurn[f.Turn][f.Rule]; !judged && l.engine.Judges(f.Rule) {
			others = training.Unknown // nobody has been through all of this recording yet
			set(f.Turn, f.Rule, training.Unknown)
		}
	}
	l.corpus.Add(group, c.Conversation, func(u int) (training.Labels, bool) {
		labels := training.Labels{ByRule: byTurn[u], Others: others}
		return labels, len(byTurn[u]) > 0 || others == training.No
	})
}

// fit is the model's file, learnt without the groups held out.
func (l *learner) fit(heldOut func(group int) bool) string {
	return l.corpus.Fit(training.Defaults, heldOut, func(rule string) bool { return slices.Contains(l.out.Learnt, rule) }).Text()
}

// crossValidate has every recording judged by a model that has not seen it.
func (l *learner) crossValidate(cases []Case, folds int) error {
	folds = min(max(folds, 2), len(cases))
	if folds < 2 {
		return ErrFewDecisions
	}
	for fold := range folds {
		model, errs := lexicon.ParseModel(l.fit(func(group int) bool { return group%folds == fold }))
		if len(errs) > 0 {
			return fmt.Errorf("model written wrongly, line %d: %s", errs[0].Line, errs[0].Text)
		}
		rs := *l.rs
		rs.Model = model
		now, err := detectors.New(&rs)
		if err != nil {
			return err
		}
		for i, c := range cases {
			if i%folds == fold {
				l.count(c, l.engine.Inspect(c.Conversation).Findings, now.Inspect(c.Conversation).Findings)
			}
		}
	}
	return nil
}

// count adds how both models do with what people judged in a recording.
func (l *learner) count(c Case, old, now []detectors.Finding) {
	for _, j := range c.Judged {
		if j.Turn < 0 || !l.engine.Judges(j.Rule) {
			continue
		}
		t := l.out.Figures[j.Rule]
		if t == nil {
			t = &RuleTally{}
			l.out.Figures[j.Rule] = t
		}
		before, after := certain(old, j), certain(now, j)
		if j.Confirmed {
			t.Confirmed++
			t.OldConfirmed += one(before)
			t.NewConfirmed += one(after)
		} else {
			t.OldOverturned += one(before)
			t.NewOverturned += one(after)
		}
	}
}

// certain says whether the finding that was judged is among these, and not as a doubtful one.
func certain(fs []detectors.Finding, j Judged) bool {
	return slices.ContainsFunc(fs, func(f detectors.Finding) bool {
		return f.Rule == j.Rule && (f.Key == j.Key || f.Turn == j.Turn) && !f.Doubtful && !f.Shadow
	})
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}
