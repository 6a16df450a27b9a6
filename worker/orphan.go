package worker

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/hibiken/asynq"

	"github.com/speechqa/speechqa/pipeline"
)

// orphanAge is how long asynq's own recovery may take: lease 30 s, cut-off 30 s, check every 60 s, and a margin.
const orphanAge = 3 * time.Minute

// orphans remembers since when tasks were seen without a worker. Only the reconciler's goroutine uses it.
type orphans map[string]time.Time

func (o orphans) age(queue, id string) time.Duration {
	key := queue + "/" + id
	first, ok := o[key]
	if !ok {
		o[key] = time.Now()
		return 0
	}
	return time.Since(first)
}

func (o orphans) forget(queue, id string) { delete(o, queue+"/"+id) }

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
