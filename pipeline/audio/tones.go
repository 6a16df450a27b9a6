package audio

import (
	"math"
	"slices"
)

// toneSeconds is how much of the beginning is searched for signalling tones.
const toneSeconds = 60

// Ringback, dial and busy tone are 450 Hz in China (GF 001-9001); other networks use 400 to 480 Hz.
const (
	ringbackFrom = 395.0
	ringbackTo   = 485.0
)

// toneMeter finds signalling tones at the start of one channel.
type toneMeter struct {
	a    *frameAnalyser
	x    []float32 // the samples around the next hop
	hop  int
	runs []toneRun
}

// toneRun is a tone that goes on from hop to hop.
type toneRun struct {
	key         byte // 'r' for ringback, else the DTMF key
	first, last int
}

func newToneMeter() *toneMeter {
	return &toneMeter{a: newFrameAnalyser(), x: make([]float32, frameSize/2)}
}

// add takes samples at SampleRate.
func (m *toneMeter) add(x []float32) {
	if m.hop >= toneSeconds*hopsPerSec {
		m.x = nil
		return
	}
	m.x = append(m.x, x...)
	at := frameSize / 2
	for ; at+hop/2+frameSize/2 <= len(m.x) && m.hop < toneSeconds*hopsPerSec; at += hop {
		m.take(m.a.frame(m.x, at))
		m.hop++
	}
	m.x = m.x[:copy(m.x, m.x[at-frameSize/2:])]
}

// take notes what a frame is.
func (m *toneMeter) take(f frame) {
	hz := float64(f.line) * SampleRate / frameSize
	var key byte
	switch {
	case f.level < minSpeechDB:
		return
	case f.dtmf != 0:
		key = f.dtmf
	case f.peak >= 0.93 && hz >= ringbackFrom && hz <= ringbackTo:
		key = 'r'
	default:
		return
	}
	// One hop may be spoilt without ending a tone.
	for i := len(m.runs) - 1; i >= 0 && i >= len(m.runs)-2; i-- {
		if m.runs[i].key == key && m.hop-m.runs[i].last <= 2 {
			m.runs[i].last = m.hop
			return
		}
	}
	m.runs = append(m.runs, toneRun{key, m.hop, m.hop})
}

// result returns the tones that lasted long enough: DTMF 40 ms (Q.24), ringback and its kin 200 ms. Digits that
// follow each other within two seconds are one number; bursts of ringback within six are one.
func (m *toneMeter) result(channel int) []Tone {
	var out []Tone
	sec := func(h int) float64 { return round(float64(h)/hopsPerSec, 2) }
	for _, r := range m.runs {
		t := Tone{Channel: channel, Start: sec(r.first), End: sec(r.last + 1)}
		within := 2.0
		switch length := r.last - r.first + 1; {
		case r.key == 'r' && length >= 20:
			t.Kind, within = "ringback", 6
		case r.key != 'r' && length >= dtmfHops:
			t.Kind, t.Digits = "dtmf", string(r.key)
		default:
			continue
		}
		i := slices.IndexFunc(out, func(o Tone) bool { return o.Kind == t.Kind && t.Start-o.End <= within })
		if i < 0 {
			out = append(out, t)
			continue
		}
		out[i].End = math.Max(out[i].End, t.End)
		out[i].Digits += t.Digits
	}
	return out
}
