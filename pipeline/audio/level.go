package audio

import "math"

// Levels are measured over frames of 20 ms, as usual in telephony.
const levelFrame = SampleRate / 50

// A frame is active when it stands out from the quiet part of its channel, and silent otherwise.
const (
	activeAboveFloorDB = 9.0
	activeAtLeastDB    = -60.0
	silentDB           = -120.0 // stands for nothing at all
)

// levelMeter collects the distribution of frame levels of one channel in steps of half a decibel.
type levelMeter struct {
	sum    float64 // squares of the current frame
	count  int
	frames [2*int(-silentDB) + 1]int64
	power  [2*int(-silentDB) + 1]float64
	total  int64
}

// add takes one sample at SampleRate.
func (m *levelMeter) add(v float32) {
	m.sum += float64(v) * float64(v)
	if m.count++; m.count < levelFrame {
		return
	}
	p := m.sum / levelFrame
	bin := int(2 * (decibel(p) - silentDB))
	m.frames[bin]++
	m.power[bin] += p
	m.total++
	m.sum, m.count = 0, 0
}

// result returns the level of the active part in dBFS and the share of frames that are not active.
func (m *levelMeter) result() (levelDB, silence float64) {
	if m.total == 0 {
		return silentDB, 1
	}
	floor := silentDB
	for bin, n := 0, int64(0); bin < len(m.frames); bin++ {
		if n += m.frames[bin]; n*10 >= m.total {
			floor = silentDB + float64(bin)/2
			break
		}
	}
	from := int(2 * (math.Max(activeAtLeastDB, floor+activeAboveFloorDB) - silentDB))
	var n int64
	var p float64
	for bin := from; bin < len(m.frames); bin++ {
		n += m.frames[bin]
		p += m.power[bin]
	}
	if n == 0 {
		return silentDB, 1
	}
	return decibel(p / float64(n)), 1 - float64(n)/float64(m.total)
}

// decibel is a mean square as dBFS, between silentDB and 0.
func decibel(meanSquare float64) float64 {
	if meanSquare <= 0 {
		return silentDB
	}
	return math.Max(silentDB, math.Min(0, 10*math.Log10(meanSquare)))
}
