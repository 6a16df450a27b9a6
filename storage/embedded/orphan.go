package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// stopOrphanPostgres ends a server that a killed process left behind in the data directory and removes a
// stale postmaster.pid. The caller holds the directory's lock, so whatever still runs there has no owner.
func stopOrphanPostgres(ctx context.Context, data string, o Options) error {
	pidFile := filepath.Join(data, "postmaster.pid")
	b, err := os.ReadFile(pidFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", pidFile, err)
	}
	first, _, _ := strings.Cut(string(b), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err == nil && runsIn(pid, data) {
		o.log().Warn("stopping a PostgreSQL left behind by a killed process", "pid", pid, "dir", data)
		if err := endProcess(ctx, pid, func() bool { return runsIn(pid, data) }, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL); err != nil {
			return sentence(err, "a PostgreSQL of an earlier run (process %d) in %s cannot be stopped: end it by hand and start again", pid, data)
		}
	}
	// Only a dead server's file is left here; PostgreSQL itself would trust a reused process id and refuse to start.
	if err := os.Remove(pidFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove stale %s: %w", pidFile, err)
	}
	return nil
}

// runsIn says whether the process is alive and works in the directory: a PostgreSQL server's working directory
// is its data directory, whereas a reused process id belongs to something else.
func runsIn(pid int, dir string) bool {
	if pid <= 1 {
		return false
	}
	cwd, err := os.Stat(fmt.Sprintf("/proc/%d/cwd", pid))
	if err != nil {
		return false
	}
	own, err := os.Stat(dir)
	return err == nil && os.SameFile(cwd, own)
}

// endProcess sends the signals in turn until the process, which is no child of ours, is gone.
func endProcess(ctx context.Context, pid int, alive func() bool, signals ...syscall.Signal) error {
	for _, sig := range signals {
		if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
		for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
			if !alive() {
				return nil
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	return fmt.Errorf("process %d survives", pid)
}

// clearSockets removes what dead servers left in a socket directory. Its owner holds the lock: nothing lives there.
func clearSockets(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("read socket directory: %w", err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".s.PGSQL.") || strings.HasSuffix(e.Name(), ".sock") {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return fmt.Errorf("remove leftover socket: %w", err)
			}
		}
	}
	return nil
}
