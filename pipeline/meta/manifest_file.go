package meta

import (
	"fmt"
	"os"
	"sync"
	"time"
)

// ManifestFile is a manifest on disk that the dialer may replace at any time: it is read again when its size or
// time of change differs. Safe for concurrent use; a nil one says nothing about any recording.
type ManifestFile struct {
	path   string
	report func(LineError) // told of every unusable row after each reading; nil: nobody

	mu      sync.Mutex
	read    *Manifest
	size    int64
	changed time.Time
}

// NewManifestFile names the file; it is read on first use. Where report is not nil it is told of every row that
// cannot be used, once for each state of the file.
func NewManifestFile(path string, report func(LineError)) *ManifestFile {
	return &ManifestFile{path: path, report: report}
}

// Row returns what the manifest as it is now says about the recording with the given key; nil where it says
// nothing. A manifest that cannot be read is an error: recordings would be taken in without what is known of them.
func (f *ManifestFile) Row(key string) (map[string]string, error) {
	if f == nil {
		return nil, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.refresh(); err != nil {
		return nil, fmt.Errorf("manifest %s: %w", f.path, err)
	}
	row, _ := f.read.Row(key)
	return row, nil
}

func (f *ManifestFile) refresh() error {
	file, err := os.Open(f.path)
	if err != nil {
		return err
	}
	defer file.Close()
	st, err := file.Stat()
	if err != nil {
		return err
	}
	if f.read != nil && st.Size() == f.size && st.ModTime().Equal(f.changed) {
		return nil
	}
	f.read = nil
	m, bad, err := ReadManifest(file)
	if err != nil {
		return err
	}
	for _, b := range bad {
		if f.report != nil {
			f.report(b)
		}
	}
	f.read, f.size, f.changed = m, st.Size(), st.ModTime()
	return nil
}
