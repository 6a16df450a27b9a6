package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/speechqa/speechqa/custody"
	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/storage/objects"
	"github.com/speechqa/speechqa/storage/postgres"
)

// demoCmd shows the whole system on this machine with the sample recordings.
type demoCmd struct {
	Once      bool   `help:"End when all samples are processed; exit status 0 only if all are inspected."`
	JSON      bool   `name:"json" help:"Print what became of each recording as JSON."`
	DataDir   string `placeholder:"DIR" help:"Where everything is kept; default ~/.local/share/speechqa/demo."`
	Samples   string `placeholder:"DIR" help:"Recordings to process: a directory with a manifest.json. Default: the samples that come with the program."`
	NoBrowser bool   `help:"Don't open a browser."`
	modelFlags
	rulesFlags
	workerFlags
	ingestFlags
	webFlags
	accessFlags
	consoleFlags
	disposalFlags
	logFlags
}

func (c *demoCmd) Run(a *app) error {
	var p problems
	e := everything{model: c.modelFlags.read(&p, a.env), rules: c.rulesFlags.read(&p), work: c.workerFlags.read(&p),
		ingest: c.ingestFlags.read(&p), keep: custodySettings{Mode: custody.Governance}} // a demo may be thrown away
	e.listen, e.public = c.webFlags.read(&p)
	e.access, e.sealer = c.accessFlags.read(&p, true), c.accessFlags.sealer(&p)
	e.console = c.consoleFlags.read(&p)
	e.dispose = c.disposalFlags.read(&p)
	dir, samples, err := c.places(a)
	if err != nil {
		p.add("demo", "%v", err)
	}
	if err := p.err(); err != nil {
		return err
	}
	log, closeLog, err := c.openLog(dir)
	if err != nil {
		return err
	}
	defer closeLog()
	e.log = log
	if c.Once {
		e.listen = "127.0.0.1:0" // nobody looks at the page; the port must not be in anybody's way
	}
	e.work.Reconcile, e.ingest.ScanEvery = min(e.work.Reconcile, time.Second), min(e.ingest.ScanEvery, 2*time.Second)

	fmt.Fprintf(a.stderr, "starting PostgreSQL, Redis and an object store in %s\n", dir)
	e.Copies = copySettings{Dir: filepath.Join(dir, "second"), AtOnce: 2} // on the same disk: it shows how, and protects from little
	all := true
	err = runOffice(a.ctx, dir, e, func(ctx context.Context, r *running) error {
		if !c.Once {
			_ = r.announce(a)
		}
		records, err := r.processSamples(ctx, a.stderr, samples)
		if err != nil {
			return err
		}
		for _, rec := range records {
			all = all && rec.State == pipeline.StateInspected
		}
		if err := c.print(a.stdout, records); err != nil {
			return err
		}
		if c.Once {
			return errFinished
		}
		fmt.Fprintf(a.stderr, "\nall samples are processed: open %s (Ctrl-C ends the demo, everything is kept)\n", r.Address)
		if !c.NoBrowser {
			openBrowser(ctx, a.env, r.Address)
		}
		<-ctx.Done()
		return nil
	})
	if errors.Is(err, context.Canceled) && a.ctx.Err() != nil {
		if !c.Once {
			return nil
		}
		return errors.New("interrupted before all samples were processed; start again and it goes on from there")
	}
	if err == nil && c.Once && !all {
		return errors.New("not all recordings could be inspected")
	}
	return err
}

// places returns the data directory and the samples' directory.
func (c *demoCmd) places(a *app) (dir, samples string, err error) {
	if dir = c.DataDir; dir == "" {
		if dir, err = defaultDataDir(a.env); err != nil {
			return "", "", err
		}
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return "", "", err
	}
	samples, err = findSamples(c.Samples)
	return dir, samples, err
}

// openLog writes the log into the data directory: the terminal belongs to the progress bar.
func (c *demoCmd) openLog(dir string) (*slog.Logger, func() error, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, nil, fmt.Errorf("cannot make the data directory %s; choose a writable place with --data-dir: %w", dir, errors.Unwrap(err))
	}
	f, err := os.OpenFile(filepath.Join(dir, "speechqa.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot write in the data directory %s; make it writable or choose another with --data-dir: %w", dir, errors.Unwrap(err))
	}
	var p problems
	log := c.logFlags.read(&p, f)
	if err := p.err(); err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return log, f.Close, nil
}

