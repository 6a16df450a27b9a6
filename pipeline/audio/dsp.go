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
	f      *fft
	window []float64
	shape  []float64 // autocorrelation of the window, 1 at lag 0
	buf    []complex128
	power  []float64 // n/2+1 bins
	auto   []float64 // n/2 lags, corrected for the window, 1 at lag 0
}

func newAnalyser(n int) *analyser {
	a := &analyser{f: newFFT(n), window: hann(n), buf: make([]complex128, n), power: make([]float64, n/2+1), auto: make([]float64, n/2)}
	a.shape = make([]float64, n/2)
	for lag := range a.shape {
		for i := range n {
			a.shape[lag] += a.window[i] * a.window[(i+lag)%n] // circular, as the transform is
		}
	}
	for lag := len(a.shape) - 1; lag >= 0; lag-- {
		a.shape[lag] /= a.shape[0]
	}
	return a
}

// spectrum fills power from a frame of n samples.
func (a *analyser) spectrum(x []float32) {
	for i, v := range x {
		a.buf[i] = complex(float64(v)*a.window[i], 0)
	}
	a.f.transform(a.buf)
	for k := range a.power {
		re, im := real(a.buf[k]), imag(a.buf[k])
		a.power[k] = re*re + im*im
	}
}

// autocorrelation fills auto from power, using only bins lo to hi (Wiener and Khinchin).
func (a *analyser) autocorrelation(lo, hi int) {
	clear(a.buf)
	for k := lo; k <= hi; k++ {
		a.buf[k] = complex(a.power[k], 0)
		a.buf[a.f.n-k] = a.buf[k]
	}
	a.f.transform(a.buf)
	r0 := real(a.buf[0])
	if r0 <= 0 {
		clear(a.auto)
		return
	}
	for lag := range a.auto {
		a.auto[lag] = real(a.buf[lag]) / r0 / a.shape[lag]
	}
}
