// Package pipeline is one recording's journey: fetch, decode, transcribe, inspect.
//
// Transcribe (costly) and inspect (cheap) are two steps with an outcome each, so a rule change never
// transcribes again. A step commits its outcome last and may be run twice without harm.
package pipeline

import (
	"context"
	"io"
	"time"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline/audio"
)

// State is how far a recording has come. PostgreSQL holds it; Redis only carries tasks.
type State string

// States of a recording.
const (
	StateDiscovered  State = "discovered"  // seen in the bucket, waiting for transcription
	StateTranscribed State = "transcribed" // transcript committed, waiting for inspection
	StateInspected   State = "inspected"   // findings and score committed
	StateFailed      State = "failed"      // given up; Reason says why
	StateDuplicate   State = "duplicate"   // same audio as another recording, linked to it
	StateDisposed    State = "disposed"    // was inspected; being destroyed, or destroyed, after its date
)

// States are all of them, in the order people read them.
var States = []State{StateDiscovered, StateTranscribed, StateInspected, StateDuplicate, StateFailed, StateDisposed}

// Step is a piece of work on a recording.
type Step string

// The two steps.
const (
	StepTranscribe Step = "transcribe"
	StepInspect    Step = "inspect"
)

// Lease is how long an attempt counts as alive after its last heartbeat. Workers beat three times as often. All
// processes must have the same; it is a variable only for tests, which set it before anything runs.
var Lease = 30 * time.Second

// Object is a recording as the object store shows it.
type Object struct {
	Bucket       string
	Key          string
	VersionID    string // empty where the bucket has no versioning
	ETag         string
	Size         int64
	LastModified time.Time
	UserMetadata map[string]string // tags and user metadata; keys lower case without the x-amz-meta- prefix
}

// Recording is a row of the recordings table as the steps need it.
type Recording struct {
	ID       string // UUID
	Object   Object
	Kind     detectors.Kind
	Metadata detectors.Metadata
	State    State
	Reason   string // sentence for staff when failed
	SHA256   string // hex; empty until fetched
	Attempt  int64  // fencing token of the current or last attempt
	Tries    int    // attempts at this step since the recording entered its state, this one included
	Crashed  int    // of those, how many ended without a word: their worker died
	Duration float64
}

// Transcribed is the outcome of the transcribe step.
type Transcribed struct {
	SHA256         string // of the audio object, hex
	Audio          audio.Facts
	Peaks          []audio.Peaks // per channel, for the console's waveform
	Transcript     detectors.Transcript
	TranscriptHash string // SHA-256 over the canonical JSON of the utterances, hex
}

// Inspected is the outcome of the inspect step.
type Inspected struct {
	TranscriptHash string
	Result         detectors.Result
	// Rescore grades what is left of the findings where people have overturned, confirmed or added some.
	Rescore func(standing []detectors.Finding) (score int, fatal bool)
}

// Failing is how an attempt went wrong.
type Failing int

// Ways to go wrong.
const (
	FailCounted Failing = iota // the recording may be to blame: the state stays and the attempt counts
	FailFree                   // something else is to blame, such as an outage: the state stays, nothing counts
	FailFinal                  // given up: the recording moves to StateFailed
)

// Source gives the bytes of a recording.
type Source interface {
	// Open returns the object's stream; the caller closes it. A missing object wraps ErrGone.
	Open(ctx context.Context, o Object) (io.ReadCloser, error)
}

// Transcriber hears a decoded recording.
type Transcriber interface {
	Transcribe(ctx context.Context, rec *audio.Recording, kind detectors.Kind, meta detectors.Metadata) (detectors.Transcript, error)
}

// Store keeps the truth about recordings for the two steps.
type Store interface {
	// Begin starts an attempt at a step and returns the recording with a new fencing token in Attempt.
	// It returns ErrNotDue when the step's outcome is already there or the recording is in another state,
	// and ErrBusy while another attempt is alive: begun or heard of by Heartbeat within the last Lease.
	Begin(ctx context.Context, id string, step Step, worker string) (Recording, error)
	// Heartbeat says that the attempt is still worked on; ErrFenced when a later attempt has begun or the
	// recording was taken away (withdrawn, disposed of).
	Heartbeat(ctx context.Context, id string, attempt int64) error
	// Release hands an attempt back unfinished, at once and without counting it: the worker is stopping.
	Release(ctx context.Context, id string, attempt int64) error
	// CommitTranscript stores the outcome and moves the recording to StateTranscribed; ErrFenced when a
	// later attempt has begun since.
	CommitTranscript(ctx context.Context, id string, attempt int64, t Transcribed) error
	// Transcript returns the stored outcome of the transcribe step, with manual speaker corrections applied.
	Transcript(ctx context.Context, id string) (Transcribed, error)
	// CommitInspection stores findings and score in one transaction and moves the recording to StateInspected.
	CommitInspection(ctx context.Context, id string, attempt int64, in Inspected) error
	// BeginAgain takes up to limit inspected recordings that are to be inspected again, newest first, with their transcripts.
	// They are the worker's for a Lease. What it does not give back or commit by then goes one by one, as crashed.
	BeginAgain(ctx context.Context, limit int, worker string) (Batch, error)
	// CommitInspections stores what came of a batch in one transaction and ends it. Recordings that were changed
	// meanwhile are left as they are. Where other rules are live by now, all are put back to where they wait. ErrFenced when
	// the batch is not the worker's any more.
	CommitInspections(ctx context.Context, batch int64, done []Again) error
	// GiveBack ends a batch without an outcome: its recordings go one by one from now on.
	GiveBack(ctx context.Context, batch int64) error
	// Duplicate returns another recording with the same audio that is transcribed, or "" after noting that this
	// recording has that audio; ErrBusy while another one with the same audio is being transcribed.
	Duplicate(ctx context.Context, id, sha256 string) (string, error)
	// CommitDuplicate links the recording to an earlier one with the same audio.
	CommitDuplicate(ctx context.Context, id string, attempt int64, sha256, original string) error
	// Fail ends an attempt that went wrong and records the sentence and the error.
	Fail(ctx context.Context, id string, attempt int64, step Step, reason string, detail error, how Failing) error
}
