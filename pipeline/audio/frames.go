package audio

import (
	"context"
	"fmt"
	"math"
)

// Frames in which speech is looked for.
const (
	hop        = SampleRate / 100 // 10 ms between frames
	frameSize  = 1024             // 64 ms, long enough to tell harmonics apart
	hopsPerSec = SampleRate / hop
	// The telephone band in bins of the spectrum.
	loBin = 200 * frameSize / SampleRate
	hiBin = 3400 * frameSize / SampleRate
	// The spectrum is taken of every second hop; the one between has the same.
	spectrumEvery = 2
	// A frame's fine structure is compared with that of steadyLag spectra (140 ms) before: speech has moved on
	// by then, a held tone has not.
	steadyLag = 7
	// Range of the human voice's pitch, in lags of the autocorrelation.
	minPitchLag = SampleRate / 400
	maxPitchLag = SampleRate / 65
)

// frame is what is measured every hop.
type frame struct {
	level    float32 // dBFS of 10 ms in the telephone band's lower bound up: hum is left out
	flatness float32 // spectral flatness of the telephone band: 0 a tone, near 0.6 white noise
	voicing  float32 // highest normalised autocorrelation at a pitch of the human voice, 0..1
	steady   float32 // how alike the fine structure of the spectrum is to that 150 ms ago, -1..1
	peak     float32 // share of the band's power in its strongest line
	line     int     // bin of that line
	dtmf     byte    // the key whose two tones make up the frame; 0 for none
	pitch    float32 // Hz where voicing is high
	fresh    bool    // measured here, not taken over from the hop before
	cepstrum [cepstra]float32
}

// blockSize is how many samples are read at a time for analysis: whole hops, or times would drift by what is cut
// off each block.
const blockSize = 1600 * hop

// analyse calls visit for every hop of a channel, in order. mel, where given, adds cepstra.
func analyse(ctx context.Context, rec *Recording, channel int, mel *melBank, visit func(i int, f frame)) error {
	if channel < 0 || channel >= rec.Channels() {
		return fmt.Errorf("analyse channel %d of %d: no such channel", channel, rec.Channels())
	}
	total := rec.Samples(channel)
	a := newFrameAnalyser()
	a.mel = mel
	for at := 0; at < total; at += blockSize {
		if err := ctx.Err(); err != nil {
			return err
		}
		// Frames reach beyond their hop on both sides.
		x, err := rec.ReadSamples(channel, at-frameSize, min(at+blockSize, total)+frameSize)
		if err != nil {
			return err
		}
		if lead := frameSize - at; lead > 0 {
			x = append(make([]float32, lead), x...)
		}
		for p := at; p+hop <= min(at+blockSize, total); p += hop {
			o := p - at + frameSize
			visit(p/hop, a.frame(x, o))
		}
	}
	return nil
}

// frameAnalyser keeps what frames need of their predecessors.
type frameAnalyser struct {
	*analyser
	mel     *melBank
	low     float32 // state of the high-pass
	last    float32
	history [steadyLag][]float64 // fine structures
	silent  [steadyLag]bool
	count   int   // hops so far
	prev    frame // of the hop before
	padded  []float32
}

func newFrameAnalyser() *frameAnalyser {
	a := &frameAnalyser{analyser: newAnalyser(frameSize), padded: make([]float32, frameSize)}
	for i := range a.history {
		a.history[i] = make([]float64, hiBin-loBin+1)
		a.silent[i] = true
	}
	return a
}

// frame measures the hop that begins at x[at].
func (a *frameAnalyser) frame(x []float32, at int) frame {
	level := float32(a.level(x[at : at+hop]))
	defer func() { a.count++ }()
	if a.count%spectrumEvery != 0 && a.prev.level >= minSpeechDB && level >= minSpeechDB {
		f := a.prev
		f.level, f.fresh = level, false
		return f
	}
	a.prev = a.measure(x, at, level)
	return a.prev
}

