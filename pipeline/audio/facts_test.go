package audio_test

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline/audio"
	"github.com/speechqa/speechqa/pipeline/audio/audiotest"
)

// visit is a minute in a room: speech over the noise of the place.
func visit(t *testing.T) []float32 {
	t.Helper()
	x, _ := audiotest.Dialogue(t, map[string]audiotest.Voice{"a": audiotest.Man, "c": audiotest.Woman}, longDialogue, 5)
	audiotest.AddNoise(x, 0.003, 5)
	return x
}

func TestFactsOfGaps(t *testing.T) {
	const rate = audiotest.Rate
	whole := visit(t)
	cases := map[string]struct {
		x    []float32
		want []string // reasons
		at   float64
	}{
		"none":             {x: whole},
		"digital silence":  {x: insert(whole, 20*rate, make([]float32, 3*rate)), want: []string{detectors.GapDigitalSilence}, at: 20},
		"silence at start": {x: insert(whole, 0, make([]float32, 3*rate))},
		"silence at end":   {x: append(append([]float32{}, whole...), make([]float32, 3*rate)...)},
		"short silence":    {x: insert(whole, 20*rate, make([]float32, rate/2))},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			f := audiotest.Open(t, audiotest.WriteWAV(t, c.x)).Facts
			if len(f.Gaps) != len(c.want) {
				t.Fatalf("gaps %v, want %v", f.Gaps, c.want)
			}
			for i, g := range f.Gaps {
				if g.Reason != c.want[i] || math.Abs(g.Start-c.at) > 0.1 {
					t.Errorf("gap %v, want %s at %v", g, c.want[i], c.at)
				}
			}
		})
	}
}

// TestFactsOfCut cuts a piece out of a hum, whose wave then jumps.
func TestFactsOfCut(t *testing.T) {
	x := make([]float32, 20*audiotest.Rate)
	for i := range x {
		x[i] = float32(0.1 * math.Sin(2*math.Pi*100*float64(i)/audiotest.Rate))
	}
	audiotest.AddNoise(x, 0.0005, 1)
	if f := audiotest.Open(t, audiotest.WriteWAV(t, x)).Facts; len(f.Gaps) != 0 {
		t.Errorf("the whole has gaps %v", f.Gaps)
	}
	// From the crest of the wave to its trough.
	period := audiotest.Rate / 100
	from := 10*audiotest.Rate + period/4
	cut := append(append([]float32{}, x[:from]...), x[from+40*period+period/2:]...)
	f := audiotest.Open(t, audiotest.WriteWAV(t, cut)).Facts
	if len(f.Gaps) != 1 || f.Gaps[0].Reason != detectors.GapDiscontinuity || math.Abs(f.Gaps[0].Start-10) > 0.01 {
		t.Errorf("gaps %v", f.Gaps)
	}
}

// TestFactsOfSamples finds no gap in recordings that have none, although their pauses are digital silence.
func TestFactsOfSamples(t *testing.T) {
	files, err := filepath.Glob("../../testdata/samples/*.wav")
	if err != nil || len(files) < 8 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		f := audiotest.Open(t, file).Facts
		if len(f.Gaps) != 0 || len(f.Tones) != 0 || f.Identical || len(f.Warnings) != 0 {
			t.Errorf("%s: %+v", file, f)
		}
		for c, ch := range f.PerChannel {
			if ch.Dead || ch.LevelDB < -35 || ch.LevelDB > -10 || ch.Clipped > 0 || ch.SilenceShare < 0.1 || ch.SilenceShare > 0.95 {
				t.Errorf("%s channel %d: %+v", file, c, ch)
			}
		}
	}
}

// TestFactsOfTelephone finds no interruption that telephone and recorder codecs make of a recording without any.
func TestFactsOfTelephone(t *testing.T) {
	for _, sample := range []string{"02-threat", "07-visit"} {
		from := "../../testdata/samples/" + sample + ".wav"
		for file, args := range map[string][]string{
			"a.wav":    {"-r", "8000", "-e", "a-law"},
			"u.wav":    {"-r", "8000", "-e", "mu-law"},
			"a.mp3":    {"-C", "32"},
			"a.amr-nb": {"-r", "8000", "-c", "1"},
		} {
			path := filepath.Join(t.TempDir(), file)
			audiotest.Run(t, "sox", append(append([]string{from}, args...), path)...)
			if f := audiotest.Open(t, path).Facts; len(f.Gaps) != 0 {
				t.Errorf("%s as %s: gaps %v", sample, file, f.Gaps)
			}
		}
	}
}

