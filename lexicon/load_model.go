package lexicon

import (
	"fmt"
	"strconv"
	"strings"
)

// Model is a linear model over features of an utterance, one weight per feature and rule; see detectors/trainer.
type Model struct {
	Rules []string
	Bias  []float32 // by rule

	keys    []Feature // hash table of features; 0 = free
	rows    []int32   // beside keys
	weights []float32 // row by row, a weight for every rule, filled up to whole cache lines
	names   []string  // by row
}

// Row finds a feature; false where it has no weight for any rule.
func (m *Model) Row(f Feature) (row int32, ok bool) {
	if len(m.keys) == 0 {
		return 0, false
	}
	mask := Feature(len(m.keys) - 1)
	for i := f & mask; m.keys[i] != 0; i = (i + 1) & mask {
		if m.keys[i] == f {
			return m.rows[i], true
		}
	}
	return 0, false
}

// Weights are the weights of a row, by rule. Callers must not change them.
func (m *Model) Weights(row int32) []float32 {
	from := int(row) * m.stride()
	return m.weights[from:][:len(m.Rules):len(m.Rules)]
}

// stride is how far the weights of two rows lie apart: a row begins with a cache line of 64 bytes.
func (m *Model) stride() int { return (len(m.Rules) + 15) &^ 15 }

// Rows is how many features have weights.
func (m *Model) Rows() int { return len(m.names) }

// Name is the feature of a row in words.
func (m *Model) Name(row int32) string { return m.names[row] }

// Feature is the feature of a row.
func (m *Model) Feature(row int32) Feature {
	f, err := featureOf(m.names[row])
	if err != nil {
		panic(err) // add has seen it
	}
	return f
}

// ModelUse says what the model may do for a rule. Zero means never.
type ModelUse struct {
	Propose float64      // from this probability on an utterance is a finding though no pattern matches
	Confirm float64      // below this probability a pattern's match is only doubtful
	Unless  []*Exception // that keep it from proposing, besides those of the rule that look at the sentence or utterance
}

// WeightUnit is what the whole numbers in a model's file count.
const WeightUnit = 0.1

// model reads model.txt; a ruleset without one works by its patterns alone.
func (l *loader) model() {
	data, ok := l.files["model.txt"]
	if !ok {
		return
	}
	r := l.nodes("model.txt")
	m, errs := ParseModel(string(data))
	for _, e := range errs {
		r.errorf(e.Line, "%s", e.Text)
	}
	if len(errs) == 0 {
		l.rs.Model = m
	}
}

// ModelError is a line of a model's file that cannot be read.
type ModelError struct {
	Line int
	Text string
}

// ParseModel reads a model: a line "rule ID BIAS" for every rule, then a line for every feature with its name and its
// weights by rule in units of WeightUnit, trailing zeros left out.
func ParseModel(text string) (*Model, []ModelError) {
	m := &Model{}
	m.resize(1 << 16)
	var errs []ModelError
	for n := 1; text != ""; n++ {
		line, rest, _ := strings.Cut(text, "\n")
		text = rest
		if line == "" || line[0] == '#' {
			continue
		}
		var err error
		if rest, ok := strings.CutPrefix(line, "rule "); ok {
			err = m.rule(rest)
		} else {
			err = m.feature(line)
		}
		if err != nil {
			errs = append(errs, ModelError{n, err.Error()})
		}
	}
	return m, errs
}

func (m *Model) rule(line string) error {
	id, bias, _ := strings.Cut(line, " ")
	v, err := strconv.ParseFloat(bias, 32)
	if err != nil {
		return fmt.Errorf("bias of rule %q: %w", id, err)
	}
	if len(m.names) > 0 {
		return fmt.Errorf("rule %q stands behind the first feature", id)
	}
	m.Rules, m.Bias = append(m.Rules, id), append(m.Bias, float32(v))
	return nil
}

func (m *Model) feature(line string) error {
	name, rest, _ := strings.Cut(line, " ")
	f, err := featureOf(name)
	if err != nil {
		return err
	}
	if _, twice := m.Row(f); twice {
		return fmt.Errorf("feature %q occurs twice", name)
	}
	row := m.add(f, name)
	for k := 0; rest != ""; k++ {
		var field string
		field, rest, _ = strings.Cut(rest, " ")
		v, err := strconv.Atoi(field)
		if err != nil {
			return fmt.Errorf("weight of feature %q: %w", name, err)
		}
		if k == len(m.Rules) {
			return fmt.Errorf("feature %q has more weights than there are rules", name)
		}
		m.Weights(row)[k] = float32(v) * WeightUnit
	}
	return nil
}

// add gives a new feature a row of zeros.
func (m *Model) add(f Feature, name string) int32 {
	row := int32(len(m.names))
	if 2*int(row) >= len(m.keys) {
		m.resize(2 * len(m.keys))
	}
	m.put(f, row)
	m.names = append(m.names, name)
	m.weights = append(m.weights, make([]float32, m.stride())...)
	return row
}

func (m *Model) put(f Feature, row int32) {
	mask := Feature(len(m.keys) - 1)
	i := f & mask
	for m.keys[i] != 0 {
		i = (i + 1) & mask
	}
	m.keys[i], m.rows[i] = f, row
}

// resize gives the hash table so many places, a power of two.
func (m *Model) resize(places int) {
	keys, rows := m.keys, m.rows
	m.keys, m.rows = make([]Feature, places), make([]int32, places)
	for i, f := range keys {
		if f != 0 {
			m.put(f, rows[i])
		}
	}
}
