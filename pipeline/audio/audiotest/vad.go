package audiotest

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"

	"github.com/speechqa/speechqa/pipeline/audio"
)

// VAD checks that a detector finds speech where it is, on clean, telephone and noisy audio, and nowhere else.
func VAD(t *testing.T, vad audio.VAD) {
	t.Run("speech", func(t *testing.T) { findsSpeech(t, vad) })
	t.Run("nothing", func(t *testing.T) { findsNothing(t, vad) })
	t.Run("speech after ringback", func(t *testing.T) { findsSpeechAfterRingback(t, vad) })
	t.Run("tiny", func(t *testing.T) {
		rec := Open(t, WriteWAV(t, []float32{0.5}))
		if got := regions(t, vad, rec, 0); len(got) != 0 {
			t.Errorf("one sample yields %v", got)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		rec := Open(t, WriteWAV(t, Say(t, Man, "您好。")))
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := vad.Regions(ctx, rec, 0); !errors.Is(err, context.Canceled) {
			t.Errorf("error is %v", err)
		}
	})
	t.Run("concurrent", func(t *testing.T) {
		rec := Open(t, WriteWAV(t, Say(t, Man, "请问是王先生吗?"), make([]float32, len(Say(t, Man, "请问是王先生吗?")))))
		var wg sync.WaitGroup
		got := make([][]audio.Region, 4)
		for i := range got {
			wg.Go(func() {
				var err error
				if got[i], err = vad.Regions(context.Background(), rec, i%2); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if len(got[0]) == 0 || len(got[1]) != 0 || len(got[2]) != len(got[0]) || len(got[3]) != 0 {
			t.Errorf("found %v", got)
		}
	})
}

// dialogue is what the suite listens to.
var dialogue = []Turn{
	{"a", "您好,请问是王先生吗?我是工号一零二三的工作人员。"},
	{"c", "我是,什么事?"},
	{"a", "您的信用卡已经逾期三十天,请您尽快还款。"},
	{"c", "嗯。"},
	{"a", "您看今天下午可以吗?"},
	{"c", "我现在没有钱,下个月再说。"},
}

// findsSpeech demands that all but little of the speech is covered and that pauses are not.
func findsSpeech(t *testing.T, vad audio.VAD) {
	clean, spans := Dialogue(t, map[string]Voice{"a": Man, "c": Woman}, dialogue, 1)
	clean = append(clean, make([]float32, 5*Rate)...)
	noisy := append([]float32(nil), clean...)
	AddNoise(noisy, 0.003, 1) // 30 dB below the speech's peaks
	cleanFile, noisyFile := WriteWAV(t, clean), WriteWAV(t, noisy)
	for name, path := range map[string]string{
		"clean":     cleanFile,
		"noisy":     noisyFile,
		"quiet":     Sox(t, cleanFile, "OUT", "gain", "-18"),
		"telephone": Sox(t, noisyFile, "-r", "8000", "-e", "a-law", "OUT", "sinc", "300-3400"),
	} {
		t.Run(name, func(t *testing.T) {
			rec := Open(t, path)
			got := regions(t, vad, rec, 0)
			var said, heard float64
			for _, s := range spans {
				said += s.End - s.Start
				covered := overlap(got, s.Start, s.End)
				heard += covered
				if covered < 0.5*(s.End-s.Start) {
					t.Errorf("%.2f s of the turn at %.2f–%.2f s found", covered, s.Start, s.End)
				}
			}
			if heard < 0.95*said {
				t.Errorf("%.2f of %.2f s of speech found", heard, said)
			}
			last := spans[len(spans)-1].End
			if extra := overlap(got, last+1, rec.Facts.Duration); extra > 0 {
				t.Errorf("%.2f s found in the silence at the end", extra)
			}
		})
	}
}

// findsNothing listens to what recordings hold apart from speech.
func findsNothing(t *testing.T, vad audio.VAD) {
	for name, path := range map[string]string{
		"silence":     WriteWAV(t, make([]float32, 10*Rate)),
		"white noise": Sox(t, "-n", "-r", "8000", "-b", "16", "OUT", "synth", "10", "whitenoise", "gain", "-20"),
		"brown noise": Sox(t, "-n", "-r", "16000", "-b", "16", "OUT", "synth", "10", "brownnoise", "gain", "-12"),
		"hum":         Sox(t, "-n", "-r", "16000", "-b", "16", "OUT", "synth", "10", "sine", "50", "sine", "100", "sine", "150", "remix", "-", "gain", "-15"),
		"ringback":    ringback(t),
		"busy tone":   Sox(t, "-n", "-r", "8000", "-b", "16", "OUT", "synth", "0.35", "sine", "450", "gain", "-12", "pad", "0", "0.35", "repeat", "15"),
		"dtmf":        Sox(t, "-n", "-r", "8000", "-b", "16", "OUT", "synth", "0.12", "sine", "770", "sine", "1336", "remix", "-", "gain", "-10", "pad", "0", "0.1", "repeat", "20"),
		"melody":      melody(t),
		"chords":      chords(t),
	} {
		t.Run(name, func(t *testing.T) {
			if got := regions(t, vad, Open(t, path), 0); len(got) != 0 {
				t.Errorf("found %v", got)
			}
		})
	}
}

// findsSpeechAfterRingback is how outgoing calls begin.
func findsSpeechAfterRingback(t *testing.T, vad audio.VAD) {
	const pause = 0.3
	ring := floats(Run(t, "sox", "-D", ringback(t), "-r", "16000", "-e", "signed-integer", "-b", "16", "-t", "raw", "-", "trim", "0", "6"))
	x := append(ring, make([]float32, int(pause*Rate))...)
	from := float64(len(x)) / Rate
	x = append(x, Say(t, Woman, "喂,您好,请问您找谁?")...)
	rec := Open(t, WriteWAV(t, x))
	got := regions(t, vad, rec, 0)
	if heard, said := overlap(got, from, rec.Facts.Duration), rec.Facts.Duration-from; heard < 0.9*said {
		t.Errorf("%.2f of %.2f s of speech found: %v", heard, said, got)
	}
	if extra := overlap(got, 0, from-pause); extra > 0.1 {
		t.Errorf("%.2f s found in the ringback: %v", extra, got)
	}
}

// ringback is what a caller in China hears: 450 Hz, one second on, four off.
func ringback(t testing.TB) string {
	return Sox(t, "-n", "-r", "8000", "-b", "16", "OUT", "synth", "1", "sine", "450", "gain", "-12", "pad", "0", "4", "repeat", "3")
}

// melody is plucked, one note after the other.
func melody(t testing.TB) string {
	return notes(t, "0.35", []string{"C4"}, []string{"E4"}, []string{"G4"}, []string{"C5"}, []string{"A3"}, []string{"F4"}, []string{"D4"}, []string{"G3"})
}

// chords are plucked three notes at a time.
func chords(t testing.TB) string {
	return notes(t, "1", []string{"C4", "E4", "G4"}, []string{"A3", "C4", "E4"}, []string{"F3", "A3", "C4"}, []string{"G3", "B3", "D4"})
}

func notes(t testing.TB, seconds string, steps ...[]string) string {
	t.Helper()
	dir := t.TempDir()
	var files []string
	for _, step := range steps {
		args := []string{"-n", "-r", "8000", "-b", "16", "OUT", "synth", seconds}
		for _, n := range step {
			args = append(args, "pluck", n)
		}
		files = append(files, Sox(t, append(args, "remix", "-", "gain", "-8")...))
	}
	out := filepath.Join(dir, "music.wav")
	args := append([]string{"-D"}, files...)
	args = append(append(append(args, files...), files...), out)
	Run(t, "sox", args...)
	return out
}

// regions runs the detector and checks what holds of every answer.
func regions(t *testing.T, vad audio.VAD, rec *audio.Recording, channel int) []audio.Region {
	t.Helper()
	got, err := vad.Regions(context.Background(), rec, channel)
	if err != nil {
		t.Fatal(err)
	}
	last := 0.0
	for _, r := range got {
		if r.Start < last || r.End <= r.Start || r.End > rec.Facts.Duration+0.001 {
			t.Errorf("region %v after %.3f in a recording of %.3f s", r, last, rec.Facts.Duration)
		}
		last = r.End
	}
	return got
}

// overlap is how much of a stretch the regions cover, in seconds.
func overlap(rs []audio.Region, from, to float64) float64 {
	sum := 0.0
	for _, r := range rs {
		sum += max(0, min(to, r.End)-max(from, r.Start))
	}
	return sum
}
