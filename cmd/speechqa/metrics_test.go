package main

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/storage/storagetest"
)

func TestStandingMetrics(t *testing.T) {
	store, url := storagetest.Open(t)
	for _, key := range []string{"1.wav", "2.wav"} {
		if _, err := store.Discover(t.Context(), []pipeline.Found{{Object: pipeline.Object{Bucket: "b", Key: key}, Kind: detectors.KindCall}}); err != nil {
			t.Fatal(err)
		}
	}
	storagetest.Exec(t, url, `UPDATE recordings SET state = 'failed' WHERE key = '1.wav'`, `UPDATE recordings SET created_at = now() - interval '1 hour'`,
		`UPDATE copies SET since = now() - interval '1 hour'`)
	reg := prometheus.NewRegistry()
	reg.MustRegister(newStanding(store))
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetValue())
			}
			got[f.GetName()+" "+strings.Join(labels, ",")] = m.GetGauge().GetValue()
		}
	}
	if got["speechqa_recordings failed"] != 1 || got["speechqa_recordings discovered"] != 1 || got["speechqa_recordings inspected"] != 0 || got["speechqa_oldest_waiting_seconds "] < 3600 ||
		got["speechqa_uncopied_recordings waiting"] != 2 || got["speechqa_uncopied_recordings stuck"] != 0 || got["speechqa_copy_lag_seconds "] < 1800 || got["speechqa_second_store_up "] != 0 {
		t.Errorf("%v", got)
	}
}
