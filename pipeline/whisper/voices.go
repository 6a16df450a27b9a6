package whisper

import (
	"context"
	"fmt"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline/audio"
)

// voices tells the speakers of a mixed channel apart: the speech cut at every change of voice, and whose voice
// each stretch is. A call has two speakers; a visit may have two collectors or two at the door.
func (t *Transcriber) voices(ctx context.Context, rec *audio.Recording, channel int, regions []audio.Region, kind detectors.Kind) ([]audio.Region, []voice, error) {
	speakers := 2
	if kind == detectors.KindVisit {
		speakers = 3
	}
	turns, err := audio.Diarize(ctx, rec, channel, regions, speakers)
	if err != nil {
		return nil, nil, fmt.Errorf("tell voices apart: %w", err)
	}
	out := make([]audio.Region, len(turns))
	voices := make([]voice, len(turns))
	for i, turn := range turns {
		out[i] = audio.Region{Start: turn.Start, End: turn.End}
		voices[i] = voice{id: turn.Speaker, confidence: turn.Confidence}
	}
	return out, voices, nil
}
