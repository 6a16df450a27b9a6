package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/hibiken/asynq"

	"github.com/speechqa/speechqa/pipeline"
)

// Config is what a worker does and how much of it at a time.
type Config struct {
	Redis      asynq.RedisConnOpt
	Store      Store
	Deps       pipeline.Deps // Store is taken from above
	Steps      []pipeline.Step
	Hearers    int           // transcriptions at a time: the number of loaded models
	Inspectors int           // inspections at a time
	Grace      time.Duration // for running steps on stop
	Reconcile  time.Duration // how often the database is compared with the queue
	Overdue    time.Duration // a recording in the queue for longer is put there again; 0 is ten minutes
	RescanRate float64       // recordings inspected again per second by all workers together; 0 is no limit
	FirstPause time.Duration // before a step is tried again; doubled each time, up to longPause of them. 0 is two seconds
	Log        *slog.Logger
}

// Worker takes tasks and runs the steps. See Run.
type Worker struct {
	cfg     Config
	queue   *Queue
	servers []*server
	log     *slog.Logger
	running *gate
	base    context.Context // of all running steps
	cut     context.CancelFunc
	taken   taken
}

// server is an asynq server for one of the steps.
type server struct {
	*asynq.Server
	handler asynq.Handler
}

// New makes a worker; nothing runs yet.
func New(cfg Config) (*Worker, error) {
	if cfg.Redis == nil || cfg.Store == nil {
		return nil, errors.New("a worker needs a queue and a store")
	}
	if cfg.Overdue <= 0 {
		cfg.Overdue = 10 * time.Minute
	}
	if cfg.FirstPause <= 0 {
		cfg.FirstPause = 2 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	cfg.Deps.Store = cfg.Store
	cfg.Deps.Alone = new(sync.Mutex)
	if cfg.Deps.Log == nil {
		cfg.Deps.Log = cfg.Log
	}
	w := &Worker{cfg: cfg, log: cfg.Log, queue: NewQueue(cfg.Redis), running: newGate()}
	w.base, w.cut = context.WithCancel(context.Background())
	if slices.Contains(cfg.Steps, pipeline.StepTranscribe) {
		if cfg.Deps.Transcriber == nil || cfg.Hearers < 1 {
			return nil, errors.New("a worker that transcribes needs a model")
		}
		w.add(cfg.Hearers, transcribeWeights, map[string]asynq.Handler{taskTranscribe: w.handler(pipeline.Transcribe, pipeline.StepInspect)})
	}
	if slices.Contains(cfg.Steps, pipeline.StepInspect) {
		if cfg.Deps.Inspector == nil || cfg.Inspectors < 1 {
			return nil, errors.New("a worker that inspects needs rules")
		}
		w.add(cfg.Inspectors, inspectWeights, map[string]asynq.Handler{
			taskInspect: w.handler(pipeline.Inspect, ""), taskAgain: asynq.HandlerFunc(w.inspectAgain)})
	}
	if len(w.servers) == 0 {
		return nil, errors.New("a worker needs at least one step to do")
	}
	return w, nil
}

func (w *Worker) add(concurrency int, queues map[string]int, tasks map[string]asynq.Handler) {
	mux := asynq.NewServeMux()
	for task, h := range tasks {
		mux.Handle(task, h)
	}
	w.servers = append(w.servers, &server{handler: mux, Server: asynq.NewServer(w.cfg.Redis, asynq.Config{
		Concurrency: concurrency, Queues: queues,
		BaseContext:              func() context.Context { return w.base },
		IsFailure:                isFailure,
		RetryDelayFunc:           w.retryDelay,
		TaskCheckInterval:        250 * time.Millisecond,
		DelayedTaskCheckInterval: time.Second,
		// The worker waits for its steps itself; asynq only has to put tasks back at once when they are cut.
		ShutdownTimeout: 5 * time.Second,
		Logger:          asynqLog{w.log.With("part", "queue")},
		LogLevel:        asynq.WarnLevel,
	})})
}

func (w *Worker) deps() pipeline.Deps { return w.cfg.Deps }

// Queue is the worker's queue, for others in the same process.
func (w *Worker) Queue() *Queue { return w.queue }

// Run works until ctx ends. Then intake stops, running steps may finish within the grace period, and those that
// do not are handed back. When Run returns, nothing of the worker runs any more.
func (w *Worker) Run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, w.queue.Close()) }()
	defer w.cut()
	if err := w.queue.Ping(); err != nil {
		return fmt.Errorf("the queue (SPEECHQA_REDIS_URL) does not answer: %w", err)
	}
	var started []*server
	for _, s := range w.servers {
		if err = s.Start(s.handler); err != nil {
			err = fmt.Errorf("start the queue's worker: %w", err)
			break
		}
		started = append(started, s)
	}
	if err == nil {
		w.reconcile(ctx) // until ctx ends
	}
	w.stop(started)
	return err
}

// stop ends intake, waits for running steps, and cuts them after the grace period.
func (w *Worker) stop(servers []*server) {
	for _, s := range servers {
		s.Stop()
	}
	done := w.running.close()
	grace := time.NewTimer(w.cfg.Grace)
	defer grace.Stop()
	select {
	case <-done:
	case <-grace.C:
		w.log.Info("grace period is over: running steps are handed back")
		w.cut()
		<-done
	}
	for _, s := range servers {
		s.Shutdown()
	}
}
