package main

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/storage/postgres"
)

// standing shows how the recordings stand, counted when Prometheus asks. Only the console's process has it: the
// count reads the whole table, and one answer is enough.
type standing struct {
	store   *postgres.Store
	states  *prometheus.Desc
	waiting *prometheus.Desc
}

func newStanding(store *postgres.Store) *standing {
	return &standing{store,
		prometheus.NewDesc("speechqa_recordings", "Recordings by state.", []string{"state"}, nil),
		prometheus.NewDesc("speechqa_oldest_waiting_seconds", "Time since the oldest recording that waits was discovered; 0 when none waits.", nil, nil)}
}

// Describe is part of prometheus.Collector.
func (c *standing) Describe(ch chan<- *prometheus.Desc) { ch <- c.states; ch <- c.waiting }

// Collect is part of prometheus.Collector.
func (c *standing) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	sum, err := c.store.Summary(ctx, time.UTC)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(c.states, err)
		return
	}
	for _, s := range pipeline.States {
		ch <- prometheus.MustNewConstMetric(c.states, prometheus.GaugeValue, float64(sum.ByState[s]), string(s))
	}
	var age float64
	if !sum.Oldest.IsZero() {
		age = time.Since(sum.Oldest).Seconds()
	}
	ch <- prometheus.MustNewConstMetric(c.waiting, prometheus.GaugeValue, age)
}
