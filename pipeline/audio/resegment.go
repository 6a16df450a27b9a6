package audio

import "math"

// placeTurns decides unit by unit who speaks, with voices found from whole pieces: persons who fall into each
// other's word share a piece. It returns the probability of every voice for every unit.
func placeTurns(units []unit, voices []normal) [][]float64 {
	var all stats
	for _, u := range units {
		for i := range u.x {
			all.addFloats(&u.x[i])
		}
	}
	post := posteriors(units, voices)
	for range refits {
		sums := make([]stats, len(voices))
		for i, u := range units {
			v, sure := likeliest(post[i])
			if sure < fitFrom {
				continue
			}
			for k := range u.x {
				sums[v].addFloats(&u.x[k])
			}
		}
		voices = voices[:0:0]
		for v := range sums {
			voices = append(voices, fit(&sums[v], &all, priorFrames))
		}
		post = posteriors(units, voices)
	}
	return post
}

// posteriors returns the probability of every voice for every unit, by the forward-backward algorithm.
func posteriors(units []unit, voices []normal) [][]float64 {
	n, k := len(units), len(voices)
	emit := make([][]float64, n)
	forward := make([][]float64, n)
	for i, u := range units {
		emit[i] = emission(u, voices)
		forward[i] = append([]float64(nil), emit[i]...)
		if i > 0 {
			for v := range k {
				forward[i][v] *= arrive(forward[i-1], v, u.change)
			}
		}
		normalise(forward[i])
	}
	out := make([][]float64, n)
	back := make([]float64, k)
	for v := range back {
		back[v] = 1
	}
	for i := n - 1; i >= 0; i-- {
		out[i] = make([]float64, k)
		for v := range k {
			out[i][v] = forward[i][v] * back[v]
		}
		normalise(out[i])
		later := make([]float64, k)
		for v := range k {
			later[v] = emit[i][v] * back[v]
		}
		for v := range k {
			back[v] = arrive(later, v, units[i].change)
		}
		normalise(back)
	}
	return out
}

// arrive is the weight of voice v one step away from weights w, where the voice changes with the given chance.
func arrive(w []float64, v int, change float64) float64 {
	if len(w) == 1 {
		return w[0]
	}
	sum := 0.0
	for u, x := range w {
		if u == v {
			sum += (1 - change) * x
		} else {
			sum += change / float64(len(w)-1) * x
		}
	}
	return sum
}

// emission is the likelihood of a unit for every voice, relative to the best. One hop tells mostTold at most, so
// that an odd sound cannot outvote its surroundings, and neighbouring hops say much the same.
func emission(u unit, voices []normal) []float64 {
	out := make([]float64, len(voices))
	ll := make([]float64, len(voices))
	for i := range u.x {
		top := math.Inf(-1)
		for v := range voices {
			ll[v] = voices[v].density(&u.x[i])
			top = math.Max(top, ll[v])
		}
		for v := range out {
			out[v] += independent * math.Max(ll[v]-top, -mostTold)
		}
	}
	for v := range out {
		out[v] = math.Exp(out[v])
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

// likeliest returns the voice with the highest probability.
func likeliest(post []float64) (voice int, probability float64) {
	for v, p := range post {
		if p > probability {
			voice, probability = v, p
		}
	}
	return voice, probability
}

// joinTurns joins neighbouring units of one voice within a region and numbers the voices as they appear. No turn is
// more certain than certainty.
func joinTurns(units []unit, post [][]float64, certainty float64) []Turn {
	var out []Turn
	number := map[int]int{}
	region := -1
	for i, u := range units {
		v, p := likeliest(post[i])
		if _, ok := number[v]; !ok {
			number[v] = len(number)
		}
		t := Turn{Start: u.start, End: u.end, Speaker: number[v], Confidence: math.Min(p, certainty)}
		if n := len(out); n > 0 && region == u.region && out[n-1].Speaker == t.Speaker {
			l := &out[n-1]
			a, b := l.End-l.Start, t.End-t.Start
			l.Confidence = (a*l.Confidence + b*t.Confidence) / (a + b)
			l.End = t.End
			continue
		}
		region = u.region
		out = append(out, t)
	}
	return out
}
