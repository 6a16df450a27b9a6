package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hibiken/asynq"

	"github.com/speechqa/speechqa/pipeline"
)

// Task types.
const (
	taskTranscribe = "recording:transcribe"
	taskInspect    = "recording:inspect"
	taskAgain      = "recordings:inspect-again" // names none: takes what waits in the table
)

// Queues. Those of transcriptions and those of inspections have workers of their own, so that the cheap step
// never waits for the costly one.
const (
	QueueUrgent     = "urgent"
	QueueTranscribe = "transcribe"
	QueueBackfill   = "backfill"
	QueueInspect    = "inspect"
	QueueRescan     = "rescan"
)

// Queues are all of them.
var Queues = []string{QueueUrgent, QueueTranscribe, QueueBackfill, QueueInspect, QueueRescan}

// Weights: of ten free slots so many go to each queue while all have work.
var (
	transcribeWeights = map[string]int{QueueUrgent: 7, QueueTranscribe: 2, QueueBackfill: 1}
	inspectWeights    = map[string]int{QueueInspect: 8, QueueRescan: 2}
)

const (
	// taskRetries is practically without end: how often a recording is tried is decided by pipeline.Classify
	// and counted in PostgreSQL. Zero would make asynq archive the task of a killed worker.
	taskRetries = 1_000_000
	// taskTimeout only catches a hung worker; steps set their own limit once they know the recording's length.
	taskTimeout = 24 * time.Hour
)

// payload is a task's content: everything else is in PostgreSQL.
type payload struct {
	Recording string `json:"recording"`
}

// Queue puts recordings into Redis.
type Queue struct {
	client    *asynq.Client
	inspector *asynq.Inspector
}

// NewQueue opens the queue; no connection is made before it is needed. Close it.
func NewQueue(redis asynq.RedisConnOpt) *Queue {
	return &Queue{client: asynq.NewClient(redis), inspector: asynq.NewInspector(redis)}
}

// Close closes the connections.
func (q *Queue) Close() error { return errors.Join(q.client.Close(), q.inspector.Close()) }

// Ping says whether Redis answers.
func (q *Queue) Ping() error { return q.client.Ping() }

// Pause stops workers from taking tasks of a queue; running ones go on. Pausing twice is no error.
func (q *Queue) Pause(queue string) error { return q.setPaused(queue, true) }

// Resume undoes Pause.
func (q *Queue) Resume(queue string) error { return q.setPaused(queue, false) }

func (q *Queue) setPaused(queue string, want bool) error {
	names, err := q.inspector.Queues()
	if err != nil {
		return fmt.Errorf("read queues: %w", err)
	}
	if slices.Contains(names, queue) { // asynq can pause one that is not there yet, but not describe it
		info, err := q.inspector.GetQueueInfo(queue)
		if err != nil {
			return fmt.Errorf("queue %s: %w", queue, err)
		}
		if info.Paused == want {
			return nil
		}
	} else if !want {
		return nil
	}
	if want {
		return q.inspector.PauseQueue(queue)
	}
	return q.inspector.UnpauseQueue(queue)
}

// Info is the state of one queue.
type Info struct {
	Name                                        string
	Pending, Active, Retry, Scheduled, Archived int
	Latency                                     time.Duration // age of the oldest pending task
	Paused                                      bool
}

// Info describes the queues that exist.
func (q *Queue) Info() ([]Info, error) {
	names, err := q.inspector.Queues()
	if err != nil {
		return nil, fmt.Errorf("read queues: %w", err)
	}
	var out []Info
	for _, name := range names {
		i, err := q.inspector.GetQueueInfo(name)
		if err != nil {
			return nil, fmt.Errorf("read queue %s: %w", name, err)
		}
		out = append(out, Info{name, i.Pending, i.Active, i.Retry, i.Scheduled, i.Archived, i.Latency, i.Paused})
	}
	return out, nil
}

// Put makes sure that a task for the recording is in the queue. The task's id is the step and the recording,
// so that a second Put changes nothing while a task is there; one that was given up makes room for a new one.
func (q *Queue) Put(ctx context.Context, d pipeline.Due) error {
	task, queue, err := taskFor(d)
	if err != nil {
		return err
	}
	id := string(d.Step) + ":" + d.ID
	put := func(id string) error {
		_, err := q.client.EnqueueContext(ctx, task, asynq.Queue(queue), asynq.TaskID(id),
			asynq.MaxRetry(taskRetries), asynq.Timeout(taskTimeout))
		return err
	}
	err = put(id)
	if !errors.Is(err, asynq.ErrTaskIDConflict) {
		return wrapPut(id, err)
	}
	old, err := q.inspector.GetTaskInfo(queue, id)
	switch {
	case errors.Is(err, asynq.ErrTaskNotFound), errors.Is(err, asynq.ErrQueueNotFound):
		return wrapPut(id, ignoreConflict(put(id))) // it has just ended, or Redis was just emptied
	case err != nil:
		return wrapPut(id, err)
	case old.State == asynq.TaskStateArchived || old.State == asynq.TaskStateCompleted:
		if err := q.inspector.DeleteTask(queue, id); err != nil && !errors.Is(err, asynq.ErrTaskNotFound) {
			return wrapPut(id, err)
		}
		return wrapPut(id, ignoreConflict(put(id)))
	}
	return nil
}

// PutAgain puts a task for a recording whose present task nobody works on and nobody will: asynq leaves active
// tasks without a lease where they are. Should the old one come to life, it finds that the step is not due.
func (q *Queue) PutAgain(ctx context.Context, d pipeline.Due) error {
	task, queue, err := taskFor(d)
	if err != nil {
		return err
	}
	_, err = q.client.EnqueueContext(ctx, task, asynq.Queue(queue), asynq.MaxRetry(taskRetries), asynq.Timeout(taskTimeout))
	return wrapPut(d.ID, err)
}

func ignoreConflict(err error) error {
	if errors.Is(err, asynq.ErrTaskIDConflict) {
		return nil
	}
	return err
}

func wrapPut(id string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("put %s in the queue: %w", id, err)
}

func taskFor(d pipeline.Due) (*asynq.Task, string, error) {
	body, err := json.Marshal(payload{Recording: d.ID})
	if err != nil {
		return nil, "", err
	}
	if d.Step == pipeline.StepInspect {
		queue := QueueInspect
		if d.Priority < pipeline.PriorityNormal {
			queue = QueueRescan
		}
		return asynq.NewTask(taskInspect, body), queue, nil
	}
	queue := QueueTranscribe
	switch {
	case d.Priority > pipeline.PriorityNormal:
		queue = QueueUrgent
	case d.Priority < pipeline.PriorityNormal:
		queue = QueueBackfill
	}
	return asynq.NewTask(taskTranscribe, body), queue, nil
}
