package worker

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/speechqa/speechqa/pipeline"
)

// Metrics counts what the steps do and shows how the queues stand. Register it and pass Observe to pipeline.Deps.
type Metrics struct {
	attempts *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	audio    prometheus.Counter
	hearing  prometheus.Counter
	removed  prometheus.Counter
	findings *prometheus.CounterVec
}

// NewMetrics makes and registers the worker's metrics.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "speechqa_attempts_total",
			Help: "Ended attempts at a step by verdict: done, retry, give up, cancel, wait."}, []string{"step", "verdict"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "speechqa_attempt_seconds",
			Help: "Wall time of attempts.", Buckets: prometheus.ExponentialBuckets(0.01, 3, 12)}, []string{"step"}),
		audio: prometheus.NewCounter(prometheus.CounterOpts{Name: "speechqa_audio_seconds_total",
			Help: "Seconds of audio transcribed."}),
		hearing: prometheus.NewCounter(prometheus.CounterOpts{Name: "speechqa_hearing_seconds_total",
			Help: "Wall time of successful transcriptions; divided by audio seconds it is the real-time factor."}),
		removed: prometheus.NewCounter(prometheus.CounterOpts{Name: "speechqa_guard_removed_total",
			Help: "Stretches of text the hallucination guard took out."}),
		findings: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "speechqa_findings_total",
			Help: "Findings by rule, repeated inspections included."}, []string{"rule", "severity"}),
	}
	reg.MustRegister(m.attempts, m.seconds, m.audio, m.hearing, m.removed, m.findings)
	return m
}

// Observe takes an ended attempt.
func (m *Metrics) Observe(e pipeline.Event) {
	m.attempts.WithLabelValues(string(e.Step), e.Verdict.Action.String()).Inc()
	m.seconds.WithLabelValues(string(e.Step)).Observe(e.Took.Seconds())
	if e.Err != nil {
		return
	}
	if e.Audio > 0 {
		m.audio.Add(e.Audio)
		m.hearing.Add(e.Took.Seconds())
	}
	m.removed.Add(float64(e.Removed))
	for _, f := range e.Findings {
		m.findings.WithLabelValues(f.Rule, string(f.Severity)).Inc()
	}
}

// queueCollector reads the queues when Prometheus asks.
type queueCollector struct {
	queue *Queue
	depth *prometheus.Desc
	age   *prometheus.Desc
}

// RegisterQueue shows depth and latency of the queues. The latency of transcribe and urgent is what to scale by.
func RegisterQueue(reg prometheus.Registerer, q *Queue) {
	reg.MustRegister(&queueCollector{q,
		prometheus.NewDesc("speechqa_queue_tasks", "Tasks in a queue by state.", []string{"queue", "state"}, nil),
		prometheus.NewDesc("speechqa_queue_latency_seconds", "Age of the oldest pending task.", []string{"queue"}, nil)})
}

// Describe is part of prometheus.Collector.
func (c *queueCollector) Describe(ch chan<- *prometheus.Desc) { ch <- c.depth; ch <- c.age }

// Collect is part of prometheus.Collector.
func (c *queueCollector) Collect(ch chan<- prometheus.Metric) {
	infos, err := c.queue.Info()
	if err != nil {
		ch <- prometheus.NewInvalidMetric(c.depth, err)
		return
	}
	for _, i := range infos {
		for state, n := range map[string]int{"pending": i.Pending, "active": i.Active, "retry": i.Retry, "scheduled": i.Scheduled, "archived": i.Archived} {
			ch <- prometheus.MustNewConstMetric(c.depth, prometheus.GaugeValue, float64(n), i.Name, state)
		}
		ch <- prometheus.MustNewConstMetric(c.age, prometheus.GaugeValue, i.Latency.Seconds(), i.Name)
	}
}