// measure takes the spectrum around the hop at x[at].
func (a *frameAnalyser) measure(x []float32, at int, level float32) frame {
	f := frame{level: level}
	// The frame is centred on the hop.
	from := at + hop/2 - frameSize/2
	n := copy(a.padded, x[from:min(from+frameSize, len(x))])
	clear(a.padded[n:])
	slot := a.count / spectrumEvery % steadyLag
	if f.level < minSpeechDB {
		a.silent[slot] = true
		return f
	}
	a.spectrum(a.padded)
	f.flatness, f.peak, f.line = a.shapeOfBand()
	f.dtmf = dtmfKey(a.power)
	f.steady = a.steadiness(slot)
	a.autocorrelation(loBin, hiBin)
	f.voicing, f.pitch = a.voicing()
	f.fresh = true
	if a.mel != nil {
		f.cepstrum = a.mel.cepstrum(a.power)
	}
	return f
}

// level is the level of a hop after a first-order high-pass at 200 Hz, which takes mains hum away.
func (a *frameAnalyser) level(x []float32) float64 {
	const r = 0.9244 // exp(-2π·200/16000)
	sum := 0.0
	for _, v := range x {
		a.low = r * (a.low + v - a.last)
		a.last = v
		sum += float64(a.low) * float64(a.low)
	}
	return decibel(sum / float64(len(x)))
}

// shapeOfBand returns spectral flatness (geometric over arithmetic mean of the power) and the share of the
// strongest line, five bins wide because of the window.
func (a *frameAnalyser) shapeOfBand() (flatness, peak float32, line int) {
	sum, logs, best := 1e-12, 0.0, loBin
	for k := loBin; k <= hiBin; k++ {
		sum += a.power[k]
		logs += math.Log(a.power[k] + 1e-12)
		if a.power[k] > a.power[best] {
			best = k
		}
	}
	n := float64(hiBin - loBin + 1)
	return float32(math.Exp(logs/n) / (sum / n)), float32(linePower(a.power, best) / sum), best
}

// steadiness correlates the spectrum's fine structure, its logarithm less a moving mean, with the one
// steadyLag hops ago and stores it for later.
func (a *frameAnalyser) steadiness(slot int) float32 {
	const smooth = 8 // bins on each side
	n := hiBin - loBin + 1
	logs := make([]float64, n+2*smooth)
	top := 0.0
	for i := range logs {
		top = max(top, a.power[loBin-smooth+i])
	}
	for i := range logs {
		// What is 50 dB below the strongest line is noise of the codec.
		logs[i] = math.Log(a.power[loBin-smooth+i] + top*1e-5 + 1e-12)
	}
	sum := 0.0
	for _, v := range logs[:2*smooth] {
		sum += v
	}
	old, oldSilent := a.history[slot], a.silent[slot]
	var xx, yy, xy float64
	for i := range n {
		sum += logs[i+2*smooth]
		x := logs[i+smooth] - sum/(2*smooth+1)
		sum -= logs[i]
		y := old[i]
		xx, yy, xy = xx+x*x, yy+y*y, xy+x*y
		old[i] = x
	}
	a.silent[slot] = false
	if oldSilent || xx == 0 || yy == 0 {
		return 0
	}
	return float32(xy / math.Sqrt(xx*yy))
}

// voicing finds the strongest pitch of the human voice.
func (a *frameAnalyser) voicing() (strength, pitch float32) {
	best := 0
	for lag := minPitchLag; lag <= maxPitchLag; lag++ {
		v := a.auto[lag]
		if v > a.auto[lag-1] && v >= a.auto[lag+1] && (best == 0 || v > a.auto[best]+0.02) {
			best = lag // the shortest of nearly equal lags: longer ones are its multiples
		}
	}
	if best == 0 {
		return 0, 0
	}
	return float32(math.Min(1, a.auto[best])), float32(SampleRate) / float32(best)
}
