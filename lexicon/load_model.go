package lexicon

import (
	"fmt"
	"strconv"
	"strings"
)

// Model is a linear model over hashed features of an utterance, one weight per feature and rule; see detectors/trainer.
type Model struct {
	Rules []string
	Bias  []float32 // by rule

	keys    []uint64  // hash table of features; 0 = free
	rows    []int32   // beside keys
	weights []float32 // row by row, a weight for every rule
	names   []string  // by row
}

// Row finds a feature; false where it has no weight for any rule.
func (m *Model) Row(feature uint64) (row int32, ok bool) {
	if len(m.keys) == 0 {
		return 0, false
	}
	mask := uint64(len(m.keys) - 1)
	for i := feature & mask; m.keys[i] != 0; i = (i + 1) & mask {
		if m.keys[i] == feature {
			return m.rows[i], true
		}
	}
	return 0, false
}

// Weights are the weights of a row, by rule. Callers must not change them.
func (m *Model) Weights(row int32) []float32 {
	n := len(m.Rules)
	return m.weights[int(row)*n : (int(row)+1)*n]
}

// Name is the feature of a row in words.
func (m *Model) Name(row int32) string { return m.names[row] }

// ModelUse says what the model may do for a rule. Zero means never.
type ModelUse struct {
	Propose float64 // from this probability on an utterance is a finding though no pattern matches
	Confirm float64 // below this probability a pattern's match is only doubtful
}

// model reads model.txt; a ruleset without one works by its patterns alone.
func (l *loader) model() {
	data, ok := l.files["model.txt"]
	if !ok {
		return
	}
	r := l.nodes("model.txt")
	text := string(data)
	m := &Model{}
	// The number of rules is the length of a row.
	rules := strings.Count("\n"+text, "\nrule ")
	m.resize(1024)
	rule := -1
	for n := 1; text != ""; n++ {
		line, rest, _ := strings.Cut(text, "\n")
		text = rest
		if line == "" || line[0] == '#' {
			continue
		}
		if rest, ok := strings.CutPrefix(line, "rule "); ok {
			id, bias, _ := strings.Cut(rest, " ")
			v, err := strconv.ParseFloat(bias, 32)
			if err != nil {
				r.errorf(n, "bias of rule %q: %v", id, err)
				continue
			}
			m.Rules, m.Bias = append(m.Rules, id), append(m.Bias, float32(v))
			rule++
			continue
		}
		if err := m.weight(line, rule, rules); err != nil {
			r.errorf(n, "%v", err)
		}
	}
	if len(m.Rules) != rules {
		return // reported above
	}
	l.rs.Model = m
}

func (m *Model) weight(line string, rule, rules int) error {
	hash, rest, _ := strings.Cut(line, " ")
	value, name, _ := strings.Cut(rest, " ")
	f, err := strconv.ParseUint(hash, 16, 64)
	if err != nil {
		return fmt.Errorf("feature: %w", err)
	}
	v, err := strconv.ParseFloat(value, 32)
	if err != nil {
		return fmt.Errorf("weight: %w", err)
	}
	if rule < 0 {
		return fmt.Errorf("a weight before the first rule")
	}
	if f == 0 {
		return fmt.Errorf("feature 0 is the bias and stands in the rule's line")
	}
	row, ok := m.Row(f)
	if !ok {
		row = m.add(f, rules)
		m.names = append(m.names, name)
	}
	m.weights[int(row)*rules+rule] += float32(v)
	return nil
}

// add gives a new feature a row of zeros.
func (m *Model) add(f uint64, rules int) int32 {
	row := int32(len(m.names))
	if 2*int(row) >= len(m.keys) {
		m.resize(2 * len(m.keys))
	}
	m.put(f, row)
	m.weights = append(m.weights, make([]float32, rules)...)
	return row
}

func (m *Model) put(f uint64, row int32) {
	mask := uint64(len(m.keys) - 1)
	i := f & mask
	for m.keys[i] != 0 {
		i = (i + 1) & mask
	}
	m.keys[i], m.rows[i] = f, row
}

// resize gives the hash table so many places, a power of two.
func (m *Model) resize(places int) {
	keys, rows := m.keys, m.rows
	m.keys, m.rows = make([]uint64, places), make([]int32, places)
	for i, f := range keys {
		if f != 0 {
			m.put(f, rows[i])
		}
	}
}
