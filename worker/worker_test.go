package worker_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/worker"
)

func TestBothSteps(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.uploadMany(0, 14)
	f.upload("notes.txt", "", []byte("no recording"))
	if tally := f.discover(); tally.New != 14 || tally.Ignored != 1 {
		t.Errorf("discovered: %+v", tally)
	}
	w := f.start(&hearing{}, nil)
	f.waitInspected(14)
	if n := f.one(`SELECT count(DISTINCT rule) FROM findings`); n < "3" {
		t.Errorf("only %s rules found something", n)
	}
	if got := f.one(`SELECT count(*) FROM recordings WHERE inspections <> 1 OR tries <> 0 OR alive_at IS NOT NULL OR reason <> ''`); got != "0" {
		t.Errorf("%s recordings are not as after one undisturbed run", got)
	}
	// The outcome is committed before the task is done with.
	f.wait("nothing is left in the queue", func() bool {
		infos, err := w.Queue().Info()
		return err == nil && !slices.ContainsFunc(infos, func(i worker.Info) bool { return i.Pending+i.Active+i.Retry+i.Archived != 0 })
	})
	f.noLeftovers()
}

// What can heal is tried again, what cannot is given up at once with a sentence, and the others go on.
func TestClassification(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.upload("flaky.wav", "flaky-1", sound(1))
	f.upload("never.wav", "never-1", sound(2))
	f.upload("crash.wav", "crash-1", sound(3))
	f.upload("empty.wav", "case-1", nil)
	f.upload("text.wav", "case-1", []byte(strings.Repeat("this is no sound at all. ", 100)))
	f.upload("copy.wav", "case-1", sound(5))
	f.upload("fine.wav", "case-1", sound(5))
	f.discover()
	h := &hearing{}
	f.start(h, nil)
	f.wait("all ended", func() bool {
		s := f.states()
		return s[pipeline.StateDiscovered]+s[pipeline.StateTranscribed] == 0
	})
	for key, want := range map[string]string{
		"flaky.wav": "inspected ", "never.wav": "failed 转写程序出错,已尝试 6 次", "crash.wav": "failed 语音识别进程连续崩溃",
		"empty.wav": "failed 录音文件是空的", "text.wav": "failed ",
	} {
		got := f.one(`SELECT concat_ws(' ', state, reason) FROM recordings WHERE key = $1`, key)
		if !strings.HasPrefix(strings.Trim(got, `"`), want) {
			t.Errorf("%s: %s, want %s…", key, got, want)
		}
	}
	// An attempt that lost its lease, as happens where a machine is too busy to beat within two seconds, counts as
	// crashed and is no try of ours.
	if got := f.one(`SELECT count(*) FROM recordings WHERE key IN ('crash.wav', 'empty.wav', 'text.wav') AND tries - crashed <> 1`); got != "0" {
		t.Errorf("%s that cannot heal were tried more than once", got)
	}
	h.mu.Lock()
	if n := h.tries["flaky-1"]; n < 3 {
		t.Errorf("what fails twice was heard %d times", n)
	}
	h.mu.Unlock()
	if s := f.states(); s[pipeline.StateDuplicate] != 1 || s[pipeline.StateInspected] != 2 || s[pipeline.StateFailed] != 4 {
		t.Errorf("states: %v", s)
	}
	if got := f.one(`SELECT count(*) FROM recordings WHERE state = 'failed' AND (reason = '' OR detail = '')`); got != "0" {
		t.Errorf("%s failed without a reason", got)
	}
	// A retry by hand begins anew.
	if n, err := f.store.Retry(t.Context(), postgres.AuditEntry{Name: "test"}, f.reasonOf("empty.wav")); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	f.wait("given up again", func() bool { return f.states()[pipeline.StateFailed] == 4 })
}

func (f *fleet) reasonOf(key string) string {
	return strings.Trim(f.one(`SELECT reason FROM recordings WHERE key = $1`, key), `"`)
}

