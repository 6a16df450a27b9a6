package pipeline

import "errors"

// Errors that callers tell apart.
var (
	ErrNotDue = errors.New("step is not due for this recording")
	ErrBusy   = errors.New("another attempt at this step is alive")
	ErrFenced = errors.New("a later attempt has taken this recording over")
	ErrGone   = errors.New("the object is no longer in the store")
)
