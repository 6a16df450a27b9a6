package audio

import "math"

// Design of the resampler's low-pass. The pass band ends at 7/8 of the lower of the two Nyquist frequencies
// (3.5 kHz for telephone audio, whose band ends at 3.4 kHz) and the stop band begins at that frequency.
const (
	stopbandDB  = 80.0
	passbandEnd = 0.875
)

// resampler turns one rate into 16 kHz by a polyphase filter, block by block. The low-pass is a Kaiser-windowed
// sinc whose length and shape follow Kaiser's formulas (Oppenheim and Schafer, Discrete-Time Signal Processing,
// eqs. 7.75 and 7.76). Its delay is taken out, so times stay exact.
type resampler struct {
	up, down int         // 16000/rate in lowest terms
	half     int         // input samples on each side of the output's place
	phases   [][]float32 // per position between two input samples: 2·half+1 coefficients
	hist     []float32   // input from index base on
	base     int64       // index of hist[0]; input before 0 counts as silence
	in, out  int64       // samples taken and given so far
}

// newResampler returns a resampler from rate to SampleRate; nil where nothing needs to be done.
func newResampler(rate int) *resampler {
	if rate == SampleRate {
		return nil
	}
	g := gcd(rate, SampleRate)
	r := &resampler{up: SampleRate / g, down: rate / g}
	r.design(float64(rate))
	r.base = -int64(r.half)
	r.hist = make([]float32, r.half, 1<<15)
	return r
}

// design computes the coefficients of every phase.
func (r *resampler) design(rate float64) {
	full := rate * float64(r.up) // the rate at which the filter notionally runs
	nyquist := math.Min(rate, SampleRate) / 2
	width := 2 * math.Pi * nyquist * (1 - passbandEnd) / full
	cutoff := nyquist * (1 + passbandEnd) / 2 / full // cycles per notional sample
	beta := 0.1102 * (stopbandDB - 8.7)
	taps := (stopbandDB - 7.95) / (2.285 * width)
	r.half = int(math.Ceil(taps / 2 / float64(r.up)))
	centre := r.half * r.up
	norm := bessel0(beta)
	r.phases = make([][]float32, r.up)
	for p := range r.phases {
		c := make([]float32, 2*r.half+1)
		sum := 0.0
		h := make([]float64, len(c))
		for j := range c {
			// Coefficient j meets the input sample j-half places from the output's.
			t := float64(p + (r.half-j)*r.up)
			x := t / float64(centre)
			if math.Abs(x) > 1 {
				continue
			}
			h[j] = sinc(2*cutoff*t) * bessel0(beta*math.Sqrt(1-x*x)) / norm
			sum += h[j]
		}
		for j := range c {
			c[j] = float32(h[j] / sum) // every phase passes a constant unchanged
		}
		r.phases[p] = c
	}
}

// write takes a block and appends what it yields to dst.
func (r *resampler) write(dst, src []float32) []float32 {
	r.in += int64(len(src))
	r.hist = append(r.hist, src...)
	return r.drain(dst)
}

// flush yields what is left. The result has ceil(in·up/down) samples altogether.
func (r *resampler) flush(dst []float32) []float32 {
	r.hist = append(r.hist, make([]float32, r.half+1)...)
	total := (r.in*int64(r.up) + int64(r.down) - 1) / int64(r.down)
	dst = r.drain(dst)
	if extra := r.out - total; extra > 0 {
		dst = dst[:len(dst)-int(extra)]
		r.out = total
	}
	return dst
}

// drain computes every output whose input is complete and forgets input that is not needed any more.
func (r *resampler) drain(dst []float32) []float32 {
	end := r.base + int64(len(r.hist))
	for {
		place := r.out * int64(r.down)
		first := place/int64(r.up) - int64(r.half)
		if first+int64(2*r.half+1) > end {
			keep := int(max(0, min(first-r.base, int64(len(r.hist)))))
			r.hist = r.hist[:copy(r.hist, r.hist[keep:])]
			r.base += int64(keep)
			return dst
		}
		c := r.phases[place%int64(r.up)]
		dst = append(dst, dot(c, r.hist[first-r.base:][:len(c)]))
		r.out++
	}
}

// dot is the inner product, in four sums so that additions need not wait for each other.
func dot(a, b []float32) float32 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float32
	i := 0
	for ; i+4 <= len(a); i += 4 {
		s0 += a[i] * b[i]
		s1 += a[i+1] * b[i+1]
		s2 += a[i+2] * b[i+2]
		s3 += a[i+3] * b[i+3]
	}
	for ; i < len(a); i++ {
		s0 += a[i] * b[i]
	}
	return s0 + s1 + s2 + s3
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// bessel0 is the modified Bessel function of the first kind and order 0, by its power series.
func bessel0(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > sum*1e-12; k++ {
		term *= (x / (2 * k)) * (x / (2 * k))
		sum += term
	}
	return sum
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
