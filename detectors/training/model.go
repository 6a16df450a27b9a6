package training

import (
	"fmt"
	"math"
	"sort"
	"strings"

	"github.com/speechqa/speechqa/lexicon"
)

// Model is what was learnt: a bias and a weight per feature for every rule.
type Model struct {
	corpus  *Corpus
	options Options
	bias    []float64
	weights [][]float64 // rule → feature
}

// row is one feature's line.
type row struct {
	name string
	w    []int // by rule, in lexicon.WeightUnit
	most float64
}

// Text is the model as its file holds it: features that matter, those that say most first.
func (m *Model) Text() string {
	rows := m.rows()
	sort.Slice(rows, func(i, j int) bool {
		if rows[i].most != rows[j].most {
			return rows[i].most > rows[j].most
		}
		return rows[i].name < rows[j].name
	})
	var b strings.Builder
	b.WriteString("# linear model over characters, sounds and word lists; made by detectors/trainer, do not edit\n")
	for k, rule := range m.corpus.rules {
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

// rows are the features of the corpus, and those that only the prior knows.
func (m *Model) rows() []row {
	var rows []row
	for f, name := range m.corpus.names {
		rows = m.append(rows, name, func(k int) float64 { return m.weights[k][f] })
	}
	prior := m.corpus.prior
	if prior == nil {
		return rows
	}
	seen := make([]bool, prior.Rows())
	for _, r := range m.corpus.row {
		if r >= 0 {
			seen[r] = true
		}
	}
	for r := range int32(prior.Rows()) {
		if !seen[r] {
			w := prior.Weights(r)
			rows = m.append(rows, prior.Name(r), func(k int) float64 { return float64(w[k]) })
		}
	}
	return rows
}

// append adds a feature's line, unless no weight of it is worth keeping.
func (m *Model) append(rows []row, name string, weight func(k int) float64) []row {
	n := len(m.corpus.rules)
	r := row{name: name, w: make([]int, n)}
	last := 0
	for k := range n {
		// A weight read from a file is a multiple of the unit only nearly.
		if w := weight(k); math.Abs(w) >= m.options.MinWeight-1e-6 {
			r.w[k] = int(math.Round(w / lexicon.WeightUnit))
			r.most = max(r.most, math.Abs(w))
			last = k + 1
		}
	}
	if last == 0 {
		return rows
	}
	r.w = r.w[:last]
	return append(rows, r)
}
