package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The end-to-end tests run the real program as its users do: built, and started as a process.

// programDir is where the program lies; "" until it is built.
var programDir string

// program builds the program once and returns its path.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "speechqa-e2e-")
	if err != nil {
		return "", err
	}
	programDir = dir
	path := filepath.Join(dir, "speechqa")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return path, nil
})

func removeProgram() {
	if programDir != "" {
		os.RemoveAll(programDir)
	}
}

// process is the program at work.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout output
	stderr output
	ended  chan struct{}
}

// output collects what a process writes while others read it.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// start starts the program with an environment that holds none of this machine's settings, plus env ("NAME=value").
func start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: exec.Command(path, args...), ended: make(chan struct{})}
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "SPEECHQA_") && !strings.HasPrefix(kv, "DISPLAY=") && !strings.HasPrefix(kv, "WAYLAND_") {
			p.cmd.Env = append(p.cmd.Env, kv)
		}
	}
	p.cmd.Env = append(p.cmd.Env, env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // the status is read from ProcessState
		close(p.ended)
	}()
	t.Cleanup(func() {
		select {
		case <-p.ended:
		default:
			p.stop()
		}
		if t.Failed() {
			t.Logf("speechqa %s wrote:\n%s", strings.Join(args, " "), p.stderr.String())
		}
	})
	return p
}

// patience bounds every wait for something that must happen on a busy machine.
const patience = 2 * time.Minute

// eventually waits until done returns true.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for: %s", what)
		}
	}
}

// says waits until the process has written what the pattern wants on stderr, and returns the groups.
func (p *process) says(pattern string) []string {
	p.t.Helper()
	re := regexp.MustCompile(pattern)
	var m []string
	eventually(p.t, fmt.Sprintf("%q on stderr", pattern), func() bool {
		if m = re.FindStringSubmatch(p.stderr.String()); m != nil {
			return true
		}
		select {
		case <-p.ended:
			p.t.Fatalf("the process ended (%s) without saying %q", p.cmd.ProcessState, pattern)
		default:
		}
		return false
	})
	return m
}

// wait returns the exit status once the process has ended.
func (p *process) wait() int {
	p.t.Helper()
	eventually(p.t, "the end of "+p.cmd.String(), func() bool {
		select {
		case <-p.ended:
			return true
		default:
			return false
		}
	})
	return p.cmd.ProcessState.ExitCode()
}

// stop is what Ctrl-C does; it returns the exit status.
func (p *process) stop() int {
	p.t.Helper()
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		p.t.Fatal(err)
	}
	return p.wait()
}

// kill is kill -9.
func (p *process) kill() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		p.t.Fatal(err)
	}
	<-p.ended
}

// pid is a process id with the time it was started, so that a reused id is no match.
type pid struct{ id, started string }

// descendants lists the processes that p has started, and those they have started.
func (p *process) descendants() []pid {
	p.t.Helper()
	parents := map[string]string{}
	for id, stat := range processes(p.t) {
		parents[id] = stat[1]
	}
	var out []pid
	for id := range parents {
		for up := parents[id]; up != ""; up = parents[up] {
			if up == strconv.Itoa(p.cmd.Process.Pid) {
				out = append(out, pid{id, processes(p.t)[id][19]})
				break
			}
		}
	}
	return out
}

// alive tells whether the process still runs; a zombie does not.
func (x pid) alive(t *testing.T) bool {
	stat := processes(t)[x.id]
	return len(stat) > 19 && stat[19] == x.started && stat[0] != "Z"
}

// processes reads /proc: by process id the fields of stat after the name, that is state, parent, …, start time.
func processes(t *testing.T) map[string][]string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			continue // has ended meanwhile
		}
		_, rest, _ := strings.Cut(string(b), ") ")
		if fields := strings.Fields(rest); len(fields) > 19 {
			out[filepath.Base(filepath.Dir(file))] = fields
		}
	}
	return out
}
