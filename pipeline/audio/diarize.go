package audio

import (
	"context"
	"math"
	"slices"
)

// Turn is a stretch in which one voice speaks.
type Turn struct {
	Start, End float64 // seconds
	Speaker    int     // 0, 1, … in the order in which the voices are first heard
	// Confidence is how sure Speaker is against the other voices, 0..1. It says nothing about who the voice
	// is.
	Confidence float64
}

// Parameters of Diarize.
const (
	turnPause   = 0.20 // seconds of quiet after which another may speak
	pieceMax    = 2.5  // seconds; longer stretches are cut at their weakest point
	pieceMin    = 0.5  // seconds; shorter ones are not cut off
	priorFrames = 30   // weight of the common covariance in a voice's
	pitchSpread = 0.45 // natural logarithm: the pitch of one person within a piece, less than an octave
	mostTold    = 5.0  // log-likelihood ratio that one piece may bring: an odd sound must not outvote its surroundings
	independent = 0.12 // share of the frames that count: neighbours say much the same
	stayPause   = 0.99 // chance that the same voice goes on without a pause …
	stayTurn    = 0.60 // … and after one
	minGain     = 0.35 // log-likelihood per frame that a further voice must explain
	// Separation of the two most alike voices: one person dealt to two has 2 to 3, two persons have 5 to 50.
	minApart     = 4.0
	certainApart = 8.0
	// certainAtMost bounds the confidence at minApart, and where one voice only could be made out: the other may
	// have said too little or sound the same.
	certainAtMost = 0.5
)

// Diarize tells the voices on one channel apart: at most maxSpeakers, in the given regions of speech.
//
// The regions are cut at pauses into pieces that one person speaks. Every voiced frame of a piece yields twelve
// cepstra and the logarithm of the pitch; a voice is a normal distribution of these with full covariance. Pieces
// are dealt to voices so that the likelihood of all frames is greatest (k-means with normal distributions, from
// several deterministic starts), as in clustering by the Bayesian information criterion (Chen and Gopalakrishnan
// 1998); a further voice must explain minGain more per frame. Then a hidden Markov model, in which the voice
// seldom changes without a pause, yields every piece's voice and its probability. Where the voices are hard to tell
// apart, or only one was found, no turn is certain.
func Diarize(ctx context.Context, rec *Recording, channel int, regions []Region, maxSpeakers int) ([]Turn, error) {
	pieces, err := cutPieces(ctx, rec, channel, regions)
	if err != nil || len(pieces) == 0 {
		return nil, err
	}
	voices := findVoices(pieces, max(1, maxSpeakers))
	return turns(pieces, posteriors(pieces, voices), certainty(pieces, voices)), nil
}

// piece is a stretch that one person speaks.
type piece struct {
	start, end float64
	region     int
	afterPause bool // begins after a pause within its region
	stats      stats
}

// voiceHop is what cutting and clustering need of a hop.
type voiceHop struct {
	level  float32
	voiced bool // has a vector of its own
	x      [dims]float32
}

// cutPieces measures the regions and cuts them.
func cutPieces(ctx context.Context, rec *Recording, channel int, regions []Region) ([]piece, error) {
	var out []piece
	hops := make([]voiceHop, 0, 1024)
	at := 0
	flush := func() {
		if at < len(regions) && len(hops) > 0 {
			first := int(math.Round(regions[at].Start * hopsPerSec))
			out = append(out, cutRegion(hops, float64(first)/hopsPerSec, at)...)
		}
		hops = hops[:0]
	}
	err := analyse(ctx, rec, channel, newMelBank(), func(i int, f frame) {
		t := float64(i) / hopsPerSec
		for at < len(regions) && t >= regions[at].End-0.5/hopsPerSec {
			flush()
			at++
		}
		if at == len(regions) || t < regions[at].Start-0.5/hopsPerSec {
			return
		}
		h := voiceHop{level: f.level}
		if f.fresh && f.voicing >= voicedFrom && f.pitch > 0 {
			h.voiced = true
			copy(h.x[:], f.cepstrum[:])
			h.x[cepstra] = float32(math.Log(float64(f.pitch)))
		}
		hops = append(hops, h)
	})
	flush()
	return out, err
}

// cutRegion cuts one region at its pauses, and what is still too long at its weakest points.
func cutRegion(hops []voiceHop, start float64, region int) []piece {
	var out []piece
	var cut func(first, last int, afterPause bool)
	cut = func(first, last int, afterPause bool) {
		if last-first > int(pieceMax*hopsPerSec) {
			mid := weakest(hops, first+int(pieceMin*hopsPerSec), last-int(pieceMin*hopsPerSec))
			cut(first, mid, afterPause)
			cut(mid, last, false)
			return
		}
		p := piece{start: start + float64(first)/hopsPerSec, end: start + float64(last)/hopsPerSec, region: region, afterPause: afterPause}
		p.stats = voiceStats(hops[first:last])
		out = append(out, p)
	}
	first, quiet := 0, quietLevel(hops)
	for i := 0; i < len(hops); i++ {
		j := i
		for j < len(hops) && hops[j].level < quiet {
			j++
		}
		if j-i >= int(turnPause*hopsPerSec) && i > first && j < len(hops) {
			cut(first, (i+j)/2, first > 0)
			first = (i + j) / 2
		}
		i = max(i, j-1)
	}
	cut(first, len(hops), first > 0)
	return out
}

