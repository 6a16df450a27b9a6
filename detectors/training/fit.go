package training

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/speechqa/speechqa/detectors"
)

// Options are the hyper-parameters, chosen by cross-validation by dialogue (docs/quality.md).
type Options struct {
	Epochs    int     // passes over the data
	Rate      float64 // step size
	L2        float64 // pull of the weights towards those of the prior, or towards zero
	PosCost   float64 // weight of a violation against that of a compliant utterance
	MinSeen   int     // utterances a feature must occur in, unless the prior knows it
	MinWeight float64 // smallest weight worth keeping
}

// Defaults are the options that the program's own model is made with.
var Defaults = Options{Epochs: 50, Rate: 0.25, L2: 3e-3, PosCost: 3, MinSeen: 2, MinWeight: 0.3}

// Fit learns from the samples, but for those of groups that are held out; nil holds out none. Rules for which learn
// gives false stay as the prior has them; nil learns all.
func (c *Corpus) Fit(o Options, heldOut func(group int) bool, learn func(rule string) bool) *Model {
	var train []sample
	seen := make([]int, len(c.names))
	for _, s := range c.samples {
		if heldOut != nil && s.group != Single && heldOut(s.group) {
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
			if seen[f] >= o.MinSeen || c.row[f] >= 0 {
				known = append(known, f)
			}
		}
		s.features = known
	}
	m := &Model{corpus: c, options: o, bias: make([]float64, len(c.rules)), weights: make([][]float64, len(c.rules))}
	var wait sync.WaitGroup
	for k, rule := range c.rules {
		bias, towards, w := c.start(k)
		m.bias[k], m.weights[k] = bias, w
		if learn == nil || learn(rule) {
			wait.Go(func() { m.bias[k] = o.fitRule(train, lengths, rule, bias, towards, w) })
		}
	}
	wait.Wait()
	return m
}

// start is where a rule's bias and weights begin: those of the prior; and what the bias is pulled towards.
func (c *Corpus) start(k int) (bias, towards float64, w []float64) {
	w = make([]float64, len(c.names))
	if c.prior == nil {
		return -2, 0, w
	}
	for f, row := range c.row {
		if row >= 0 {
			w[f] = float64(c.prior.Weights(row)[k])
		}
	}
	bias = float64(c.prior.Bias[k])
	return bias, bias, w
}

// fitRule is logistic regression by AdaGrad that changes w in place and gives the bias; the pull is towards where w
// began. Lengths are normalised so that long utterances don't shout.
func (o Options) fitRule(samples []sample, lengths []float64, rule string, bias, towards float64, w []float64) float64 {
	w0, g := slices.Clone(w), make([]float64, len(w))
	biasG := 0.0
	rng := rand.New(rand.NewPCG(20261124, 7))
	order := make([]int, 0, len(samples))
	for i := range samples {
		if samples[i].labels.of(rule) != Unknown {
			order = append(order, i)
		}
	}
	for range o.Epochs {
		rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, i := range order {
			s := &samples[i]
			y := 0.0
			if s.labels.of(rule) == Yes {
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
				d *= o.PosCost
			}
			if math.Abs(d) < 1e-4 {
				continue
			}
			step := func(w, g *float64, w0, x float64) {
				grad := d*x + o.L2*(*w-w0)
				*g += grad * grad
				*w -= o.Rate * grad / math.Sqrt(*g+1e-8)
			}
			step(&bias, &biasG, towards, 1)
			for _, f := range s.features {
				step(&w[f], &g[f], w0[f], scale)
			}
		}
	}
	return bias
}
