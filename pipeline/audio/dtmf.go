package audio

// The tones of the telephone keypad in Hz (ITU-T Q.23).
var (
	dtmfLow  = [4]float64{697, 770, 852, 941}
	dtmfHigh = [4]float64{1209, 1336, 1477, 1633}
	dtmfKeys = [4][4]byte{{'1', '2', '3', 'A'}, {'4', '5', '6', 'B'}, {'7', '8', '9', 'C'}, {'*', '0', '#', 'D'}}
)

// dtmfTolerance is how far off a tone may be (Q.24 demands that 3.5 % are rejected; the window blurs).
const dtmfTolerance = 0.025

// dtmfShare of the telephone band's power must be in the two tones.
const dtmfShare = 0.85

// dtmfKey returns the key whose tones make up nearly all of a frame's power spectrum, or 0. Neither tone may be
// more than 10 dB stronger than the other.
func dtmfKey(power []float64) byte {
	sum := 1e-12
	for k := loBin; k <= hiBin; k++ {
		sum += power[k]
	}
	low, lowAt := strongest(power, 650, 1000)
	high, highAt := strongest(power, 1150, 1700)
	if low+high < dtmfShare*sum || low > 10*high || high > 10*low {
		return 0
	}
	row, col := nearest(lowAt, dtmfLow), nearest(highAt, dtmfHigh)
	if row < 0 || col < 0 {
		return 0
	}
	return dtmfKeys[row][col]
}

// strongest returns power and frequency of the strongest line between two frequencies in Hz.
func strongest(power []float64, from, to int) (sum, hz float64) {
	best := from * frameSize / SampleRate
	for k := best; k <= to*frameSize/SampleRate; k++ {
		if power[k] > power[best] {
			best = k
		}
	}
	moment := 0.0
	for k := best - 2; k <= best+2; k++ {
		sum += power[k]
		moment += power[k] * float64(k)
	}
	if sum == 0 {
		return 0, 0
	}
	return sum, moment / sum * SampleRate / frameSize
}

// linePower is the power of a line: five bins, because of the window.
func linePower(power []float64, k int) float64 {
	sum := 0.0
	for i := max(0, k-2); i <= min(len(power)-1, k+2); i++ {
		sum += power[i]
	}
	return sum
}

// nearest returns which of the tones a frequency is, or -1.
func nearest(hz float64, tones [4]float64) int {
	for i, t := range tones {
		if hz > t*(1-dtmfTolerance) && hz < t*(1+dtmfTolerance) {
			return i
		}
	}
	return -1
}
