package whisper

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// ErrCrashed marks a call that was lost because the process running the model ended or answered nonsense. The
// next call gets a new process.
var ErrCrashed = errors.New("the speech recognition process crashed")

// CrashError is ErrCrashed with what is known of the death.
type CrashError struct {
	Status string // e.g. "signal: killed"
	Stderr string // its last lines
}

func (e *CrashError) Error() string {
	if e.Stderr == "" {
		return fmt.Sprintf("%v (%s)", ErrCrashed, e.Status)
	}
	return fmt.Sprintf("%v (%s): %s", ErrCrashed, e.Status, e.Stderr)
}

// Is makes errors.Is(err, ErrCrashed) true.
func (e *CrashError) Is(target error) bool { return target == ErrCrashed }

// LoadError says that the model cannot be used; another attempt gives the same.
type LoadError struct{ Message string }

func (e *LoadError) Error() string { return e.Message }

// cancelGrace is how long a cancelled child may take to answer before it is killed. The abort callback runs
// between the nodes of the compute graph, so a living child answers in some milliseconds.
const cancelGrace = 700 * time.Millisecond

type frame struct {
	kind byte
	body []byte
}

// child is one supervised process with one model. Not for concurrent use; kill is.
type child struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	frames chan frame    // closed when the output ends
	done   chan struct{} // closed after the process has been waited for
	status error         // of Wait; valid after done
	tail   *tailLog
	system string
	nextID uint64
}

// startChild starts the command, sends the hello and waits until the models are loaded.
func startChild(ctx context.Context, argv []string, cfg engineConfig, log *slog.Logger) (*child, error) {
	c := &child{frames: make(chan frame, 4), done: make(chan struct{}), tail: &tailLog{log: log}}
	c.cmd = exec.Command(argv[0], argv[1:]...)
	c.cmd.Env = append(os.Environ(), childEnv+"=1", "GGML_NO_BACKTRACE=1", "GOTRACEBACK=none")
	c.cmd.Stderr = c.tail
	c.cmd.WaitDelay = time.Second
	// Its own process group keeps the terminal's Ctrl-C from it: the parent ends it in order.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	in, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.in = in
	started := make(chan error)
	go c.own(out, started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", argv[0], err)
	}
	f, err := c.exchange(ctx, 0, func(w io.Writer) error {
		return writeJSON(w, frameHello, helloBody{Version: protocolVersion, Engine: cfg})
	})
	if err != nil {
		c.stop()
		return nil, err
	}
	switch f.kind {
	case frameReady:
		var r readyBody
		if err := json.Unmarshal(f.body, &r); err != nil || r.Version != protocolVersion {
			c.stop()
			return nil, fmt.Errorf("%w: its answer is not version %d of the protocol", ErrCrashed, protocolVersion)
		}
		c.system = r.System
		return c, nil
	case frameFailed:
		var e failedBody
		err := json.Unmarshal(f.body, &e)
		c.stop()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCrashed, err)
		}
		return nil, &LoadError{Message: e.Message}
	}
	c.stop()
	return nil, fmt.Errorf("%w: unexpected frame %q", ErrCrashed, f.kind)
}

// own starts the process, reads its output to the end and waits for it, all on one thread: the kernel sends
// Pdeathsig when the thread that started the child ends, not when the whole process does.
func (c *child) own(out io.Reader, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := c.cmd.Start()
	started <- err
	if err != nil {
		close(c.done)
		return
	}
	r := bufio.NewReaderSize(out, 1<<16)
	for {
		kind, body, err := readFrame(r)
		if err != nil {
			if !errors.Is(err, io.EOF) {
				c.kill()
			}
			break
		}
		c.frames <- frame{kind, body}
	}
	close(c.frames)
	c.status = c.cmd.Wait()
	close(c.done)
}

func (c *child) kill() {
	if err := c.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		c.tail.log.Warn("kill asr child", "error", err)
	}
}

// stop ends the child: politely through the end of its input, else by force.
func (c *child) stop() {
	if err := c.in.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		c.kill()
	}
	timer := time.AfterFunc(cancelGrace, c.kill)
	defer timer.Stop()
	for range c.frames { // the owner must not block on a frame nobody wants
	}
	<-c.done
}

