package pipeline

import (
	"time"

	"github.com/speechqa/speechqa/detectors"
)

// OpinionDue is an inspected recording on which a second opinion is to be had.
type OpinionDue struct {
	Recording
	InspectedAt time.Time
	Transcript  detectors.Transcript
	Findings    []detectors.Finding // of the rules
	// The last opinion, where it was complete: what was asked (a hash) and what was answered.
	Question string
	Answer   []detectors.Finding
}

// Conversation is what is asked about.
func (d *OpinionDue) Conversation() *detectors.Conversation {
	return &detectors.Conversation{ID: d.ID, Kind: d.Kind, Metadata: d.Metadata, Utterances: d.Transcript.Utterances}
}

// Opinion is a second opinion on a recording.
type Opinion struct {
	ID          string
	InspectedAt time.Time
	Question    string              // hash of everything that was asked
	Answer      []detectors.Finding // all that was answered
	Findings    []detectors.Finding // of the answer, what the rules did not find; with keys
	Missing     string              // what could not be had; empty: nothing
}
