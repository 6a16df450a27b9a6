package audio_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/speechqa/speechqa/pipeline/audio"
	"github.com/speechqa/speechqa/pipeline/audio/audiotest"
)

// pure is a sine wave of a length in seconds.
func pure(hz, seconds float64) []float32 {
	x := make([]float32, int(seconds*audio.SampleRate))
	for i := range x {
		x[i] = float32(.4 * math.Sin(2*math.Pi*hz*float64(i)/audio.SampleRate))
	}
	return x
}

// strength is the amplitude of one frequency in a sound.
func strength(x []float32, hz float64) float64 {
	var re, im float64
	for i, v := range x {
		a := 2 * math.Pi * hz * float64(i) / audio.SampleRate
		re, im = re+float64(v)*math.Cos(a), im+float64(v)*math.Sin(a)
	}
	return 2 * math.Hypot(re, im) / float64(len(x))
}

// What is bleeped cannot be heard on any channel, also not in what an encoder makes of it; everything else is as it was.
func TestExcerpt(t *testing.T) {
	rec := audiotest.Open(t, audiotest.WriteWAV(t, pure(440, 10), pure(700, 10)))
	ex, err := rec.Excerpt(2, 8, []audio.Region{{Start: 5, End: 6}, {Start: 3, End: 4}, {Start: 3.5, End: 4}, {Start: 7.5, End: 99}, {Start: 9, End: 5}, {Start: 0, End: 1}})
	if err != nil {
		t.Fatal(err)
	}
	if ex.Duration() != 6 {
		t.Errorf("%g s", ex.Duration())
	}
	for _, f := range []audio.ExcerptFormat{audio.ExcerptWAV, audio.ExcerptMP3} {
		var b bytes.Buffer
		if err := ex.Write(t.Context(), &b, f, audio.Options{}); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		path := filepath.Join(t.TempDir(), "excerpt")
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		got := audiotest.Open(t, path)
		if got.Channels() != 2 || math.Abs(got.Facts.Duration-6) > .1 {
			t.Fatalf("%s: %d channels, %g s", f, got.Channels(), got.Facts.Duration)
		}
		for channel, hz := range []float64{440, 700} {
			for _, s := range []struct {
				from, to float64
				bleeped  bool
			}{{.1, .9, false}, {1.1, 1.9, true}, {2.1, 2.9, false}, {3.1, 3.9, true}, {4.1, 5.4, false}, {5.6, 5.9, true}} {
				x, err := got.Read(channel, s.from, s.to)
				if err != nil {
					t.Fatal(err)
				}
				talk, bleep := strength(x, hz), strength(x, 1000)
				if s.bleeped && (talk > .01 || bleep < .05) || !s.bleeped && (talk < .3 || bleep > .02) {
					t.Errorf("%s, channel %d, %g–%g s (bleeped: %v): talk %.3f, bleep %.3f", f, channel, s.from, s.to, s.bleeped, talk, bleep)
				}
			}
		}
	}
}

func TestExcerptOfNothing(t *testing.T) {
	rec := audiotest.Open(t, audiotest.WriteWAV(t, pure(440, 2)))
	for _, span := range [][2]float64{{2, 3}, {1, 1}, {1, 0}, {math.NaN(), 1}, {-5, -1}} {
		if _, err := rec.Excerpt(span[0], span[1], nil); err == nil {
			t.Errorf("%v gave an excerpt", span)
		}
	}
	ex, err := rec.Excerpt(-5, 99, []audio.Region{{Start: math.NaN(), End: 1}})
	if err != nil || ex.Duration() != 2 {
		t.Errorf("more than there is: %v %v", ex, err)
	}
	if err := ex.Write(t.Context(), &bytes.Buffer{}, "ogg", audio.Options{}); err == nil {
		t.Error("an unknown format was written")
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	if err := ex.Write(stopped, &bytes.Buffer{}, audio.ExcerptWAV, audio.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
	var e *audio.Error
	if err := ex.Write(t.Context(), &bytes.Buffer{}, audio.ExcerptMP3, audio.Options{FFmpeg: "/nowhere/ffmpeg"}); !errors.As(err, &e) {
		t.Errorf("without ffmpeg: %v", err)
	}
}

func TestOpenReader(t *testing.T) {
	b, err := os.ReadFile(audiotest.WriteWAV(t, pure(440, 2), pure(700, 2)))
	if err != nil {
		t.Fatal(err)
	}
	rec, err := audio.OpenReader(t.Context(), bytes.NewReader(b), audio.Options{TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Close()
	if rec.Channels() != 2 || rec.Facts.Duration != 2 {
		t.Errorf("%d channels, %g s", rec.Channels(), rec.Facts.Duration)
	}
	mp3 := bytes.Buffer{}
	ex, err := rec.Excerpt(0, 2, nil)
	if err == nil {
		err = ex.Write(t.Context(), &mp3, audio.ExcerptMP3, audio.Options{})
	}
	if err != nil {
		t.Fatal(err)
	}
	again, err := audio.OpenReader(t.Context(), &mp3, audio.Options{}) // through ffmpeg, from a file without a name
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	var e *audio.Error
	if _, err := audio.OpenReader(t.Context(), bytes.NewReader(nil), audio.Options{}); !errors.As(err, &e) {
		t.Errorf("empty: %v", err)
	}
}
