package discovery

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts what discovery saw.
type Metrics struct{ objects *prometheus.CounterVec }

// NewMetrics makes and registers them.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{prometheus.NewCounterVec(prometheus.CounterOpts{Name: "speechqa_discovered_objects_total",
		Help: "Objects seen by listings and notifications: new, known, ignored, sidecar."}, []string{"what"})}
	reg.MustRegister(m.objects)
	return m
}

// Observe takes a page's tally.
func (m *Metrics) Observe(t Tally) {
	m.objects.WithLabelValues("new").Add(float64(t.New))
	m.objects.WithLabelValues("known").Add(float64(t.Known))
	m.objects.WithLabelValues("ignored").Add(float64(t.Ignored))
	m.objects.WithLabelValues("sidecar").Add(float64(t.Sidecar))
}
