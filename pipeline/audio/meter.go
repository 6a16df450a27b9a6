package audio

import (
	"fmt"
	"math"
)

// A channel is dead when nothing in it is louder than deadDB, which is above the idle noise of G.711 (-72 dBFS)
// and below any speech.
const deadDB = -60.0

// identicalCorrelation is the correlation from which two channels are taken for copies of one: differences
// left by joint-stereo codecs stay below, cross-talk of two persons far above.
const identicalCorrelation = 0.9995

// clipLevel is full scale less what rounding to 16 bits may take away.
const clipLevel = 32766.0 / 32768

// clippedTooMuch is the share of samples at full scale from which distortion is heard.
const clippedTooMuch = 0.001

// meter measures a recording as it is in the file, before resampling.
type meter struct {
	info    Info
	frames  int64
	peak    []float32
	clipped []int64
	// Of the first two channels: sums of squares and products.
	aa, bb, ab float64
	gaps       *gapMeter
}

func newMeter(info Info) *meter {
	return &meter{info: info, peak: make([]float32, info.Channels), clipped: make([]int64, info.Channels), gaps: newGapMeter(info)}
}

// add takes an interleaved block.
func (m *meter) add(block []float32) {
	m.gaps.add(block)
	n := m.info.Channels
	for c := range n {
		peak, clipped := m.peak[c], m.clipped[c]
		for i := c; i < len(block); i += n {
			v := block[i]
			if v < 0 {
				v = -v
			}
			peak = max(peak, v)
			if v >= clipLevel {
				clipped++
			}
		}
		m.peak[c], m.clipped[c] = peak, clipped
	}
	if n == 2 {
		for i := 0; i+1 < len(block); i += 2 {
			a, b := float64(block[i]), float64(block[i+1])
			m.aa += a * a
			m.bb += b * b
			m.ab += a * b
		}
	}
	m.frames += int64(len(block) / n)
}

// facts puts the measurements together.
func (m *meter) facts(lanes []*lane) Facts {
	f := Facts{
		Codec: m.info.Codec, Container: m.info.Container, SourceRate: m.info.Rate, Channels: m.info.Channels,
		Duration: float64(m.frames) / float64(m.info.Rate),
	}
	if trustedDuration(m.info.Container) {
		f.HeaderDuration = round(m.info.Duration, 3)
	}
	for c, l := range lanes {
		level, silence := l.level.result()
		peak := decibel(float64(m.peak[c]) * float64(m.peak[c]))
		f.PerChannel = append(f.PerChannel, ChannelFacts{
			LevelDB: round(level, 1), PeakDB: round(peak, 1), SilenceShare: round(silence, 4),
			Clipped: float64(m.clipped[c]) / float64(m.frames), Dead: peak < deadDB,
		})
	}
	f.Identical = m.identical()
	f.Gaps = m.gaps.result()
	for c, l := range lanes {
		f.Tones = append(f.Tones, l.tones.result(c)...)
	}
	f.Warnings = warnings(&f)
	return f
}

// identical says that the two channels carry the same sound, be it at different levels.
func (m *meter) identical() bool {
	if m.info.Channels != 2 || m.aa == 0 || m.bb == 0 {
		return false
	}
	return math.Abs(m.ab)/math.Sqrt(m.aa*m.bb) > identicalCorrelation
}

// warnings are sentences about what makes a recording hard or impossible to judge.
func warnings(f *Facts) (out []string) {
	dead := 0
	for _, c := range f.PerChannel {
		if c.Dead {
			dead++
		}
	}
	switch {
	case dead == f.Channels:
		out = append(out, "整段录音没有声音")
	case dead > 0:
		out = append(out, "有一个声道没有声音,只录到一方")
	}
	if f.Identical {
		out = append(out, "左右声道内容相同,按单声道处理")
	}
	for c, ch := range f.PerChannel {
		if ch.Clipped > clippedTooMuch {
			out = append(out, fmt.Sprintf("声道 %d 过载失真,识别结果可能不准", c+1))
		}
	}
	return out
}

// round keeps stored facts free of digits that mean nothing.
func round(x float64, digits int) float64 {
	p := math.Pow(10, float64(digits))
	return math.Round(x*p) / p
}
