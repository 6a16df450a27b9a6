package audio

import (
	"context"
	"math"
)

// VAD finds speech. Implementations are safe for concurrent use; audiotest.VAD is what they must fulfil.
type VAD interface {
	// Regions returns the stretches of speech on one channel in order of time, without overlap, within the
	// recording.
	Regions(ctx context.Context, rec *Recording, channel int) ([]Region, error)
}

// Thresholds of EnergyVAD, tuned on telephone audio.
const (
	minSpeechDB  = -60.0 // nothing below is taken for speech
	floorMinDB   = -70.0 // the noise floor is never assumed lower: behind it is digital silence
	floorShare   = 0.10  // the floor is this quantile of the levels around
	floorReach   = 4     // seconds before and after that count as around
	onAboveDB    = 9.0   // speech begins this far above the floor …
	offAboveDB   = 5.0   // … and goes on until it falls below this
	onAtLeastDB  = -55.0
	bridgeHops   = 30 // pauses up to 300 ms belong to the speech around them
	leadHops     = 12 // soft beginnings are below the threshold
	hangHops     = 20 // so are endings
	minVoiced    = 6  // hops with the voice of a person that a region must have
	voicedFrom   = 0.55
	voicedMaxFl  = 0.30 // flatter frames are noise with an accidental period
	voicedShare  = 0.12 // of a region's hops must be voiced
	steadyFrom   = 0.85 // fine structure as constant as this is an instrument or a tone
	musicReach   = 2    // seconds before and after in which music is looked for
	musicShare   = 0.18 // of the sounding hops around are steady: music (speech: below 0.08)
	musicAtLeast = 40   // steady hops before anything is called music
	toneHops     = 15   // a single line of constant frequency for 150 ms is a tone
	dtmfHops     = 4
)

// EnergyVAD finds speech without a model: a hop counts when it stands out from an adaptive noise floor; what
// then sounds like an instrument, a tone, DTMF or noise is taken out by how constant the spectrum's fine
// structure is, how much of it one line holds, and whether there is a human pitch. The zero value is ready.
type EnergyVAD struct{}

// Regions implements VAD.
func (EnergyVAD) Regions(ctx context.Context, rec *Recording, channel int) ([]Region, error) {
	hops := make([]vadHop, 0, rec.Samples(channel)/hop)
	err := analyse(ctx, rec, channel, nil, func(_ int, f frame) { hops = append(hops, newVADHop(f)) })
	if err != nil {
		return nil, err
	}
	markTones(hops)
	markMusic(hops)
	loud := standOut(hops)
	for i := range loud {
		loud[i] = loud[i] && hops[i].kind&(hopTone|hopMusic) == 0
	}
	return regions(hops, loud, float64(rec.Samples(channel))/SampleRate), nil
}

// vadHop is what the detector keeps of a frame: eight bytes, so that five hours take 15 MB.
type vadHop struct {
	level int16 // hundredths of a decibel
	line  int16 // bin of the strongest line where it holds nearly everything, else -1
	kind  uint8
}

// What a hop may be.
const (
	hopVoiced uint8 = 1 << iota
	hopSteady
	hopDTMF
	hopTone
	hopMusic
)

func newVADHop(f frame) vadHop {
	h := vadHop{level: int16(f.level * 100), line: -1}
	if f.level < minSpeechDB {
		return h
	}
	if f.voicing >= voicedFrom && f.flatness <= voicedMaxFl {
		h.kind |= hopVoiced
	}
	if f.steady >= steadyFrom {
		h.kind |= hopSteady
	}
	if f.dtmf != 0 {
		h.kind |= hopDTMF
	}
	if f.peak >= 0.93 {
		h.line = int16(f.line)
	}
	return h
}

// markTones finds signalling tones: one line of constant frequency, or a DTMF pair.
func markTones(hops []vadHop) {
	mark := func(from, to int) {
		// The frame reaches over the tone's ends.
		for i := max(0, from-4); i < min(len(hops), to+4); i++ {
			hops[i].kind |= hopTone
		}
	}
	for i := 0; i < len(hops); i++ {
		j := i
		for j < len(hops) && hops[j].line >= 0 && abs(int(hops[j].line)-int(hops[i].line)) <= 1 {
			j++
		}
		if j-i >= toneHops {
			mark(i, j)
		}
		if j > i {
			i = j - 1
		}
	}
	for i := 0; i < len(hops); i++ {
		j := i
		for j < len(hops) && hops[j].kind&hopDTMF != 0 {
			j++
		}
		if j-i >= dtmfHops {
			mark(i, j)
		}
		if j > i {
			i = j
		}
	}
}

