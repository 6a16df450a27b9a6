package web

import (
	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline/audio"
)

// stretch is a part of a recording in seconds, from and to.
type stretch [2]float64

// What counts as silence and as talking over each other on the waveform.
const (
	quietBelow = 8   // of 255: below is no voice
	shortPause = 1.5 // seconds: a shorter one is breath, not silence
	shortCross = 0.4 // seconds: a shorter one is a nod
)

// silences are the stretches in which no channel holds a voice.
func silences(peaks []audio.Peaks) []stretch {
	return stretches(peaks, shortPause, func(loud int) bool { return loud == 0 })
}

// overlaps are the stretches in which both sides speak: by the channels where there are two, else by the times of what
// was said.
func overlaps(peaks []audio.Peaks, us []detectors.Utterance) []stretch {
	if len(peaks) > 1 {
		return stretches(peaks, shortCross, func(loud int) bool { return loud > 1 })
	}
	out := []stretch{}
	for i := 1; i < len(us); i++ {
		from, to := us[i].Start, min(us[i].End, us[i-1].End)
		if us[i].Speaker != us[i-1].Speaker && to-from >= shortCross {
			out = append(out, stretch{from, to})
		}
	}
	return out
}

// stretches are the parts, of at least so many seconds, in which the number of loud channels is as wanted. Gaps of a
// fifth of a second belong to their surroundings: a voice is not loud throughout.
func stretches(peaks []audio.Peaks, shortest float64, wanted func(loud int) bool) []stretch {
	out := []stretch{}
	if len(peaks) == 0 || peaks[0].PerSecond <= 0 {
		return out
	}
	rate := peaks[0].PerSecond
	smooth := max(rate/5, 1)
	loudAt := make([][]bool, len(peaks))
	for c, p := range peaks {
		loudAt[c] = make([]bool, len(p.Max))
		last := -smooth - 1
		for i, m := range p.Max {
			if m >= quietBelow {
				if i-last <= smooth {
					for j := last + 1; j < i; j++ {
						loudAt[c][j] = true
					}
				}
				loudAt[c][i], last = true, i
			}
		}
	}
	begin := -1
	n := len(peaks[0].Max)
	for i := 0; i <= n; i++ {
		loud := 0
		for _, l := range loudAt {
			if i < len(l) && l[i] {
				loud++
			}
		}
		in := i < n && wanted(loud)
		if in && begin < 0 {
			begin = i
		}
		if !in && begin >= 0 {
			if s := (stretch{float64(begin) / float64(rate), float64(i) / float64(rate)}); s[1]-s[0] >= shortest {
				out = append(out, s)
			}
			begin = -1
		}
	}
	return out
}
