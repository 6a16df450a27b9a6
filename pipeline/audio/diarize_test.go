package audio_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline/audio"
	"github.com/speechqa/speechqa/pipeline/audio/audiotest"
)

// TestDiarizeSamples mixes the sample recordings down to mono and tells their voices apart again.
func TestDiarizeSamples(t *testing.T) {
	files, err := filepath.Glob("../../testdata/samples/*.wav")
	if err != nil || len(files) < 8 {
		t.Fatalf("samples: %v %v", files, err)
	}
	var sum outcome
	for _, f := range files {
		var spans []audiotest.Span
		data, err := os.ReadFile(f[:len(f)-4] + ".json")
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &spans); err != nil {
			t.Fatal(err)
		}
		mono := audiotest.Sox(t, f, "-c", "1", "-e", "signed-integer", "-b", "16", "OUT", "remix", "-")
		o := diarized(t, mono, spans, 2)
		t.Logf("%s: %v", filepath.Base(f), o)
		sum.add(o)
	}
	t.Log(sum)
	sum.check(t, 0.9)
}

// TestDiarizeVoices tells other pairs of voices apart, on telephone audio and with noise.
func TestDiarizeVoices(t *testing.T) {
	var sum outcome
	for i, pair := range [][2]audiotest.Voice{
		{audiotest.Man, audiotest.Woman}, {audiotest.Woman, audiotest.OtherMan}, {audiotest.OtherMan, audiotest.OtherWoman},
		{audiotest.Man, audiotest.OtherMan}, {audiotest.Woman, audiotest.OtherWoman},
	} {
		x, spans := audiotest.Dialogue(t, map[string]audiotest.Voice{"a": pair[0], "c": pair[1]}, longDialogue, uint64(i))
		audiotest.AddNoise(x, 0.002, uint64(i))
		tel := audiotest.Sox(t, audiotest.WriteWAV(t, x), "-r", "8000", "-e", "a-law", "OUT", "sinc", "300-3400")
		o := diarized(t, tel, spans, 2)
		t.Logf("%v: %v", pair, o)
		sum.add(o)
	}
	t.Log(sum)
	sum.check(t, 0.9)
}

// TestDiarizeUnseenVoices tells voices apart that no parameter was tuned on; those of the last two pairs are much
// alike and may stay uncertain.
func TestDiarizeUnseenVoices(t *testing.T) {
	voice := func(variant string, speed, pitch int) audiotest.Voice {
		return audiotest.Voice{Variant: variant, Speed: speed, Pitch: pitch}
	}
	for i, c := range []struct {
		a, b    audiotest.Voice
		certain float64
	}{
		{voice("m6", 170, 60), voice("m1", 170, 50), 0.9},
		{voice("f1", 170, 50), voice("m8", 150, 45), 0.9},
		{voice("f3", 160, 60), voice("f5", 175, 50), 0},
		{voice("m1", 170, 50), voice("m2", 160, 40), 0},
	} {
		x, spans := audiotest.Dialogue(t, map[string]audiotest.Voice{"a": c.a, "c": c.b}, longDialogue, uint64(i))
		audiotest.AddNoise(x, 0.002, uint64(i))
		o := diarized(t, audiotest.Sox(t, audiotest.WriteWAV(t, x), "-r", "8000", "-e", "mu-law", "OUT", "sinc", "300-3400"), spans, 2)
		t.Logf("%v and %v: %v", c.a, c.b, o)
		o.check(t, c.certain)
	}
}

// TestDiarizeWithoutPauses has persons who fall into each other's word.
func TestDiarizeWithoutPauses(t *testing.T) {
	for _, pause := range []float64{0.02, 0.1} {
		for _, pair := range [][2]audiotest.Voice{{audiotest.Man, audiotest.Woman}, {audiotest.Woman, audiotest.OtherMan}} {
			var x []float32
			var spans []audiotest.Span
			for _, turn := range longDialogue {
				said := audiotest.Say(t, pair[map[string]int{"a": 0, "c": 1}[turn.Speaker]], turn.Text)
				start := float64(len(x)) / audiotest.Rate
				x = append(x, said...)
				spans = append(spans, audiotest.Span{Speaker: turn.Speaker, Start: start, End: float64(len(x)) / audiotest.Rate})
				x = append(x, make([]float32, int(pause*audiotest.Rate))...)
			}
			audiotest.AddNoise(x, 0.002, 7)
			o := diarized(t, audiotest.WriteWAV(t, x), spans, 2)
			t.Logf("%v s between turns, %v: %v", pause, pair, o)
			o.check(t, 0.9)
		}
	}
}

// TestDiarizeVisit tells three voices apart where a visit may have three.
func TestDiarizeVisit(t *testing.T) {
	voices := map[string]audiotest.Voice{"a": audiotest.Man, "c": audiotest.Woman, "d": {Variant: "f5", Speed: 150, Pitch: 85}}
	turns := append([]audiotest.Turn{}, longDialogue...)
	for i := range turns {
		if i%5 == 4 {
			turns[i].Speaker = "d"
		}
	}
	x, spans := audiotest.Dialogue(t, voices, turns, 9)
	audiotest.AddNoise(x, 0.004, 9)
	o := diarized(t, audiotest.WriteWAV(t, x), spans, 3)
	t.Log(o)
	o.check(t, 0.9)
}