// A recording that takes its worker down again and again is given up; the others go on.
func TestPoison(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.uploadMany(0, 6)
	f.upload("poison.wav", "poison-1", sound(99))
	f.discover()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	var died atomic.Int64
	go func() { // what systemd or Kubernetes do
		defer close(done)
		for ctx.Err() == nil {
			cmd := f.process(0)
			kill := context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })
			if cmd.Wait() != nil {
				died.Add(1)
			}
			kill()
		}
	}()
	f.wait("poison is given up", func() bool { return f.states()[pipeline.StateFailed] == 1 })
	f.waitInspected(6)
	stop()
	<-done
	if got := f.reasonOf("poison.wav"); !strings.Contains(got, "连续 8 次异常中止") {
		t.Errorf("reason: %s", got)
	}
	if died.Load() < 8 {
		t.Errorf("%d workers died", died.Load())
	}
}

func TestPauseAndResume(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	q := f.queue()
	for _, name := range worker.Queues {
		if err := q.Resume(name); err != nil { // a queue that is not there yet
			t.Fatal(err)
		}
	}
	f.uploadMany(0, 1)
	f.discover()
	h := &hearing{}
	f.start(h, nil)
	f.waitInspected(1)
	for range 2 {
		if err := q.Pause(worker.QueueTranscribe); err != nil {
			t.Fatal(err)
		}
	}
	f.uploadMany(1, 5)
	f.discover()
	f.wait("the queue holds them", func() bool {
		infos, err := q.Info()
		return err == nil && slices.ContainsFunc(infos, func(i worker.Info) bool { return i.Name == worker.QueueTranscribe && i.Paused && i.Pending == 4 })
	})
	if n := h.heard.Load(); n != 1 {
		t.Errorf("%d heard while paused", n)
	}
	if err := q.Resume(worker.QueueTranscribe); err != nil {
		t.Fatal(err)
	}
	f.waitInspected(5)
}

// Redis is emptied in the middle: the queue is made anew from the database, and nothing is done twice.
func TestRedisEmptied(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.uploadMany(0, 60)
	f.discover()
	f.start(&hearing{Takes: 20 * time.Millisecond}, nil)
	rdb := redis.NewClient(&redis.Options{Network: "unix", Addr: f.redis.Addr})
	defer rdb.Close()
	for _, after := range []int{5, 25, 45} {
		f.waitInspected(after)
		if err := rdb.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
	}
	f.waitInspected(60)
	if got := f.one(`SELECT count(*) FROM recordings WHERE inspections <> 1`); got != "0" {
		t.Errorf("%s recordings were inspected more than once", got)
	}
	// All may have been done before anybody noticed that Redis was empty.
	q := f.queue()
	f.wait("the queues are seen again", func() bool {
		infos, err := q.Info()
		return err == nil && len(infos) == len(worker.Queues)
	})
	// A given-up task would stand in the way for good: asynq's ids conflict.
	f.uploadMany(60, 62)
	f.discover()
	f.waitInspected(62)
}

// On stop, what runs may finish within the grace period.
func TestGracefulStopFinishes(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.uploadMany(0, 4)
	f.discover()
	started, finish := make(chan struct{}, 4), make(chan struct{})
	h := &hearing{holds: func(ctx context.Context, _ string) error {
		started <- struct{}{}
		select {
		case <-finish:
		case <-ctx.Done():
		}
		return nil
	}}
	w := f.start(h, func(c *worker.Config) { c.Grace = time.Minute })
	for range 4 {
		<-started
	}
	time.AfterFunc(100*time.Millisecond, func() { close(finish) })
	w.stop()
	if s := f.states(); s[pipeline.StateTranscribed]+s[pipeline.StateInspected] != 4 {
		t.Errorf("states: %v", s)
	}
}

