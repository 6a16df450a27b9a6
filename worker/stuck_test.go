package worker_test

import (
	"context"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"github.com/speechqa/speechqa/worker"
)

// A worker that takes a task and then does nothing with it, not even begin an attempt, does not keep the recording:
// asynq alone would wait for as long as that process lives.
func TestTakenAndNotBegun(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.uploadMany(0, 3)
	f.discover()
	opt, err := f.redisOpt()
	if err != nil {
		t.Fatal(err)
	}
	took, letGo := make(chan struct{}, 3), make(chan struct{})
	idler := asynq.NewServer(opt, asynq.Config{Concurrency: 3, Queues: map[string]int{worker.QueueTranscribe: 1}, LogLevel: asynq.FatalLevel})
	if err := idler.Start(asynq.HandlerFunc(func(context.Context, *asynq.Task) error {
		took <- struct{}{}
		<-letGo
		return context.Canceled
	})); err != nil {
		t.Fatal(err)
	}
	defer idler.Shutdown()
	defer close(letGo)
	due, err := f.store.TakeBehind(t.Context(), time.Now(), 3)
	if err != nil || len(due) != 3 {
		t.Fatal(due, err)
	}
	q := f.queue()
	for _, d := range due {
		if err := q.Put(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		<-took
	}
	f.start(&hearing{}, nil)
	f.waitInspected(3)
	if got := f.one(`SELECT count(*) FROM recordings WHERE inspections <> 1`); got != "0" {
		t.Errorf("%s recordings are not inspected once", got)
	}
}
