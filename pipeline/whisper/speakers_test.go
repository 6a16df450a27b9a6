package whisper

import (
	"strings"
	"testing"

	"github.com/speechqa/speechqa/detectors"
)

// asHeard is a sample's true text as if heard without error: on two channels, or on one with the true voices.
func asHeard(t *testing.T, sample string, split, swapped bool) (plan, []heard) {
	t.Helper()
	p := plan{split: split}
	if !split {
		p.channels = []channelPlan{{}}
	}
	var hs []heard
	for i, u := range turnsOf(t, sample) {
		h := heard{region: i, start: u.Start, end: u.End, text: u.Text, p: 0.9}
		if split && (u.Speaker == "a") == swapped {
			h.channel = 1
		}
		if !split {
			id := 0
			if u.Speaker != "a" {
				id = 1
			}
			p.channels[0].voices = append(p.channels[0].voices, voice{id: id, confidence: 0.99})
		}
		hs = append(hs, h)
	}
	return p, hs
}

// TestSwapDetected finds on every sample which channel the agent is on, whatever the map says, and notes a swap.
func TestSwapDetected(t *testing.T) {
	for _, s := range samples {
		for _, swapped := range []bool{false, true} {
			p, hs := asHeard(t, s, true, swapped)
			us, notes := p.speakers(hs)
			agent := 0
			if swapped {
				agent = 1
			}
			for _, u := range us {
				if (u.Speaker == detectors.SpeakerAgent) != (u.Channel == agent) || u.SpeakerConfidence < detectors.SpeakerCertain {
					t.Errorf("%s swapped %v: %s on channel %d (%.2f): %s", s, swapped, u.Speaker, u.Channel, u.SpeakerConfidence, u.Text)
				}
			}
			if noted := strings.Contains(strings.Join(notes, ""), "已对调"); noted != swapped {
				t.Errorf("%s swapped %v: notes %v", s, swapped, notes)
			}
		}
	}
}

// TestDisputed neither believes a map the talk speaks against nor swaps on little evidence: the role is uncertain.
func TestDisputed(t *testing.T) {
	p := plan{split: true}
	us, notes := p.speakers([]heard{
		{channel: 1, start: 0, end: 2, text: "我是工作人员。", p: 1},
		{channel: 0, start: 2, end: 4, text: "嗯,对。", p: 1},
	})
	if len(us) != 2 || us[0].Speaker != detectors.SpeakerCustomer || us[0].SpeakerConfidence >= detectors.SpeakerCertain || len(notes) != 1 {
		t.Errorf("%+v, %v", us, notes)
	}
	us, notes = p.speakers([]heard{{channel: 0, end: 1, text: "喂。", p: 1}, {channel: 1, start: 1, end: 2, text: "喂。", p: 1}})
	if us[0].Speaker != detectors.SpeakerAgent || us[0].SpeakerConfidence < detectors.SpeakerCertain || len(notes) != 0 {
		t.Errorf("a talk that says nothing: %+v, %v", us, notes)
	}
}

// TestNameVoices names the voices of a mono recording by what they say.
func TestNameVoices(t *testing.T) {
	for _, s := range samples {
		p, hs := asHeard(t, s, false, false)
		us, _ := p.speakers(hs)
		truth := turnsOf(t, s)
		for _, u := range us {
			for _, turn := range truth {
				if turn.Start != u.Start {
					continue
				}
				right := (turn.Speaker == "a") == (u.Speaker == detectors.SpeakerAgent)
				if !right {
					t.Errorf("%s: %s (%.2f) says %s", s, u.Speaker, u.SpeakerConfidence, u.Text)
				}
			}
		}
	}
}

// TestUncertainVoices: voices that the ear could not tell apart give no certain role, whatever is said.
func TestUncertainVoices(t *testing.T) {
	p, hs := asHeard(t, "02-threat", false, false)
	for i := range p.channels[0].voices {
		p.channels[0].voices[i] = voice{id: 0, confidence: 0.5}
	}
	us, _ := p.speakers(hs)
	for _, u := range us {
		if u.SpeakerConfidence >= detectors.SpeakerCertain {
			t.Errorf("%s (%.2f) says %s", u.Speaker, u.SpeakerConfidence, u.Text)
		}
	}
}

// TestMerge joins pieces of one turn, with spans kept, and nothing else.
func TestMerge(t *testing.T) {
	word := func(at, n int) []detectors.Word { return []detectors.Word{{Start: at, End: at + n, Confidence: 0.5}} }
	us := merge([]detectors.Utterance{
		{Speaker: "agent", Start: 0, End: 2, Text: "您好", Words: word(0, 6), SpeakerConfidence: 0.9},
		{Speaker: "agent", Start: 2.5, End: 4, Text: "请还款。", Words: word(3, 6), SpeakerConfidence: 0.8},
		{Speaker: "customer", Channel: 1, Start: 4, End: 5, Text: "嗯"},
		{Speaker: "agent", Start: 5, End: 6, Text: "今天"},
		{Speaker: "agent", Start: 9, End: 10, Text: "再见"},
	})
	var texts []string
	for _, u := range us {
		texts = append(texts, u.Text)
	}
	if got := strings.Join(texts, "|"); got != "您好，请还款。|嗯|今天|再见" {
		t.Fatalf("merged to %s", got)
	}
	if w := us[0].Words[1]; us[0].Text[w.Start:w.End] != "还款" || us[0].SpeakerConfidence != 0.8 || us[0].End != 4 {
		t.Errorf("merged %+v", us[0])
	}
}

// TestAgentChannel reads the metadata.
func TestAgentChannel(t *testing.T) {
	for value, want := range map[string]int{"": 1, "left": 0, "1": 1, "右": 1, "0": 0, "both": 1} {
		got, told, err := agentChannel(detectors.Metadata{Extra: map[string]string{"agent_channel": value}}, 1, 2)
		if got != want || told != (value != "" && value != "both") || (err != nil) != (value == "both") {
			t.Errorf("%q: channel %d, told %v, %v", value, got, told, err)
		}
	}
	if got, _, _ := agentChannel(detectors.Metadata{Extra: map[string]string{"agent_channel": "right"}}, 1, 1); got != 0 {
		t.Errorf("mono: channel %d", got)
	}
}