// TestDiarizeFewWords has a customer who hardly says anything.
func TestDiarizeFewWords(t *testing.T) {
	var turns []audiotest.Turn
	for i, turn := range longDialogue {
		if turn.Speaker == "c" {
			turn.Text = []string{"嗯。", "好的。", "再见。"}[i%3]
		}
		turns = append(turns, turn)
	}
	for i, pair := range [][2]audiotest.Voice{{audiotest.Man, audiotest.Woman}, {audiotest.Woman, audiotest.OtherMan}, {audiotest.Man, audiotest.OtherMan}} {
		x, spans := audiotest.Dialogue(t, map[string]audiotest.Voice{"a": pair[0], "c": pair[1]}, turns, uint64(i))
		o := diarized(t, audiotest.WriteWAV(t, x), spans, 2)
		t.Logf("%v: %v", pair, o)
		o.check(t, 0)
	}
}

// TestDiarizeOneVoice must not invent a second person with certainty.
func TestDiarizeOneVoice(t *testing.T) {
	for _, v := range []audiotest.Voice{audiotest.Man, audiotest.Woman, audiotest.OtherMan} {
		turns := append([]audiotest.Turn{}, longDialogue...)
		for i := range turns {
			turns[i].Speaker = "a"
		}
		x, spans := audiotest.Dialogue(t, map[string]audiotest.Voice{"a": v}, turns, 3)
		o := diarized(t, audiotest.WriteWAV(t, x), spans, 2)
		t.Logf("%v: %v", v, o)
		o.check(t, 0)
	}
}

var longDialogue = []audiotest.Turn{
	{Speaker: "a", Text: "您好,请问是王先生吗?我是受华远银行委托的工作人员,本次通话将被录音。"},
	{Speaker: "c", Text: "我是,你有什么事?"},
	{Speaker: "a", Text: "您的信用卡已经逾期三十天,欠款五千元,请您尽快还款。"},
	{Speaker: "c", Text: "我现在没有钱,工厂已经三个月没有发工资了。"},
	{Speaker: "a", Text: "我们理解您的困难,减免需要您向银行申请。"},
	{Speaker: "c", Text: "那要怎么申请呢?"},
	{Speaker: "a", Text: "您可以拨打银行的客服电话。"},
	{Speaker: "c", Text: "好的。"},
	{Speaker: "a", Text: "请您在下个星期五以前还清最低还款额。"},
	{Speaker: "c", Text: "下个星期五不行,我要到月底才能发工资。"},
	{Speaker: "a", Text: "那您月底一定要还,可以吗?"},
	{Speaker: "c", Text: "可以,我月底还。"},
	{Speaker: "a", Text: "谢谢您,打扰了,再见。"},
	{Speaker: "c", Text: "再见。"},
}

// outcome is speech time in seconds by whether its speaker was told rightly.
type outcome struct{ right, uncertain, wrong, missed float64 }

func (o *outcome) add(p outcome) {
	o.right += p.right
	o.uncertain += p.uncertain
	o.wrong += p.wrong
	o.missed += p.missed
}

func (o outcome) String() string {
	all := o.right + o.uncertain + o.wrong + o.missed
	return fmt.Sprintf("%.1f s: right %.1f %%, uncertain %.1f %%, wrong with certainty %.1f %%, missed %.1f %%",
		all, 100*o.right/all, 100*o.uncertain/all, 100*o.wrong/all, 100*o.missed/all)
}

// check demands what the product promises for mono recordings; certain is the share that must be right and known
// to be, for voices that differ.
func (o outcome) check(t *testing.T, certain float64) {
	t.Helper()
	all := o.right + o.uncertain + o.wrong + o.missed
	if o.right+o.uncertain < 0.9*all || o.wrong > 0.05*all || o.right < certain*all {
		t.Errorf("too little is right: %v", o)
	}
}

// diarized compares the turns found in a recording with who really spoke. Voices have no names, so the best
// assignment of numbers to speakers counts.
func diarized(t *testing.T, path string, spans []audiotest.Span, voices int) outcome {
	t.Helper()
	rec := audiotest.Open(t, path)
	regions, err := audio.EnergyVAD{}.Regions(context.Background(), rec, 0)
	if err != nil {
		t.Fatal(err)
	}
	turns, err := audio.Diarize(context.Background(), rec, 0, regions, voices)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"a", "c", "d"}
	var best outcome
	for _, order := range [][3]int{{0, 1, 2}, {1, 0, 2}, {0, 2, 1}, {2, 1, 0}, {1, 2, 0}, {2, 0, 1}} {
		var o outcome
		for _, s := range spans {
			found := 0.0
			for _, turn := range turns {
				d := max(0, min(s.End, turn.End)-max(s.Start, turn.Start))
				found += d
				switch {
				case turn.Confidence < detectors.SpeakerCertain:
					o.uncertain += d
				case names[order[turn.Speaker]] == s.Speaker:
					o.right += d
				default:
					o.wrong += d
				}
			}
			o.missed += max(0, s.End-s.Start-found)
		}
		if o.right-o.wrong > best.right-best.wrong || best == (outcome{}) {
			best = o
		}
	}
	return best
}
