package worker_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"github.com/speechqa/speechqa/pipeline/meta"
	"github.com/speechqa/speechqa/storage/embedded"
	"github.com/speechqa/speechqa/storage/objects"
	"github.com/speechqa/speechqa/storage/storagetest"
	"github.com/speechqa/speechqa/worker/discovery"
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

// How fast a listing turns objects into rows, metadata included, and rows into tasks.
func BenchmarkDiscover(b *testing.B) {
	f := newFleet(b)
	f.uploadMany(0, b.N)
	q := f.queue()
	b.ResetTimer()
	f.discover()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "discovered/s")
	for left := b.N; left > 0; {
		due, err := f.store.TakeBehind(b.Context(), time.Now(), 500)
		if err != nil || len(due) == 0 {
			b.Fatal(left, err)
		}
		for _, d := range due {
			if err := q.Put(b.Context(), d); err != nil {
				b.Fatal(err)
			}
		}
		left -= len(due)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "discovered-and-enqueued/s")
}

// Throughput of one, two and four worker processes of two hearers, each recording heard in a quarter of a second by
// nobody: what processes add as long as the cores are not full. An iteration is forty recordings a process.
func BenchmarkProcesses(b *testing.B) {
	for _, processes := range []int{1, 2, 4} {
		b.Run(strconv.Itoa(processes), func(b *testing.B) {
			f := newFleet(b)
			opt, err := f.redisOpt()
			if err != nil {
				b.Fatal(err)
			}
			inspector := asynq.NewInspector(opt)
			defer inspector.Close()
			for range processes {
				f.processWith(spec{place: f.place, Takes: 250 * time.Millisecond, Hearers: 2})
			}
			f.wait("all processes are there", func() bool {
				servers, err := inspector.Servers()
				return err == nil && len(servers) == 2*processes // one for each step
			})
			n := 40 * processes * b.N
			f.uploadMany(0, n)
			b.ResetTimer()
			f.discover()
			f.waitInspected(n)
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "recordings/s")
		})
	}
}

// listed is how many objects BenchmarkListing has.
func listed(b *testing.B) int {
	text := os.Getenv("OBJECTS")
	if text == "" {
		return 20_000
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		b.Fatalf("OBJECTS: %v", err)
	}
	return n
}

// A listing of many objects (OBJECTS says how many) that is interrupted half-way, goes on, and then finds everything
// known: time and the greatest heap. An iteration is all three.
func BenchmarkListing(b *testing.B) {
	n := listed(b)
	dir := b.TempDir()
	s3, err := embedded.StartS3(b.Context(), embedded.Options{Dir: dir, Volatile: true})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := s3.Stop(context.WithoutCancel(b.Context())); err != nil {
			b.Error(err)
		}
	}()
	bucketOf := storagetest.Objects(b, objects.Config{Endpoint: "http://" + s3.Endpoint, AccessKey: s3.AccessKey, SecretKey: s3.SecretKey,
		Region: s3.Region, Style: "path"}, bucket)
	for i := range n { // the store's own files: putting so many would take longer than what is measured
		day := filepath.Join(dir, "objects", bucket, fmt.Sprintf("2026/%02d/%02d", 1+i/28/300%12, 1+i/300%28))
		if i%300 == 0 {
			if err := os.MkdirAll(day, 0o700); err != nil {
				b.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(day, fmt.Sprintf("%06d.wav", i)), []byte("RIFF"), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	for b.Loop() {
		b.StopTimer()
		store, _ := storagetest.Open(b)
		var heap uint64
		var seen discovery.Tally
		interrupt, stop := context.WithCancel(b.Context())
		list := func(ctx context.Context, observe func(discovery.Tally)) discovery.Tally {
			seen = discovery.Tally{}
			d := discovery.New(discovery.Config{Store: store, Bucket: bucketOf, Places: []discovery.Place{{Bucket: bucket}}, Match: []string{"*.wav"},
				Resolver: meta.Resolver{Location: time.UTC}, Every: time.Hour, Observe: func(t discovery.Tally) {
					var m runtime.MemStats
					runtime.ReadMemStats(&m)
					heap = max(heap, m.HeapInuse)
					seen.Listed, seen.New, seen.Known = seen.Listed+t.Listed, seen.New+t.New, seen.Known+t.Known
					observe(t)
				}})
			if _, err := d.ScanAll(ctx); err != nil && !errors.Is(err, context.Canceled) {
				b.Fatal(err)
			}
			return seen
		}
		b.StartTimer()
		began := time.Now()
		first := list(interrupt, func(discovery.Tally) {
			if seen.Listed >= n/2 {
				stop()
			}
		})
		second := list(b.Context(), func(discovery.Tally) {})
		if first.New+second.New < n || second.Listed > n-first.Listed+2*1000 {
			b.Fatalf("%d objects: first %+v, then %+v", n, first, second)
		}
		b.ReportMetric(float64(n)/time.Since(began).Seconds(), "new-objects/s")
		began = time.Now()
		if third := list(b.Context(), func(discovery.Tally) {}); third.Known != n {
			b.Fatalf("of %d known objects: %+v", n, third)
		}
		b.ReportMetric(float64(n)/time.Since(began).Seconds(), "known-objects/s")
		b.ReportMetric(float64(heap)/(1<<20), "heap-MiB")
		stop()
	}
}
