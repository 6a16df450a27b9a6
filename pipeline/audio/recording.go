package audio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/speechqa/speechqa/detectors"
)

// SampleRate is the rate of all PCM in this system, in Hz: what whisper.cpp takes.
const SampleRate = 16000

// Facts are the measurements of one recording.
type Facts struct {
	Codec      string  `json:"codec"`       // e.g. pcm_s16le, pcm_alaw, mp3
	Container  string  `json:"container"`   // e.g. wav, mp4
	SourceRate int     `json:"source_rate"` // Hz, of the file
	Channels   int     `json:"channels"`
	Duration   float64 `json:"duration"` // seconds, from the samples that are there
	// HeaderDuration is what the file says about its own length in seconds; 0 where it says nothing usable.
	HeaderDuration float64         `json:"header_duration,omitempty"`
	PerChannel     []ChannelFacts  `json:"per_channel"`
	Identical      bool            `json:"identical_channels,omitempty"` // two channels with the same content
	Tones          []Tone          `json:"tones,omitempty"`              // signalling tones in the first minute
	Gaps           []detectors.Gap `json:"gaps,omitempty"`
	Warnings       []string        `json:"warnings,omitempty"` // Chinese sentences: truncated file, wrong sizes, …
}

// ChannelFacts are the measurements of one channel.
type ChannelFacts struct {
	LevelDB      float64 `json:"level_db"` // RMS of the active part in dBFS; -120 for silence
	PeakDB       float64 `json:"peak_db"`
	Clipped      float64 `json:"clipped"`       // share of samples at full scale, 0..1
	SilenceShare float64 `json:"silence_share"` // 0..1
	Dead         bool    `json:"dead,omitempty"`
}

// Tone is a signalling tone of the telephone network heard at the start of a recording.
type Tone struct {
	Channel int     `json:"channel"`
	Kind    string  `json:"kind"`             // ringback (450 Hz, also dial and busy tone) | dtmf
	Digits  string  `json:"digits,omitempty"` // keys pressed, for dtmf
	Start   float64 `json:"start"`            // seconds
	End     float64 `json:"end"`              // seconds
}

// Peaks is the waveform of one channel, for drawing: Max[i] is the largest absolute sample of bucket i, 0..255.
type Peaks struct {
	PerSecond int    `json:"per_second"`
	Max       []byte `json:"max"`
}

// Region is a stretch of speech on one channel.
type Region struct {
	Start, End float64 // seconds from the start of the recording
}

// Error is a recording that cannot be decoded. Reason is one sentence for staff, in Chinese.
type Error struct {
	Reason string
	// Temporary says that the recording itself may be sound and another attempt can succeed: the file was
	// still being written, the disk was full, ffmpeg is not installed.
	Temporary bool
	Err       error // chain for the log; may be nil
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Reason
	}
	return e.Reason + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// Recording is a decoded recording: one 16 kHz PCM stream per channel in temporary files without a name, so
// that nothing is left behind even by a killed process. Reading is safe for concurrent use; Close is not.
type Recording struct {
	Facts Facts
	Peaks []Peaks // one per channel
	pcm   []pcmFile
}

// pcmFile holds one channel as 16-bit little-endian samples.
type pcmFile struct {
	f       *os.File
	samples int
}

// Channels returns the number of channels.
func (r *Recording) Channels() int { return len(r.pcm) }

// Samples returns the number of 16 kHz samples of a channel.
func (r *Recording) Samples(channel int) int {
	if channel < 0 || channel >= len(r.pcm) {
		return 0
	}
	return r.pcm[channel].samples
}

// Read returns the samples of a channel from one time to another, in seconds; full scale is ±1. Times outside
// the recording are cut to it, so the result may be shorter than asked for, or empty.
func (r *Recording) Read(channel int, from, to float64) ([]float32, error) {
	if math.IsNaN(from) || math.IsNaN(to) {
		return nil, fmt.Errorf("read channel %d: time is not a number", channel)
	}
	end := float64(r.Samples(channel))
	at := func(sec float64) int { return int(math.Round(math.Max(0, math.Min(end, sec*SampleRate)))) }
	return r.ReadSamples(channel, at(from), at(to))
}

// ReadSamples returns the samples of a channel from index first up to but without index last, cut to what is
// there; full scale is ±1.
func (r *Recording) ReadSamples(channel, first, last int) ([]float32, error) {
	if channel < 0 || channel >= len(r.pcm) {
		return nil, fmt.Errorf("read channel %d of %d: no such channel", channel, len(r.pcm))
	}
	p := r.pcm[channel]
	if p.f == nil {
		return nil, fmt.Errorf("read channel %d: %w", channel, os.ErrClosed)
	}
	first, last = max(first, 0), min(last, p.samples)
	if first >= last {
		return nil, nil
	}
	raw := make([]byte, 2*(last-first))
	if _, err := p.f.ReadAt(raw, int64(2*first)); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read channel %d: %w", channel, err)
	}
	out := make([]float32, last-first)
	for i := range out {
		out[i] = float32(int16(binary.LittleEndian.Uint16(raw[2*i:]))) / 32768
	}
	return out, nil
}

// Close gives the temporary files back. It may be called twice.
func (r *Recording) Close() error {
	var errs []error
	for i := range r.pcm {
		if f := r.pcm[i].f; f != nil {
			errs = append(errs, f.Close())
			r.pcm[i].f = nil
		}
	}
	return errors.Join(errs...)
}
