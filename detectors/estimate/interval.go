package estimate

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Confidence levels.
const (
	Usual = 0.95
	// Each is the level of two intervals that hold together with at least Usual (Bonferroni).
	Each = 1 - (1-Usual)/2
)

// Share is an estimated share with its interval.
type Share struct{ Estimate, Low, High float64 }

// Exact is the share of k in n with the interval of Clopper and Pearson (1934). n and k need not be whole numbers: a
// stratified sample has an effective size. Of nothing nothing is known: 0 to 1.
func Exact(k, n, confidence float64) Share {
	if n <= 0 {
		return Share{0, 0, 1}
	}
	tail := (1 - confidence) / 2
	s := Share{Estimate: k / n, Low: 0, High: 1}
	if k > 0 {
		s.Low = distuv.Beta{Alpha: k, Beta: n - k + 1}.Quantile(tail)
	}
	if k < n {
		s.High = distuv.Beta{Alpha: k + 1, Beta: n - k}.Quantile(1 - tail)
	}
	return s
}

// Disjoint says whether two intervals have no value in common: that the shares differ is then beyond chance.
func Disjoint(a, b Share) bool { return a.High < b.Low || b.High < a.Low }

// z is the standard normal quantile of a two-sided interval.
func z(confidence float64) float64 { return distuv.UnitNormal.Quantile(1 - (1-confidence)/2) }

// SampleSize is how many of total must be drawn so that the interval of a share near prior is no wider than half to either
// side (Cochran 1977, equations 4.1 and 4.2, with the correction for a finite whole).
func SampleSize(half, prior, confidence float64, total int) int {
	if total <= 0 || half <= 0 {
		return 0
	}
	q := z(confidence)
	n0 := q * q * prior * (1 - prior) / (half * half)
	n := n0 / (1 + (n0-1)/float64(total))
	return min(total, max(1, int(math.Ceil(n-1e-9))))
}

// Allocate divides a sample among strata in proportion to their sizes by largest remainders, at least one from each that
// has any while there are enough.
func Allocate(n int, sizes []int) []int {
	total := 0
	for _, s := range sizes {
		total += s
	}
	out := make([]int, len(sizes))
	if total == 0 {
		return out
	}
	n = min(n, total)
	given := 0
	for i, s := range sizes {
		out[i] = n * s / total
		if out[i] == 0 && s > 0 {
			out[i] = 1
		}
		given += out[i]
	}
	for given != n { // one at a time to, or from, whoever is farthest from his share
		best, most := -1, math.Inf(-1)
		for i, s := range sizes {
			gap := float64(n)*float64(s)/float64(total) - float64(out[i])
			if given > n {
				gap = -gap
			}
			if gap > most && (given < n && out[i] < s || given > n && out[i] > 1) {
				best, most = i, gap
			}
		}
		if best < 0 { // more strata than n: the last ones with one each give it up
			for i := len(out) - 1; i >= 0 && given > n; i-- {
				if out[i] > 0 {
					out[i], given = out[i]-1, given-1
				}
			}
			return out
		}
		if given < n {
			out[best]++
			given++
		} else {
			out[best]--
			given--
		}
	}
	return out
}
