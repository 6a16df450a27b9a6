package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/hibiken/asynq"

	"github.com/speechqa/speechqa/pipeline"
)

// outcome carries an attempt's verdict through asynq, which only knows errors.
type outcome struct {
	pipeline.Verdict
	error
}

func (o *outcome) Unwrap() error { return o.error }

// Is makes asynq archive what was given up.
func (o *outcome) Is(target error) bool {
	return target == asynq.SkipRetry && o.Action == pipeline.ActionGiveUp
}

// handler is one of the two steps as an asynq handler.
func (w *Worker) handler(step func(context.Context, pipeline.Deps, string) error, next pipeline.Step) asynq.Handler {
	return asynq.HandlerFunc(func(ctx context.Context, t *asynq.Task) error {
		if !w.running.enter() {
			return context.Canceled // the worker is stopping: back into the queue
		}
		defer w.running.leave()
		var p payload
		if err := json.Unmarshal(t.Payload(), &p); err != nil {
			return fmt.Errorf("task without a recording: %w: %w", err, asynq.SkipRetry)
		}
		if err := step(ctx, w.deps(), p.Recording); err != nil {
			if v := pipeline.VerdictOf(err); v.Action != pipeline.ActionDone {
				return &outcome{v, err}
			}
			return nil
		}
		if next != "" {
			w.follow(ctx, pipeline.Due{ID: p.Recording, Step: next})
		}
		return nil
	})
}

// follow puts the next step in the queue after the commit. When Redis fails here the reconciler does it.
func (w *Worker) follow(ctx context.Context, d pipeline.Due) {
	if err := w.queue.Put(ctx, d); err != nil {
		w.log.Warn("next step waits for the reconciler", "recording", d.ID, "step", d.Step, "error", err)
	}
}

// isFailure tells asynq which errors count as failures in its statistics.
func isFailure(err error) bool {
	var o *outcome
	if errors.As(err, &o) {
		return o.Action == pipeline.ActionRetry || o.Action == pipeline.ActionGiveUp
	}
	return !errors.Is(err, asynq.ErrLeaseExpired) && !errors.Is(err, context.Canceled)
}

// longPause is the longest pause before a task is tried again, in first pauses: five minutes for two seconds.
const longPause = 150

// retryDelay is how long a task waits before it is tried again: n counts its failures so far.
func (w *Worker) retryDelay(n int, err error, _ *asynq.Task) time.Duration {
	var o *outcome
	switch {
	case errors.As(err, &o) && o.Action == pipeline.ActionWait:
		return pipeline.Lease + jitter(pipeline.Lease/4)
	case !isFailure(err):
		return 0
	}
	pause := w.cfg.FirstPause * min(longPause, time.Duration(1)<<min(n, 10))
	return pause/2 + jitter(pause/2)
}

func jitter(most time.Duration) time.Duration { return rand.N(most + 1) }