// markMusic marks hops in whose surroundings held notes are too common for speech.
func markMusic(hops []vadHop) {
	const reach = musicReach * hopsPerSec
	var steady, sounding int
	count := func(i, by int) {
		if i < 0 || i >= len(hops) {
			return
		}
		if hops[i].level >= 100*onAtLeastDB && hops[i].kind&hopTone == 0 {
			sounding += by
			if hops[i].kind&hopSteady != 0 {
				steady += by
			}
		}
	}
	for i := range reach {
		count(i, 1)
	}
	for i := range hops {
		count(i+reach, 1)
		count(i-reach-1, -1)
		if steady >= musicAtLeast && float64(steady) >= musicShare*float64(sounding) {
			hops[i].kind |= hopMusic
		}
	}
}

// standOut says which hops are louder than the noise around them, with hysteresis.
func standOut(hops []vadHop) []bool {
	loud := make([]bool, len(hops))
	floor := newFloor(hops)
	on := false
	for i, h := range hops {
		db := float64(h.level) / 100
		fl := floor.at(i)
		if on {
			on = db >= math.Max(minSpeechDB, fl+offAboveDB)
		} else {
			on = db >= math.Max(onAtLeastDB, fl+onAboveDB)
		}
		loud[i] = on
	}
	return loud
}

// floor follows the noise: a low quantile of the levels in a window that slides along.
type floor struct {
	hops  []vadHop
	bins  [2*int(-silentDB) + 1]int
	count int
	next  int // first hop not yet in the window
}

func newFloor(hops []vadHop) *floor { return &floor{hops: hops} }

// at returns the floor around hop i in dBFS; i must grow by one from call to call.
func (f *floor) at(i int) float64 {
	const reach = floorReach * hopsPerSec
	for ; f.next < min(len(f.hops), i+reach); f.next++ {
		f.bins[f.bin(f.next)]++
		f.count++
	}
	if old := i - reach; old >= 0 {
		f.bins[f.bin(old)]--
		f.count--
	}
	want, n := int(floorShare*float64(f.count)), 0
	for b := range f.bins {
		if n += f.bins[b]; n > want {
			return math.Max(floorMinDB, silentDB+float64(b)/2)
		}
	}
	return floorMinDB
}

func (f *floor) bin(i int) int { return int(2 * (float64(f.hops[i].level)/100 - silentDB)) }

// regions joins loud hops over short pauses, keeps what has a human voice in it and adds lead and hang-over.
func regions(hops []vadHop, loud []bool, duration float64) []Region {
	var out []Region
	add := func(first, last int) {
		if !hasVoice(hops[first:last]) {
			return
		}
		r := Region{
			Start: math.Max(0, float64(first-leadHops)/hopsPerSec),
			End:   math.Min(duration, float64(last+hangHops)/hopsPerSec),
		}
		if n := len(out); n > 0 && out[n-1].End >= r.Start {
			out[n-1].End = r.End
			return
		}
		out = append(out, r)
	}
	first, last := -1, -1
	for i, l := range loud {
		switch {
		case !l:
		case first < 0:
			first, last = i, i+1
		case i-last > bridgeHops:
			add(first, last)
			first, last = i, i+1
		default:
			last = i + 1
		}
	}
	if first >= 0 {
		add(first, last)
	}
	return out
}

// hasVoice says that enough of a stretch has the pitch of a person.
func hasVoice(hops []vadHop) bool {
	n := 0
	for _, h := range hops {
		if h.kind&hopVoiced != 0 && h.kind&(hopTone|hopMusic) == 0 {
			n++
		}
	}
	return n >= minVoiced && float64(n) >= voicedShare*float64(len(hops))
}

func abs(x int) int {
	if x < 0 {
		return -x
	}
	return x
}
