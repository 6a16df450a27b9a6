package audio

import (
	"context"
	"math"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// TestOpenOtherFormats decodes the same call from every format that reaches the agency.
func TestOpenOtherFormats(t *testing.T) {
	const sample = "../../testdata/samples/01-clean-call.wav"
	want := open(t, sample)
	const seconds = 20 // enough to compare
	for _, c := range []struct {
		name     string
		args     []string
		channels int
	}{
		{"a.mp3", []string{"-c:a", "libmp3lame"}, 2},
		{"a.m4a", []string{"-c:a", "aac"}, 2},
		{"a.ogg", []string{"-c:a", "libopus", "-ar", "16000"}, 2},
		{"a.oga", []string{"-c:a", "libvorbis", "-ar", "16000"}, 2},
		{"a.flac", []string{"-c:a", "flac"}, 2},
		{"a.wma", []string{"-c:a", "wmav2"}, 2},
		{"a.mkv", []string{"-c:a", "aac"}, 2},
		{"a.mp4", []string{"-f", "lavfi", "-i", "testsrc=size=64x64:rate=5", "-shortest", "-c:v", "mpeg4", "-c:a", "aac"}, 2},
		{"a.3gp", []string{"-c:a", "aac"}, 2},
		{"a.avi", []string{"-c:a", "pcm_s16le"}, 2},
		{"adpcm.wav", []string{"-c:a", "adpcm_ms"}, 2},
		{"f64.wav", []string{"-c:a", "pcm_f64le"}, 2},
		{"a.aiff", []string{}, 2},
		{"s24.wav", []string{"-c:a", "pcm_s24le"}, 2},
		{"s32.wav", []string{"-c:a", "pcm_s32le"}, 2},
		{"f32.wav", []string{"-c:a", "pcm_f32le"}, 2},
		{"u8.wav", []string{"-c:a", "pcm_u8"}, 2},
		{"alaw.wav", []string{"-c:a", "pcm_alaw"}, 2},
		{"ulaw.wav", []string{"-c:a", "pcm_mulaw"}, 2},
		{"48k.wav", []string{"-ar", "48000"}, 2},
		{"44k1.wav", []string{"-ar", "44100"}, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), c.name)
			args := append([]string{"-v", "error", "-i", sample}, c.args...)
			args = append(args, "-t", strconv.Itoa(seconds))
			if out, err := exec.Command("ffmpeg", append(args, path)...).CombinedOutput(); err != nil {
				t.Fatalf("ffmpeg: %v\n%s", err, out)
			}
			bare := filepath.Join(filepath.Dir(path), "no-extension")
			if err := exec.Command("mv", path, bare).Run(); err != nil {
				t.Fatal(err)
			}
			got := open(t, bare)
			if got.Channels() != c.channels {
				t.Fatalf("%d channels", got.Channels())
			}
			if d := math.Abs(got.Facts.Duration - seconds); d > 0.3 {
				t.Errorf("duration %v, want %v", got.Facts.Duration, seconds)
			}
			for ch := range got.Channels() {
				a, _ := got.Read(ch, 0, seconds)
				b, _ := want.Read(ch, 0, seconds)
				if lag, corr := align(a, b); corr < 0.9 || lag < -3200 || lag > 3200 {
					t.Errorf("channel %d: correlation %.3f at a lag of %d samples", ch, corr, lag)
				}
			}
		})
	}
}

func open(t *testing.T, path string) *Recording {
	t.Helper()
	rec, err := Open(context.Background(), path, Options{TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rec.Close() })
	return rec
}

// align returns the lag in samples at which the envelopes of two signals fit best, and how well they do. It
// looks at levels per 5 ms, which codecs keep even where they change phases.
func align(a, b []float32) (lag int, corr float64) {
	const step = SampleRate / 200
	ea, eb := envelope(a, step), envelope(b, step)
	n := min(len(ea), len(eb))
	for l := -40; l <= 40; l++ {
		var xx, yy, xy float64
		for i := max(0, l); i < min(n, n+l); i++ {
			x, y := ea[i], eb[i-l]
			xx, yy, xy = xx+x*x, yy+y*y, xy+x*y
		}
		if c := xy / math.Sqrt(xx*yy+1e-12); c > corr {
			lag, corr = l*step, c
		}
	}
	return lag, corr
}

func envelope(x []float32, step int) []float64 {
	var out []float64
	for i := 0; i+step <= len(x); i += step {
		s := 0.0
		for _, v := range x[i : i+step] {
			s += float64(v * v)
		}
		out = append(out, math.Sqrt(s))
	}
	return out
}
