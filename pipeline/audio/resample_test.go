package audio_test

import (
	"math"
	"testing"

	"github.com/speechqa/speechqa/pipeline/audio"
	"github.com/speechqa/speechqa/pipeline/audio/audiotest"
)

// TestResampleSweep resamples a sweep over the whole band from every usual rate and compares with sox.
func TestResampleSweep(t *testing.T) {
	for _, rate := range []string{"8000", "11025", "22050", "24000", "32000", "44100", "48000", "96000"} {
		t.Run(rate, func(t *testing.T) {
			// Up to 85 % of the narrower band: our pass band ends at 87.5 %, that of sox at 95 %.
			to := map[string]string{"8000": "3400", "11025": "4680"}[rate]
			if to == "" {
				to = "6800"
			}
			path := audiotest.Sox(t, "-n", "-r", rate, "-b", "32", "-e", "floating-point", "OUT", "synth", "4", "sine", "50-"+to, "gain", "-6")
			ours := audiotest.Open(t, path)
			theirs := audiotest.Open(t, audiotest.Sox(t, path, "-b", "16", "-e", "signed-integer", "OUT", "rate", "-v", "16000"))
			if a, b := ours.Samples(0), theirs.Samples(0); a-b > 1 || b-a > 1 {
				t.Errorf("%d samples, sox has %d", a, b)
			}
			if snr := likeness(read(t, ours), read(t, theirs)); snr < 60 {
				t.Errorf("differs from sox by %.1f dB below the signal", snr)
			}
		})
	}
}

// TestResampleAlias: what 16 kHz cannot hold must vanish and not come back as something else.
func TestResampleAlias(t *testing.T) {
	path := audiotest.Sox(t, "-n", "-r", "48000", "-b", "24", "OUT", "synth", "4", "sine", "8100-23900", "gain", "-1")
	x := read(t, audiotest.Open(t, path))
	loudest := 0.0
	for _, v := range x[800 : len(x)-800] { // the sweep begins and ends with a click, which has all frequencies
		loudest = math.Max(loudest, math.Abs(float64(v)))
	}
	if db := 20 * math.Log10(loudest+1e-9); db > -70 {
		t.Errorf("aliases at %.1f dB", db)
	}
}

// TestResampleImage: telephone audio must not get frequencies above 4 kHz.
func TestResampleImage(t *testing.T) {
	path := audiotest.Sox(t, "-n", "-r", "8000", "-b", "24", "OUT", "synth", "4", "sine", "100-3400", "gain", "-1")
	high := audiotest.Open(t, audiotest.Sox(t, audiotest.WriteWAV(t, read(t, audiotest.Open(t, path))), "-b", "16", "OUT", "sinc", "-a", "120", "4300"))
	loudest := 0.0
	for _, v := range read(t, high)[1600:62000] {
		loudest = math.Max(loudest, math.Abs(float64(v)))
	}
	if db := 20 * math.Log10(loudest+1e-9); db > -70 {
		t.Errorf("images at %.1f dB", db)
	}
}

// TestResampleExact: 16-bit recordings at 16 kHz pass unchanged.
func TestResampleExact(t *testing.T) {
	x := audiotest.Say(t, audiotest.Man, "您好。")
	once := read(t, audiotest.Open(t, audiotest.WriteWAV(t, x)))
	twice := read(t, audiotest.Open(t, audiotest.WriteWAV(t, once)))
	for i := range once {
		if once[i] != twice[i] {
			t.Fatalf("sample %d changes from %v to %v", i, once[i], twice[i])
		}
	}
}

func read(t *testing.T, rec *audio.Recording) []float32 {
	t.Helper()
	x, err := rec.ReadSamples(0, 0, rec.Samples(0))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// likeness is the power of b over that of its difference to a, in dB; the ends, where filters differ, are left
// out.
func likeness(a, b []float32) float64 {
	var power, diff float64
	for i := 800; i < min(len(a), len(b))-800; i++ {
		power += float64(b[i]) * float64(b[i])
		d := float64(a[i]) - float64(b[i])
		diff += d * d
	}
	return 10 * math.Log10(power/(diff+1e-12))
}
