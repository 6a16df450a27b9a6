package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hibiken/asynq"

	"github.com/speechqa/speechqa/pipeline"
)

// Inspecting again has tasks that name no recording: each takes a batch from the table, newest first, and puts the
// next such task in the queue when the batch was full. So a million recordings need a handful of tasks, the queue's
// weights let today's work through between two batches, pausing the queue pauses it, and whatever is lost with Redis
// or a worker is put there again by the reconciler as long as something waits.
const (
	againBatch = 500 // recordings at a time: a fraction of a second, far less than a lease
	againTasks = 16  // in the queue at a time, for all workers; one where there is a limit per second
)

// inspectAgain does one batch.
func (w *Worker) inspectAgain(ctx context.Context, _ *asynq.Task) error {
	if !w.running.enter() {
		return context.Canceled // the worker is stopping: back into the queue
	}
	defer w.running.leave()
	began, limit := time.Now(), w.againLimit()
	n, err := pipeline.InspectAgain(ctx, w.deps(), limit)
	if err != nil {
		// The recordings were given back; the reconciler begins anew with what still waits.
		w.log.Warn("inspecting again", "error", err)
		return nil
	}
	if n < limit {
		return nil
	}
	var pause time.Duration
	if w.cfg.RescanRate > 0 {
		// One task alone holds to the rate. Another one was made where this one was taken for dead.
		if others, err := w.queue.waitingIn(QueueRescan); err == nil && others > 0 {
			return nil
		}
		pause = max(0, time.Duration(float64(n)/w.cfg.RescanRate*float64(time.Second))-time.Since(began))
	}
	if err := w.queue.putAgainTask(ctx, pause); err != nil {
		w.log.Warn("the next batch waits for the reconciler", "error", err)
	}
	return nil
}

// againLimit is how many recordings a batch has: where there is a limit per second, those of about a second.
func (w *Worker) againLimit() int {
	if w.cfg.RescanRate > 0 {
		return max(1, min(againBatch, int(w.cfg.RescanRate)))
	}
	return againBatch
}

// startAgain sees to it that there are tasks in the queue as long as something waits to be inspected again.
func (w *Worker) startAgain(ctx context.Context) error {
	// How many are at work is asked of the database: asynq keeps the tasks of dead workers active for minutes, or for good.
	waits, have, err := w.cfg.Store.WaitsAgain(ctx)
	if err != nil || !waits {
		return err
	}
	waiting, err := w.queue.waitingIn(QueueRescan)
	if err != nil {
		return err
	}
	have += waiting
	want := againTasks
	if w.cfg.RescanRate > 0 {
		want = 1
	}
	for ; have < want; have++ {
		if err := w.queue.putAgainTask(ctx, 0); err != nil {
			return err
		}
	}
	return nil
}

// waitingIn is how many tasks of a queue are in nobody's hands.
func (q *Queue) waitingIn(queue string) (int, error) {
	info, err := q.inspector.GetQueueInfo(queue)
	if errors.Is(err, asynq.ErrQueueNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("queue %s: %w", queue, err)
	}
	return info.Pending + info.Scheduled + info.Retry, nil
}

// putAgainTask puts a task for a batch in the queue.
func (q *Queue) putAgainTask(ctx context.Context, pause time.Duration) error {
	_, err := q.client.EnqueueContext(ctx, asynq.NewTask(taskAgain, nil), asynq.Queue(QueueRescan), asynq.ProcessIn(pause),
		asynq.MaxRetry(taskRetries), asynq.Timeout(taskTimeout))
	return wrapPut("a batch to inspect again", err)
}
