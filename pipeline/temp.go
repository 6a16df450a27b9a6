package pipeline

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/speechqa/speechqa/pipeline/audio"
)

// tempPattern names files of fetched objects, so that Sweep knows its own.
const tempPattern = "speechqa-object-*"

// tempFile is a temporary file that carries its owner's lock for as long as the owner lives.
type tempFile struct{ f *os.File }

func newTempFile(dir string) (*tempFile, error) {
	f, err := os.CreateTemp(dir, tempPattern)
	if err != nil {
		return nil, fmt.Errorf("make a temporary file: %w", err)
	}
	t := &tempFile{f}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		t.remove()
		return nil, fmt.Errorf("lock the temporary file: %w", err)
	}
	return t, nil
}

func (t *tempFile) path() string { return t.f.Name() }

// remove deletes the file. A worker killed before this leaves it to Sweep.
func (t *tempFile) remove() { _, _ = os.Remove(t.f.Name()), t.f.Close() }

// Sweep removes the fetched objects that killed workers left in dir ("" is the system's directory). Files in
// use are locked by their owner; very young ones may be about to be.
func Sweep(dir string) error {
	if dir == "" {
		dir = os.TempDir()
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("sweep temporary files: %w", err)
	}
	defer root.Close()
	var names []string
	var errs []error
	for _, pattern := range []string{tempPattern, audio.TempPattern} {
		found, err := fs.Glob(root.FS(), pattern)
		names, errs = append(names, found...), append(errs, err)
	}
	for _, name := range names {
		if err := sweepOne(root, name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// young is how long a file may take from its creation to its lock.
const young = 5 * time.Second

func sweepOne(root *os.Root, name string) error {
	f, err := root.OpenFile(name, os.O_RDWR|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrPermission) {
		return nil // another user's
	}
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil || !st.Mode().IsRegular() || time.Since(st.ModTime()) < young {
		return err
	}
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return nil // its owner lives
	}
	return root.Remove(name)
}
