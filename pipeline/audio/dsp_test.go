package audio

import (
	"math"
	"math/cmplx"
	"math/rand/v2"
	"testing"
)

// TestRealFFT compares with the definition of the transform.
func TestRealFFT(t *testing.T) {
	const n = 64
	r := rand.New(rand.NewPCG(1, 2))
	x := make([]float64, n)
	for i := range x {
		x[i] = r.NormFloat64()
	}
	bins := make([]complex128, n/2+1)
	newRealFFT(n).transform(bins, x)
	for k, got := range bins {
		var want complex128
		for i, v := range x {
			want += complex(v, 0) * cmplx.Rect(1, -2*math.Pi*float64(k*i)/n)
		}
		if cmplx.Abs(got-want) > 1e-12*n {
			t.Errorf("bin %d is %v, want %v", k, got, want)
		}
	}
}

// TestAutocorrelation: that of a sine is a cosine of the same period, the window's own shape taken out.
func TestAutocorrelation(t *testing.T) {
	const n, period = 1024, 32
	a := newAnalyser(n)
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(math.Sin(2 * math.Pi * float64(i) / period))
	}
	a.spectrum(x)
	a.autocorrelation(1, n/2-1)
	for lag := range n / 4 {
		if want := math.Cos(2 * math.Pi * float64(lag) / period); math.Abs(a.auto[lag]-want) > 0.01 {
			t.Fatalf("lag %d: %v, want %v", lag, a.auto[lag], want)
		}
	}
}
