package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/speechqa/speechqa/pipeline"
)

// markerKey is set in Redis by the reconciler, one for each queue and where that queue is: in a cluster each lies on a
// node of its own. Where one is missing, Redis has lost what it held.
func markerKey(queue string) string { return "speechqa:{" + queue + "}:complete" }

// asynqQueues is where asynq keeps the names of the queues there are.
const asynqQueues = "asynq:queues"

// leadName is the advisory lock of the reconciler.
const leadName = "speechqa reconciler"

// batch is how many recordings are put in the queue at a time.
const batch = 500

// reconcile compares the database with the queue again and again until ctx ends.
func (w *Worker) reconcile(ctx context.Context) {
	tick := time.NewTicker(w.cfg.Reconcile)
	defer tick.Stop()
	for {
		if err := w.reconcileOnce(ctx); err != nil && ctx.Err() == nil {
			w.log.Warn("reconcile", "error", err)
		}
		if err := pipeline.Sweep(w.cfg.Deps.TempDir); err != nil {
			w.log.Warn("sweep", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// reconcileOnce puts every waiting recording that is not in the queue there. Of several workers one does it.
func (w *Worker) reconcileOnce(ctx context.Context) error {
	_, err := w.cfg.Store.Lead(ctx, leadName, func(ctx context.Context) error {
		if err := w.noticeLoss(ctx); err != nil {
			return err
		}
		if err := w.replaceStuck(ctx); err != nil {
			return err
		}
		if err := w.replaceDead(ctx); err != nil {
			return err
		}
		if err := w.startAgain(ctx); err != nil {
			return err
		}
		return w.putBehind(ctx)
	})
	return err
}

// noticeLoss finds out whether Redis was emptied, and has the whole queue made anew then.
func (w *Worker) noticeLoss(ctx context.Context) error {
	rdb, ok := w.cfg.Redis.MakeRedisClient().(redis.UniversalClient)
	if !ok {
		return errors.New("no Redis client")
	}
	defer rdb.Close()
	lost := false
	for _, queue := range Queues {
		n, err := rdb.Exists(ctx, markerKey(queue)).Result()
		if err != nil {
			return fmt.Errorf("look for the queue's marker: %w", err)
		}
		lost = lost || n == 0
	}
	if !lost {
		return nil
	}
	w.log.Warn("the queue is new or was lost: it is made anew from the database")
	// Clients remember which queues they have announced and would not announce them again.
	if err := rdb.SAdd(ctx, asynqQueues, Queues).Err(); err != nil {
		return fmt.Errorf("announce the queues: %w", err)
	}
	if err := w.cfg.Store.ForgetQueued(ctx); err != nil {
		return err
	}
	for _, queue := range Queues {
		if err := rdb.Set(ctx, markerKey(queue), time.Now().UTC().Format(time.RFC3339), 0).Err(); err != nil {
			return fmt.Errorf("set the queue's marker: %w", err)
		}
	}
	return nil
}

// putBehind puts recordings in the queue that are waiting and not there.
func (w *Worker) putBehind(ctx context.Context) error {
	for {
		due, err := w.cfg.Store.TakeBehind(ctx, time.Now().Add(-w.cfg.Overdue), batch)
		if err != nil {
			return err
		}
		for i, d := range due {
			if err := w.queue.Put(ctx, d); err != nil {
				return errors.Join(err, w.unput(ctx, due[i:]))
			}
		}
		if len(due) > 0 {
			w.log.Info("put in the queue", "recordings", len(due))
		}
		if len(due) < batch {
			return nil
		}
	}
}

// replaceDead gives recordings whose worker died a second task. asynq would bring the first one back, too, but only
// after two minutes; then it finds that the step is not due.
func (w *Worker) replaceDead(ctx context.Context) error {
	due, err := w.cfg.Store.TakeDead(ctx, batch)
	if err != nil {
		return err
	}
	for i, d := range due {
		w.log.Warn("the attempt's worker has died: put in the queue again", "recording", d.ID, "step", d.Step)
		if err := w.queue.PutAgain(ctx, d); err != nil {
			return errors.Join(err, w.unput(ctx, due[i:]))
		}
	}
	return nil
}

// unput takes back the marks of what did not reach the queue.
func (w *Worker) unput(ctx context.Context, due []pipeline.Due) error {
	ids := make([]string, len(due))
	for i, d := range due {
		ids[i] = d.ID
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return w.cfg.Store.ForgetQueued(ctx, ids...)
}
