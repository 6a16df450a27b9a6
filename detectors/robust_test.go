package detectors

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode"

	"github.com/speechqa/speechqa/lexicon"
)

// homophones groups the characters that dialogues use by how they sound.
func homophones(ds []*Dialogue) map[rune][]rune {
	seen := map[rune]bool{}
	bySound := map[uint16][]rune{}
	for _, d := range ds {
		for _, u := range d.Utterances {
			for _, r := range u.Text {
				if s := lexicon.SoundOf(r); s.Syllable != 0 && !seen[r] {
					seen[r] = true
					bySound[s.Syllable] = append(bySound[s.Syllable], r)
				}
			}
		}
	}
	out := map[rune][]rune{}
	for _, group := range bySound {
		for _, r := range group {
			for _, o := range group {
				if o != r {
					out[r] = append(out[r], o)
				}
			}
		}
	}
	return out
}

func rewritten(ds []*Dialogue, change func(rune) string) []*Dialogue {
	out := make([]*Dialogue, len(ds))
	for i, d := range ds {
		c := *d
		c.Utterances = append([]Utterance{}, d.Utterances...)
		for k := range c.Utterances {
			var b strings.Builder
			for _, r := range c.Utterances[k].Text {
				b.WriteString(change(r))
			}
			c.Utterances[k].Text = b.String()
		}
		out[i] = &c
	}
	return out
}

// TestRobustness measures what misheard characters, missing punctuation and traditional script cost, on dialogues the
// model was trained with and on others.
func TestRobustness(t *testing.T) {
	for _, file := range []string{"dev.jsonl", "validation.jsonl"} {
		t.Run(file, func(t *testing.T) { robustness(t, dialogues(t, file)) })
	}
}

func robustness(t *testing.T, ds []*Dialogue) {
	e := engine(t)
	clean, _ := func() (float64, float64) { q := measure(e, ds); return q.MacroF1(q.Call) }()
	same := homophones(ds)
	corrupt := func(share float64) []*Dialogue {
		rng := rand.New(rand.NewPCG(5, 11))
		return rewritten(ds, func(r rune) string {
			if o := same[r]; len(o) > 0 && rng.Float64() < share {
				return string(o[rng.IntN(len(o))])
			}
			return string(r)
		})
	}
	traditional := map[rune]rune{}
	for r := rune(0x4e00); r < 0x9fff; r++ {
		if f := lexicon.FoldRune(r); f != r && traditional[f] == 0 {
			traditional[f] = r
		}
	}
	for _, c := range []struct {
		name string
		ds   []*Dialogue
		loss float64
	}{
		{"5% homophones", corrupt(0.05), 0.04},
		{"10% homophones", corrupt(0.10), 0.09},
		{"no punctuation", rewritten(ds, func(r rune) string {
			if unicode.IsPunct(r) && r != '(' && r != ')' {
				return ""
			}
			return string(r)
		}), 0.05},
		{"traditional", rewritten(ds, func(r rune) string {
			if o := traditional[r]; o != 0 {
				return string(o)
			}
			return string(r)
		}), 0.01},
	} {
		q := measure(e, c.ds)
		all, core := q.MacroF1(q.Call)
		t.Logf("%-16s macro F1 %.3f (clean text %.3f), core %.3f, clean dialogues flagged %d", c.name, all, clean, core, q.CleanFlagged)
		if clean-all > c.loss {
			t.Errorf("%s: macro F1 falls by %.3f, at most %.2f is allowed", c.name, clean-all, c.loss)
		}
	}
}
