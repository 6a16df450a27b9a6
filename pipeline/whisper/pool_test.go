package whisper

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline/audio"
	"github.com/speechqa/speechqa/pipeline/audio/audiotest"
)

// childLog is a logger that tells of the children a pool starts.
func childLog(started func(pid int)) *slog.Logger { return slog.New(childHandler{started}) }

type childHandler struct{ started func(pid int) }

func (childHandler) Enabled(context.Context, slog.Level) bool { return true }
func (h childHandler) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "asr child ready" {
		r.Attrs(func(a slog.Attr) bool {
			if a.Key == "pid" {
				h.started(int(a.Value.Int64()))
			}
			return true
		})
	}
	return nil
}
func (h childHandler) WithAttrs([]slog.Attr) slog.Handler { return h }
func (h childHandler) WithGroup(string) slog.Handler      { return h }

// after lets the child begin to work on its request before something happens to it.
func after(t *testing.T, do func()) {
	timer := time.AfterFunc(150*time.Millisecond, do)
	t.Cleanup(func() { timer.Stop() })
}

func signal(t *testing.T, pid int, s syscall.Signal) {
	if err := syscall.Kill(pid, s); err != nil {
		t.Errorf("signal %v to child %d: %v", s, pid, err)
	}
}

// TestChildKilled kills the process in the middle of a recording: the recording is completed all the same, with
// the text it would have had.
func TestChildKilled(t *testing.T) {
	want := hearSample(t, "03-impersonation")
	var starts atomic.Int32
	tr := own(t, Options{}, func(pid int) {
		if starts.Add(1) == 1 {
			after(t, func() { signal(t, pid, syscall.SIGKILL) })
		}
	})
	got, err := tr.Transcribe(t.Context(), openSample(t, "03-impersonation"), detectors.KindCall, detectors.Metadata{})
	if err != nil {
		t.Fatal(err)
	}
	if starts.Load() != 2 {
		t.Errorf("%d children were started, want the killed one and one more", starts.Load())
	}
	if said(got) != said(want) {
		t.Errorf("heard\n%s\nwithout the kill\n%s", said(got), said(want))
	}
}

// TestThreeCrashes kills every process: the recording ends with a reason, and the next one works.
func TestThreeCrashes(t *testing.T) {
	var kill atomic.Bool
	kill.Store(true)
	var starts atomic.Int32
	tr := own(t, Options{}, func(pid int) {
		if kill.Load() {
			starts.Add(1)
			signal(t, pid, syscall.SIGKILL)
		}
	})
	rec := audiotest.Open(t, audiotest.WriteWAV(t, audiotest.Say(t, audiotest.Man, "我没有钱。")))
	_, err := tr.Transcribe(t.Context(), rec, detectors.KindCall, detectors.Metadata{})
	var reasoned *audio.Error
	if !errors.As(err, &reasoned) || !errors.Is(err, ErrCrashed) || reasoned.Temporary {
		t.Fatalf("error is %#v", err)
	}
	if want := "语音识别进程在这段录音上连续崩溃了 3 次"; !strings.HasPrefix(reasoned.Reason, want) {
		t.Errorf("reason is %s, want %s", reasoned.Reason, want)
	}
	if starts.Load() != 3 {
		t.Errorf("%d attempts, want 3", starts.Load())
	}
	kill.Store(false)
	got, err := tr.Transcribe(t.Context(), rec, detectors.KindCall, detectors.Metadata{})
	if err != nil || !strings.Contains(said(got), "没有") {
		t.Errorf("the next recording: %q, %v", said(got), err)
	}
}

// TestCrashIsTyped shows what a crash of the C code costs at the pool: the call, which says how the process died.
func TestCrashIsTyped(t *testing.T) {
	var pid atomic.Int32
	tr := own(t, Options{}, func(p int) { pid.Store(int32(p)) })
	speech, err := openSample(t, "07-visit").Read(0, 0, 29)
	if err != nil {
		t.Fatal(err)
	}
	call := func(pcm []float32) error {
		d := tr.profile.Decoding
		d.AudioCtx = 0 // the whole context, so that the call lasts
		_, err := tr.pool.transcribe(t.Context(), pcm, d)
		return err
	}
	if err := call(make([]float32, sampleRate)); err != nil {
		t.Fatal(err)
	}
	after(t, func() { signal(t, int(pid.Load()), syscall.SIGABRT) })
	err = call(speech)
	var crash *CrashError
	if !errors.Is(err, ErrCrashed) || !errors.As(err, &crash) {
		t.Fatalf("error is %v", err)
	}
	if !strings.Contains(crash.Stderr, "SIGABRT") {
		t.Errorf("the death is described as %q, %q", crash.Status, crash.Stderr)
	}
	if err := call(make([]float32, sampleRate)); err != nil {
		t.Errorf("the call after: %v", err)
	}
}