// What does not finish is handed back: at once free for others, and not counted as a try.
func TestGracefulStopHandsBack(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.uploadMany(0, 4)
	f.discover()
	started := make(chan struct{}, 4)
	h := &hearing{holds: func(ctx context.Context, _ string) error {
		started <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}}
	w := f.start(h, func(c *worker.Config) { c.Grace = 50 * time.Millisecond })
	for range 4 {
		<-started
	}
	w.stop()
	if got := f.one(`SELECT count(*) FROM recordings WHERE alive_at IS NULL AND tries = 0 AND state = 'discovered' AND reason = ''`); got != "4" {
		t.Errorf("%s handed back", got)
	}
	f.noLeftovers()
	f.start(&hearing{}, nil)
	f.waitInspected(4)
}

// A killed worker's recordings are taken over once their leases are over, and end as if nothing had happened.
func TestKilledProcess(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.uploadMany(0, 12)
	f.discover()
	victim := f.process(time.Hour)
	f.wait("the process is at work", func() bool { return f.one(`SELECT count(*) FROM recordings WHERE alive_at IS NOT NULL`) == "4" })
	f.kill(victim)
	f.start(&hearing{}, nil)
	f.waitInspected(12)
	if got := f.one(`SELECT count(*) FROM recordings WHERE inspections <> 1 OR state <> 'inspected'`); got != "0" {
		t.Errorf("%s recordings are not inspected once", got)
	}
	f.wait("its temporary files are swept", func() bool { f.noLeftovers(); return true })
}

// A worker that falls asleep for longer than its lease and wakes up finds that its work has moved.
func TestFencedProcess(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.uploadMany(0, 4)
	f.discover()
	heard := filepath.Join(t.TempDir(), "heard") // the sleeper's model answers once this file is there
	sleeper := f.processWith(spec{place: f.place, Until: heard, Hearers: 4})
	f.wait("the process is at work", func() bool { return f.one(`SELECT count(*) FROM recordings WHERE alive_at IS NOT NULL`) == "4" })
	if err := sleeper.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	f.start(&hearing{}, nil)
	f.waitInspected(4)
	before := f.results()
	if err := os.WriteFile(heard, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := sleeper.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if err := sleeper.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := sleeper.Wait(); err != nil {
		t.Errorf("the sleeper ends with %v", err)
	}
	if diff := cmp.Diff(before, f.results()); diff != "" {
		t.Errorf("the late results changed something (-before +after): %s", diff)
	}
	if got := f.one(`SELECT count(*) FROM transcripts WHERE transcript -> 'params' ->> 'process' = $1`, fmt.Sprint(sleeper.Process.Pid)); got != "0" {
		t.Errorf("%s late transcripts were stored", got)
	}
}

// Workers of one kind each: a host that only transcribes and one that only inspects.
func TestWorkersOfOneStep(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.uploadMany(0, 8)
	f.discover()
	f.start(&hearing{}, func(c *worker.Config) { c.Steps, c.Deps.Inspector = []pipeline.Step{pipeline.StepTranscribe}, nil })
	f.wait("all transcribed", func() bool { return f.states()[pipeline.StateTranscribed] == 8 })
	f.start(nil, func(c *worker.Config) { c.Steps, c.Deps.Transcriber = []pipeline.Step{pipeline.StepInspect}, nil })
	f.waitInspected(8)
}

func TestNewSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	good, err := f.config(f.store, f.objects, &hearing{}, f.log())
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*worker.Config){
		"queue": func(c *worker.Config) { c.Redis = nil },
		"store": func(c *worker.Config) { c.Store = nil },
		"step":  func(c *worker.Config) { c.Steps = nil },
		"model": func(c *worker.Config) { c.Deps.Transcriber = nil },
		"rules": func(c *worker.Config) { c.Deps.Inspector = nil },
	} {
		cfg := good
		spoil(&cfg)
		if _, err := worker.New(cfg); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: %v", name, err)
		}
	}
}
