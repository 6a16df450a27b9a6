package embedded

import (
	"bufio"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func TestPostgresKeepsDataOverStopAndStart(t *testing.T) {
	o := Options{Dir: filepath.Join(t.TempDir(), "a directory with a name far too long for the path of a unix socket, which the kernel ends at 107 bytes")}
	p := mustStartPostgres(t, o)
	query(t, p.URL(), `CREATE TABLE kept AS SELECT 42 AS v`)
	if err := p.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(p.PID(), 0); !errors.Is(err, syscall.ESRCH) {
		t.Fatalf("process %d is still there: %v", p.PID(), err)
	}
	again := mustStartPostgres(t, o)
	if got := query(t, again.TCPURL(), `SELECT v::text FROM kept`); got != "42" {
		t.Errorf("kept row: got %q", got)
	}
	if st, err := os.Stat(filepath.Join(o.Dir, "password")); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("password file: %v %v", st, err)
	}
}

func TestPostgresRefusesWrongPasswordEverywhere(t *testing.T) {
	p := mustStartPostgres(t, Options{Dir: t.TempDir(), Volatile: true})
	for _, url := range []string{p.URL(), p.TCPURL()} {
		conn, err := pgx.Connect(t.Context(), strings.Replace(url, p.password, "wrong", 1))
		if err == nil {
			conn.Close(t.Context())
			t.Errorf("connected with a wrong password: %s", url)
		}
	}
}

// The parent is killed in a child process (this test binary again), so that the kernel's signal, the leftover
// files and the next start are the real ones.
func TestPostgresRecoversAfterParentIsKilled(t *testing.T) {
	dir := t.TempDir()
	parent := startHelper(t, "postgres", dir)
	pid, err := strconv.Atoi(parent.read(t))
	if err != nil {
		t.Fatal(err)
	}
	parent.kill(t)
	p := mustStartPostgres(t, Options{Dir: dir})
	if got := query(t, p.URL(), `SELECT v::text FROM kept`); got != "7" {
		t.Errorf("row written before the kill: got %q", got)
	}
	if runsIn(pid, filepath.Join(dir, "data")) && pid != p.PID() {
		t.Errorf("old server %d still runs", pid)
	}
}

// A server that outlives its parent (here because nothing told it to die) is stopped and its data kept.
func TestPostgresStopsLivingOrphan(t *testing.T) {
	dir := t.TempDir()
	p := mustStartPostgres(t, Options{Dir: dir})
	query(t, p.URL(), `CREATE TABLE kept AS SELECT 1 AS v`)
	p.lock.release() // as the kernel does when the owner dies
	next := mustStartPostgres(t, Options{Dir: dir})
	if got := query(t, next.URL(), `SELECT v::text FROM kept`); got != "1" {
		t.Errorf("got %q", got)
	}
	select {
	case <-p.Done():
	case <-time.After(5 * time.Second):
		t.Error("the orphan still runs")
	}
}

func TestPostgresIgnoresStalePidOfAnotherProcess(t *testing.T) {
	dir := t.TempDir()
	p := mustStartPostgres(t, Options{Dir: dir})
	if err := p.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	stranger := exec.Command("sleep", "60")
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stranger.Process.Kill(); _ = stranger.Wait() }()
	pidFile := filepath.Join(dir, "data", "postmaster.pid")
	if err := os.WriteFile(pidFile, []byte(strconv.Itoa(stranger.Process.Pid)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	mustStartPostgres(t, Options{Dir: dir})
	if err := stranger.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the stranger was stopped: %v", err)
	}
}

func TestPostgresInClosedDirectory(t *testing.T) {
	parent := t.TempDir()
	if err := os.Chmod(parent, 0o700); err != nil {
		t.Fatal(err)
	}
	p := mustStartPostgres(t, Options{Dir: filepath.Join(parent, "deep", "pg"), Volatile: true})
	query(t, p.URL(), `SELECT 1`)
}

func TestPostgresSentences(t *testing.T) {
	used := t.TempDir()
	mustStartPostgres(t, Options{Dir: used, Volatile: true})
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	old := t.TempDir()
	if err := os.MkdirAll(filepath.Join(old, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(old, "data", "PG_VERSION"), []byte("9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		o    Options
		says string
	}{
		"directory in use":  {Options{Dir: used}, "in use by process"},
		"busy port":         {Options{Dir: t.TempDir(), Port: busy.Addr().(*net.TCPAddr).Port}, "choose another port"},
		"another version":   {Options{Dir: old}, "made by PostgreSQL 9"},
		"read-only place":   {Options{Dir: "/proc/speechqa"}, "choose a writable place"},
		"file in the place": {Options{Dir: file}, "choose a writable place"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := StartPostgres(t.Context(), c.o)
			if err == nil {
				_ = p.Stop(t.Context())
				t.Fatal("started")
			}
			var e *Error
			if !errors.As(err, &e) || !strings.Contains(e.Sentence, c.says) {
				t.Errorf("got %v, want a sentence with %q", err, c.says)
			}
		})
	}
}

func TestMissingPostgresBinaries(t *testing.T) {
	_, err := versionsIn(t.Context(), []string{t.TempDir()})
	var e *Error
	if !errors.As(err, &e) || !strings.Contains(e.Sentence, "apt-get install postgresql") {
		t.Errorf("got %v", err)
	}
}

func mustStartPostgres(t *testing.T, o Options) *Postgres {
	t.Helper()
	p, err := StartPostgres(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return p
}

func query(t *testing.T, url, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var v string
	for rows.Next() {
		if len(rows.RawValues()) == 1 {
			v = string(rows.RawValues()[0])
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return v
}

// helper is this test binary started again as a parent of servers.
type helper struct {
	cmd *exec.Cmd
	out *bufio.Reader
}

const helperEnv = "SPEECHQA_EMBEDDED_TEST_HELPER"

func startHelper(t *testing.T, what, dir string) *helper {
	t.Helper()
	cmd := exec.Command(os.Args[0], what, dir)
	cmd.Env = append(os.Environ(), helperEnv+"=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return &helper{cmd, bufio.NewReader(out)}
}

func (h *helper) read(t *testing.T) string {
	t.Helper()
	line, err := h.out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

func (h *helper) kill(t *testing.T) {
	t.Helper()
	if err := h.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = h.cmd.Wait() // "signal: killed"
}
