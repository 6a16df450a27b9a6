package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// dirLock marks a data directory as owned by this process. The kernel drops it when the process dies, so it
// is never stale; children don't inherit it (close-on-exec). Whoever holds it may stop orphaned servers.
type dirLock struct{ f *os.File }

func lockDir(dir string) (*dirLock, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, sentence(err, "cannot write to the data directory %s: make it writable or choose another with --data-dir", dir)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
		}
		owner := make([]byte, 20)
		n, _ := f.ReadAt(owner, 0)
		return nil, sentence(nil, "the data directory %s is in use by process %s: stop that one first or choose another with --data-dir",
			dir, strings.TrimSpace(string(owner[:n])))
	}
	if err := f.Truncate(0); err != nil {
		f.Close()
		return nil, err
	}
	if _, err := f.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0); err != nil {
		f.Close()
		return nil, err
	}
	return &dirLock{f}, nil
}

func (l *dirLock) release() { l.f.Close() }
