// Command trainer fits the linear model that confirms and proposes findings.
//
//	go run ./detectors/trainer -out lexicon/data/model.txt testdata/dialogues/dev.jsonl testdata/dialogues/utterances/*.jsonl
//
// It is reproducible: fixed seed, fixed order, no clock. With -cv it prints precision and recall under k-fold
// cross-validation by dialogue instead of writing a model.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"math"
	"math/rand/v2"
	"os"
	"sort"
	"strings"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/lexicon"
)

type sample struct {
	group    string // dialogue or file line: stays in one fold
	features []uint64
	labels   map[string]bool
	text     string
}

func main() {
	log.SetFlags(0)
	out := flag.String("out", "", "model file to write")
	cv := flag.Int("cv", 0, "folds of cross-validation")
	eval := flag.String("eval", "", "labelled dialogues to measure on after training")
	flag.Parse()
	rs, err := lexicon.LoadDefault()
	if err != nil {
		log.Fatal(err)
	}
	e, err := detectors.New(rs)
	if err != nil {
		log.Fatal(err)
	}
	t := &trainer{engine: e, names: map[uint64]string{}}
	for _, f := range flag.Args() {
		if err := t.read(f); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Printf("%d utterances, %d features\n", len(t.samples), len(t.names))
	if *cv > 0 {
		t.crossValidate(*cv)
		return
	}
	m := t.fit(t.samples)
	if *eval != "" {
		u := &trainer{engine: e, names: map[uint64]string{}}
		if err := u.read(*eval); err != nil {
			log.Fatal(err)
		}
		report(m, u.samples)
	}
	if *out != "" {
		if err := t.write(*out, m); err != nil {
			log.Fatal(err)
		}
	}
}

type trainer struct {
	engine  *detectors.Engine
	names   map[uint64]string
	samples []sample
}

// modelRules are the rules a single utterance can show; openings and closings are not among them.
var modelRules = []string{"threat", "impersonation", "unauthorized_waiver", "third_party_disclosure", "insult", "private_payment",
	"cash_out_inducement", "incite_complaint", "private_channel", "deception"}

func (t *trainer) read(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 16<<20)
	for n := 1; sc.Scan(); n++ {
		var probe struct {
			Text   *string  `json:"text"`
			Labels []string `json:"labels"`
		}
		group := fmt.Sprintf("%s:%d", file, n)
		if json.Unmarshal(sc.Bytes(), &probe) == nil && probe.Text != nil {
			labels := map[string]bool{}
			for _, l := range probe.Labels {
				labels[l] = true
			}
			c := &detectors.Conversation{Kind: detectors.KindCall, Utterances: []detectors.Utterance{{Speaker: detectors.SpeakerAgent, Text: *probe.Text}}}
			if labels["third_party_disclosure"] {
				c.Metadata.Callee = "third_party"
			}
			t.add(group, c, map[int]map[string]bool{0: labels})
			continue
		}
		d, err := detectors.ParseDialogue(sc.Bytes(), true)
		if err != nil {
			return fmt.Errorf("%s:%d: %w", file, n, err)
		}
		by := map[int]map[string]bool{}
		for _, l := range d.Labels {
			if by[l.Turn] == nil {
				by[l.Turn] = map[string]bool{}
			}
			by[l.Turn][l.Rule] = true
		}
		t.add(group, &d.Conversation, by)
	}
	return sc.Err()
}

func (t *trainer) add(group string, c *detectors.Conversation, labels map[int]map[string]bool) {
	obs := t.engine.Observe(c)
	turns := make([]int, 0, len(obs))
	for u := range obs {
		turns = append(turns, u)
	}
	sort.Ints(turns)
	for _, u := range turns {
		for f, n := range obs[u].Names {
			t.names[f] = n
		}
		t.samples = append(t.samples, sample{group: group, features: obs[u].Features, labels: labels[u], text: c.Utterances[u].Text})
	}
}

// Hyper-parameters, chosen by cross-validation on the development dialogues.
var (
	epochs  = flag.Int("epochs", 25, "passes over the data")
	rate    = flag.Float64("rate", 0.25, "step size")
	l2      = flag.Float64("l2", 3e-3, "pull of the weights towards zero")
	posCost = flag.Float64("pos", 3, "weight of a violation against that of a compliant utterance")
	minSeen = flag.Int("seen", 2, "utterances a feature must occur in")
)

// minWeight is the smallest weight worth writing.
const minWeight = 0.22

type model map[string]map[uint64]float64 // rule → feature → weight; feature 0 is the bias

