package main

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// latencies are how long the database and the object store take to answer.
type latencies struct {
	sql, store *prometheus.HistogramVec
}

func newLatencies(reg prometheus.Registerer) *latencies {
	histogram := func(name, help, label string) *prometheus.HistogramVec {
		h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help,
			Buckets: prometheus.ExponentialBuckets(0.0005, 3, 11)}, []string{label, "outcome"})
		reg.MustRegister(h)
		return h
	}
	return &latencies{
		sql:   histogram("speechqa_sql_seconds", "Time of SQL statements by their first word, until the last row was read.", "statement"),
		store: histogram("speechqa_store_seconds", "Time until the object store's answer began, by method.", "method"),
	}
}

func (l *latencies) statement(what string, took time.Duration, err error) {
	l.sql.WithLabelValues(what, outcome(err)).Observe(took.Seconds())
}

func (l *latencies) request(method string, took time.Duration, status int, err error) {
	how := outcome(err)
	if status >= 500 {
		how = "error"
	}
	l.store.WithLabelValues(strings.ToLower(method), how).Observe(took.Seconds())
}

func outcome(err error) string {
	if err != nil {
		return "error"
	}
	return "ok"
}
