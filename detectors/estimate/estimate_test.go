package estimate

import (
	"math"
	"slices"
	"testing"
)

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if math.Abs(got-want) > within || math.IsNaN(got) {
		t.Errorf("%s = %.4f, want %.4f", what, got, want)
	}
}

// Newcombe (1998), Two-sided confidence intervals for the single proportion, table I, method 5 (Clopper-Pearson).
func TestExactAgainstNewcombe(t *testing.T) {
	for _, tc := range []struct{ k, n, low, high float64 }{
		{81, 263, .2527, .3676}, {15, 148, .0578, .1617}, {0, 20, 0, .1684}, {1, 29, .0009, .1776},
	} {
		s := Exact(tc.k, tc.n, Usual)
		near(t, "low", s.Low, tc.low, .00005)
		near(t, "high", s.High, tc.high, .00005)
	}
	if s := Exact(0, 0, Usual); s.Low != 0 || s.High != 1 {
		t.Errorf("of nothing: %+v", s)
	}
	// Hanley and Lippman-Hand (1983): nothing in n is at most about 3/n (one-sided 95 %).
	near(t, "rule of three", Exact(0, 300, .90).High, 3.0/300, .0001)
}

// Israel (1992), Determining sample size, the example of 2,000 farmers: 385 without, 323 with the correction.
func TestSampleSizeAgainstIsrael(t *testing.T) {
	if n := SampleSize(.05, .5, .95, math.MaxInt32); n != 385 {
		t.Errorf("of very many: %d, want 385", n)
	}
	if n := SampleSize(.05, .5, .95, 2000); n != 323 {
		t.Errorf("of 2000: %d, want 323", n)
	}
	if n := SampleSize(.05, .5, .95, 3); n != 3 {
		t.Errorf("of 3: %d", n)
	}
}

func TestAllocate(t *testing.T) {
	for _, tc := range []struct {
		n           int
		sizes, want []int
	}{
		{10, []int{50, 30, 20}, []int{5, 3, 2}},
		{10, []int{970, 10, 10, 10}, []int{7, 1, 1, 1}},
		{3, []int{5, 5, 5, 5}, []int{1, 1, 1, 0}},
		{9, []int{2, 3, 1}, []int{2, 3, 1}},
		{0, []int{2, 0}, []int{0, 0}},
		{5, []int{0, 10}, []int{0, 5}},
	} {
		if got := Allocate(tc.n, tc.sizes); !slices.Equal(got, tc.want) {
			t.Errorf("%d among %v: %v, want %v", tc.n, tc.sizes, got, tc.want)
		}
	}
}

// Fleiss, Levin and Paik (2003), Statistical methods for rates and proportions, table 18.1: two raters, 100 subjects.
func TestKappaAgainstFleiss(t *testing.T) {
	k := Kappa([][]int{{75, 1, 4}, {5, 4, 1}, {0, 0, 10}}, Usual)
	near(t, "kappa", k.Value, .676, .0005)
	near(t, "standard error", (k.High-k.Value)/z(Usual), .0877, .001)
	// The worked example of many introductions: 20 and 15 agreed of 50, κ = 0.4.
	near(t, "kappa of 50", Kappa([][]int{{20, 5}, {10, 15}}, Usual).Value, .4, 1e-12)
	if k := Kappa([][]int{{9, 0}, {0, 0}}, Usual); k.Known {
		t.Errorf("nobody ever said anything else: %+v", k)
	}
	if k := Kappa([][]int{{5, 0}, {0, 5}}, Usual); k.Value != 1 || k.Low != 1 {
		t.Errorf("always the same: %+v", k)
	}
}

// Krippendorff (2011), Computing Krippendorff's alpha-reliability: examples A, B and C (nominal).
func TestAlphaAgainstKrippendorff(t *testing.T) {
	units := func(coders ...string) (out [][]int) {
		for i := range coders[0] {
			var u []int
			for _, c := range coders {
				if c[i] != '.' {
					u = append(u, int(c[i]))
				}
			}
			out = append(out, u)
		}
		return out
	}
	near(t, "A", Alpha(units("0100000010", "1110010000"), Usual).Value, .095, .0005)
	near(t, "B", Alpha(units("aabbdcccedda", "babbbccceddd"), Usual).Value, .692, .0005)
	c := Alpha(units("123321412...", "1233224125.3", ".3332342251.", "12332441251."), Usual)
	near(t, "C", c.Value, .743, .0005)
	if c.N != 11 || c.Low >= c.Value || c.High <= c.Value || c.Low < 0 || c.High > 1 {
		t.Errorf("C: %+v", c)
	}
	if again := Alpha(units("123321412...", "1233224125.3", ".3332342251.", "12332441251."), Usual); again != c {
		t.Error("the same judgements give another interval")
	}
}

func TestStratified(t *testing.T) {
	// One stratum is a simple sample.
	one := Stratified([]Stratum{{Total: 1000, Drawn: 148, Hits: 15}}, Usual)
	near(t, "low", one.Low, .0578, .001)
	near(t, "high", one.High, .1617, .001)
	// Half of the whole has 10 %, half none.
	two := Stratified([]Stratum{{Total: 500, Drawn: 50, Hits: 5}, {Total: 500, Drawn: 50}}, Usual)
	near(t, "estimate", two.Estimate, .05, 1e-12)
	none := Stratified([]Stratum{{Total: 500, Drawn: 10}, {Total: 500, Drawn: 10}, {Total: 500}}, Usual)
	near(t, "nothing in 20", none.High, .1684, .00005)
	// Nothing in 100 of a tenth and in 1 of nine tenths says little more than nothing in 1: Kish's size is 1.23.
	lopsided := Stratified([]Stratum{{Total: 100, Drawn: 100}, {Total: 900, Drawn: 1}}, Usual)
	near(t, "nothing in a lopsided sample", lopsided.High, Exact(0, 1/(.81+.0001), Usual).High, 1e-9)
	// Drawn in proportion the weights cost nothing.
	near(t, "nothing in proportion", Stratified([]Stratum{{Total: 900, Drawn: 90}, {Total: 100, Drawn: 10}}, Usual).High, Exact(0, 100, Usual).High, 1e-9)
	if s := Stratified(nil, Usual); s.Low != 0 || s.High != 1 {
		t.Errorf("nothing was judged: %+v", s)
	}
}

func TestRecall(t *testing.T) {
	missed := Stratified([]Stratum{{Total: 900, Drawn: 90, Hits: 1}}, Each)
	r := Recall(100, 45, 5, 0, missed, 900)
	near(t, "estimate", r.Estimate, 90.0/(90+10), 1e-9)
	if r.Low >= r.Estimate || r.High <= r.Estimate || r.High > 1 || r.Low < 0 {
		t.Errorf("%+v", r)
	}
	if r := Recall(0, 0, 0, 0, Exact(0, 100, Each), 1000); r.Low != 0 || r.High != 1 {
		t.Errorf("nothing found and nothing missed: %+v", r)
	}
}
