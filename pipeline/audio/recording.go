package audio

import "github.com/speechqa/speechqa/detectors"

// SampleRate is the rate of all PCM in this system, in Hz: what whisper.cpp takes.
const SampleRate = 16000

// Facts are the measurements of one recording.
type Facts struct {
	Codec      string          `json:"codec"`       // e.g. pcm_s16le, pcm_alaw, mp3
	Container  string          `json:"container"`   // e.g. wav, mp4
	SourceRate int             `json:"source_rate"` // Hz, of the file
	Channels   int             `json:"channels"`
	Duration   float64         `json:"duration"` // seconds, from the samples that are there
	PerChannel []ChannelFacts  `json:"per_channel"`
	Identical  bool            `json:"identical_channels,omitempty"` // two channels with the same content
	Gaps       []detectors.Gap `json:"gaps,omitempty"`
	Warnings   []string        `json:"warnings,omitempty"` // Chinese sentences: truncated file, wrong sizes, …
}

// ChannelFacts are the measurements of one channel.
type ChannelFacts struct {
	LevelDB      float64 `json:"level_db"` // RMS of the speech-active part in dBFS; -120 for silence
	PeakDB       float64 `json:"peak_db"`
	Clipped      float64 `json:"clipped"`       // share of samples at full scale, 0..1
	SilenceShare float64 `json:"silence_share"` // 0..1
	Dead         bool    `json:"dead,omitempty"`
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
	Err    error // chain for the log; may be nil
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Reason
	}
	return e.Reason + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// Recording is a decoded recording: one 16 kHz PCM stream per channel in temporary files. Close removes them.
type Recording struct {
	Facts Facts
	Peaks []Peaks
	pcm   []pcmFile
}

// pcmFile is filled in by the decoder.
type pcmFile struct{}
