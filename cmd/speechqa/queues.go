package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/hibiken/asynq"
	"github.com/hibiken/asynqmon"
	"github.com/redis/go-redis/v9"

	"github.com/speechqa/speechqa/web"
	"github.com/speechqa/speechqa/worker"
)

// queuePatience is how long a page, or a load balancer, waits for Redis.
const queuePatience = 2 * time.Second

// queues is the console's way to the queues.
type queues struct {
	*worker.Queue
	rdb redis.UniversalClient
}

// answers says whether Redis does, within queuePatience; asynq itself would wait for longer.
func (q queues) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, queuePatience)
	defer cancel()
	return q.rdb.Ping(ctx).Err()
}

// Queues is part of web.Queues.
func (q queues) Queues(ctx context.Context) ([]web.Queue, error) {
	if err := q.answers(ctx); err != nil {
		return nil, fmt.Errorf("the queue does not answer: %w", err)
	}
	infos, err := q.Info()
	if err != nil {
		return nil, err
	}
	known := map[string]worker.Info{}
	for _, i := range infos {
		known[i.Name] = i
	}
	var out []web.Queue
	for _, name := range worker.Queues { // one that never had a task is not there yet
		i := known[name]
		out = append(out, web.Queue{Name: name, Pending: i.Pending, Active: i.Active, Retry: i.Retry + i.Scheduled,
			Archived: i.Archived, Latency: i.Latency, Paused: i.Paused})
	}
	return out, nil
}

// Pause is part of web.Queues.
func (q queues) Pause(ctx context.Context, queue string, paused bool) error {
	if err := q.answers(ctx); err != nil {
		return fmt.Errorf("the queue does not answer: %w", err)
	}
	if paused {
		return q.Queue.Pause(queue)
	}
	return q.Queue.Resume(queue)
}

// newQueueTool is asynqmon, which may only look here: tasks are changed by the page's own buttons, which are on record.
func newQueueTool(redis asynq.RedisConnOpt) (http.Handler, func() error) {
	mon := asynqmon.New(asynqmon.Options{RootPath: web.QueueToolPath, RedisConnOpt: redis, ReadOnly: true})
	return mon, mon.Close
}
