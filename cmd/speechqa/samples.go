package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// manifestName is the file that says what the sample recordings are.
const manifestName = "manifest.json"

// sample is one recording of the demo.
type sample struct {
	File       string            `json:"file"`
	Meta       map[string]string `json:"meta"`
	Violations []string          `json:"violations"` // rules that what is really said breaks; for tests
}

// readSamples reads the manifest of a directory of samples.
func readSamples(dir string) ([]sample, error) {
	b, err := os.ReadFile(filepath.Join(dir, manifestName))
	if err != nil {
		return nil, fmt.Errorf("read the samples' manifest: %w", err)
	}
	var m struct {
		Samples []sample `json:"samples"`
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("read the samples' manifest in %s: %w", dir, err)
	}
	for _, s := range m.Samples {
		if s.File != filepath.Base(s.File) {
			return nil, fmt.Errorf("the samples' manifest names %q, which is no plain file name", s.File)
		}
		if _, err := os.Stat(filepath.Join(dir, s.File)); err != nil {
			return nil, fmt.Errorf("the samples' manifest names a file that is not there: %w", err)
		}
	}
	return m.Samples, nil
}
