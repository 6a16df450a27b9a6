package web

import (
	"math"

	"github.com/speechqa/speechqa/rulework"
)

// wilson is the 95 % interval of a share of which k in n were seen. Unlike the textbook interval it stays honest for
// small n: one bad call in three does not make an agent 33 % bad.
func wilson(k, n int) (low, high float64) { return rulework.Wilson(k, n) }

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
