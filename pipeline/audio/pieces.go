package audio

import (
	"context"
	"math"
	"slices"
)

// piece is a stretch between pauses, as a rule of one person.
type piece struct {
	region int
	stats  stats // of its voiced hops
	units  []unit
}

// unit is a part of a piece so short that a change of voice within it does not matter.
type unit struct {
	start, end float64
	region     int
	change     float64         // chance that another voice speaks than just before
	x          [][dims]float32 // its voiced hops
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
	quiet := quietLevel(hops)
	var cut func(first, last int, change float64)
	cut = func(first, last int, change float64) {
		if last-first > int(pieceMax*hopsPerSec) {
			mid := weakest(hops, first+int(pieceMin*hopsPerSec), last-int(pieceMin*hopsPerSec))
			cut(first, mid, change)
			cut(mid, last, chanceAt(hops, mid, quiet))
			return
		}
		out = append(out, newPiece(hops, first, last, start, region, change, quiet))
	}
	first, change := 0, changeAfterPause
	for i := 0; i < len(hops); i++ {
		j := i
		for j < len(hops) && hops[j].level < quiet {
			j++
		}
		if j-i >= int(turnPause*hopsPerSec) && i > first && j < len(hops) {
			cut(first, (i+j)/2, change)
			first, change = (i+j)/2, changeAfterPause
		}
		i = max(i, j-1)
	}
	cut(first, len(hops), change)
	return out
}

// newPiece divides hops first to last into units of 150 to 350 ms that begin at weak points.
func newPiece(hops []voiceHop, first, last int, start float64, region int, change float64, quiet float32) piece {
	const least, most = 15, 35
	p := piece{region: region}
	for _, x := range samePitch(hops[first:last]) {
		p.stats.addFloats(&x)
	}
	for first < last {
		end := last
		if last-first > most+least {
			end = weakest(hops, first+least, first+most)
		}
		u := unit{start: start + float64(first)/hopsPerSec, end: start + float64(end)/hopsPerSec, region: region, change: change}
		u.x = samePitch(hops[first:end])
		p.units = append(p.units, u)
		if end < last {
			change = chanceAt(hops, end, quiet)
		}
		first = end
	}
	return p
}

// chanceAt is the chance that the voice changes at a hop within a piece.
func chanceAt(hops []voiceHop, at int, quiet float32) float64 {
	for i := max(0, at-2); i < min(len(hops), at+3); i++ {
		if hops[i].level >= quiet {
			return changeInFlow
		}
	}
	return changeAtDip
}

// samePitch returns the vectors of voiced hops but those whose pitch is far from the others': there the octave was
// mistaken or someone else is heard.
func samePitch(hops []voiceHop) [][dims]float32 {
	var pitches []float64
	for _, h := range hops {
		if h.voiced {
			pitches = append(pitches, float64(h.x[cepstra]))
		}
	}
	if len(pitches) == 0 {
		return nil
	}
	median := quantile(pitches, 0.5)
	out := make([][dims]float32, 0, len(pitches))
	for _, h := range hops {
		if h.voiced && math.Abs(float64(h.x[cepstra])-median) <= pitchSpread {
			out = append(out, h.x)
		}
	}
	return out
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
