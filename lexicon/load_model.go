package lexicon

import (
	"fmt"
	"strconv"
	"strings"
)

// Model is a linear model over hashed features of an utterance, one weight vector per rule; see detectors/trainer.
type Model struct {
	Rules   []string
	Bias    []float32
	Weights map[uint64][]Weight
	Names   map[uint64]string
}

// Weight is one rule's weight of a feature.
type Weight struct {
	Rule  int32 // index in Model.Rules
	Value float32
}

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
	m := &Model{Weights: map[uint64][]Weight{}, Names: map[uint64]string{}}
	for i, line := range strings.Split(string(data), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		if rest, ok := strings.CutPrefix(line, "rule "); ok {
			id, bias, _ := strings.Cut(rest, " ")
			v, err := strconv.ParseFloat(bias, 32)
			if err != nil {
				r.errorf(i+1, "bias of rule %q: %v", id, err)
				continue
			}
			m.Rules, m.Bias = append(m.Rules, id), append(m.Bias, float32(v))
			continue
		}
		if err := m.weight(line); err != nil {
			r.errorf(i+1, "%v", err)
		}
	}
	l.rs.Model = m
}

func (m *Model) weight(line string) error {
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
	if len(m.Rules) == 0 {
		return fmt.Errorf("a weight before the first rule")
	}
	m.Weights[f] = append(m.Weights[f], Weight{Rule: int32(len(m.Rules) - 1), Value: float32(v)})
	m.Names[f] = name
	return nil
}
