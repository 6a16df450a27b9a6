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
	copies  *prometheus.Desc
	copyLag *prometheus.Desc
	second  *prometheus.Desc
}

func newStanding(store *postgres.Store) *standing {
	return &standing{store,
		prometheus.NewDesc("speechqa_recordings", "Recordings by state.", []string{"state"}, nil),
		prometheus.NewDesc("speechqa_oldest_waiting_seconds", "Time since the oldest recording that waits was discovered; 0 when none waits.", nil, nil),
		prometheus.NewDesc("speechqa_uncopied_recordings", "Recordings without a second copy: waiting for one, or stuck because there is nothing good to copy.", []string{"state"}, nil),
		prometheus.NewDesc("speechqa_copy_lag_seconds", "For how long the recording that waits for longest has had no second copy; 0 when none waits.", nil, nil),
		prometheus.NewDesc("speechqa_second_store_up", "1 while workers copy and the second store answers.", nil, nil)}
}

// Describe is part of prometheus.Collector.
func (c *standing) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.states, c.waiting, c.copies, c.copyLag, c.second} {
		ch <- d
	}
}

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
	copies, err := c.store.CopyStanding(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(c.copies, err)
		return
	}
	up := 0.0
	if copies.On() && copies.Problem == "" {
		up = 1
	}
	ch <- prometheus.MustNewConstMetric(c.copies, prometheus.GaugeValue, float64(copies.Waiting), "waiting")
	ch <- prometheus.MustNewConstMetric(c.copies, prometheus.GaugeValue, float64(copies.Stuck), "stuck")
	ch <- prometheus.MustNewConstMetric(c.copyLag, prometheus.GaugeValue, copies.Lag().Seconds())
	ch <- prometheus.MustNewConstMetric(c.second, prometheus.GaugeValue, up)
}
