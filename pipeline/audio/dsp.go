package audio

import (
	"math"
	"math/cmplx"
)

// fft transforms blocks of a fixed power-of-two length; radix 2, decimation in time (Cooley and Tukey 1965).
type fft struct {
	n       int
	twiddle []complex128
	reverse []int
}

func newFFT(n int) *fft {
	f := &fft{n: n, twiddle: make([]complex128, n/2), reverse: make([]int, n)}
	for i := range f.twiddle {
		f.twiddle[i] = cmplx.Rect(1, -2*math.Pi*float64(i)/float64(n))
	}
	for i := 1; i < n; i++ {
		f.reverse[i] = f.reverse[i/2]/2 + (i%2)*n/2
	}
	return f
}

// transform replaces x, of length n, by its spectrum.
func (f *fft) transform(x []complex128) {
	for i, j := range f.reverse {
		if i < j {
			x[i], x[j] = x[j], x[i]
		}
	}
	for size := 2; size <= f.n; size *= 2 {
		half, step := size/2, f.n/size
		for start := 0; start < f.n; start += size {
			a, b := x[start:start+half], x[start+half:start+size]
			for k := range a {
				t := b[k] * f.twiddle[k*step]
				a[k], b[k] = a[k]+t, a[k]-t
			}
		}
	}
}

// realFFT transforms real blocks of a fixed power-of-two length n through a complex transform of half the length:
// even samples are its real parts, odd ones its imaginary parts.
type realFFT struct {
	half    *fft
	twiddle []complex128 // of length n, bins 0 to n/2
	z       []complex128
}

func newRealFFT(n int) *realFFT {
	f := &realFFT{half: newFFT(n / 2), twiddle: make([]complex128, n/2+1), z: make([]complex128, n/2)}
	for k := range f.twiddle {
		f.twiddle[k] = cmplx.Rect(1, -2*math.Pi*float64(k)/float64(n))
	}
	return f
}

// transform fills bins 0 to n/2 of the spectrum of x, which has n samples; the others are their conjugates.
func (f *realFFT) transform(bins []complex128, x []float64) {
	for i := range f.z {
		f.z[i] = complex(x[2*i], x[2*i+1])
	}
	f.half.transform(f.z)
	m := len(f.z)
	for k := range bins {
		a, b := f.z[k%m], cmplx.Conj(f.z[(m-k)%m])
		odd := (a - b) * f.twiddle[k]
		bins[k] = complex((real(a+b)+imag(odd))*0.5, (imag(a+b)-real(odd))*0.5)
	}
}

// hann is the periodic Hann window.
func hann(n int) []float64 {
	w := make([]float64, n)
	for i := range w {
		w[i] = 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/float64(n))
	}
	return w
}

// analyser computes power spectrum and autocorrelation of windowed frames.
type analyser struct {
	f      *realFFT
	window []float64
	shape  []float64    // autocorrelation of the window, 1 at lag 0
	buf    []float64    // n samples
	bins   []complex128 // n/2+1
	power  []float64    // n/2+1 bins
	auto   []float64    // n/2 lags, corrected for the window, 1 at lag 0
}

func newAnalyser(n int) *analyser {
	a := &analyser{f: newRealFFT(n), window: hann(n), buf: make([]float64, n), bins: make([]complex128, n/2+1),
		power: make([]float64, n/2+1), auto: make([]float64, n/2)}
	a.shape = make([]float64, n/2)
	for lag := range a.shape {
		a.shape[lag] = 1
	}
	ones := make([]float32, n)
	for i := range ones {
		ones[i] = 1
	}
	a.spectrum(ones)
	a.autocorrelation(0, n/2)
	a.shape, a.auto = a.auto, a.shape
	return a
}

// spectrum fills power from a frame of n samples.
func (a *analyser) spectrum(x []float32) {
	for i, v := range x {
		a.buf[i] = float64(v) * a.window[i]
	}
	a.f.transform(a.bins, a.buf)
	for k := range a.power {
		re, im := real(a.bins[k]), imag(a.bins[k])
		a.power[k] = re*re + im*im
	}
}

// autocorrelation fills auto from power, using only bins lo to hi (Wiener and Khinchin).
func (a *analyser) autocorrelation(lo, hi int) {
	clear(a.buf)
	for k := lo; k <= hi; k++ {
		a.buf[k] = a.power[k]
		a.buf[(len(a.buf)-k)%len(a.buf)] = a.power[k]
	}
	a.f.transform(a.bins, a.buf)
	r0 := real(a.bins[0])
	if r0 <= 0 {
		clear(a.auto)
		return
	}
	for lag := range a.auto {
		a.auto[lag] = real(a.bins[lag]) / r0 / a.shape[lag]
	}
}
