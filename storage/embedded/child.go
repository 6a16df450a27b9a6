package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// child is a server process that dies with this one.
type child struct {
	name    string
	cmd     *exec.Cmd
	logPath string
	done    chan struct{} // closed when the process has been waited for
	err     error         // valid after done
}

// maxLog is the size from which a server's log starts anew at the next start.
const maxLog = 10 << 20

// startChild starts cmd with its output in logPath. death is the signal the kernel sends it when this process
// dies in whatever way.
//
// The kernel ties that signal to the starting *thread*, so a goroutine keeps its thread until the child ends.
func startChild(name string, cmd *exec.Cmd, logPath string, death syscall.Signal) (*child, error) {
	flags := os.O_WRONLY | os.O_CREATE | os.O_APPEND
	if st, err := os.Stat(logPath); err == nil && st.Size() > maxLog {
		flags |= os.O_TRUNC
	}
	log, err := os.OpenFile(logPath, flags, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log of %s: %w", name, err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = death
	cmd.SysProcAttr.Setpgid = true // Ctrl-C in the terminal reaches us only: we stop servers in order
	c := &child{name: name, cmd: cmd, logPath: logPath, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
		defer log.Close()
		err := cmd.Start()
		started <- err
		if err == nil {
			c.err = cmd.Wait()
			close(c.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return c, nil
}

// exited says whether the process has ended.
func (c *child) exited() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// waitReady polls ready until it returns nil, the process ends or ctx is done.
func (c *child) waitReady(ctx context.Context, ready func(context.Context) error) error {
	tick := time.NewTicker(15 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		if last = ready(ctx); last == nil {
			return nil
		}
		select {
		case <-c.done:
			return fmt.Errorf("%s ended at once: %w: %s", c.name, errors.Join(c.err), c.logTail())
		case <-ctx.Done():
			return fmt.Errorf("%s did not become ready: %w (last: %w): %s", c.name, context.Cause(ctx), last, c.logTail())
		case <-tick.C:
		}
	}
}

// stop sends the signals in turn, each with its share of patience, and returns when the process is gone.
// The last signal goes to the whole process group.
func (c *child) stop(ctx context.Context, patience time.Duration, signals ...syscall.Signal) error {
	for i, sig := range signals {
		if c.exited() {
			return nil
		}
		pid := c.cmd.Process.Pid
		if i > 0 && i == len(signals)-1 {
			pid = -pid
		}
		if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("stop %s: %w", c.name, err)
		}
		t := time.NewTimer(patience)
		select {
		case <-c.done:
			t.Stop()
			return nil
		case <-ctx.Done(): // no patience left: go on to the harsher signals
			t.Stop()
			patience = 2 * time.Second
			ctx = context.WithoutCancel(ctx)
		case <-t.C:
		}
	}
	select {
	case <-c.done:
		return nil
	case <-time.After(5 * time.Second):
		return fmt.Errorf("%s (process %d) does not end", c.name, c.cmd.Process.Pid)
	}
}

// logTail returns the last lines of the server's log.
func (c *child) logTail() string {
	f, err := os.Open(c.logPath)
	if err != nil {
		return ""
	}
	defer f.Close()
	const tail = 1200
	if st, err := f.Stat(); err == nil && st.Size() > tail {
		if _, err := f.Seek(-tail, io.SeekEnd); err != nil {
			return ""
		}
	}
	b, err := io.ReadAll(f)
	if err != nil {
		return ""
	}
	return string(bytes.TrimSpace(b))
}
