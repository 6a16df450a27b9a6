package main

import (
	"bytes"
	"flag"
	"testing"

	"github.com/speechqa/speechqa/pipeline/whisper"
	"github.com/speechqa/speechqa/storage/storagetest"
)

// TestMain lets the commands start this test binary as the process a model runs in.
func TestMain(m *testing.M) {
	whisper.ServeIfChild()
	flag.Parse()
	storagetest.Main(m, removeProgram)
}

// speechqa runs a command with the given environment and returns what it printed.
func speechqa(t *testing.T, env map[string]string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(t.Context(), args, func(k string) string { return env[k] }, bytes.NewReader(nil), &out, &errs)
	return status, out.String(), errs.String()
}
