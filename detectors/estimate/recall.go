package estimate

import "math"

// Stratum is a part of the whole with the sample drawn from it.
type Stratum struct {
	Total int // in the whole
	Drawn int // judged of it
	Hits  int // of those judged
}

// Stratified estimates the share of hits in the whole: the strata's shares weighted by their sizes, with the interval of
// Korn and Graubard (1998): exact, at the effective size of the sample, which is at most the one its weights leave. Strata of which nothing was judged are left out,
// as if they were like the others.
func Stratified(strata []Stratum, confidence float64) Share {
	total, drawn, hits, weights := 0.0, 0.0, 0.0, 0.0
	for _, s := range strata {
		if s.Drawn > 0 {
			total += float64(s.Total)
			weights += float64(s.Total) * float64(s.Total) / float64(s.Drawn)
			drawn += float64(s.Drawn)
			hits += float64(s.Hits)
		}
	}
	if drawn == 0 {
		return Share{0, 0, 1}
	}
	p, variance := 0.0, 0.0
	pooled := hits / drawn
	for _, s := range strata {
		if s.Drawn == 0 {
			continue
		}
		w, n := float64(s.Total)/total, float64(s.Drawn)
		share := float64(s.Hits) / n
		p += w * share
		spread := share * (1 - share) / math.Max(n-1, 1)
		if s.Drawn == 1 { // one says nothing of a stratum's spread: the sample's stands for it
			spread = pooled * (1 - pooled)
		}
		variance += w * w * spread
	}
	// Where all say the same, or hits lie in strata that were drawn densely, the variance seen is too small: weights that
	// differ cost precision in any case (Kish 1965).
	size := math.Min(drawn, total*total/weights)
	if variance > 0 && p > 0 && p < 1 {
		size = math.Min(size, p*(1-p)/variance)
	}
	s := Exact(p*size, size, confidence)
	s.Estimate = p
	return s
}

// Recall is the share of what there is to find that was found.
//
// found are findings' recordings of which people judged confirmed right and overturned wrong; added are recordings in which
// people found what the rule had not, among those flagged; missed is the share of misses among total unflagged recordings,
// at the level Each. The interval takes the ends of both, so that it holds with at least Usual (Bonferroni).
func Recall(found, confirmed, overturned, added int, missed Share, total int) Share {
	right := Exact(float64(confirmed), float64(confirmed+overturned), Each)
	if confirmed+overturned == 0 {
		right.Estimate = 1 // nobody has judged any: as if all were right, and the interval says how little that means
	}
	of := func(precision, miss float64) float64 {
		tp, fn := float64(found)*precision, float64(added)+float64(total)*miss
		if tp+fn == 0 {
			return 1
		}
		return tp / (tp + fn)
	}
	s := Share{Estimate: of(right.Estimate, missed.Estimate), Low: of(right.Low, missed.High), High: of(right.High, missed.Low)}
	return s
}
