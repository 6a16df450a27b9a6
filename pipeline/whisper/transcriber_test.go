package whisper

import (
	"math"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline/audio/audiotest"
)

// understood are words that the demo model was measured to understand; what it understands beyond is the training's
// business and not this package's (testdata/model/README.md has the figures).
var understood = map[string][]string{
	"01-clean-call":        {"我是你哪位", "受华远银行委托的工作人员", "我下个星期还两千元", "再见"},
	"02-threat":            {"没有钱", "你再不还钱我们就叫人", "今天不还钱明天就让你坐牢", "我要投诉你"},
	"03-impersonation":     {"是公安局经侦大队的", "我是怎么了", "我就是公安局的你不还钱我们就来抓人", "我下午去还"},
	"04-waiver":            {"剩下的利息我给你全部免掉", "征信恢复", "我今天还三千元", "再见"},
	"05-third-party":       {"他不在家", "您儿子在我们银行的信用卡欠了五万元", "要不然我们就告诉他的单位", "好的我告诉他"},
	"06-private-payment":   {"是我你说", "你直接把钱转到我的微信我帮你还款", "我没有钱", "你先用花呗套现", "我考虑一下"},
	"07-visit":             {"华远银行登记的地址", "现在开始录音", "我是你们是谁", "我现在没有工作没有钱", "好的我下个月还款", "外访结束"},
	"08-clean-third-party": {"请您转告他尽快给我们回电话", "好的我告诉"},
}

// TestSamples hears all sample recordings: words, times, speakers, spans.
func TestSamples(t *testing.T) {
	for _, s := range samples {
		t.Run(s, func(t *testing.T) {
			tr := hearSample(t, s)
			text := said(tr)
			for _, words := range understood[s] {
				if !strings.Contains(text, words) {
					t.Errorf("%s was not understood in %s", words, text)
				}
			}
			checkForm(t, tr)
			checkSpeakers(t, s, tr)
		})
	}
}

// checkForm checks what must hold for every transcript.
func checkForm(t *testing.T, tr detectors.Transcript) {
	t.Helper()
	last := 0.0
	for _, u := range tr.Utterances {
		if u.Start < last || u.End <= u.Start || u.Text != strings.TrimSpace(u.Text) || !utf8.ValidString(u.Text) {
			t.Errorf("utterance %+v after %v", u, last)
		}
		last = u.Start
		if u.Confidence <= 0 || u.Confidence > 1 || u.SpeakerConfidence <= 0 || u.SpeakerConfidence > 1 {
			t.Errorf("confidence %v, of the speaker %v: %s", u.Confidence, u.SpeakerConfidence, u.Text)
		}
		covered, at := 0, 0
		for _, w := range u.Words {
			if w.Start < at || w.End <= w.Start || w.End > len(u.Text) || w.From > w.To || w.From < u.Start-0.5 || w.To > u.End+0.5 {
				t.Fatalf("word %+v in %q from %v to %v", w, u.Text, u.Start, u.End)
			}
			at = w.End
			covered += utf8.RuneCountInString(spoken(u.Text[w.Start:w.End]))
		}
		if want := utf8.RuneCountInString(spoken(u.Text)); covered != want {
			t.Errorf("words cover %d of %d characters of %s", covered, want, u.Text)
		}
	}
	for _, k := range []string{"language", "beam", "temperature_inc", "entropy_threshold", "logprob_threshold", "flash_attn",
		"max_window", "max_regions", "guard", "vad", "prompt"} {
		if _, ok := tr.Params[k]; !ok {
			t.Errorf("parameter %s is not stamped", k)
		}
	}
	if len(tr.ModelHash) != 64 || tr.ModelName == "" {
		t.Errorf("model %q, hash %q", tr.ModelName, tr.ModelHash)
	}
}

// checkSpeakers compares with who really spoke: on separate channels all of it right; on a mixed one at least 90 %
// of the speech right or marked uncertain and at most 5 % wrong with certainty.
func checkSpeakers(t *testing.T, sample string, tr detectors.Transcript) {
	t.Helper()
	var a attribution
	a.add(t, sample, tr)
	if a.wrong/a.total > 0.05 || (a.missed-a.unsure)/a.total > 0.10 {
		t.Errorf("of %.1f s speech %.1f s have the wrong speaker, %.1f s an uncertain one, %.1f s none", a.total, a.wrong, a.unsure, a.missed-a.unsure-a.wrong)
	}
}

// attribution adds up seconds of speech: all, those without the right speaker, and of these the ones with the wrong
// speaker, marked uncertain or not.
type attribution struct{ total, missed, unsure, wrong float64 }

