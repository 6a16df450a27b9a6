package pipeline

import "github.com/speechqa/speechqa/detectors"

// Priority orders recordings that wait for the same step.
type Priority int

// Priorities.
const (
	PriorityBackfill Priority = -1 // an old bucket or a rescan: when there is nothing else to do
	PriorityNormal   Priority = 0
	PriorityUrgent   Priority = 1 // a complaint, a reviewer waits
)

// Due is a recording that waits for a step.
type Due struct {
	ID       string
	Step     Step
	Priority Priority
}

// Found is an object that is a recording, with what is known of it, as discovery hands it to the store.
type Found struct {
	Object   Object
	Kind     detectors.Kind
	Metadata detectors.Metadata
	Notes    []string // Chinese sentences about contradictions between the sources of the metadata
	Priority Priority
}
