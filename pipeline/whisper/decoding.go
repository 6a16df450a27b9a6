package whisper

import "strconv"

// Decoding are the parameters whisper.cpp decodes with. All of them can change the text, so all of them are
// stamped on the transcript.
type Decoding struct {
	Language          string  `json:"language"`            // ISO code, or "auto"
	Beam              int     `json:"beam"`                // 0 = greedy
	BestOf            int     `json:"best_of"`             // candidates once a temperature > 0 samples
	Temperature       float64 `json:"temperature"`         // first attempt
	TemperatureInc    float64 `json:"temperature_inc"`     // added at each fall-back; 0 = no fall-back
	EntropyThreshold  float64 `json:"entropy_threshold"`   // below: repetitive, fall back
	LogProbThreshold  float64 `json:"logprob_threshold"`   // below: unsure, fall back
	MaxInitialTime    float64 `json:"max_initial_time"`    // latest first timestamp, seconds
	MaxTokens         int     `json:"max_tokens"`          // per segment; 0 = no limit
	AudioCtx          int     `json:"audio_ctx"`           // least encoder frames of 20 ms, longer windows use more; 0 = always 1500
	SuppressNonSpeech bool    `json:"suppress_non_speech"` // no brackets, notes and the like
	Prompt            string  `json:"prompt,omitempty"`    // text the model believes was said before
}

// stamp writes the parameters into a transcript's Params.
func (d Decoding) stamp(m map[string]string) {
	f := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	m["language"] = d.Language
	m["beam"] = strconv.Itoa(d.Beam)
	m["best_of"] = strconv.Itoa(d.BestOf)
	m["temperature"] = f(d.Temperature)
	m["temperature_inc"] = f(d.TemperatureInc)
	m["entropy_threshold"] = f(d.EntropyThreshold)
	m["logprob_threshold"] = f(d.LogProbThreshold)
	m["max_initial_time"] = f(d.MaxInitialTime)
	m["max_tokens"] = strconv.Itoa(d.MaxTokens)
	m["audio_ctx"] = strconv.Itoa(d.AudioCtx)
	m["suppress_non_speech"] = strconv.FormatBool(d.SuppressNonSpeech)
	m["prompt"] = d.Prompt
}

// segment is one stretch of text as whisper.cpp gives it. Times are seconds of the PCM given.
type segment struct {
	Start  float64 `json:"start"`
	End    float64 `json:"end"`
	Tokens []token `json:"tokens"`
}

// token is a piece of text, possibly a part of a UTF-8 sequence.
type token struct {
	Text  []byte  `json:"text"`
	P     float64 `json:"p"` // probability, 0..1
	Start float64 `json:"start"`
	End   float64 `json:"end"`
}

// vadParams steer the Silero detector.
type vadParams struct {
	Threshold    float64 `json:"threshold"` // speech probability, 0..1
	MinSpeechMS  int     `json:"min_speech_ms"`
	MinSilenceMS int     `json:"min_silence_ms"`
	PadMS        int     `json:"pad_ms"`
}
