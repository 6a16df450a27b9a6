package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// observeHandler serves the metrics, whether the process lives, and whether it can work.
func (s *system) observeHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := s.ready(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	return mux
}

// ready says in one sentence which of the services does not answer.
func (s *system) ready(ctx context.Context) error {
	if err := s.storesReady(ctx); err != nil || s.queues == nil {
		return err
	}
	if err := s.queues.answers(ctx); err != nil {
		s.log.Warn("not ready", "error", err)
		return errors.New("the queue does not answer")
	}
	return nil
}

// storesReady is ready without the queue, which the console can do without.
func (s *system) storesReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if err := s.store.Ping(ctx); err != nil {
		s.log.Warn("not ready", "error", err)
		return errors.New("the database does not answer")
	}
	if s.objects != nil {
		for _, p := range s.Objects.Places {
			if ok, err := s.objects.BucketExists(ctx, p.Bucket); err != nil || !ok {
				s.log.Warn("not ready", "bucket", p.Bucket, "error", err)
				return fmt.Errorf("the bucket %s cannot be reached", p.Bucket)
			}
		}
	}
	return nil
}
