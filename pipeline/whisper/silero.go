package whisper

import (
	"context"
	"errors"
	"fmt"

	"github.com/speechqa/speechqa/pipeline/audio"
)

// Silero finds speech with the Silero network in the pool's processes. It satisfies audio.VAD.
type Silero struct{ pool *Pool }

// NewSilero uses the VADModel of the pool.
func NewSilero(p *Pool) *Silero { return &Silero{pool: p} }

// Name is stamped on transcripts.
func (s *Silero) Name() string { return "silero" }

// sileroParams: 0.5 is the threshold Silero's authors recommend. A pause of 500 ms ends a region, as turns of
// talk are separated by more; regions are padded when windows are packed, so no padding here.
var sileroParams = vadParams{Threshold: 0.5, MinSpeechMS: 150, MinSilenceMS: 500}

const (
	sileroChunk   = 60.0 // seconds per request; keeps memory and time until cancellation small
	sileroOverlap = 2.0  // seconds seen twice, so that the network has settled where a chunk's own part begins
)

// Regions finds the speech on one channel, chunk by chunk.
func (s *Silero) Regions(ctx context.Context, rec *audio.Recording, channel int) ([]audio.Region, error) {
	duration := float64(rec.Samples(channel)) / sampleRate
	var out []audio.Region
	for from := 0.0; from < duration; from += sileroChunk {
		start, end := max(0, from-sileroOverlap), min(duration, from+sileroChunk)
		pcm, err := rec.Read(channel, start, end)
		if err != nil {
			return nil, err
		}
		found, err := s.detect(ctx, pcm)
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			r := audio.Region{Start: max(from, start+f[0]), End: min(end, start+f[1])}
			if r.End <= r.Start {
				continue
			}
			if n := len(out); n > 0 && r.Start-out[n-1].End < float64(sileroParams.MinSilenceMS)/1000 {
				out[n-1].End = r.End
				continue
			}
			out = append(out, r)
		}
	}
	return out, nil
}

// detect asks the pool, again after a crash.
func (s *Silero) detect(ctx context.Context, pcm []float32) ([][2]float64, error) {
	for crashes := 1; ; crashes++ {
		found, err := s.pool.detect(ctx, pcm, sileroParams)
		if !errors.Is(err, ErrCrashed) {
			return found, err
		}
		if crashes == crashesAllowed {
			return nil, &audio.Error{Reason: fmt.Sprintf("语音检测进程在这段录音上连续崩溃了 %d 次", crashes), Err: err}
		}
	}
}
