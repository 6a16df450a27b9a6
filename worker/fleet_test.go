package worker_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/lexicon"
	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/pipeline/audio"
	"github.com/speechqa/speechqa/pipeline/meta"
	"github.com/speechqa/speechqa/storage/embedded"
	"github.com/speechqa/speechqa/storage/objects"
	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
	"github.com/speechqa/speechqa/worker"
	"github.com/speechqa/speechqa/worker/discovery"
)

const bucket = "recordings"

// place says where the three services are; it travels to worker processes.
type place struct {
	Database, Redis string
	Objects         objects.Config
	Temp            string
}

// fleet is the three services with workers on them.
type fleet struct {
	place
	t       testing.TB
	store   *postgres.Store
	objects *objects.Store
	redis   *embedded.Redis
	again   int // how often all recordings were to be inspected again
}

func newFleet(t testing.TB) *fleet {
	t.Helper()
	f := &fleet{t: t, redis: storagetest.Redis(t)}
	f.store, f.Database = storagetest.Open(t)
	f.Redis, f.Objects, f.Temp = f.redis.URL(), storagetest.S3(t), t.TempDir()
	f.objects = storagetest.Objects(t, f.Objects, bucket)
	return f
}

var engine = sync.OnceValues(func() (*detectors.Engine, error) {
	rs, err := lexicon.LoadDefault()
	if err != nil {
		return nil, err
	}
	return detectors.New(rs)
})

// sound is half a second of a tone that differs from recording to recording.
func sound(n int) []byte {
	const rate, samples = 8000, 4000
	var b bytes.Buffer
	b.WriteString("RIFF")
	for _, v := range []any{uint32(36 + 2*samples), []byte("WAVEfmt "), uint32(16), uint16(1), uint16(1), uint32(rate), uint32(2 * rate), uint16(2), uint16(16), []byte("data"), uint32(2 * samples)} {
		_ = binary.Write(&b, binary.LittleEndian, v) // a bytes.Buffer takes everything
	}
	for i := range samples {
		_ = binary.Write(&b, binary.LittleEndian, int16(8000*math.Sin(2*math.Pi*float64(200+n)*float64(i)/rate)))
	}
	return b.Bytes()
}

// upload puts an object of a case into the bucket.
func (f *fleet) upload(name, caseID string, content []byte) {
	f.t.Helper()
	_, err := f.objects.Put(f.t.Context(), bucket, name, bytes.NewReader(content), int64(len(content)),
		objects.PutOptions{Metadata: map[string]string{"case_id": caseID, "kind": "call", "started_at": "2026-03-02T10:00:00+08:00"}})
	if err != nil {
		f.t.Fatal(err)
	}
}

// uploadMany puts recordings from..to-1 into the bucket.
func (f *fleet) uploadMany(from, to int) {
	f.t.Helper()
	for i := from; i < to; i++ {
		f.upload(fmt.Sprintf("%05d.wav", i), fmt.Sprintf("case-%d", i), sound(i))
	}
}

func (f *fleet) discoverer() *discovery.Discoverer {
	return discovery.New(discovery.Config{Store: f.store, Bucket: f.objects, Places: []discovery.Place{{Bucket: bucket}},
		Match: []string{"*.wav"}, Resolver: meta.Resolver{Location: time.UTC}, Every: 200 * time.Millisecond, Log: f.log()})
}

