package audio

import (
	"math"
	"slices"
)

// findVoices deals the pieces to voices and returns these.
func findVoices(pieces []piece, maxVoices int) []normal {
	var all stats
	for i := range pieces {
		all.merge(&pieces[i].stats, 1)
	}
	if all.n == 0 {
		return nil
	}
	one := fit(&all, &all, priorFrames)
	voices, best := []normal{one}, one.logLikelihood(&all)
	for k := 2; k <= maxVoices; k++ {
		v, ll := bestSplit(pieces, &all, voices, k)
		if v == nil || (ll-best)/all.n < minGain || separation(pieces, v) < minApart {
			break
		}
		voices, best = v, ll
	}
	return voices
}

// separation says how different the two most alike voices are: the mean log-likelihood per frame by which their own
// pieces prefer them to the other. Unlike the gain it does not depend on how much each of them speaks.
func separation(pieces []piece, voices []normal) float64 {
	sums := make([]stats, len(voices))
	for i, v := range deal(pieces, voices) {
		sums[v].merge(&pieces[i].stats, 1)
	}
	least := math.Inf(1)
	for a := range voices {
		for b := range a {
			if sums[a].n == 0 || sums[b].n == 0 {
				return 0
			}
			d := (voices[a].logLikelihood(&sums[a])-voices[b].logLikelihood(&sums[a]))/sums[a].n +
				(voices[b].logLikelihood(&sums[b])-voices[a].logLikelihood(&sums[b]))/sums[b].n
			least = math.Min(least, d/2)
		}
	}
	return least
}

// certainty is the highest confidence that turns may have, given how different the voices are.
func certainty(pieces []piece, voices []normal) float64 {
	if len(voices) < 2 {
		return certainAtMost
	}
	apart := (separation(pieces, voices) - minApart) / (certainApart - minApart)
	return math.Min(1, certainAtMost+(1-certainAtMost)*apart)
}

// bestSplit tries several ways to begin with k voices and returns the one that explains the pieces best: one of
// the k-1 voices found before is split along each dimension.
func bestSplit(pieces []piece, all *stats, before []normal, k int) ([]normal, float64) {
	var best []normal
	bestLL := math.Inf(-1)
	owner := deal(pieces, before)
	for split := range before {
		for d := range dims {
			label := slices.Clone(owner)
			var means []float64
			for i, p := range pieces {
				if owner[i] == split && p.stats.n > 0 {
					means = append(means, p.stats.sum[d]/p.stats.n)
				}
			}
			if len(means) < 2 {
				continue
			}
			mid := (quantile(means, 0.1) + quantile(means, 0.9)) / 2
			for i, p := range pieces {
				if owner[i] == split && p.stats.n > 0 && p.stats.sum[d]/p.stats.n > mid {
					label[i] = k - 1
				}
			}
			v, ll := refine(pieces, all, label, k)
			if ll > bestLL {
				best, bestLL = v, ll
			}
		}
	}
	return best, bestLL
}

// refine fits voices to pieces and pieces to voices until nothing changes.
func refine(pieces []piece, all *stats, label []int, k int) ([]normal, float64) {
	var voices []normal
	for range 30 {
		sums := make([]stats, k)
		for i := range pieces {
			sums[label[i]].merge(&pieces[i].stats, 1)
		}
		voices = voices[:0]
		for i := range sums {
			voices = append(voices, fit(&sums[i], all, priorFrames))
		}
		next := deal(pieces, voices)
		if slices.Equal(next, label) {
			break
		}
		label = next
	}
	ll := 0.0
	for i := range pieces {
		ll += voices[label[i]].logLikelihood(&pieces[i].stats)
	}
	return slices.Clone(voices), ll
}

// deal gives every piece to the voice that explains it best.
func deal(pieces []piece, voices []normal) []int {
	out := make([]int, len(pieces))
	for i := range pieces {
		best := math.Inf(-1)
		for v := range voices {
			if ll := voices[v].logLikelihood(&pieces[i].stats); ll > best {
				best, out[i] = ll, v
			}
		}
	}
	return out
}

// quantile returns the value below which a share q of the values lies.
func quantile(values []float64, q float64) float64 {
	s := slices.Clone(values)
	slices.Sort(s)
	return s[int(q*float64(len(s)-1)+0.5)]
}
