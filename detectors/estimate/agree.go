package estimate

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Agreement is a coefficient of agreement beyond chance with its interval; N is of how many units. Known is false where
// it cannot be computed, because nobody ever said anything else.
type Agreement struct {
	Value, Low, High float64
	N                int
	Known            bool
}

// Kappa is Cohen's (1960) for two raters, table[i][j] how often the first said i and the second j, with the large-sample
// interval of Fleiss, Cohen and Everitt (1969).
func Kappa(table [][]int, confidence float64) Agreement {
	n, k := 0.0, len(table)
	rows, cols := make([]float64, k), make([]float64, k)
	for i := range table {
		for j, c := range table[i] {
			n += float64(c)
			rows[i] += float64(c)
			cols[j] += float64(c)
		}
	}
	a := Agreement{N: int(n)}
	if n == 0 {
		return a
	}
	observed, chance := 0.0, 0.0
	for i := range table {
		observed += float64(table[i][i]) / n
		chance += rows[i] * cols[i] / (n * n)
	}
	if chance >= 1 {
		return a
	}
	a.Known, a.Value = true, (observed-chance)/(1-chance)
	sum := 0.0
	for i := range table {
		for j, c := range table[i] {
			p := float64(c) / n
			if i == j {
				d := 1 - (rows[i]+cols[i])/n*(1-a.Value)
				sum += p * d * d
			} else {
				d := (cols[i] + rows[j]) / n
				sum += p * d * d * (1 - a.Value) * (1 - a.Value)
			}
		}
	}
	last := a.Value - chance*(1-a.Value)
	se := math.Sqrt(max(0, sum-last*last)) / ((1 - chance) * math.Sqrt(n))
	a.Low, a.High = max(-1, a.Value-z(confidence)*se), min(1, a.Value+z(confidence)*se)
	return a
}

// bootstraps is how many resamples an interval of Alpha rests on.
const bootstraps = 2000

// Alpha is Krippendorff's for nominal values and any number of raters: units holds for each unit the values that were
// given, whoever gave them. Units with fewer than two count for nothing. The interval is the bootstrap's over units,
// with a fixed seed, so that the same judgements give the same interval.
func Alpha(units [][]int, confidence float64) Agreement {
	var pairable [][]int
	for _, u := range units {
		if len(u) >= 2 {
			pairable = append(pairable, u)
		}
	}
	a := Agreement{N: len(pairable)}
	if a.Value, a.Known = alpha(pairable); !a.Known {
		return a
	}
	rnd := rand.New(rand.NewPCG(1, uint64(len(pairable))))
	again := make([][]int, len(pairable))
	values := make([]float64, 0, bootstraps)
	for range bootstraps {
		for i := range again {
			again[i] = pairable[rnd.IntN(len(pairable))]
		}
		v, known := alpha(again)
		if !known {
			v = 1 // all said the same of all that was drawn
		}
		values = append(values, v)
	}
	slices.Sort(values)
	tail := (1 - confidence) / 2
	a.Low, a.High = values[int(tail*bootstraps)], values[min(bootstraps-1, int((1-tail)*bootstraps))]
	return a
}

func alpha(units [][]int) (value float64, known bool) {
	total := 0.0
	of := map[int]float64{}
	observed := 0.0
	for _, u := range units {
		m := float64(len(u))
		total += m
		counts := map[int]float64{}
		for _, v := range u {
			of[v]++
			counts[v]++
		}
		same := 0.0
		for _, c := range counts {
			same += c * (c - 1)
		}
		observed += (m*(m-1) - same) / (m - 1)
	}
	if total < 2 {
		return 0, false
	}
	same := 0.0
	for _, c := range of {
		same += c * (c - 1)
	}
	expected := (total*(total-1) - same) / (total - 1)
	if expected == 0 {
		return 0, false
	}
	return 1 - observed/expected, true
}
