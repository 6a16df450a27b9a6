package detectors

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/speechqa/speechqa/lexicon"
)

// TestKnownFeatures compares the rows that the automatons find, and the number of features, with those of every feature
// that training would observe, in sentences with characters beyond the basic plane and without a sound, too.
func TestKnownFeatures(t *testing.T) {
	rs, err := lexicon.LoadDefault()
	if err != nil {
		t.Fatal(err)
	}
	model, errs := lexicon.ParseModel("rule threat -1\nrule insult 0.5\n" +
		"𠮷 1\n𠮷你 0 2\n你𠮷你你 3 -4\n音:𠮷你 5\n音:5块 6\n音:块 7\n音:你五块钱 8\n你 -9 1\n听者:unknown 2 2\n词表:@jail 3\n词表:@gang+@jail 1 1\n")
	if errs != nil {
		t.Fatal(errs)
	}
	own := *rs
	own.Model = model
	counted, found := 0, 0
	for _, rs := range []*lexicon.Ruleset{rs, &own} {
		e, err := New(rs)
		if err != nil {
			t.Fatal(err)
		}
		cs := examined(t, rs)
		rng := rand.New(rand.NewPCG(1, 5))
		for range 300 {
			var b strings.Builder
			for range rng.IntN(60) {
				b.WriteString([]string{"𠮷", "𠮸", "你", "五", "5", "块", "钱", "坐牢", "弟兄们", ","}[rng.IntN(10)])
			}
			cs = append(cs, &Conversation{Utterances: []Utterance{{Speaker: SpeakerAgent, Text: b.String()}}})
		}
		for _, c := range cs {
			s := e.scan(c, false)
			for u := range c.Utterances {
				if s.blockOf[u] < 0 {
					continue
				}
				want, all := map[int32]bool{}, map[lexicon.Feature]bool{}
				s.observe(u, func(f lexicon.Feature, _ described) {
					all[f] = true
					if row, ok := rs.Model.Row(f); ok {
						want[row] = true
					}
				})
				rows, n := s.known(u)
				for _, row := range rows {
					if !want[row] {
						t.Fatalf("「%s」 has no feature %s", c.Utterances[u].Text, rs.Model.Name(row))
					}
				}
				if slices.Sort(rows); len(slices.Compact(rows)) != len(want) {
					t.Fatalf("「%s」: %d features known, want %d", c.Utterances[u].Text, len(rows), len(want))
				}
				if ModelScale(n) != ModelScale(len(all)) {
					t.Fatalf("「%s」: %d features, want %d", c.Utterances[u].Text, n, len(all))
				}
				found += len(rows)
				if len(all) > fewestFeatures {
					counted++
				}
			}
			s.mem.release()
		}
	}
	if counted < 500 || found < 50000 {
		t.Errorf("the conversations show little: %d long utterances, %d features", counted, found)
	}
}
