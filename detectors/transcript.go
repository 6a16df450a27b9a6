package detectors

// Transcript is what was heard in one recording and what heard it.
type Transcript struct {
	Utterances []Utterance   `json:"utterances"`
	Removed    []RemovedText `json:"removed,omitempty"`
	// Provenance: the transcript's outcome can be repeated from these.
	ModelHash string            `json:"model_hash"` // SHA-256 of the model file, hex
	ModelName string            `json:"model_name"`
	Params    map[string]string `json:"params"` // every decoding parameter that can change the text
	Notes     []string          `json:"notes,omitempty"`
}

// RemovedText is text the hallucination guard took out, kept so that a reviewer can see it.
type RemovedText struct {
	Channel int     `json:"channel"`
	Start   float64 `json:"start"` // seconds
	End     float64 `json:"end"`   // seconds
	Text    string  `json:"text"`
	Reason  string  `json:"reason"` // outside_speech | repetition | known_phrase | speaking_rate | low_probability
}
