package audio

import "slices"

// Waveforms are drawn from at most maxBuckets peaks; the resolution is halved where a recording is too long.
const (
	peaksPerSecond = 40
	maxBuckets     = 60000
)

// peakMeter collects the waveform of one channel. It works at the finest resolution throughout: five hours
// take 720 kB.
type peakMeter struct {
	max   []byte
	top   int32
	count int
}

// add takes one sample at SampleRate.
func (p *peakMeter) add(s int16) {
	v := int32(s)
	if v < 0 {
		v = -v
	}
	p.top = max(p.top, v)
	if p.count++; p.count == SampleRate/peaksPerSecond {
		p.cut()
	}
}

// cut ends a bucket.
func (p *peakMeter) cut() {
	p.max = append(p.max, byte(min(255, (p.top*255+32766)/32767)))
	p.top, p.count = 0, 0
}

// result ends the last bucket and returns the waveform.
func (p *peakMeter) result() Peaks {
	if p.count > 0 {
		p.cut()
	}
	out := Peaks{PerSecond: peaksPerSecond, Max: p.max}
	for len(out.Max) > maxBuckets && out.PerSecond%2 == 0 {
		for i := range len(out.Max) / 2 {
			out.Max[i] = max(out.Max[2*i], out.Max[2*i+1])
		}
		if len(out.Max)%2 == 1 {
			out.Max[len(out.Max)/2] = out.Max[len(out.Max)-1]
		}
		out.Max = out.Max[:(len(out.Max)+1)/2]
		out.PerSecond /= 2
	}
	out.Max = slices.Clip(out.Max)
	return out
}
