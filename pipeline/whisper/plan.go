package whisper

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline/audio"
)

// plan says which channels are heard, where they speak, and what is known of who speaks before a word is heard.
type plan struct {
	channels []channelPlan
	// split: each channel is one side. Otherwise the one channel holds everybody, told apart by voice.
	split bool
	agent int  // agent's channel by metadata or configuration, when split
	told  bool // the metadata said so
	notes []string
}

type channelPlan struct {
	channel int
	regions []audio.Region
	voices  []voice // per region; empty when split
}

// voice is which of the speakers of a mixed channel a region belongs to.
type voice struct {
	id         int
	confidence float64 // 0..1 that the region is this voice's
}

// listen finds the speech and decides how speakers are told apart.
func (t *Transcriber) listen(ctx context.Context, rec *audio.Recording, kind detectors.Kind, meta detectors.Metadata) (plan, error) {
	var p plan
	agent, told, err := agentChannel(meta, t.opt.AgentChannel, rec.Channels())
	if err != nil {
		p.notes = append(p.notes, err.Error())
	}
	p.agent, p.told = agent, told
	live := liveChannels(rec)
	switch {
	case len(live) == 0:
		p.notes = append(p.notes, "所有声道都没有声音")
		return p, nil
	case rec.Channels() == 1:
	case rec.Facts.Identical:
		live = live[:1]
		p.notes = append(p.notes, "两个声道内容相同,按单声道处理")
	case len(live) == 1:
		p.notes = append(p.notes, fmt.Sprintf("声道 %d 没有声音,按单声道处理", 1-live[0]))
	case kind == detectors.KindVisit && !told:
		// Two microphones of one camera hear the same people; the louder one hears them better.
		live = []int{loudest(rec, live)}
		p.notes = append(p.notes, fmt.Sprintf("外访录音不按声道区分说话人,使用声道 %d", live[0]))
	default:
		p.split = true
	}
	for _, ch := range live {
		regions, err := t.opt.VAD.Regions(ctx, rec, ch)
		if err != nil {
			return p, fmt.Errorf("find speech on channel %d: %w", ch, err)
		}
		c := channelPlan{channel: ch, regions: regions}
		if !p.split {
			if c.regions, c.voices, err = t.voices(ctx, rec, ch, regions, kind); err != nil {
				return p, err
			}
		}
		p.channels = append(p.channels, c)
	}
	return p, nil
}

// agentChannel reads which channel the agent is on from the metadata key agent_channel: 0 or left, 1 or right.
func agentChannel(meta detectors.Metadata, preset, channels int) (channel int, told bool, err error) {
	channel = min(max(preset, 0), max(channels-1, 0))
	switch v := strings.ToLower(strings.TrimSpace(meta.Extra["agent_channel"])); v {
	case "":
		return channel, false, nil
	case "0", "left", "l", "左":
		return 0, true, nil
	case "1", "right", "r", "右":
		if channels > 1 {
			return 1, true, nil
		}
		return 0, false, nil
	default:
		return channel, false, fmt.Errorf("元数据 agent_channel=%q 无法识别,已忽略", v)
	}
}

func liveChannels(rec *audio.Recording) []int {
	var out []int
	for ch := range rec.Channels() {
		if ch >= len(rec.Facts.PerChannel) || !rec.Facts.PerChannel[ch].Dead {
			out = append(out, ch)
		}
	}
	return out
}

func loudest(rec *audio.Recording, channels []int) int {
	return slices.MaxFunc(channels, func(a, b int) int {
		switch x, y := rec.Facts.PerChannel[a].LevelDB, rec.Facts.PerChannel[b].LevelDB; {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
}