func (t *trainer) fit(samples []sample) model {
	seen := map[uint64]int{}
	for _, s := range samples {
		for _, f := range s.features {
			seen[f]++
		}
	}
	m := model{}
	for _, rule := range modelRules {
		m[rule] = fitRule(samples, seen, rule)
	}
	return m
}

// fitRule is logistic regression by AdaGrad; lengths are normalised so that long utterances don't shout.
func fitRule(samples []sample, seen map[uint64]int, rule string) map[uint64]float64 {
	w, g := map[uint64]float64{0: -2}, map[uint64]float64{}
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
			scale := norm(len(s.features))
			z := w[0]
			for _, f := range s.features {
				z += w[f] * scale
			}
			d := 1/(1+math.Exp(-z)) - y
			if y == 1 {
				d *= *posCost
			}
			if math.Abs(d) < 1e-4 {
				continue
			}
			step := func(f uint64, x float64) {
				grad := d*x + *l2*w[f]
				g[f] += grad * grad
				w[f] -= *rate * grad / math.Sqrt(g[f]+1e-8)
			}
			step(0, 1)
			for _, f := range s.features {
				if seen[f] >= *minSeen {
					step(f, scale)
				}
			}
		}
	}
	return w
}

func norm(n int) float64 { return 1 / math.Sqrt(float64(n)+1) }

func (m model) prob(rule string, features []uint64) float64 {
	w := m[rule]
	z := w[0]
	for _, f := range features {
		z += w[f] * norm(len(features))
	}
	return 1 / (1 + math.Exp(-z))
}

func (t *trainer) crossValidate(k int) {
	var all []sample
	probs := []map[string]float64{}
	for fold := range k {
		var train, test []sample
		for _, s := range t.samples {
			h := uint32(2166136261)
			for i := range len(s.group) {
				h = (h ^ uint32(s.group[i])) * 16777619
			}
			if int(h%uint32(k)) == fold {
				test = append(test, s)
			} else {
				train = append(train, s)
			}
		}
		m := t.fit(train)
		for _, s := range test {
			p := map[string]float64{}
			for _, r := range modelRules {
				p[r] = m.prob(r, s.features)
			}
			all, probs = append(all, s), append(probs, p)
		}
	}
	table(all, func(i int, rule string) float64 { return probs[i][rule] })
}

func report(m model, samples []sample) {
	table(samples, func(i int, rule string) float64 { return m.prob(rule, samples[i].features) })
}

// averagePrecision is the mean precision at every violation when utterances are ranked by probability.
func averagePrecision(samples []sample, rule string, prob func(int, string) float64) float64 {
	order := make([]int, len(samples))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(a, b int) bool { return prob(order[a], rule) > prob(order[b], rule) })
	hits, sum := 0, 0.0
	for n, i := range order {
		if samples[i].labels[rule] {
			hits++
			sum += float64(hits) / float64(n+1)
		}
	}
	return sum / float64(max(hits, 1))
}

func table(samples []sample, prob func(int, string) float64) {
	mean := 0.0
	for _, rule := range modelRules {
		mean += averagePrecision(samples, rule, prob) / float64(len(modelRules))
	}
	fmt.Printf("mean average precision %.4f\n", mean)
	for _, rule := range modelRules {
		fmt.Printf("%-24s", rule)
		for _, th := range []float64{0.2, 0.35, 0.5, 0.65, 0.8, 0.9} {
			tp, fp, fn := 0, 0, 0
			for i := range samples {
				y, h := samples[i].labels[rule], prob(i, rule) >= th
				switch {
				case y && h:
					tp++
				case h:
					fp++
				case y:
					fn++
				}
			}
			fmt.Printf("  %.2f: %3d/%3d/%3d", th, tp, fp, fn)
		}
		fmt.Println()
	}
}

// write prints the weights that matter, by rule and weight, as text that can be reviewed.
func (t *trainer) write(file string, m model) error {
	var b strings.Builder
	b.WriteString("# linear model over characters, sounds and word lists; made by detectors/trainer, do not edit\n")
	for _, rule := range modelRules {
		fmt.Fprintf(&b, "rule %s %.4f\n", rule, m[rule][0])
		type fw struct {
			f uint64
			w float64
		}
		var list []fw
		for f, w := range m[rule] {
			if f != 0 && math.Abs(w) >= minWeight {
				list = append(list, fw{f, w})
			}
		}
		sort.Slice(list, func(i, j int) bool {
			if list[i].w != list[j].w {
				return list[i].w > list[j].w
			}
			return list[i].f < list[j].f
		})
		for _, x := range list {
			fmt.Fprintf(&b, "%016x %.3f %s\n", x.f, x.w, t.names[x.f])
		}
	}
	return os.WriteFile(file, []byte(b.String()), 0o644)
}
