package audio

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/speechqa/speechqa/detectors"
)

// Parameters of gap finding.
const (
	zeroGap      = 1.0  // seconds of digital silence on all channels that a microphone never yields
	zeroGapGated = 10.0 // the same where the recorder itself blanks pauses
	zeroPause    = 0.1  // digital silence from here on counts as a blanked pause
	pausesPerMin = 2.0  // more blanked pauses than this and the recorder is taken to blank them
	durationSlip = 1.0  // seconds that a header may be off
	durationRel  = 0.01 // or this share
	jumpRatio    = 8.0  // a cut's step against the largest step around it
	jumpAtLeast  = 0.02 // of full scale
	jumpReach    = 10   // milliseconds around
	maxJumps     = 1000 // a recording with more is damaged, not cut
)

// gapMeter finds stretches in which a recording was interrupted, from the samples as they are in the file.
type gapMeter struct {
	info     Info
	frame    int64 // number of frames so far
	zeroFrom int64 // where the current run of digital silence began; -1 outside
	zeros    []span
	pauses   int
	last     []float32 // previous frame
	jumps    []jumpFinder
	cuts     []int64
}

type span struct{ from, to int64 }

func newGapMeter(info Info) *gapMeter {
	g := &gapMeter{info: info, zeroFrom: -1, last: make([]float32, info.Channels)}
	g.jumps = make([]jumpFinder, info.Channels)
	for i := range g.jumps {
		g.jumps[i].reach = info.Rate * jumpReach / 1000
	}
	return g
}

// add takes an interleaved block.
func (g *gapMeter) add(block []float32) {
	n := g.info.Channels
	for i := 0; i < len(block); i += n {
		x := block[i : i+n]
		constant := true
		for c, v := range x {
			constant = constant && v == g.last[c] && v > -0.001 && v < 0.001
			if cut := g.jumps[c].add(g.frame, v-g.last[c]); cut >= 0 && len(g.cuts) < maxJumps {
				g.cuts = append(g.cuts, cut)
			}
			g.last[c] = v
		}
		switch {
		case constant && g.zeroFrom < 0:
			g.zeroFrom = g.frame
		case !constant && g.zeroFrom >= 0:
			g.endZeros()
		}
		g.frame++
	}
}

// endZeros notes a run of digital silence.
func (g *gapMeter) endZeros() {
	s := span{g.zeroFrom, g.frame}
	g.zeroFrom = -1
	switch d := g.seconds(s.to - s.from); {
	case s.from <= 1 || d < zeroPause:
		// What is silent from the start was not interrupted.
	case d >= zeroGap && len(g.zeros) < maxJumps:
		g.zeros = append(g.zeros, s)
	default:
		g.pauses++
	}
}

func (g *gapMeter) seconds(frames int64) float64 { return float64(frames) / float64(g.info.Rate) }

// result returns the gaps in order of time. Silence up to the very end is none.
//
// Many telephone recorders write digital silence whenever nobody speaks; there only a long run means anything.
func (g *gapMeter) result() []detectors.Gap {
	least := zeroGap
	if float64(g.pauses) > math.Max(2, pausesPerMin*g.seconds(g.frame)/60) {
		least = zeroGapGated
	}
	var out []detectors.Gap
	for _, z := range g.zeros {
		if g.seconds(z.to-z.from) >= least {
			out = append(out, detectors.Gap{Start: round(g.seconds(z.from), 3), End: round(g.seconds(z.to), 3), Reason: detectors.GapDigitalSilence})
		}
	}
	if len(g.cuts) < maxJumps && least == zeroGap {
		for _, c := range g.cuts {
			at := round(g.seconds(c), 3)
			if !covered(out, at) {
				out = append(out, detectors.Gap{Start: at, End: at, Reason: detectors.GapDiscontinuity})
			}
		}
	}
	sortGaps(out)
	if trustedDuration(g.info.Container) {
		if gap, ok := durationGap(g.seconds(g.frame), g.info.Duration); ok {
			out = append(out, gap)
		}
	}
	return out
}

// ExpectDuration compares the recording with the length that the dialer's or the camera's metadata states, in
// seconds, and notes a gap where it is shorter.
func (f *Facts) ExpectDuration(seconds float64) {
	if gap, ok := durationGap(f.Duration, seconds); ok {
		f.Gaps = append(f.Gaps, gap)
		f.Warnings = append(f.Warnings, fmt.Sprintf("录音只有 %.1f 秒,登记的时长是 %.1f 秒", f.Duration, seconds))
	}
}

// durationGap is what is missing of a stated duration.
func durationGap(there, stated float64) (detectors.Gap, bool) {
	if stated-there <= math.Max(durationSlip, durationRel*stated) {
		return detectors.Gap{}, false
	}
	return detectors.Gap{Start: round(there, 3), End: round(stated, 3), Reason: detectors.GapDurationMismatch}, true
}

// jumpFinder finds cuts on one channel: a single step between two samples that dwarfs every other step around
// it. Sound that has gone through a microphone and a filter cannot do that; cutting out a piece does.
type jumpFinder struct {
	reach  int     // samples on each side
	before float32 // decaying maximum of the steps so far
	// A candidate and what has followed it.
	at    int64
	step  float32
	after float32
	left  int
}

// add takes the step to a sample and returns the place of a cut that has just been confirmed, or -1.
func (j *jumpFinder) add(at int64, step float32) int64 {
	if step < 0 {
		step = -step
	}
	if j.left > 0 {
		j.after = max(j.after, step)
		if j.left--; j.left == 0 && j.after*jumpRatio <= j.step {
			return j.at
		}
	} else if step >= jumpAtLeast && step >= jumpRatio*j.before && at > int64(j.reach) && j.before > 0 {
		j.at, j.step, j.after, j.left = at, step, 0, j.reach
	}
	j.before = max(step, j.before*(1-1/float32(j.reach)))
	return -1
}

// covered says that a time lies in or next to one of the gaps.
func covered(gaps []detectors.Gap, at float64) bool {
	return slices.ContainsFunc(gaps, func(g detectors.Gap) bool { return at >= g.Start-0.05 && at <= g.End+0.05 })
}

func sortGaps(gaps []detectors.Gap) {
	slices.SortStableFunc(gaps, func(a, b detectors.Gap) int { return cmp.Compare(a.Start, b.Start) })
}