// voiceStats sums up the voiced hops. Hops whose pitch is far from the others' are left out: there the octave was
// mistaken or someone else was heard.
func voiceStats(hops []voiceHop) (s stats) {
	var pitches []float64
	for _, h := range hops {
		if h.voiced {
			pitches = append(pitches, float64(h.x[cepstra]))
		}
	}
	if len(pitches) == 0 {
		return s
	}
	median := quantile(pitches, 0.5)
	for _, h := range hops {
		if !h.voiced || math.Abs(float64(h.x[cepstra])-median) > pitchSpread {
			continue
		}
		var x vector
		for i, v := range h.x {
			x[i] = float64(v)
		}
		s.add(&x)
	}
	return s
}

// quietLevel separates pauses from speech within a region: halfway between its loud and its faintest parts, but
// no more than 25 dB below the loud ones.
func quietLevel(hops []voiceHop) float32 {
	levels := make([]float32, len(hops))
	for i, h := range hops {
		levels[i] = h.level
	}
	slices.Sort(levels)
	loud, faint := levels[len(levels)*9/10], levels[len(levels)/50]
	return max(loud-25, (loud+faint)/2-5)
}

// weakest returns the middle of the faintest 60 ms.
func weakest(hops []voiceHop, first, last int) int {
	const reach = 3
	best, bestSum := (first+last)/2, math.Inf(1)
	for i := first; i < last; i++ {
		sum := 0.0
		for k := max(0, i-reach); k <= min(len(hops)-1, i+reach); k++ {
			sum += math.Max(float64(hops[k].level), floorMinDB)
		}
		if sum < bestSum {
			best, bestSum = i, sum
		}
	}
	return best
}

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

// posteriors returns the probability of every voice for every piece, by the forward-backward algorithm.
func posteriors(pieces []piece, voices []normal) [][]float64 {
	n, k := len(pieces), max(1, len(voices))
	emit := make([][]float64, n)
	for i := range pieces {
		emit[i] = make([]float64, k)
		for v := range voices {
			emit[i][v] = independent * voices[v].logLikelihood(&pieces[i].stats)
		}
		top := slices.Max(emit[i])
		for v := range emit[i] {
			emit[i][v] = math.Exp(math.Max(emit[i][v]-top, -mostTold))
		}
	}
	change := func(i int) (stay, leave float64) { // between piece i-1 and i
		stay = stayPause
		if pieces[i].region != pieces[i-1].region || pieces[i].afterPause {
			stay = stayTurn
		}
		return stay, (1 - stay) / math.Max(1, float64(k-1))
	}
	forward := slices.Clone(emit)
	for i := range forward {
		forward[i] = slices.Clone(emit[i])
		if i > 0 {
			stay, leave := change(i)
			for v := range k {
				sum := 0.0
				for u := range k {
					if u == v {
						sum += stay * forward[i-1][u]
					} else {
						sum += leave * forward[i-1][u]
					}
				}
				forward[i][v] *= sum
			}
		}
		normalise(forward[i])
	}
	back := make([]float64, k)
	for v := range back {
		back[v] = 1
	}
	out := make([][]float64, n)
	for i := n - 1; i >= 0; i-- {
		out[i] = make([]float64, k)
		for v := range k {
			out[i][v] = forward[i][v] * back[v]
		}
		normalise(out[i])
		if i == 0 {
			break
		}
		stay, leave := change(i)
		prev := make([]float64, k)
		for v := range k {
			for u := range k {
				w := leave
				if u == v {
					w = stay
				}
				prev[v] += w * emit[i][u] * back[u]
			}
		}
		normalise(prev)
		back = prev
	}
	return out
}

// normalise makes probabilities of weights.
func normalise(x []float64) {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	for i := range x {
		if sum > 0 {
			x[i] /= sum
		} else {
			x[i] = 1 / float64(len(x))
		}
	}
}

// turns joins neighbouring pieces of one voice within a region and numbers the voices as they appear.
func turns(pieces []piece, post [][]float64, certainty float64) []Turn {
	var out []Turn
	number := map[int]int{}
	lastRegion := -1
	for i, p := range pieces {
		v, best := 0, 0.0
		for u, x := range post[i] {
			if x > best {
				v, best = u, x
			}
		}
		best = math.Min(best, certainty)
		if _, ok := number[v]; !ok {
			number[v] = len(number)
		}
		t := Turn{Start: p.start, End: p.end, Speaker: number[v], Confidence: best}
		if n := len(out); n > 0 && lastRegion == p.region && out[n-1].Speaker == t.Speaker {
			l := &out[n-1]
			a, b := l.End-l.Start, t.End-t.Start
			l.Confidence = (a*l.Confidence + b*t.Confidence) / (a + b)
			l.End = t.End
			continue
		}
		lastRegion = p.region
		out = append(out, t)
	}
	return out
}

// quantile returns the value below which a share q of the values lies.
func quantile(values []float64, q float64) float64 {
	s := slices.Clone(values)
	slices.Sort(s)
	return s[int(q*float64(len(s)-1)+0.5)]
}
