package whisper

import (
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline/audio/audiotest"
)

// TestMonoRoles mixes the two-speaker samples down to one channel and asks who speaks. The voices are told apart
// by ear; what they say is taken from the samples' text, so that the naming is tested and not the demo model.
func TestMonoRoles(t *testing.T) {
	for _, s := range samples {
		t.Run(s, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "mono.wav")
			write(t, path, audiotest.Run(t, "sox", "../../testdata/samples/"+s+".wav", "-t", "wav", "-c", "1", "-"))
			rec := audiotest.Open(t, path)
			p, err := demo(t).listen(t.Context(), rec, kindOf(s), detectors.Metadata{})
			if err != nil || len(p.channels) != 1 || p.split {
				t.Fatalf("%+v, %v", p, err)
			}
			var hs []heard
			for i, r := range p.channels[0].regions {
				text, most := "", 0.0
				for _, turn := range turnsOf(t, s) {
					if both := math.Min(turn.End, r.End) - math.Max(turn.Start, r.Start); both > most {
						text, most = turn.Text, both
					}
				}
				if text != "" {
					hs = append(hs, heard{region: i, start: r.Start, end: r.End, text: text, p: 0.9})
				}
			}
			us, _ := p.speakers(hs)
			checkSpeakers(t, s, detectors.Transcript{Utterances: us})
		})
	}
}

// TestFormats hears one short call in the forms recorders write it: the same words, times and speakers.
func TestFormats(t *testing.T) {
	agent := audiotest.Say(t, audiotest.Man, "今天不还钱,明天就让你坐牢。")
	customer := audiotest.Say(t, audiotest.Woman, "我没有钱。")
	n := len(agent) + len(customer) + 2*sampleRate
	left, right := make([]float32, n), make([]float32, n)
	copy(left[sampleRate/2:], agent)
	copy(right[sampleRate+len(agent):], customer)
	plain := audiotest.WriteWAV(t, left, right)
	want, err := demo(t).Transcribe(t.Context(), audiotest.Open(t, plain), detectors.KindCall, detectors.Metadata{})
	if err != nil || len(want.Utterances) != 2 {
		t.Fatalf("%+v, %v", want.Utterances, err)
	}
	for name, args := range map[string][]string{
		"alaw.wav": {"-ar", "8000", "-c:a", "pcm_alaw"},
		"ulaw.wav": {"-ar", "8000", "-c:a", "pcm_mulaw"},
		"s24.wav":  {"-c:a", "pcm_s24le"},
		"x.mp3":    {"-c:a", "libmp3lame", "-b:a", "64k"},
		"x.m4a":    {"-c:a", "aac", "-b:a", "96k"},
		"x.ogg":    {"-c:a", "libopus", "-b:a", "48k"},
		"x.mp4":    {"-f", "lavfi", "-i", "color=size=32x32:rate=5", "-shortest", "-map", "0:a", "-map", "1:v", "-c:a", "aac"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			audiotest.Run(t, "ffmpeg", append(append([]string{"-v", "error", "-i", plain}, args...), path)...)
			got, err := demo(t).Transcribe(t.Context(), audiotest.Open(t, path), detectors.KindCall, detectors.Metadata{})
			if err != nil || len(got.Utterances) != 2 {
				t.Fatalf("%+v, %v", got.Utterances, err)
			}
			for i, u := range got.Utterances {
				w := want.Utterances[i]
				if u.Speaker != w.Speaker || u.Channel != w.Channel || math.Abs(u.Start-w.Start) > 0.3 || math.Abs(u.End-w.End) > 0.3 {
					t.Errorf("%s %.2f–%.2f, of the plain file %s %.2f–%.2f", u.Speaker, u.Start, u.End, w.Speaker, w.Start, w.End)
				}
			}
			checkShortCall(t, got)
		})
	}
	t.Run("x.amr", func(t *testing.T) { // has one channel only, and ffmpeg reads but does not write it
		path := filepath.Join(t.TempDir(), "x.amr")
		audiotest.Run(t, "sox", plain, "-r", "8000", "-c", "1", "-t", "amr-nb", "-C", "7", path)
		got, err := demo(t).Transcribe(t.Context(), audiotest.Open(t, path), detectors.KindCall, detectors.Metadata{})
		if err != nil || len(got.Utterances) == 0 {
			t.Fatalf("%+v, %v", got.Utterances, err)
		}
		checkShortCall(t, got)
		first, last := got.Utterances[0], got.Utterances[len(got.Utterances)-1]
		if w := want.Utterances; math.Abs(first.Start-w[0].Start) > 0.3 || math.Abs(last.End-w[1].End) > 0.3 {
			t.Errorf("from %.2f to %.2f, of the plain file from %.2f to %.2f", first.Start, last.End, w[0].Start, w[1].End)
		}
	})
}

// checkShortCall looks for words of TestFormats' call that the demo model is measured to understand.
func checkShortCall(t *testing.T, tr detectors.Transcript) {
	t.Helper()
	for _, words := range []string{"明天就让", "我没有钱"} {
		if !strings.Contains(said(tr), words) {
			t.Errorf("%s was not understood in %s", words, said(tr))
		}
	}
}
