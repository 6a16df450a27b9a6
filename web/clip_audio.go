package web

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/pipeline/audio"
	"github.com/speechqa/speechqa/storage/postgres"
)

const (
	longestClip  = 300.0 // seconds
	rendersAtOne = 2     // clips made at a time: each may hold its sound in memory
)

// openClip is a clip whose recording is at hand.
type openClip struct {
	postgres.Clip
	recording pipeline.Recording
	lines     []clipLine
	bleeps    []bleep
}

// openClip loads a clip within the visitor's scope and finds what is to be bleeped in it.
func (c *Console) openClip(r *http.Request, id string) (openClip, postgres.Review, error) {
	k, err := c.store.Clip(r.Context(), visitorOf(r).scope, id)
	if err != nil {
		return openClip{}, postgres.Review{}, fmt.Errorf("clip %s: %w", id, err)
	}
	review, err := c.store.Review(r.Context(), k.Recording)
	if err != nil {
		return openClip{}, postgres.Review{}, fmt.Errorf("recording of clip %s: %w", id, err)
	}
	o := openClip{Clip: k, recording: review.Recording}
	o.lines, o.bleeps = clipText(review, k)
	return o, review, nil
}

// renderClip writes a clip's sound with everything bleeped that is to be. Nothing of it is kept.
func (c *Console) renderClip(ctx context.Context, w io.Writer, k openClip, f audio.ExcerptFormat) error {
	select {
	case c.renders <- struct{}{}:
		defer func() { <-c.renders }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	object, err := c.audio.OpenSeeker(ctx, k.recording.Object)
	if err != nil {
		return fmt.Errorf("audio of clip %s: %w", k.ID, err)
	}
	defer object.Close()
	rec, err := audio.OpenReader(ctx, object, audio.Options{})
	if err != nil {
		return fmt.Errorf("audio of clip %s: %w", k.ID, err)
	}
	defer rec.Close()
	ex, err := rec.Excerpt(k.From, k.To, silenced(k.bleeps))
	if err != nil {
		return fmt.Errorf("audio of clip %s: %w", k.ID, err)
	}
	return ex.Write(ctx, w, f, audio.Options{})
}

// clipAudio lets the visitor hear a clip as it would be exported.
func (c *Console) clipAudio(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "clip")
	if err != nil {
		return err
	}
	k, _, err := c.openClip(r, id)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := c.renderClip(r.Context(), &b, k, audio.ExcerptWAV); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "audio/wav")
	w.Header().Set("Content-Disposition", "inline")
	w.Header().Set("Cache-Control", "private, no-store")
	http.ServeContent(w, r, "", k.ChangedAt, bytes.NewReader(b.Bytes()))
	return nil
}

// clipWaveformData is what a clip's waveform is drawn from: peaks of each channel, 0..255. Times are in seconds.
type clipWaveformData struct {
	From     float64 `json:"from"`
	To       float64 `json:"to"`
	Channels [][]int `json:"channels"`
}

// clipWaveform gives the page what it draws: peaks of the clip and of clipContext seconds around it.
func (c *Console) clipWaveform(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "clip")
	if err != nil {
		return err
	}
	k, review, err := c.openClip(r, id)
	if err != nil {
		return err
	}
	from, to := clipWindow(k.Clip, review.Recording.Duration)
	out := clipWaveformData{from, to, [][]int{}}
	for _, p := range review.Peaks {
		first, last := int(from*float64(p.PerSecond)), min(int(to*float64(p.PerSecond))+1, len(p.Max))
		peaks := []int{}
		for i := first; i < last; i++ {
			peaks = append(peaks, int(p.Max[i]))
		}
		out.Channels = append(out.Channels, peaks)
	}
	return writeJSON(w, out)
}

// clipContext is how much is shown before and after a clip, in seconds, so that its edges can be moved outwards.
const clipContext = 8.0

func clipWindow(k postgres.Clip, duration float64) (from, to float64) {
	return max(0, k.From-clipContext), min(max(duration, k.To), k.To+clipContext)
}
