package pipeline

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// bodySource serves one body, whatever is asked for.
type bodySource struct{ body io.ReadCloser }

func (s bodySource) Open(ctx context.Context, _ Object) (io.ReadCloser, error) {
	// Like an HTTP body, reading ends when the request's context does.
	context.AfterFunc(ctx, func() { s.body.Close() })
	return s.body, nil
}

func TestFetch(t *testing.T) {
	content := bytes.Repeat([]byte("abc"), 100_000)
	for _, tc := range []struct {
		name   string
		size   int64
		body   func() io.ReadCloser
		limit  int64
		action Action
	}{
		{"whole", 300_000, func() io.ReadCloser { return io.NopCloser(bytes.NewReader(content)) }, 0, ActionDone},
		{"cut", 300_001, func() io.ReadCloser { return io.NopCloser(bytes.NewReader(content)) }, 0, ActionRetry},
		{"listed too large", 300_000, func() io.ReadCloser { return io.NopCloser(bytes.NewReader(content)) }, 1000, ActionGiveUp},
		{"larger than listed", 999, func() io.ReadCloser { return io.NopCloser(bytes.NewReader(content)) }, 1000, ActionGiveUp},
		{"silent", 300_000, func() io.ReadCloser { r, _ := io.Pipe(); return r }, 0, ActionRetry},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			d := Deps{Source: bodySource{tc.body()}, TempDir: dir, MaxObject: tc.limit, Stall: 50 * time.Millisecond}
			got, err := fetch(t.Context(), d, Object{Size: tc.size})
			if v := Classify(err, 1); v.Action != tc.action {
				t.Fatalf("fetch: %v is classified %v, want %v", err, v.Action, tc.action)
			}
			if err == nil {
				if b, _ := os.ReadFile(got.path()); !bytes.Equal(b, content) {
					t.Error("the file differs from the object")
				}
				// sha256sum of 100,000 times "abc"
				if want := "a77aedfe2e4a7232ea628a71745a966224c4521d93134b993cde5b65ea2f6e3c"; got.SHA256 != want {
					t.Errorf("SHA256 = %s, want %s", got.SHA256, want)
				}
				got.remove()
			}
			left, _ := os.ReadDir(dir)
			if len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestFetchStops(t *testing.T) {
	r, _ := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	_, err := fetch(ctx, Deps{Source: bodySource{r}, TempDir: t.TempDir()}, Object{Size: 1})
	if v := Classify(err, 1); v.Action != ActionCancel {
		t.Errorf("a stopped fetch is %v: %v", v.Action, err)
	}
}

// A killed worker's file has no lock; a living worker's has.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	orphan := filepath.Join(dir, "speechqa-object-1")
	pcm := filepath.Join(dir, "speechqa-7.pcm")
	other := filepath.Join(dir, "speechqa-other")
	for _, name := range []string{orphan, pcm, other} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	used, err := newTempFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer used.remove()
	old := time.Now().Add(-time.Hour)
	for _, name := range []string{orphan, pcm, other, used.path()} {
		if err := os.Chtimes(name, old, old); err != nil {
			t.Fatal(err)
		}
	}
	if err := Sweep(dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{orphan, pcm} {
		if _, err := os.Stat(name); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the killed worker's %s is still there", name)
		}
	}
	for _, name := range []string{other, used.path()} {
		if _, err := os.Stat(name); err != nil {
			t.Errorf("Sweep took %s: %v", name, err)
		}
	}
}

// An object's key never names a file: whatever it holds, the object lies in the directory of temporary files.
func TestKeysNameNoFiles(t *testing.T) {
	for _, key := range []string{"../../../../tmp/evil.wav", "/etc/passwd", `..\..\evil.wav`, "a/../../b.wav", "evil\x00.wav", "-rf.wav", "$(id).wav"} {
		dir := t.TempDir()
		got, err := fetch(t.Context(), Deps{Source: bodySource{io.NopCloser(strings.NewReader("x"))}, TempDir: dir}, Object{Key: key, Size: 1})
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Dir(got.path()) != dir {
			t.Errorf("%q lies at %s", key, got.path())
		}
		got.remove()
		left, err := os.ReadDir(dir)
		if err != nil || len(left) != 0 {
			t.Errorf("%q left %v (%v)", key, left, err)
		}
	}
}
