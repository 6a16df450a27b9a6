package audio

import "math"

// The voice's colour is described by mel-frequency cepstral coefficients (Davis and Mermelstein 1980) of the
// telephone band, so that narrow and wide recordings compare.
const (
	melFilters = 24
	melFrom    = 150.0  // Hz
	melTo      = 3700.0 // Hz
	cepstra    = 12     // coefficients 1 to 12; 0 is loudness
)

// melBank computes cepstra from power spectra of frameSize samples.
type melBank struct {
	filters [melFilters][]weight
	cosines [cepstra][melFilters]float64
}

// weight is one bin's part in a filter.
type weight struct {
	bin int
	w   float64
}

func newMelBank() *melBank {
	b := &melBank{}
	mel := func(hz float64) float64 { return 1127 * math.Log1p(hz/700) }
	step := (mel(melTo) - mel(melFrom)) / (melFilters + 1)
	for i := range b.filters {
		centre := mel(melFrom) + step*float64(i+1)
		for k := 1; k < frameSize/2; k++ {
			d := math.Abs(mel(float64(k)*SampleRate/frameSize)-centre) / step
			if d < 1 {
				b.filters[i] = append(b.filters[i], weight{k, 1 - d})
			}
		}
	}
	for c := range b.cosines {
		for i := range b.cosines[c] {
			b.cosines[c][i] = math.Cos(math.Pi*float64(c+1)*(float64(i)+0.5)/melFilters) * math.Sqrt(2.0/melFilters)
		}
	}
	return b
}

// cepstrum returns coefficients 1 to 12 of a power spectrum.
func (b *melBank) cepstrum(power []float64) (out [cepstra]float32) {
	var logs [melFilters]float64
	for i, f := range b.filters {
		sum := 1e-9
		for _, w := range f {
			sum += w.w * power[w.bin]
		}
		logs[i] = math.Log(sum)
	}
	for c := range out {
		sum := 0.0
		for i, l := range logs {
			sum += l * b.cosines[c][i]
		}
		out[c] = float32(sum)
	}
	return out
}
