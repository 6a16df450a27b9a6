package whisper

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Profile is how one model wants to be used. It is looked up in this order: a JSON file beside the model with
// the model's name and the ending .json (only the fields it names differ from the default), else the default.
type Profile struct {
	Name       string  `json:"name"`        // stamped on transcripts as the model's name
	MaxWindow  float64 `json:"max_window"`  // longest window of packed speech, seconds, at most 30
	MaxRegions int     `json:"max_regions"` // speech regions per window; 0 = as many as fit
	Pad        float64 `json:"pad"`         // seconds kept around each region
	Join       float64 `json:"join"`        // seconds of silence between regions in a window
	// NoFlashAttn switches flash attention off, which looks at the encoder's output in steps of 256 frames: behind a
	// shorter context the decoder then also looks at frames of zeros, and hears worse.
	NoFlashAttn bool     `json:"no_flash_attn"`
	Decoding    Decoding `json:"decoding"`
	// AudioMargin is how many seconds the encoder's context goes beyond a window's end where Decoding.AudioCtx
	// lets it follow the window's length.
	AudioMargin float64 `json:"audio_margin"`
	// Prompt is put before every window, with the words of PromptTerms and of the recording's metadata (agent,
	// principal) when UsePrompt is set. Models not trained with prompts are harmed by them.
	UsePrompt   bool     `json:"use_prompt"`
	PromptTerms []string `json:"prompt_terms"`
	// MinProbability is the mean token probability under which a stretch of text is not believed.
	MinProbability float64 `json:"min_probability"`
	// MaxRate is the number of characters per second nobody can speak.
	MaxRate float64 `json:"max_rate"`
}

// DefaultProfile is for OpenAI's Whisper models in ggml form. The thresholds are those of OpenAI's decoder;
// why each has its value is said in docs/hearing.md.
func DefaultProfile() Profile {
	return Profile{
		MaxWindow: 30,
		Pad:       0.1,
		Join:      0.3,

		AudioMargin: 1,
		Decoding: Decoding{
			Language:          "zh",
			Beam:              5,
			BestOf:            5,
			TemperatureInc:    0.2,
			EntropyThreshold:  2.4,
			LogProbThreshold:  -1,
			MaxInitialTime:    1,
			MaxTokens:         0,
			SuppressNonSpeech: true,
		},
		UsePrompt: true,
		PromptTerms: []string{"以下是普通话的电话录音。", "银行信用卡", "逾期", "欠款", "分期", "减免", "征信", "工号",
			"本次通话将被录音", "起诉", "协商还款"},
		MinProbability: 0.25,
		MaxRate:        14,
	}
}

// LoadProfile returns the profile of the model at path.
func LoadProfile(model string) (Profile, error) {
	p := DefaultProfile()
	p.Name = strings.TrimPrefix(strings.TrimSuffix(filepath.Base(model), filepath.Ext(model)), "ggml-")
	side := strings.TrimSuffix(model, filepath.Ext(model)) + ".json"
	f, err := os.Open(side)
	if errors.Is(err, os.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return p, fmt.Errorf("model profile: %w", err)
	}
	defer f.Close()
	d := json.NewDecoder(f)
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return p, fmt.Errorf("model profile %s: %w", side, err)
	}
	if err := p.check(); err != nil {
		return p, fmt.Errorf("model profile %s: %w", side, err)
	}
	return p, nil
}

func (p Profile) check() error {
	var errs []error
	for _, c := range []struct {
		bad bool
		msg string
	}{
		{!(p.MaxWindow >= 1 && p.MaxWindow <= 30), "max_window must be 1 to 30 seconds"},
		{p.MaxRegions < 0, "max_regions must not be negative"},
		{!(p.Pad >= 0 && p.Pad <= 2), "pad must be 0 to 2 seconds"},
		{!(p.Join >= 0 && p.Join <= 5), "join must be 0 to 5 seconds"},
		{p.Decoding.Beam < 0 || p.Decoding.Beam > 8, "beam must be 0 to 8"},
		{p.Decoding.BestOf < 1 || p.Decoding.BestOf > 8, "best_of must be 1 to 8"},
		{p.Decoding.Language == "", "language must be set"},
		{p.Decoding.AudioCtx < 0 || p.Decoding.AudioCtx > 1500, "audio_ctx must be 0 to 1500"},
		{!(p.AudioMargin >= 0 && p.AudioMargin <= 30), "audio_margin must be 0 to 30 seconds"},
		{!(p.MinProbability >= 0 && p.MinProbability < 1), "min_probability must be 0 to 1"},
		{!(p.MaxRate > 0), "max_rate must be positive"},
	} {
		if c.bad {
			errs = append(errs, errors.New(c.msg))
		}
	}
	return errors.Join(errs...)
}

func (p Profile) packing() packing {
	return packing{MaxWindow: p.MaxWindow, MaxRegions: p.MaxRegions, Pad: p.Pad, Join: p.Join}
}

// stamp writes what can change the text into a transcript's Params.
func (p Profile) stamp(m map[string]string) {
	f := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	m["max_window"] = f(p.MaxWindow)
	m["max_regions"] = strconv.Itoa(p.MaxRegions)
	m["pad"] = f(p.Pad)
	m["join"] = f(p.Join)
	m["audio_margin"] = f(p.AudioMargin)
	m["min_probability"] = f(p.MinProbability)
	m["max_rate"] = f(p.MaxRate)
}
