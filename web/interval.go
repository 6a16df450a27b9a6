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

// newcombe is the 95 % interval of the difference of two shares, k1 in n1 less k2 in n2: R. G. Newcombe, Interval
// estimation for the difference between independent proportions, Statistics in Medicine 17 (1998), method 10, which
// joins the two Wilson intervals. An interval without 0 in it is a change that chance alone seldom makes.
func newcombe(k1, n1, k2, n2 int) (low, high float64) {
	if n1 <= 0 || n2 <= 0 {
		return -1, 1
	}
	p1, p2 := float64(k1)/float64(n1), float64(k2)/float64(n2)
	l1, u1 := wilson(k1, n1)
	l2, u2 := wilson(k2, n2)
	return p1 - p2 - math.Hypot(p1-l1, u2-p2), p1 - p2 + math.Hypot(u1-p1, p2-l2)
}
