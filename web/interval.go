package web

import "math"

// z95 is the standard normal quantile of a two-sided 95 % interval.
const z95 = 1.959963984540054

// wilson is the 95 % interval of a share of which k in n were seen, after E. B. Wilson (1927). Unlike the
// textbook interval it stays honest for small n: one bad call in three does not make an agent 33 % bad.
func wilson(k, n int) (low, high float64) {
	if n <= 0 {
		return 0, 1
	}
	p, m := float64(k)/float64(n), float64(n)
	z2 := z95 * z95
	centre := p + z2/(2*m)
	half := z95 * math.Sqrt(p*(1-p)/m+z2/(4*m*m))
	low, high = (centre-half)/(1+z2/m), (centre+half)/(1+z2/m)
	return max(0, low), min(1, high)
}
