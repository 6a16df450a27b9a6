package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hibiken/asynq"

	"github.com/speechqa/speechqa/pipeline"
)

// taken remembers the tasks that are in a worker's hands, by queue and id. Only the reconciler's goroutine uses it.
type taken map[string]*hold

// hold is since when a task was seen to be taken, and whether it was replaced.
type hold struct {
	since    time.Time
	replaced bool
}

// activeTask is a task that some worker, alive or not, has taken.
type activeTask struct {
	key string // in taken
	due pipeline.Due
}

// activeTasks lists what asynq thinks is being worked on.
func (w *Worker) activeTasks() ([]activeTask, error) {
	var out []activeTask
	for _, queue := range Queues {
		infos, err := w.queue.inspector.ListActiveTasks(queue, asynq.PageSize(1000))
		if errors.Is(err, asynq.ErrQueueNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list active tasks of %s: %w", queue, err)
		}
		for _, t := range infos {
			if t.Type == taskAgain {
				continue // holds no recording; asynq brings it back, or the reconciler makes another
			}
			d, err := dueOf(t, queue)
			if err != nil {
				w.log.Warn("task that cannot be read", "queue", queue, "id", t.ID, "error", err)
				continue
			}
			out = append(out, activeTask{queue + "/" + t.ID, d})
		}
	}
	return out, nil
}

// replaceStuck sees to tasks that were taken a lease ago and whose recordings nobody works on: their worker died, or
// froze, between taking the task and beginning the attempt, or asynq holds them active without a lease. Such a
// recording gets a second task. asynq itself needs one to two minutes for the first kind and overlooks the second;
// when the old task comes back after all, it finds that the step is not due.
func (w *Worker) replaceStuck(ctx context.Context) error {
	active, err := w.activeTasks()
	if err != nil {
		return err
	}
	seen, old := taken{}, []activeTask{}
	for _, t := range active {
		seen[t.key] = w.taken[t.key]
		if seen[t.key] == nil {
			seen[t.key] = &hold{since: time.Now()}
		}
		if s := seen[t.key]; !s.replaced && time.Since(s.since) >= pipeline.Lease {
			old = append(old, t)
		}
	}
	w.taken = seen
	if len(old) == 0 {
		return nil
	}
	ids := make([]string, len(old))
	for i, t := range old {
		ids[i] = t.due.ID
	}
	idle, err := w.cfg.Store.Idle(ctx, ids)
	if err != nil {
		return fmt.Errorf("look who works on taken tasks: %w", err)
	}
	for _, t := range old {
		if !idle[t.due.ID] {
			continue
		}
		w.log.Warn("task was taken and nobody works on it: put in the queue again", "recording", t.due.ID, "step", t.due.Step)
		if err := w.queue.PutAgain(ctx, t.due); err != nil {
			return err
		}
		w.taken[t.key].replaced = true
	}
	return nil
}

// dueOf reads a task back.
func dueOf(t *asynq.TaskInfo, queue string) (pipeline.Due, error) {
	var p payload
	if err := json.Unmarshal(t.Payload, &p); err != nil {
		return pipeline.Due{}, fmt.Errorf("task %s: %w", t.ID, err)
	}
	d := pipeline.Due{ID: p.Recording, Step: pipeline.StepTranscribe}
	if t.Type == taskInspect {
		d.Step = pipeline.StepInspect
	}
	switch queue {
	case QueueUrgent:
		d.Priority = pipeline.PriorityUrgent
	case QueueBackfill, QueueRescan:
		d.Priority = pipeline.PriorityBackfill
	}
	return d, nil
}
