package worker_test

import (
	"syscall"
	"testing"
	"time"
)

// cpu is what this process has used so far.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// What a recording costs beside hearing it: queue, database, fetch, decoding half a second, rules. The CPU time is
// the worker's own, without the servers'.
func BenchmarkRecording(b *testing.B) {
	f := newFleet(b)
	f.uploadMany(0, b.N)
	f.discover()
	if _, err := engine(); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	before := cpu(b)
	w := f.start(&hearing{}, nil)
	for f.states()["inspected"] < b.N {
		time.Sleep(50 * time.Millisecond)
	}
	b.ReportMetric(float64((cpu(b)-before).Milliseconds())/float64(b.N), "cpu-ms/recording")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "recordings/s")
	w.stop()
}

// How fast a listing turns objects into rows, metadata included.
func BenchmarkDiscover(b *testing.B) {
	f := newFleet(b)
	f.uploadMany(0, b.N)
	b.ResetTimer()
	f.discover()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "recordings/s")
}
