package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// maxCrashes is how many attempts may end without a word before a recording counts as poison: more than bad luck
// explains on a machine whose workers are killed again and again.
const maxCrashes = 8

// suspicious is from how many such attempts on a recording is tried apart from others that are suspicious, too: a
// worker that dies takes with it what else it was at, which is not to blame.
const suspicious = 2

// farewell is how long the store may take to be told how an attempt ended, also while the worker stops.
const farewell = 10 * time.Second

// attempt frames a step: begin, heartbeat beside the work, and on an error the word to the store.
func (d Deps) attempt(ctx context.Context, id string, step Step, work func(context.Context, Recording, *Event) error) error {
	began := time.Now()
	rec, err := d.Store.Begin(ctx, id, step, d.Worker)
	if err != nil {
		return storeError("begin", err)
	}
	log := d.log().With("recording", id, "key", rec.Object.Key, "step", step, "attempt", rec.Attempt)
	log.Debug("attempt begins", "tries", rec.Tries, "crashed", rec.Crashed)

	ev := Event{Step: step}
	switch {
	case rec.Crashed >= maxCrashes:
		err = errPoison
	case rec.Crashed >= suspicious && d.Alone != nil && !d.Alone.TryLock():
		err = errSuspect
	default:
		if rec.Crashed >= suspicious && d.Alone != nil {
			defer d.Alone.Unlock()
		}
		err = d.alive(ctx, rec, log, func(ctx context.Context) error { return work(ctx, rec, &ev) })
	}
	ev.Err, ev.Verdict, ev.Took = err, Classify(err, rec.Tries), time.Since(began)
	if err != nil {
		err = d.tell(ctx, rec, step, ev.Verdict, err)
	}
	log.LogAttrs(ctx, ev.Verdict.level(), "attempt ended", slog.String("verdict", ev.Verdict.Action.String()),
		slog.Duration("took", ev.Took), slog.Any("error", err))
	if d.Observe != nil {
		d.Observe(ev)
	}
	if err != nil {
		return &attemptError{ev.Verdict, err}
	}
	return nil
}

// attemptError keeps the verdict that an attempt ended with, which depends on how many there were before.
type attemptError struct {
	verdict Verdict
	error
}

func (e *attemptError) Unwrap() error { return e.error }

// VerdictOf is what an error of Transcribe or Inspect means.
func VerdictOf(err error) Verdict {
	var a *attemptError
	if errors.As(err, &a) {
		return a.verdict
	}
	return Classify(err, 1)
}

// alive runs work while telling the store that the attempt lives. Work is cancelled when the attempt is fenced.
func (d Deps) alive(ctx context.Context, rec Recording, log *slog.Logger, work func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		beat := time.NewTicker(Lease / 3)
		defer beat.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-beat.C:
				// A heartbeat that cannot reach the database is no reason to stop: either it comes back within
				// the lease, or somebody else takes over and the commit is refused.
				err := d.Store.Heartbeat(ctx, rec.ID, rec.Attempt)
				if errors.Is(err, ErrFenced) {
					cancel(ErrFenced)
				} else if err != nil && ctx.Err() == nil {
					log.Warn("heartbeat failed", "error", err)
				}
			}
		}
	}()
	defer func() { cancel(nil); <-stopped }()
	err := work(ctx)
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("%w (%w)", context.Cause(ctx), err)
	}
	return err
}

// tell records in the store how an attempt went wrong. Its own failure is joined: the lease will run out then.
func (d Deps) tell(ctx context.Context, rec Recording, step Step, v Verdict, err error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	var told error
	switch v.Action {
	case ActionCancel, ActionWait:
		told = d.Store.Release(ctx, rec.ID, rec.Attempt)
	case ActionRetry:
		how := FailCounted
		if v.Free {
			how = FailFree
		}
		told = d.Store.Fail(ctx, rec.ID, rec.Attempt, step, v.Reason, err, how)
	case ActionGiveUp:
		told = d.Store.Fail(ctx, rec.ID, rec.Attempt, step, v.Reason, err, FailFinal)
	}
	if told != nil && !errors.Is(told, ErrFenced) {
		return errors.Join(err, fmt.Errorf("record the attempt's end: %w", told))
	}
	return err
}

func (d Deps) log() *slog.Logger {
	if d.Log != nil {
		return d.Log
	}
	return slog.New(slog.DiscardHandler)
}
