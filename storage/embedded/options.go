package embedded

import (
	"log/slog"
	"os"
	"path/filepath"
)

// Options say where a server keeps its data and how it listens.
type Options struct {
	// Dir is the server's own data directory; it is created. Relative paths are taken from the working directory.
	Dir string
	// Port is the loopback TCP port; 0 takes any free one. Redis listens on a unix socket only and ignores it.
	Port int
	// Log receives what an operator should know; nil means slog.Default().
	Log *slog.Logger
	// Volatile trades durability for speed (no fsync, no AOF): for tests, never for data that matters.
	Volatile bool
}

func (o Options) log() *slog.Logger {
	if o.Log != nil {
		return o.Log
	}
	return slog.Default()
}

// prepare makes the directory absolute and existing.
func (o Options) prepare(what string) (Options, error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return o, err
	}
	o.Dir = dir
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return o, sentence(err, "cannot create the data directory of %s at %s: choose a writable place with --data-dir", what, dir)
	}
	probe, err := os.CreateTemp(dir, ".writable-*")
	if err != nil {
		return o, sentence(err, "cannot write to the data directory of %s at %s: make it writable or choose another with --data-dir", what, dir)
	}
	probe.Close()
	return o, os.Remove(probe.Name())
}
