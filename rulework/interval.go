package rulework

import "math"

// z95 is the standard normal quantile of a two-sided 95 % interval.
const z95 = 1.959963984540054

// Wilson is the 95 % interval of a share of which k in n were seen, after E. B. Wilson (1927); 0 to 1 for n = 0.
func Wilson(k, n int) (low, high float64) {
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

// SignTest is the chance that of n changes at least bad are for the worse when better and worse are equally likely: the
// exact one-sided sign test, which for changed verdicts is McNemar's exact test.
func SignTest(bad, n int) float64 {
	if n <= 0 || bad <= 0 {
		return 1
	}
	sum := 0.0
	lgn, _ := math.Lgamma(float64(n + 1))
	for k := bad; k <= n; k++ {
		a, _ := math.Lgamma(float64(k + 1))
		b, _ := math.Lgamma(float64(n - k + 1))
		sum += math.Exp(lgn - a - b - float64(n)*math.Ln2)
	}
	return min(1, sum)
}