// TestCancel cancels in the middle of a long run; the same process takes the next recording at once.
func TestCancel(t *testing.T) {
	var starts atomic.Int32
	ctx, cancel := context.WithCancel(t.Context())
	tr := own(t, Options{}, func(int) {
		starts.Add(1)
		after(t, cancel)
	})
	long := audiotest.Open(t, "../../testdata/samples/01-clean-call.wav")
	if _, err := tr.Transcribe(ctx, long, detectors.KindCall, detectors.Metadata{}); !errors.Is(err, context.Canceled) {
		t.Fatalf("error is %v", err)
	}
	next := audiotest.Open(t, audiotest.WriteWAV(t, audiotest.Say(t, audiotest.Woman, "我没有钱。")))
	got, err := tr.Transcribe(t.Context(), next, detectors.KindCall, detectors.Metadata{})
	if err != nil || !strings.Contains(said(got), "没有钱") {
		t.Errorf("the next recording: %q, %v", said(got), err)
	}
}

// TestAbort shows that the abort callback ends a run early: a cancelled run over four minutes is over sooner
// than a full one over half of that.
func TestAbort(t *testing.T) {
	e, err := openEngine(engineConfig{Model: demoModel, Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer e.close()
	rec := openSample(t, "07-visit")
	short, err := rec.Read(0, 0, 29)
	if err != nil {
		t.Fatal(err)
	}
	var long []float32
	for range 40 { // uncut, it would take forty times as long as one
		long = append(long, short...)
	}
	d := demo(t).profile.Decoding
	d.AudioCtx = 0 // the whole context: with the profile's shortest one half a minute is hardly looked at
	begun := time.Now()
	if segs, err := e.full(t.Context(), short, d); err != nil || len(segs) == 0 {
		t.Fatalf("%d segments, %v", len(segs), err)
	}
	full := time.Since(begun)
	ctx, cancel := context.WithCancel(t.Context())
	after(t, cancel)
	begun = time.Now()
	if _, err := e.full(ctx, long, d); !errors.Is(err, context.Canceled) {
		t.Fatalf("error is %v", err)
	}
	if took := time.Since(begun); took > 10*full {
		t.Errorf("cancelled after 150 ms, ended after %v; half a minute of audio takes %v", took, full)
	}
	if segs, err := e.full(t.Context(), short, d); err != nil || len(segs) == 0 {
		t.Errorf("the run after: %d segments, %v", len(segs), err)
	}
}

// TestHang stops the process without ending it: the time limit ends the recording, and the next one works.
func TestHang(t *testing.T) {
	var starts atomic.Int32
	tr := own(t, Options{MinTime: 3 * time.Second, TimeFactor: 0.001}, func(pid int) {
		if starts.Add(1) == 1 {
			signal(t, pid, syscall.SIGSTOP)
		}
	})
	rec := audiotest.Open(t, audiotest.WriteWAV(t, audiotest.Say(t, audiotest.Man, "我没有钱。")))
	_, err := tr.Transcribe(t.Context(), rec, detectors.KindCall, detectors.Metadata{})
	var reasoned *audio.Error
	if !errors.As(err, &reasoned) || !strings.Contains(reasoned.Reason, "时限") || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("error is %v", err)
	}
	tr.opt.MinTime = time.Minute
	if got, err := tr.Transcribe(t.Context(), rec, detectors.KindCall, detectors.Metadata{}); err != nil || said(got) == "" {
		t.Errorf("the next recording: %q, %v", said(got), err)
	}
}

// TestTimeLimit: ten minutes or ten times the recording, whichever is longer, where nothing else is said.
func TestTimeLimit(t *testing.T) {
	for _, c := range []struct {
		opt     Options
		seconds float64
		want    time.Duration
	}{
		{Options{}, 0, 10 * time.Minute},
		{Options{}, 30, 10 * time.Minute},
		{Options{}, 61, 610 * time.Second},
		{Options{}, 5 * 3600, 50 * time.Hour},
		{Options{MinTime: time.Hour, TimeFactor: 2}, 60, time.Hour},
		{Options{MinTime: time.Hour, TimeFactor: 2}, 3600, 2 * time.Hour},
	} {
		if got := own(t, c.opt, func(int) {}).opt.limit(c.seconds); got != c.want {
			t.Errorf("%+v, %v s: %v, want %v", c.opt, c.seconds, got, c.want)
		}
	}
}

// TestSystemIsLoggedOnce: what the computing library says of the machine, not again for every child.
func TestSystemIsLoggedOnce(t *testing.T) {
	var log bytes.Buffer
	tr, err := Open(Options{Pool: PoolConfig{Model: demoModel, Log: slog.New(slog.NewTextHandler(&log, nil))}, VAD: audio.EnergyVAD{}})
	if err != nil {
		t.Fatal(err)
	}
	pids := map[int]bool{}
	for range 2 {
		if _, err := tr.pool.transcribe(t.Context(), make([]float32, sampleRate), tr.profile.Decoding); err != nil {
			t.Fatal(err)
		}
		s := <-tr.pool.slots
		pid := s.child.cmd.Process.Pid
		pids[pid] = true
		signal(t, pid, syscall.SIGKILL)
		eventually(t, "the child's death", func() bool { return !s.child.alive() })
		tr.pool.slots <- s
	}
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(log.String(), "system="); n != 1 || len(pids) != 2 {
		t.Errorf("logged %d times for %d children:\n%s", n, len(pids), log.String())
	}
}

// TestUnusableModel gives a sentence and no retry: the file will not get better.
func TestUnusableModel(t *testing.T) {
	text := filepath.Join(t.TempDir(), "ggml-text.bin")
	if err := os.WriteFile(text, []byte("this is no model"), 0o644); err != nil {
		t.Fatal(err)
	}
	tr, err := Open(Options{Pool: PoolConfig{Model: text}, VAD: audio.EnergyVAD{}})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	rec := audiotest.Open(t, audiotest.WriteWAV(t, audiotest.Say(t, audiotest.Man, "我没有钱。")))
	_, err = tr.Transcribe(t.Context(), rec, detectors.KindCall, detectors.Metadata{})
	var load *LoadError
	if !errors.As(err, &load) || !strings.Contains(load.Message, "not a ggml Whisper model") {
		t.Errorf("error is %v", err)
	}
	if _, err := Open(Options{Pool: PoolConfig{Model: filepath.Join(t.TempDir(), "none.bin")}, VAD: audio.EnergyVAD{}}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing model: %v", err)
	}
	if _, err := NewPool(PoolConfig{Model: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "is not a file") {
		t.Errorf("a directory as model: %v", err)
	}
}

// TestNoChild names the command that cannot be started.
func TestNoChild(t *testing.T) {
	p, err := NewPool(PoolConfig{Model: demoModel, Command: []string{"/nowhere/speechqa", "asr"}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, err := p.transcribe(t.Context(), make([]float32, sampleRate), Decoding{Language: "zh"}); !errors.Is(err, os.ErrNotExist) ||
		!strings.Contains(err.Error(), "/nowhere/speechqa") {
		t.Errorf("error is %v", err)
	}
}

// TestStrangerAsChild has a program as child that does not speak the protocol.
func TestStrangerAsChild(t *testing.T) {
	for _, command := range [][]string{{"echo", "hello, this is no frame at all"}, {"true"}, {"cat", "/dev/zero"}} {
		p, err := NewPool(PoolConfig{Model: demoModel, Command: command})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.transcribe(t.Context(), make([]float32, sampleRate), Decoding{Language: "zh"}); !errors.Is(err, ErrCrashed) {
			t.Errorf("%v: error is %v", command, err)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
}

// holdPool is the body of a process that has a child and waits to be killed.
func holdPool() {
	pids := make(chan int, 1)
	p, err := NewPool(PoolConfig{Model: demoModel, Log: childLog(func(pid int) { pids <- pid })})
	if err == nil {
		_, err = p.transcribe(context.Background(), make([]float32, sampleRate), Decoding{Language: "zh", BestOf: 1})
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(<-pids)
	select {}
}

// TestParentKilled kills a process that has a child with -9: no orphan stays.
func TestParentKilled(t *testing.T) {
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), parentEnv+"=1")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatalf("the parent said %q", line)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := parent.Wait(); err == nil {
		t.Error("the parent ended by itself")
	}
	eventually(t, "the child ends with its parent", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || strings.Contains(string(stat), ") Z ")
	})
}

// TestClose ends the children, and calls after it fail.
func TestClose(t *testing.T) {
	p, err := NewPool(PoolConfig{Model: demoModel, Children: 2})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.transcribe(t.Context(), make([]float32, sampleRate), Decoding{}); !errors.Is(err, errPoolClosed) {
		t.Errorf("error is %v", err)
	}
}
