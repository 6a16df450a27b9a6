package embedded

import "fmt"

// Error is a failure a person can act on: Sentence says what to do, Err is the chain for the log.
type Error struct {
	Sentence string
	Err      error
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Sentence
	}
	return e.Sentence + " (" + e.Err.Error() + ")"
}

func (e *Error) Unwrap() error { return e.Err }

func sentence(err error, format string, args ...any) error {
	return &Error{Sentence: fmt.Sprintf(format, args...), Err: err}
}
