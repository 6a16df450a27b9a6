package pipeline

import (
	"context"
	"errors"
	"fmt"
)

// Errors that callers tell apart.
var (
	ErrNotDue = errors.New("step is not due for this recording")
	ErrBusy   = errors.New("another attempt at this step is alive")
	ErrFenced = errors.New("a later attempt has taken this recording over")
	ErrGone   = errors.New("the object is no longer in the store")
)

var (
	errPoison   = errors.New("too many attempts at this recording ended with the worker's death")
	errSuspect  = errors.New("another recording that may end the process is being tried here")
	errTooSlow  = errors.New("transcription takes too long for the recording's length")
	errTooLarge = errors.New("the object is larger than allowed")
	errStalled  = errors.New("no byte came for too long")
)

// The place where an error came from decides what it means, so the steps mark it.
type (
	storeFailure   struct{ error }
	sourceFailure  struct{ error }
	hearingFailure struct{ error }
)

func (e *storeFailure) Unwrap() error   { return e.error }
func (e *sourceFailure) Unwrap() error  { return e.error }
func (e *hearingFailure) Unwrap() error { return e.error }

func storeError(what string, err error) error {
	if err == nil {
		return nil
	}
	return &storeFailure{fmt.Errorf("%s: %w", what, err)}
}

func sourceError(what string, err error) error {
	return &sourceFailure{fmt.Errorf("%s: %w", what, err)}
}

// hearError keeps why the context ended, which the transcriber's own error may not say.
func hearError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return &hearingFailure{fmt.Errorf("transcribe: %w (%w)", context.Cause(ctx), err)}
	}
	return &hearingFailure{fmt.Errorf("transcribe: %w", err)}
}
