package pipeline

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline/audio"
)

// Inspector finds violations in a conversation; it is pure.
type Inspector interface {
	Inspect(c *detectors.Conversation) detectors.Result
}

// Shadow has rules that are being tried inspect a recording beside the live ones, which gave the result; nothing of it
// counts. It may be asked about the same recording again.
type Shadow interface {
	Shadow(ctx context.Context, c *detectors.Conversation, live detectors.Result) error
}

// Contacts supplies facts about a recording that only the store of all recordings knows, e.g. how often the
// case was called in the last seven days. See detectors.Facts.Values.
type Contacts interface {
	FactValues(ctx context.Context, rec Recording) (map[string]float64, error)
}

// Deps is what the steps work with. A worker that does only one step leaves the other's parts nil.
type Deps struct {
	Store       Store
	Source      Source
	Transcriber Transcriber
	Inspector   Inspector
	Contacts    Contacts // may be nil: no such facts
	Shadow      Shadow   // may be nil: no rules are being tried

	Audio     audio.Options
	TempDir   string        // for fetched objects; "" is the system's
	MaxObject int64         // bytes; larger objects are given up. 0 is no limit
	Stall     time.Duration // a fetch that brings no byte for so long is broken off; 0 is one minute
	Patience  float64       // times the recording's length a transcription may take, at least ten minutes; 0 is 20
	Worker    string        // who works, for the attempts' record

	// Alone, where set, is held by attempts at recordings under suspicion of ending the process, so that they do not
	// bring each other into it.
	Alone *sync.Mutex

	Observe func(Event) // told of every ended attempt; may be nil
	Log     *slog.Logger
}

// Event is an ended attempt, for metrics.
type Event struct {
	Step     Step
	Verdict  Verdict       // Done with a nil Err is success
	Err      error         // nil on success
	Took     time.Duration // wall time of the attempt
	Audio    float64       // seconds of audio heard; only for a successful transcription
	Removed  int           // stretches of text the hallucination guard took out
	Findings []detectors.Finding
}

func (d Deps) stall() time.Duration {
	if d.Stall > 0 {
		return d.Stall
	}
	return time.Minute
}

// patience is how long a transcription of so many seconds of audio may take.
func (d Deps) patience(seconds float64) time.Duration {
	factor := d.Patience
	if factor <= 0 {
		factor = 20
	}
	return max(10*time.Minute, time.Duration(seconds*factor*float64(time.Second)))
}
