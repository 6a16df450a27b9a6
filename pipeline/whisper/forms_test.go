package whisper

import (
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline/audio/audiotest"
)

// form is a way in which recorders and telephones write a recording: a file name and how to make it of a WAV file.
type form struct {
	file string
	args []string // ffmpeg's, behind the input; nil where sox writes the file from both sides mixed
}

var forms = []form{
	{"mixed-to-mono.wav", nil},
	{"flac.flac", []string{"-c:a", "flac"}},
	{"24-bit.wav", []string{"-c:a", "pcm_s24le"}},
	{"float.wav", []string{"-c:a", "pcm_f32le"}},
	{"A-law.wav", []string{"-ar", "8000", "-c:a", "pcm_alaw"}},
	{"mu-law.wav", []string{"-ar", "8000", "-c:a", "pcm_mulaw"}},
	{"mp3-64k.mp3", []string{"-c:a", "libmp3lame", "-b:a", "64k"}},
	{"m4a-96k.m4a", []string{"-c:a", "aac", "-b:a", "96k"}},
	{"opus-48k.ogg", []string{"-c:a", "libopus", "-b:a", "48k"}},
	{"video.mp4", []string{"-f", "lavfi", "-i", "color=size=32x32:rate=5", "-shortest", "-map", "0:a", "-map", "1:v", "-c:a", "aac"}},
	{"amr-nb-mixed.amr-nb", nil},
}

// make writes a sample in this form. AMR has one channel only; Debian's ffmpeg and sox read it, but only sox writes it, and no AMR-WB.
func (f form) make(t testing.TB, sample string) string {
	t.Helper()
	from, to := "../../testdata/samples/"+sample+".wav", filepath.Join(t.TempDir(), f.file)
	switch {
	case f.args != nil:
		audiotest.Run(t, "ffmpeg", append(append([]string{"-v", "error", "-i", from}, f.args...), to)...)
	case strings.HasSuffix(to, "amr-nb"):
		audiotest.Run(t, "sox", from, "-r", "8000", "-c", "1", "-C", "7", to)
	default:
		audiotest.Run(t, "sox", from, "-c", "1", to)
	}
	return to
}

// BenchmarkForms hears all samples in every form and makes the table of docs/performance.md: character errors against
// what is really said, characters that differ from the text of the file as it is, utterances whose start or end is off by
// more than 0.3 s, and the shares of speech time with the right speaker, the wrong one marked uncertain and the wrong one with certainty.
func BenchmarkForms(b *testing.B) {
	plain := map[string]detectors.Transcript{}
	for _, s := range samples {
		plain[s] = hearSample(b, s)
	}
	measure := func(b *testing.B, hear func(b *testing.B, sample string) detectors.Transcript) {
		var errors, changed tally
		var who attribution
		off, utterances := 0, 0
		for b.Loop() {
			for _, s := range samples {
				got, really := hear(b, s), ""
				for _, turn := range turnsOf(b, s) {
					really += turn.Text
				}
				errors.text(really, said(got))
				changed.text(said(plain[s]), said(got))
				for _, u := range plain[s].Utterances {
					utterances++
					if !thereAt(got, u) {
						off++
					}
				}
				who.add(b, s, got)
			}
		}
		b.ReportMetric(errors.cer(), "%CER")
		b.ReportMetric(changed.cer(), "%changed")
		b.ReportMetric(float64(off), "off")
		b.ReportMetric(float64(utterances), "utterances")
		b.ReportMetric(100*(who.total-who.missed)/who.total, "%right")
		b.ReportMetric(100*who.unsure/who.total, "%uncertain")
		b.ReportMetric(100*who.wrong/who.total, "%wrong")
	}
	b.Run("as-it-is", func(b *testing.B) {
		measure(b, func(_ *testing.B, s string) detectors.Transcript { return plain[s] })
	})
	for _, f := range forms {
		b.Run(f.file, func(b *testing.B) {
			measure(b, func(b *testing.B, s string) detectors.Transcript {
				tr, err := demo(b).Transcribe(b.Context(), audiotest.Open(b, f.make(b, s)), kindOf(s), detectors.Metadata{})
				if err != nil {
					b.Fatal(err)
				}
				return tr
			})
		})
	}
}

// thereAt says that a transcript has an utterance that begins and ends where another one does, within 0.3 s.
func thereAt(tr detectors.Transcript, want detectors.Utterance) bool {
	for _, u := range tr.Utterances {
		if math.Abs(u.Start-want.Start) <= 0.3 && math.Abs(u.End-want.End) <= 0.3 {
			return true
		}
	}
	return false
}

// TestMeasures: the table's measures see what is wrong. The transcript is what is really said, then spoiled.
func TestMeasures(t *testing.T) {
	spoiled := func(spoil func(*detectors.Utterance)) (who attribution, off int) {
		var tr detectors.Transcript
		for _, turn := range turnsOf(t, samples[0]) {
			u := detectors.Utterance{Speaker: detectors.SpeakerCustomer, Start: turn.Start, End: turn.End, Text: turn.Text, SpeakerConfidence: 1}
			if turn.Speaker == "a" {
				u.Speaker = detectors.SpeakerAgent
			}
			right := u
			spoil(&u)
			tr.Utterances = append(tr.Utterances, u)
			if !thereAt(detectors.Transcript{Utterances: []detectors.Utterance{u}}, right) {
				off++
			}
		}
		who.add(t, samples[0], tr)
		return who, off
	}
	turns := len(turnsOf(t, samples[0]))
	if who, off := spoiled(func(*detectors.Utterance) {}); who.missed != 0 || who.wrong != 0 || who.unsure != 0 || off != 0 {
		t.Errorf("nothing spoiled: %+v, %d off", who, off)
	}
	swap := func(u *detectors.Utterance) {
		if u.Speaker == detectors.SpeakerAgent {
			u.Speaker = detectors.SpeakerCustomer
		} else {
			u.Speaker = detectors.SpeakerAgent
		}
	}
	near := func(a, b float64) bool { return math.Abs(a-b) < 1e-6 }
	if who, _ := spoiled(swap); !near(who.wrong, who.total) || !near(who.missed, who.total) {
		t.Errorf("all with the wrong speaker: %+v", who)
	}
	for name, spoil := range map[string]func(*detectors.Utterance){
		"unknown":       func(u *detectors.Utterance) { u.Speaker = detectors.SpeakerUnknown },
		"wrong, marked": func(u *detectors.Utterance) { swap(u); u.SpeakerConfidence = detectors.SpeakerCertain / 2 },
	} {
		if who, _ := spoiled(spoil); !near(who.unsure, who.total) || !near(who.missed, who.total) || who.wrong != 0 {
			t.Errorf("%s: %+v", name, who)
		}
	}
	if _, off := spoiled(func(u *detectors.Utterance) { u.End += 0.4 }); off != turns {
		t.Errorf("ends of all moved: %d of %d off", off, turns)
	}
}
