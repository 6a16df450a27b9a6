package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRefusals: what cannot work ends at once with a sentence that says what to do.
func TestRefusals(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := closed.Addr().String() // a port at which nobody listens any more
	closed.Close()
	server := []string{"SPEECHQA_DATABASE_URL=postgres://u@" + nobody + "/d?sslmode=disable&connect_timeout=2", "SPEECHQA_REDIS_URL=redis://" + nobody,
		"SPEECHQA_S3_ENDPOINT=http://" + nobody, "SPEECHQA_S3_ACCESS_KEY=k", "SPEECHQA_S3_SECRET_KEY=s"}

	for name, c := range map[string]struct {
		env, args, says []string
	}{
		"busy port": {nil, []string{"demo", "--once=false", "--no-browser", "--listen", taken.Addr().String(), "--data-dir", t.TempDir()},
			[]string{"cannot listen on " + taken.Addr().String(), "in use"}},
		"data directory cannot be made":   {nil, []string{"demo", "--once", "--data-dir", filepath.Join(file, "data")}, []string{"data directory", "--data-dir"}},
		"data directory is read-only":     {nil, []string{"serve", "--embedded", "--data-dir", "/proc/speechqa"}, []string{"data directory", "--data-dir"}},
		"model is missing":                {nil, []string{"demo", "--once", "--model", "/none.bin", "--data-dir", t.TempDir()}, []string{"SPEECHQA_MODEL", "/none.bin"}},
		"worker: database unreachable":    {server, []string{"worker"}, []string{nobody}},
		"serve: database unreachable":     {server, []string{"serve"}, []string{nobody}},
		"migrate: database unreachable":   {server, []string{"migrate"}, []string{nobody}},
		"worker: every mistake at once":   {nil, []string{"worker", "--hearers", "0"}, []string{"SPEECHQA_DATABASE_URL", "SPEECHQA_REDIS_URL", "SPEECHQA_S3_ENDPOINT", "SPEECHQA_HEARERS"}},
		"secret's file cannot be read":    {[]string{"SPEECHQA_DATABASE_URL_FILE=/none"}, []string{"migrate"}, []string{"SPEECHQA_DATABASE_URL_FILE", "/none"}},
		"sample directory has no samples": {nil, []string{"demo", "--once", "--samples", t.TempDir(), "--data-dir", t.TempDir()}, []string{manifestName}},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, c.env, c.args...)
			if status := p.wait(); status == 0 {
				t.Error("exit status 0")
			}
			message := p.stderr.String()
			for _, want := range c.says {
				if !strings.Contains(message, want) {
					t.Errorf("%q is not in the message:\n%s", want, message)
				}
			}
			if strings.Contains(message, "goroutine ") {
				t.Errorf("a crash instead of a sentence:\n%s", message)
			}
		})
	}
}