// discover lists the bucket once.
func (f *fleet) discover() discovery.Tally {
	f.t.Helper()
	t, err := f.discoverer().ScanAll(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	return t
}

func (f *fleet) log() *slog.Logger {
	return slog.New(slog.NewTextHandler(f.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
}

func (p place) redisOpt() (asynq.RedisConnOpt, error) { return worker.ParseRedis(p.Redis) }

func (f *fleet) queue() *worker.Queue {
	f.t.Helper()
	opt, err := f.redisOpt()
	if err != nil {
		f.t.Fatal(err)
	}
	q := worker.NewQueue(opt)
	f.t.Cleanup(func() { q.Close() })
	return q
}

// config is a worker's with short times.
func (p place) config(store *postgres.Store, source *objects.Store, h *hearing, log *slog.Logger) (worker.Config, error) {
	opt, err := p.redisOpt()
	if err != nil {
		return worker.Config{}, err
	}
	e, err := engine()
	if err != nil {
		return worker.Config{}, err
	}
	return worker.Config{Redis: opt, Store: store, Steps: []pipeline.Step{pipeline.StepTranscribe, pipeline.StepInspect},
		Hearers: 4, Inspectors: 2, Grace: 10 * time.Second, Reconcile: 200 * time.Millisecond, FirstPause: 50 * time.Millisecond, Log: log,
		Deps: pipeline.Deps{Source: source, Transcriber: h, Inspector: e, TempDir: p.Temp, Audio: audio.Options{TempDir: p.Temp}, Worker: "test"}}, nil
}

// running is a worker of this process.
type running struct {
	*worker.Worker
	stop func() // and wait
}

// start runs a worker until the test's end or its stop.
func (f *fleet) start(h *hearing, change func(*worker.Config)) *running {
	f.t.Helper()
	cfg, err := f.config(f.store, f.objects, h, f.log())
	if err != nil {
		f.t.Fatal(err)
	}
	if change != nil {
		change(&cfg)
	}
	w, err := worker.New(cfg)
	if err != nil {
		f.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(f.t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	r := &running{Worker: w, stop: sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			f.t.Errorf("worker: %v", err)
		}
	})}
	f.t.Cleanup(r.stop)
	return r
}

// hung is when a test gives up. A worker killed between taking a task and beginning its attempt leaves a task that asynq
// itself brings back, after one to two minutes; several such deaths may follow each other.
const hung = 6 * time.Minute

// wait waits for a condition that the system reaches by itself; the limit is only for a system that never does.
func (f *fleet) wait(what string, done func() bool) {
	f.t.Helper()
	for deadline := time.Now().Add(hung); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			f.t.Fatalf("%s: not within %v; states: %v", what, hung, f.states())
		}
	}
}

func (f *fleet) states() map[pipeline.State]int {
	f.t.Helper()
	s, err := f.store.Summary(f.t.Context(), time.UTC)
	if err != nil {
		f.t.Fatal(err)
	}
	return s.ByState
}

// waitInspected waits until so many recordings are inspected.
func (f *fleet) waitInspected(n int) {
	f.t.Helper()
	f.wait(fmt.Sprintf("%d inspected", n), func() bool { return f.states()[pipeline.StateInspected] >= n })
}

// result is what must be the same in an undisturbed and a disturbed run.
func (f *fleet) results() map[string]string {
	f.t.Helper()
	out := map[string]string{}
	for _, row := range storagetest.Query(f.t, f.Database, `SELECT jsonb_build_object('key', r.key, 'what', concat_ws(' ', r.state, r.score, b.inspections - $1,
			(SELECT string_agg(concat_ws('/', f.rule, f.finding ->> 'quote', f.start), ', ' ORDER BY f.rule, f.start, f.finding ->> 'quote')
				FROM findings f WHERE f.recording = r.id)))::text FROM recordings r JOIN by_rules b ON b.recording = r.id`, f.again) {
		var r struct{ Key, What string }
		if err := json.Unmarshal([]byte(strings.ReplaceAll(strings.Trim(row, `"`), `""`, `"`)), &r); err != nil {
			f.t.Fatalf("%s: %v", row, err)
		}
		out[r.Key] = r.What
	}
	return out
}

// noLeftovers holds that no fetched object lies about.
func (f *fleet) noLeftovers() {
	f.t.Helper()
	f.wait("temporary files are gone", func() bool {
		left, err := filepath.Glob(filepath.Join(f.Temp, "*"))
		return err == nil && len(left) == 0
	})
}

func (f *fleet) one(sql string, args ...any) string {
	f.t.Helper()
	return storagetest.Query(f.t, f.Database, sql, args...)[0]
}