func TestFactsOfTruncated(t *testing.T) {
	path := audiotest.WriteWAV(t, visit(t))
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data[:len(data)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	f := audiotest.Open(t, path).Facts
	if len(f.Gaps) != 1 || f.Gaps[0].Reason != detectors.GapDurationMismatch || len(f.Warnings) != 1 || !strings.Contains(f.Warnings[0], "不完整") {
		t.Errorf("gaps %v, warnings %q", f.Gaps, f.Warnings)
	}
}

func TestExpectDuration(t *testing.T) {
	f := audio.Facts{Duration: 100}
	f.ExpectDuration(100.9)
	f.ExpectDuration(0)
	f.ExpectDuration(90)
	if len(f.Gaps) != 0 {
		t.Errorf("gaps %v", f.Gaps)
	}
	f.ExpectDuration(180)
	if len(f.Gaps) != 1 || f.Gaps[0].Start != 100 || f.Gaps[0].End != 180 || len(f.Warnings) != 1 {
		t.Errorf("gaps %v, warnings %q", f.Gaps, f.Warnings)
	}
}

func TestFactsOfChannels(t *testing.T) {
	said := audiotest.Say(t, audiotest.Man, "您好,请问是王先生吗?")
	other := audiotest.Say(t, audiotest.Woman, "您好,请问是王先生吗?")
	n := min(len(said), len(other))
	quiet := make([]float32, n)
	half := make([]float32, n)
	loud := make([]float32, n)
	for i := range half {
		half[i] = said[i] / 2
		loud[i] = max(-1, min(1, said[i]*6))
	}
	for name, c := range map[string]struct {
		channels  [][]float32
		identical bool
		dead      []bool
		clipped   bool
		warnings  int
	}{
		"two persons":       {channels: [][]float32{said[:n], other[:n]}, dead: []bool{false, false}},
		"one dead":          {channels: [][]float32{said[:n], quiet}, dead: []bool{false, true}, warnings: 1},
		"all dead":          {channels: [][]float32{quiet, quiet}, dead: []bool{true, true}, warnings: 1},
		"identical, softer": {channels: [][]float32{said[:n], half}, identical: true, dead: []bool{false, false}, warnings: 1},
		"overdriven":        {channels: [][]float32{loud}, dead: []bool{false}, clipped: true, warnings: 1},
	} {
		t.Run(name, func(t *testing.T) {
			f := audiotest.Open(t, audiotest.WriteWAV(t, c.channels...)).Facts
			if f.Identical != c.identical || len(f.Warnings) != c.warnings {
				t.Errorf("identical %v, warnings %q", f.Identical, f.Warnings)
			}
			for i, ch := range f.PerChannel {
				if ch.Dead != c.dead[i] || (ch.Clipped > 0.001) != c.clipped {
					t.Errorf("channel %d: %+v", i, ch)
				}
			}
		})
	}
}

func TestFactsOfTones(t *testing.T) {
	tone := func(seconds float64, hz ...float64) []float32 {
		x := make([]float32, int(seconds*audiotest.Rate))
		for i := range x {
			for _, f := range hz {
				x[i] += float32(0.15 * math.Sin(2*math.Pi*f*float64(i)/audiotest.Rate))
			}
		}
		return x
	}
	quiet := func(seconds float64) []float32 { return make([]float32, int(seconds*audiotest.Rate)) }
	var x []float32
	for _, part := range [][]float32{
		quiet(0.5), tone(0.1, 697, 1209), quiet(0.1), tone(0.1, 852, 1336), quiet(0.1), tone(0.1, 941, 1477), quiet(1),
		tone(1, 450), quiet(4), tone(1, 450), quiet(1), audiotest.Say(t, audiotest.Woman, "喂,您好,您找谁?"),
	} {
		x = append(x, part...)
	}
	path := audiotest.WriteWAV(t, x)
	for name, p := range map[string]string{"wide": path, "telephone": audiotest.Sox(t, path, "-r", "8000", "-e", "mu-law", "OUT")} {
		t.Run(name, func(t *testing.T) {
			tones := audiotest.Open(t, p).Facts.Tones
			if len(tones) != 2 {
				t.Fatalf("tones %+v", tones)
			}
			if d := tones[0]; d.Kind != "dtmf" || d.Digits != "18#" || math.Abs(d.Start-0.5) > 0.06 || math.Abs(d.End-1) > 0.06 {
				t.Errorf("%+v", d)
			}
			if r := tones[1]; r.Kind != "ringback" || math.Abs(r.Start-2) > 0.06 || math.Abs(r.End-8) > 0.06 {
				t.Errorf("%+v", r)
			}
		})
	}
}

// TestPeaks draws a tone that begins at half time.
func TestPeaks(t *testing.T) {
	x := make([]float32, 4*audiotest.Rate)
	for i := 2 * audiotest.Rate; i < len(x); i++ {
		x[i] = float32(0.5 * math.Sin(2*math.Pi*440*float64(i)/audiotest.Rate))
	}
	p := audiotest.Open(t, audiotest.WriteWAV(t, x)).Peaks[0]
	if len(p.Max) != 4*p.PerSecond {
		t.Fatalf("%d peaks at %d per second", len(p.Max), p.PerSecond)
	}
	for i, v := range p.Max {
		if i < len(p.Max)/2 && v != 0 || i >= len(p.Max)/2 && (v < 124 || v > 131) {
			t.Errorf("peak %d is %d", i, v)
		}
	}
}

func insert(x []float32, at int, y []float32) []float32 {
	return append(append(append([]float32{}, x[:at]...), y...), x[at:]...)
}
