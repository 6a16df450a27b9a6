package whisper

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline/audio/audiotest"
)

// crosstalk is a call in which, after an exchange of turns, both talk at once from the returned time on.
func crosstalk(t *testing.T, a, c audiotest.Voice) (agent, customer []float32, from float64) {
	t.Helper()
	say := func(side *[]float32, v audiotest.Voice, at int, text string) int {
		x := audiotest.Say(t, v, text)
		*side = append(*side, make([]float32, max(0, at+len(x)-len(*side)))...)
		for i, s := range x {
			(*side)[at+i] += s / 2
		}
		return at + len(x) + sampleRate/2
	}
	at := sampleRate / 2
	at = say(&agent, a, at, "您好,我是受华远银行委托的工作人员,本次通话将被录音。")
	at = say(&customer, c, at, "好的我知道了我下个星期还两千元。")
	at = say(&agent, a, at, "您的信用卡已经逾期三十天,请问您什么时候可以还款?")
	at = say(&customer, c, at, "我这个月没有钱能不能少一点。")
	end := max(say(&agent, a, at, agentAtOnce), say(&customer, c, at, customerAtOnce))
	agent = append(agent, make([]float32, end-len(agent))...)
	customer = append(customer, make([]float32, end-len(customer))...)
	return agent, customer, float64(at) / sampleRate
}

const (
	agentAtOnce    = "你再不还钱我们就叫人,今天不还钱明天就让你坐牢。"
	customerAtOnce = "我没有钱,我要投诉你,我要投诉你。"
)

// TestCrosstalkOnTwoChannels: both talk at once and both are kept, each with the own speaker, time and text.
func TestCrosstalkOnTwoChannels(t *testing.T) {
	agent, customer, from := crosstalk(t, audiotest.Man, audiotest.Woman)
	tr, err := demo(t).Transcribe(t.Context(), audiotest.Open(t, audiotest.WriteWAV(t, agent, customer)), detectors.KindCall, detectors.Metadata{})
	if err != nil {
		t.Fatal(err)
	}
	for speaker, words := range map[detectors.Speaker]string{detectors.SpeakerAgent: "坐牢", detectors.SpeakerCustomer: "投诉"} {
		if !slices.ContainsFunc(tr.Utterances, func(u detectors.Utterance) bool {
			return u.Speaker == speaker && math.Abs(u.Start-from) < 0.3 && strings.Contains(u.Text, words)
		}) {
			t.Errorf("%s saying %s at %.1f s is not in %+v", speaker, words, from, tr.Utterances)
		}
	}
}

// TestCrosstalkOnOneChannel: what two say at once on one channel is half understood; but nothing that only one of
// them said is ascribed to the other with certainty.
func TestCrosstalkOnOneChannel(t *testing.T) {
	for _, voices := range [][2]audiotest.Voice{{audiotest.Man, audiotest.Woman}, {audiotest.Woman, audiotest.Man}} {
		agent, customer, from := crosstalk(t, voices[0], voices[1])
		for i, x := range customer[:min(len(agent), len(customer))] {
			agent[i] += x
		}
		tr, err := demo(t).Transcribe(t.Context(), audiotest.Open(t, audiotest.WriteWAV(t, agent)), detectors.KindCall, detectors.Metadata{})
		if err != nil {
			t.Fatal(err)
		}
		heard := 0
		for _, u := range tr.Utterances {
			if u.End < from+0.3 {
				continue
			}
			heard++
			other := customerAtOnce
			if u.Speaker != detectors.SpeakerAgent {
				other = agentAtOnce
			}
			if u.SpeakerConfidence >= detectors.SpeakerCertain {
				if words, ok := common(u.Text, other); ok {
					t.Errorf("%s (%.2f) is said to have said %s: %s", u.Speaker, u.SpeakerConfidence, words, u.Text)
				}
			}
		}
		if heard == 0 {
			t.Errorf("nothing is heard from %.1f s on: %+v", from, tr.Utterances)
		}
	}
}

// common returns three characters in a row that both texts have.
func common(a, b string) (string, bool) {
	x := []rune(spoken(a))
	for i := 0; i+3 <= len(x); i++ {
		if words := string(x[i : i+3]); strings.Contains(spoken(b), words) {
			return words, true
		}
	}
	return "", false
}
