package audio_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/speechqa/speechqa/pipeline/audio"
	"github.com/speechqa/speechqa/pipeline/audio/audiotest"
)

// call makes a two-sided telephone recording of about the given length out of a sample.
func call(b *testing.B, seconds int) string {
	b.Helper()
	return audiotest.Sox(b, "../../testdata/samples/01-clean-call.wav", "-e", "a-law", "OUT", "repeat", strconv.Itoa(seconds/52))
}

// BenchmarkDecode takes ten minutes of stereo A-law at 8 kHz to two files of 16 kHz PCM, beside ffmpeg and sox
// doing no more than that: no facts, no waveform.
func BenchmarkDecode(b *testing.B) {
	path := call(b, 600)
	b.Run("speechqa", func(b *testing.B) {
		for b.Loop() {
			rec, err := audio.Open(b.Context(), path, audio.Options{TempDir: b.TempDir()})
			if err != nil {
				b.Fatal(err)
			}
			rec.Close()
		}
		perSecond(b, 600)
	})
	b.Run("ffmpeg", func(b *testing.B) {
		dir := b.TempDir()
		for b.Loop() {
			audiotest.Run(b, "ffmpeg", "-v", "error", "-y", "-i", path, "-filter_complex", "channelsplit[l][r]",
				"-map", "[l]", "-ar", "16000", "-f", "s16le", filepath.Join(dir, "l"), "-map", "[r]", "-ar", "16000", "-f", "s16le", filepath.Join(dir, "r"))
		}
		perSecond(b, 600)
	})
	b.Run("sox", func(b *testing.B) {
		dir := b.TempDir()
		for b.Loop() {
			for _, c := range []string{"1", "2"} {
				audiotest.Run(b, "sox", path, "-b", "16", "-e", "signed-integer", filepath.Join(dir, c+".raw"), "remix", c, "rate", "16000")
			}
		}
		perSecond(b, 600)
	})
}

// BenchmarkVAD finds the speech on one channel of ten minutes.
func BenchmarkVAD(b *testing.B) {
	rec := audiotest.Open(b, call(b, 600))
	for b.Loop() {
		if _, err := (audio.EnergyVAD{}).Regions(b.Context(), rec, 0); err != nil {
			b.Fatal(err)
		}
	}
	perSecond(b, rec.Facts.Duration)
}

// BenchmarkDiarize tells the voices of ten minutes of mono apart.
func BenchmarkDiarize(b *testing.B) {
	rec := audiotest.Open(b, audiotest.Sox(b, call(b, 600), "-c", "1", "OUT", "remix", "-"))
	regions, err := audio.EnergyVAD{}.Regions(b.Context(), rec, 0)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := audio.Diarize(b.Context(), rec, 0, regions, 2); err != nil {
			b.Fatal(err)
		}
	}
	perSecond(b, rec.Facts.Duration)
}

// BenchmarkFiveHours decodes a visit of five hours in stereo and finds its speech; the peak of resident memory is
// that of a process of its own.
func BenchmarkFiveHours(b *testing.B) {
	if path := os.Getenv("AUDIO_FIVE_HOURS"); path != "" {
		rec, err := audio.Open(context.Background(), path, audio.Options{TempDir: b.TempDir()})
		if err != nil {
			b.Fatal(err)
		}
		defer rec.Close()
		b.ReportMetric(peakRSS(b), "decode-peak-MB")
		if _, err := (audio.EnergyVAD{}).Regions(context.Background(), rec, 0); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(peakRSS(b), "with-vad-peak-MB")
		return
	}
	path := call(b, 5*3600)
	cmd := exec.Command(os.Args[0], "-test.run=^$", "-test.bench=^BenchmarkFiveHours$", "-test.benchtime=1x")
	cmd.Env = append(os.Environ(), "AUDIO_FIVE_HOURS="+path)
	out, err := cmd.CombinedOutput()
	if err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	f := strings.Fields(string(out))
	for i, unit := range f {
		if strings.HasSuffix(unit, "-MB") || unit == "ns/op" {
			v, err := strconv.ParseFloat(f[i-1], 64)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(v, unit)
		}
	}
}

// peakRSS is the most memory this process has had resident, in MB.
func peakRSS(b *testing.B) float64 {
	b.Helper()
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(data), "VmHWM:")
	kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	if err != nil {
		b.Fatal(err)
	}
	return kb / 1024
}

// perSecond reports how much faster than the sound the work is.
func perSecond(b *testing.B, seconds float64) {
	b.ReportMetric(seconds*float64(b.N)/b.Elapsed().Seconds(), "x-realtime")
}