// record is what became of one recording.
type record struct {
	Key        string              `json:"key"`
	ID         string              `json:"id"`
	Kind       detectors.Kind      `json:"kind"`
	State      pipeline.State      `json:"state"`
	Reason     string              `json:"reason"`
	Duration   float64             `json:"duration"` // seconds
	Score      int                 `json:"score"`
	Findings   []detectors.Finding `json:"findings"` // certain and live; as in `speechqa inspect`
	Doubtful   []detectors.Finding `json:"doubtful"` // for a person to hear
	Utterances int                 `json:"utterances"`
}

// print writes the records as JSON or as a table.
func (c *demoCmd) print(w io.Writer, records []record) error {
	if c.JSON {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(map[string]any{"recordings": records})
	}
	for _, r := range records {
		if _, err := fmt.Fprintf(w, "%-28s %-11s score %3d  %s", r.Key, r.State, r.Score, r.Reason); err != nil {
			return err
		}
		for _, f := range r.Findings {
			fmt.Fprintf(w, " %s", f.Rule)
		}
		if n := len(r.Doubtful); n > 0 {
			fmt.Fprintf(w, " (+%d doubtful)", n)
		}
		fmt.Fprintln(w)
	}
	return nil
}

// processSamples puts the samples into the bucket, where discovery finds them as it finds every recording, and
// waits until nothing waits any more.
func (r *running) processSamples(ctx context.Context, w io.Writer, dir string) ([]record, error) {
	samples, err := readSamples(dir)
	if err != nil {
		return nil, err
	}
	bucket := r.Objects.Places[0].Bucket
	keys := make([]string, len(samples))
	for i, s := range samples {
		keys[i] = s.File
		if err := putOnce(ctx, r.objects, bucket, s.File, filepath.Join(dir, s.File), s.Meta); err != nil {
			return nil, err
		}
	}
	bar := progressbar.NewOptions(len(keys), progressbar.OptionSetWriter(w), progressbar.OptionSetDescription("transcribing and inspecting"),
		progressbar.OptionShowCount(), progressbar.OptionSetVisibility(isTerminal(w)), progressbar.OptionClearOnFinish())
	defer func() { _ = bar.Finish() }()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		outcomes, err := r.store.Outcomes(ctx, bucket, keys)
		if err != nil {
			return nil, fmt.Errorf("read what became of the samples: %w", err)
		}
		done := 0
		for _, o := range outcomes {
			if o.State != pipeline.StateDiscovered && o.State != pipeline.StateTranscribed {
				done++
			}
		}
		_ = bar.Set(done)
		if done == len(keys) {
			return recordsOf(outcomes), nil
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// putOnce uploads a recording that is not in the bucket yet.
func putOnce(ctx context.Context, store *objects.Store, bucket, key, file string, meta map[string]string) error {
	o, err := store.Stat(ctx, bucket, key)
	if err == nil {
		if st, err := os.Stat(file); err == nil && st.Size() == o.Size {
			return nil
		}
	} else if !errors.Is(err, pipeline.ErrGone) {
		return err
	}
	return putRecording(ctx, store, bucket, key, file, meta)
}

func recordsOf(outcomes []postgres.Outcome) []record {
	out := make([]record, 0, len(outcomes))
	for _, o := range outcomes {
		r := record{Key: o.Key, ID: o.ID, Kind: o.Kind, State: o.State, Reason: o.Reason, Duration: o.Duration, Score: o.Score,
			Findings: []detectors.Finding{}, Doubtful: []detectors.Finding{}, Utterances: o.Utterances}
		for _, f := range o.Findings {
			switch {
			case f.Doubtful:
				r.Doubtful = append(r.Doubtful, f)
			case !f.Shadow:
				r.Findings = append(r.Findings, f)
			}
		}
		out = append(out, r)
	}
	return out
}

// openBrowser shows the page where there is a desktop. That it cannot is no error: the address is printed.
func openBrowser(ctx context.Context, env func(string) string, address string) {
	if env("DISPLAY") == "" && env("WAYLAND_DISPLAY") == "" {
		return
	}
	if path, err := exec.LookPath("xdg-open"); err == nil {
		cmd := exec.CommandContext(ctx, path, address)
		if cmd.Start() == nil {
			go func() { _ = cmd.Wait() }()
		}
	}
}