// add compares a sample's transcript with who really spoke.
func (a *attribution) add(t testing.TB, sample string, tr detectors.Transcript) {
	t.Helper()
	for _, turn := range turnsOf(t, sample) {
		a.total += turn.End - turn.Start
		covered := 0.0
		for _, u := range tr.Utterances {
			both := math.Min(turn.End, u.End) - math.Max(turn.Start, u.Start)
			if both <= 0 {
				continue
			}
			unknown := u.Speaker == detectors.SpeakerUnknown
			if right := (turn.Speaker == "a") == (u.Speaker == detectors.SpeakerAgent); right && !unknown {
				covered += both
			} else if both > 0.3 { // what two turns' edges share
				if unknown || u.SpeakerConfidence < detectors.SpeakerCertain {
					a.unsure += both
				} else {
					a.wrong += both
					t.Logf("%.1f–%.1f %s (%.2f): %s", u.Start, u.End, u.Speaker, u.SpeakerConfidence, u.Text)
				}
			}
		}
		a.missed += math.Max(0, turn.End-turn.Start-covered)
	}
}

// TestSwappedChannels plays a recording whose agent is on the right: noticed, put right and noted.
func TestSwappedChannels(t *testing.T) {
	swapped := audiotest.Run(t, "sox", "../../testdata/samples/02-threat.wav", "-t", "wav", "-", "remix", "2", "1")
	path := filepath.Join(t.TempDir(), "swapped.wav")
	write(t, path, swapped)
	tr, err := demo(t).Transcribe(t.Context(), audiotest.Open(t, path), detectors.KindCall, detectors.Metadata{})
	if err != nil {
		t.Fatal(err)
	}
	checkSpeakers(t, "02-threat", tr)
	if !strings.Contains(strings.Join(tr.Notes, ""), "已对调") {
		t.Errorf("notes %v", tr.Notes)
	}
}

// TestNothingSaid has recordings without speech: they yield no utterance.
func TestNothingSaid(t *testing.T) {
	silence := make([]float32, 20*sampleRate)
	noise := make([]float32, 20*sampleRate)
	audiotest.AddNoise(noise, 0.05, 7)
	ring := make([]float32, 20*sampleRate)
	for i := range ring {
		if at := float64(i) / sampleRate; math.Mod(at, 5) < 1 { // 450 Hz, one second in five
			ring[i] = float32(0.3 * math.Sin(2*math.Pi*450*at))
		}
	}
	music := make([]float32, 20*sampleRate)
	for i := range music {
		at := float64(i) / sampleRate
		note := 261.6 * math.Pow(2, float64([]int{0, 4, 7, 12, 7, 4}[int(at*2)%6])/12)
		for h := 1.0; h <= 4; h++ {
			music[i] += float32(0.2 / h * math.Sin(2*math.Pi*note*h*at))
		}
	}
	for name, x := range map[string][]float32{"silence": silence, "noise": noise, "ringback": ring, "music": music, "one sample": {0.1}} {
		tr, err := demo(t).Transcribe(t.Context(), audiotest.Open(t, audiotest.WriteWAV(t, x)), detectors.KindCall, detectors.Metadata{})
		if err != nil || len(tr.Utterances) != 0 {
			t.Errorf("%s: %+v, %v", name, tr.Utterances, err)
		}
	}
}

// TestModelOnNoise gives noise to the model itself, as a voice detector might by mistake: the guard leaves nothing
// certain standing.
func TestModelOnNoise(t *testing.T) {
	noise := make([]float32, 10*sampleRate)
	audiotest.AddNoise(noise, 0.05, 7)
	w := window{pieces: []piece{{to: 10, speech: regionOf(0, 10)}}}
	d := demo(t).profile.Decoding
	d.AudioCtx = w.context(demo(t).profile)
	segs, err := demo(t).pool.transcribe(t.Context(), noise, d)
	if err != nil {
		t.Fatal(err)
	}
	texts, _ := w.assign(segs)
	for _, h := range texts {
		if h, ok, _ := guard(h, 10, demo(t).profile); ok && h.p >= 0.75 {
			t.Errorf("heard in noise: %q (%.2f)", h.text, h.p)
		}
	}
	for _, pcm := range [][]float32{nil, make([]float32, 10)} {
		if segs, err := demo(t).pool.transcribe(t.Context(), pcm, demo(t).profile.Decoding); err != nil || len(segs) != 0 {
			t.Errorf("%d samples: %v, %v", len(pcm), segs, err)
		}
	}
}

// TestPrompt is built from the profile's terms and the recording's metadata.
func TestPrompt(t *testing.T) {
	tr := &Transcriber{profile: DefaultProfile()}
	got := tr.prompt(detectors.Metadata{Principal: "华远银行", AgentName: "李强"})
	for _, want := range []string{"逾期", "华远银行", "李强"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in %s", want, got)
		}
	}
	tr.profile.UsePrompt = false
	if got := tr.prompt(detectors.Metadata{Principal: "华远银行"}); got != "" {
		t.Errorf("a model that is harmed by prompts is given %q", got)
	}
}

// TestUnknownLanguage is refused before anything is heard.
func TestUnknownLanguage(t *testing.T) {
	d := demo(t).profile.Decoding
	d.Language = "klingon"
	if _, err := demo(t).pool.transcribe(t.Context(), make([]float32, sampleRate), d); err == nil || !strings.Contains(err.Error(), "klingon") {
		t.Errorf("error is %v", err)
	}
}
