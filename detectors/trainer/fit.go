package main

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"strings"
	"sync"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/lexicon"
)

// Hyper-parameters, chosen by cross-validation by dialogue.
var (
	epochs    = flag.Int("epochs", 50, "passes over the data")
	rate      = flag.Float64("rate", 0.25, "step size")
	l2        = flag.Float64("l2", 3e-3, "pull of the weights towards zero")
	posCost   = flag.Float64("pos", 3, "weight of a violation against that of a compliant utterance")
	minSeen   = flag.Int("seen", 2, "utterances a feature must occur in")
	minWeight = flag.Float64("min", 0.3, "smallest weight worth keeping")
)

// model has a bias and a weight per feature for every rule.
type model struct {
	names   []string
	bias    []float64
	weights [][]float64 // rule → feature
}

// fit learns from the samples, but for those of dialogues that are held out.
func (c *corpus) fit(heldOut func(dialogue int) bool) *model {
	var train []sample
	seen := make([]int, len(c.names))
	for _, s := range c.samples {
		if heldOut != nil && s.dialogue >= 0 && heldOut(s.dialogue) {
			continue
		}
		train = append(train, s)
		for _, f := range s.features {
			seen[f]++
		}
	}
	// Features too rare to learn from only lengthen an utterance.
	lengths := make([]float64, len(train))
	for i := range train {
		s := &train[i]
		lengths[i] = detectors.ModelScale(len(s.features))
		known := make([]int32, 0, len(s.features))
		for _, f := range s.features {
			if seen[f] >= *minSeen {
				known = append(known, f)
			}
		}
		s.features = known
	}
	m := &model{names: c.names, bias: make([]float64, len(modelRules)), weights: make([][]float64, len(modelRules))}
	var wait sync.WaitGroup
	for k, rule := range modelRules {
		wait.Go(func() { m.bias[k], m.weights[k] = fitRule(train, lengths, len(c.names), rule) })
	}
	wait.Wait()
	return m
}

// fitRule is logistic regression by AdaGrad; lengths are normalised so that long utterances don't shout.
func fitRule(samples []sample, lengths []float64, features int, rule string) (bias float64, w []float64) {
	w, g := make([]float64, features), make([]float64, features)
	bias = -2
	biasG := 0.0
	rng := rand.New(rand.NewPCG(20261124, 7))
	order := make([]int, len(samples))
	for i := range order {
		order[i] = i
	}
	for range *epochs {
		rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, i := range order {
			s := &samples[i]
			y := 0.0
			if s.labels[rule] {
				y = 1
			}
			scale := lengths[i]
			z := 0.0
			for _, f := range s.features {
				z += w[f]
			}
			z = bias + z*scale
			d := 1/(1+math.Exp(-z)) - y
			if y == 1 {
				d *= *posCost
			}
			if math.Abs(d) < 1e-4 {
				continue
			}
			step := func(w, g *float64, x float64) {
				grad := d*x + *l2**w
				*g += grad * grad
				*w -= *rate * grad / math.Sqrt(*g+1e-8)
			}
			step(&bias, &biasG, 1)
			for _, f := range s.features {
				step(&w[f], &g[f], scale)
			}
		}
	}
	return bias, w
}

// text is the model as its file holds it: features that matter, those that say most first.
func (m *model) text() string {
	type row struct {
		name string
		w    []int
		most float64
	}
	var rows []row
	for f, name := range m.names {
		r := row{name: name, w: make([]int, len(modelRules))}
		last := 0
		for k := range modelRules {
			if w := m.weights[k][f]; math.Abs(w) >= *minWeight {
				r.w[k] = int(math.Round(w / lexicon.WeightUnit))
				r.most = max(r.most, math.Abs(w))
				last = k + 1
			}
		}
		if r.w = r.w[:last]; last > 0 {
			rows = append(rows, r)
		}
	}
	sort.Slice(rows, func(i, j int) bool {
		if rows[i].most != rows[j].most {
			return rows[i].most > rows[j].most
		}
		return rows[i].name < rows[j].name
	})
	var b strings.Builder
	b.WriteString("# linear model over characters, sounds and word lists; made by detectors/trainer, do not edit\n")
	for k, rule := range modelRules {
		fmt.Fprintf(&b, "rule %s %.4f\n", rule, m.bias[k])
	}
	for _, r := range rows {
		b.WriteString(r.name)
		for _, w := range r.w {
			fmt.Fprintf(&b, " %d", w)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
