package meta

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestManifestFile follows what the dialer does to its list: it is made, replaced, spoilt and repaired.
func TestManifestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "list.csv")
	var bad []LineError
	f := NewManifestFile(path, func(e LineError) { bad = append(bad, e) })
	if _, err := f.Row("a.wav"); err == nil {
		t.Error("a missing manifest says nothing about itself")
	}
	at := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	for i, c := range []struct {
		text, agent string
		bad         int
		fails       bool
	}{
		{text: "file,agent\na.wav,1\n", agent: "1"},
		{text: "file,agent\na.wav,2\n", agent: "2"}, // the same size
		{text: "file,agent\na.wav,3\n,4\n", agent: "3", bad: 1},
		{text: "agent\n5\n", fails: true},
		{text: "file,agent\nb.wav,6\n"},
	} {
		bad = nil
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at.Add(time.Duration(i)*time.Second)); err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second time from memory
			row, err := f.Row("x/a.wav")
			if row["agent"] != c.agent || (err != nil) != c.fails || len(bad) != c.bad {
				t.Errorf("%q: row %v, bad %v, error %v", c.text, row, bad, err)
			}
		}
	}
	if row, err := (*ManifestFile)(nil).Row("a.wav"); row != nil || err != nil {
		t.Errorf("no manifest: %v, %v", row, err)
	}
}
