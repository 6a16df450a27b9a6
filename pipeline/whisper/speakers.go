package whisper

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/speechqa/speechqa/detectors"
)

// Confidence of a role by how it was found. Channels carry one side each, so the channel map is nearly certain
// once the talk agrees with it; a role nobody could find stays well below detectors.SpeakerCertain.
const (
	channelAgreed    = 0.99
	channelSilent    = 0.9  // the talk says nothing about roles
	channelDisputed  = 0.5  // the talk leans against the map, not enough to swap
	swapCertainty    = 0.95 // from which the talk overrules the map
	disputeCertainty = 0.75
	voiceUnknown     = 0.3
)

// speakers turns what was heard into utterances with roles, in order of time.
func (p plan) speakers(texts []heard) ([]detectors.Utterance, []string) {
	var notes []string
	var role roleOf
	if p.split {
		role, notes = p.byChannel(texts)
	} else {
		role = p.nameVoices(texts)
	}
	us := make([]detectors.Utterance, 0, len(texts))
	for _, h := range texts {
		s, c := role(h)
		us = append(us, detectors.Utterance{Speaker: s, Channel: h.channel, Start: h.start, End: h.end, Text: h.text,
			Confidence: h.p, SpeakerConfidence: c, Words: h.words})
	}
	slices.SortStableFunc(us, func(a, b detectors.Utterance) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Channel, b.Channel))
	})
	return merge(us), notes
}

type roleOf func(h heard) (detectors.Speaker, float64)

// byChannel checks the channel map against the talk: the side that says the opening is the agent.
func (p plan) byChannel(texts []heard) (roleOf, []string) {
	agent := p.agent
	diff := 0.0
	for ch, said := range gather(texts, func(h heard) int { return h.channel }) {
		if ch == agent {
			diff += agentScore(said)
		} else {
			diff -= agentScore(said)
		}
	}
	sure, against := certainty(diff), certainty(-diff)
	conf := channelSilent
	var notes []string
	switch {
	case against >= swapCertainty:
		agent = 1 - agent
		conf = against
		notes = append(notes, fmt.Sprintf("声道与角色相反:按通话内容判断坐席在声道 %d,已对调(把握 %.0f%%)", agent, 100*against))
	case against >= disputeCertainty:
		conf = channelDisputed
		notes = append(notes, fmt.Sprintf("通话内容与声道约定不一致(把握 %.0f%%),说话人待确认", 100*against))
	case sure >= disputeCertainty:
		conf = channelAgreed
	}
	if p.told && conf == channelSilent {
		conf = channelAgreed
	}
	return func(h heard) (detectors.Speaker, float64) {
		if h.channel == agent {
			return detectors.SpeakerAgent, conf
		}
		return detectors.SpeakerCustomer, conf
	}, notes
}

// nameVoices says which voices of a mixed channel are the agent's, by what they say. The confidence of a role is
// that of the naming and of the region's being that voice's, together; a sentence that sounds like the other side
// counts against its own.
func (p plan) nameVoices(texts []heard) roleOf {
	if len(p.channels) == 0 {
		return p.byVoice
	}
	voices := p.channels[0].voices
	of := func(h heard) voice {
		if h.region < len(voices) {
			return voices[h.region]
		}
		return voice{id: -1}
	}
	scores := map[int]float64{}
	for id, said := range gather(texts, func(h heard) int { return of(h).id }) {
		scores[id] = agentScore(said)
	}
	best, second := -1, 0.0
	for id, s := range scores {
		if best < 0 || s > scores[best] || s == scores[best] && id < best {
			best = id
		}
	}
	if best < 0 {
		return p.byVoice
	}
	if len(scores) > 1 {
		second = -1e9
		for id, s := range scores {
			if id != best {
				second = max(second, s)
			}
		}
	}
	naming := certainty(scores[best] - second)
	return func(h heard) (detectors.Speaker, float64) {
		v := of(h)
		if v.id < 0 {
			return p.byVoice(h)
		}
		s, lean := detectors.SpeakerCustomer, -agentScore(h.text)
		// A second collector on a visit speaks like one too.
		if v.id == best || scores[v.id] >= 4 {
			s, lean = detectors.SpeakerAgent, -lean
		}
		c := naming * v.confidence
		if lean < 0 {
			c *= certainty(lean) * 2
		}
		return s, min(c, channelAgreed)
	}
}

// byVoice is for a voice nobody could place: its own words are the only hint.
func (p plan) byVoice(h heard) (detectors.Speaker, float64) {
	switch s := agentScore(h.text); {
	case s >= 3:
		return detectors.SpeakerAgent, min(certainty(s)*0.8, detectors.SpeakerCertain-0.01)
	case s <= -2:
		return detectors.SpeakerCustomer, min(certainty(-s)*0.8, detectors.SpeakerCertain-0.01)
	}
	return detectors.SpeakerUnknown, voiceUnknown
}

// gather joins texts by a key, one line each.
func gather(texts []heard, key func(heard) int) map[int]string {
	bs := map[int]*strings.Builder{}
	for _, h := range texts {
		k := key(h)
		if bs[k] == nil {
			bs[k] = &strings.Builder{}
		}
		bs[k].WriteString(h.text)
		bs[k].WriteByte('\n')
	}
	out := make(map[int]string, len(bs))
	for k, b := range bs {
		out[k] = b.String()
	}
	return out
}

const (
	turnPause  = 1.2  // seconds; a longer silence of the same speaker starts a new utterance
	turnLength = 45.0 // seconds; longer turns are cut at a pause, for reading
)

// merge joins neighbouring utterances of one speaker into turns, as long as nobody else speaks between.
func merge(us []detectors.Utterance) []detectors.Utterance {
	var out []detectors.Utterance
	for _, u := range us {
		if n := len(out); n > 0 {
			if a := &out[n-1]; a.Speaker == u.Speaker && a.Channel == u.Channel &&
				u.Start-a.End < turnPause && u.End-a.Start < turnLength {
				join(a, u)
				continue
			}
		}
		out = append(out, u)
	}
	return out
}

// join appends b to a. A pause is a pause in writing too, so that no phrase is read across it.
func join(a *detectors.Utterance, b detectors.Utterance) {
	na, nb := float64(len(a.Words)), float64(len(b.Words))
	if na+nb > 0 {
		a.Confidence = (a.Confidence*na + b.Confidence*nb) / (na + nb)
	}
	a.SpeakerConfidence = min(a.SpeakerConfidence, b.SpeakerConfidence)
	if r := lastRune(a.Text); !silentRune(r) {
		a.Text += "，"
	}
	shift := len(a.Text)
	a.Text += b.Text
	a.End = max(a.End, b.End)
	for _, w := range b.Words {
		w.Start += shift
		w.End += shift
		a.Words = append(a.Words, w)
	}
}
