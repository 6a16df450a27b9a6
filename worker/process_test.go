package worker_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/speechqa/speechqa/storage/objects"
	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
	"github.com/speechqa/speechqa/worker"
)

// processEnv holds the spec of a worker process: this test binary again.
const processEnv = "SPEECHQA_WORKER_TEST_PROCESS"

type spec struct {
	place
	Takes   time.Duration // for each recording
	Until   string        // nothing is heard before this file is there; "" is at once
	Hearers int
	Rate    float64 // of inspecting again, per second; 0 is as fast as it can
	Cable   cable   // of a process in a network namespace; empty: it has the machine's network
}

// runProcess is a worker's main.
func runProcess(text string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var s spec
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return err
	}
	if s.Cable.Device != "" {
		if err := s.Cable.plugIn(); err != nil {
			return err
		}
	}
	store, err := postgres.Open(ctx, s.Database)
	if err != nil {
		return err
	}
	defer store.Close()
	source, err := objects.Open(s.Objects)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	cfg, err := s.config(store, source, &hearing{Takes: s.Takes, Until: s.Until}, log)
	if err != nil {
		return err
	}
	cfg.Hearers, cfg.RescanRate, cfg.Deps.Stall = s.Hearers, s.Rate, time.Second
	w, err := worker.New(cfg)
	if err != nil {
		return err
	}
	return w.Run(ctx)
}

// process starts a worker process with four hearers; the test kills or stops it.
func (f *fleet) process(takes time.Duration) *exec.Cmd {
	f.t.Helper()
	return f.processWith(spec{place: f.place, Takes: takes, Hearers: 4})
}

func (f *fleet) processWith(s spec) *exec.Cmd {
	f.t.Helper()
	s.Database = storagetest.AppURL(f.t, s.Database)
	text, err := json.Marshal(s)
	if err != nil {
		f.t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), processEnv+"="+string(text))
	cmd.Stderr = f.t.Output()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	})
	return cmd
}

// kill ends a process without a word.
func (f *fleet) kill(cmd *exec.Cmd) {
	f.t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		f.t.Fatal(err)
	}
	_ = cmd.Wait() // "signal: killed"
}
