package estimate

import (
	"math/rand/v2"
	"testing"
)

// The interval of a recall holds the true one at least as often as it says, also where strata differ, one of them is drawn
// twice as densely, and misses are few. What is true is known here: the whole is made by the test.
func TestRecallCovers(t *testing.T) {
	type stratum struct {
		total, drawn int
		missed       float64 // share of its recordings with a violation nobody found
	}
	for name, tc := range map[string]struct {
		strata    []stratum
		found     int     // recordings
		precision float64 // of them
		judged    int
	}{
		"in proportion":  {[]stratum{{4000, 120, .02}, {2000, 60, .10}, {1000, 30, 0}}, 500, .9, 100},
		"few misses":     {[]stratum{{3000, 100, .003}, {3000, 100, .003}}, 200, .95, 60},
		"one is densely": {[]stratum{{3000, 60, .05}, {300, 120, .20}}, 300, .8, 80},
	} {
		rnd := rand.New(rand.NewPCG(7, 2026))
		const runs = 1000
		held := 0
		for range runs {
			var sample []Stratum
			fn, whole := 0, 0
			for _, s := range tc.strata {
				violations := make([]bool, s.total)
				for i := range violations {
					violations[i] = i < int(s.missed*float64(s.total))
				}
				st := Stratum{Total: s.total, Drawn: s.drawn}
				for _, i := range rnd.Perm(s.total)[:s.drawn] {
					if violations[i] {
						st.Hits++
					}
				}
				sample, fn, whole = append(sample, st), fn+int(s.missed*float64(s.total)), whole+s.total
			}
			tp := int(tc.precision * float64(tc.found))
			confirmed := 0
			for _, i := range rnd.Perm(tc.found)[:tc.judged] {
				if i < tp {
					confirmed++
				}
			}
			r := Recall(tc.found, confirmed, tc.judged-confirmed, 0, Stratified(sample, Each), whole)
			if truth := float64(tp) / float64(tp+fn); r.Low <= truth && truth <= r.High {
				held++
			}
		}
		if held < runs*95/100 {
			t.Errorf("%s: the interval holds the truth in %d of %d", name, held, runs)
		}
	}
}