// call sends a request and waits for its answer. After an error that is ErrCrashed, or a cancellation the child
// did not answer to, the child is dead: alive tells.
func (c *child) call(ctx context.Context, kind byte, req requestBody, pcm []float32) (resultBody, error) {
	c.nextID++
	req.ID = c.nextID
	f, err := c.exchange(ctx, req.ID, func(w io.Writer) error { return writeRequest(w, kind, req, pcm) })
	if err != nil {
		return resultBody{}, err
	}
	var res resultBody
	switch f.kind {
	case frameResult:
		if err := json.Unmarshal(f.body, &res); err != nil || res.ID != req.ID {
			c.kill()
			return res, fmt.Errorf("%w: answer to request %d when %d was asked (%v)", ErrCrashed, res.ID, req.ID, err)
		}
		return res, nil
	case frameFailed:
		var e failedBody
		if err := json.Unmarshal(f.body, &e); err != nil || e.ID != req.ID {
			c.kill()
			return res, fmt.Errorf("%w: answer to request %d when %d was asked (%v)", ErrCrashed, e.ID, req.ID, err)
		}
		return res, fmt.Errorf("speech recognition failed: %s", e.Message)
	}
	c.kill()
	return res, fmt.Errorf("%w: unexpected frame %q", ErrCrashed, f.kind)
}

// exchange sends something and takes the next frame. When ctx ends it asks the child to stop, and kills it if it
// does not answer; the result is then ctx's cause.
func (c *child) exchange(ctx context.Context, id uint64, send func(io.Writer) error) (frame, error) {
	if err := context.Cause(ctx); err != nil {
		return frame{}, err
	}
	// Writing blocks when the child hangs, so it happens aside; killing the child unblocks it.
	var writing sync.WaitGroup
	defer writing.Wait()
	sent := make(chan struct{})
	writing.Go(func() {
		defer close(sent)
		if err := send(c.in); err != nil {
			c.kill() // half a frame may be under way
		}
	})
	select {
	case f, ok := <-c.frames:
		if !ok {
			return frame{}, c.death()
		}
		return f, nil
	case <-ctx.Done():
	}

	grace := time.NewTimer(cancelGrace)
	defer grace.Stop()
	if id == 0 { // still loading: there is nothing to cancel
		c.kill()
	}
	writing.Go(func() {
		<-sent
		if err := writeJSON(c.in, frameCancel, resultBody{ID: id}); err != nil {
			c.kill()
		}
	})
	select {
	case _, ok := <-c.frames: // its answer, whichever
		if !ok {
			<-c.done
		}
	case <-grace.C:
		c.kill()
		<-c.done
	}
	return frame{}, context.Cause(ctx)
}

// death waits for the process and says how it ended.
func (c *child) death() error {
	<-c.done
	status := "exit status 0"
	if c.status != nil {
		status = c.status.Error()
	}
	return &CrashError{Status: status, Stderr: c.tail.last()}
}

// alive tells whether the process can take another call. A process that has just been killed may still look
// alive; the next call then fails with ErrCrashed.
func (c *child) alive() bool {
	select {
	case <-c.done:
		return false
	default:
		return true
	}
}

// tailLog passes lines of the child's standard error stream to the log and keeps what tells how it died: the first
// line that names a cause, else the last lines.
type tailLog struct {
	log   *slog.Logger
	mu    sync.Mutex
	part  []byte
	cause string
	lines []string
}

const (
	tailLines = 5
	maxLine   = 500
)

// causes are how ggml, the C++ library and the Go runtime begin their last words.
var causes = regexp.MustCompile(`^(SIG[A-Z]+:|panic:|fatal error:|terminate called|what\(\):)|GGML_ASSERT|GGML_ABORT|out of memory|bad_alloc`)

func (t *tailLog) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, b := range p {
		if b != '\n' {
			if len(t.part) < maxLine {
				t.part = append(t.part, b)
			}
			continue
		}
		line := strings.TrimSpace(string(t.part))
		t.part = t.part[:0]
		if line == "" {
			continue
		}
		t.log.Debug("asr child", "line", line)
		if t.cause == "" && causes.MatchString(line) {
			t.cause = line
		}
		t.lines = append(t.lines, line)
		if len(t.lines) > tailLines {
			t.lines = t.lines[1:]
		}
	}
	return len(p), nil
}

func (t *tailLog) last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cause != "" {
		return t.cause
	}
	return strings.Join(append(t.lines[:len(t.lines):len(t.lines)], strings.TrimSpace(string(t.part))), " | ")
}
