package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/schollz/progressbar/v3"

	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/storage/objects"
	"github.com/speechqa/speechqa/worker/discovery"
)

// ingestCmd finds recordings in the buckets.
type ingestCmd struct {
	Run_     ingestRunCmd  `cmd:"" name:"run" default:"withargs" help:"List the buckets again and again, and receive notifications. (default)"`
	Backfill ingestScanCmd `cmd:"" help:"List the buckets once, with a progress bar; what is new waits behind today's recordings."`
	Put      ingestPutCmd  `cmd:"" help:"Upload recordings with what is known of them."`
}

type ingestRunCmd struct {
	databaseFlags
	objectFlags
	custodyFlags
	ingestFlags
	tlsFlags
	observeFlags
	logFlags
}

func (c *ingestRunCmd) Run(a *app) (err error) {
	var p problems
	log := c.logFlags.read(&p, a.stderr)
	s := services{DatabaseURL: c.databaseFlags.read(&p), Objects: c.objectFlags.read(&p)}
	in, metrics, keep := c.ingestFlags.read(&p), c.observeFlags.read(&p), c.custodyFlags.read(&p)
	cert := c.tlsFlags.read(&p, log)
	if err := p.err(); err != nil {
		return err
	}
	sys, err := openSystem(a.ctx, s, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sys.close()) }()
	if err := sys.addIngest(in, cert); err != nil {
		return err
	}
	sys.addCustody(keep)
	if err := sys.addObserve(metrics); err != nil {
		return err
	}
	return sys.run(a.ctx)
}

// addIngest adds listing and, where configured, the notifications' receiver.
func (s *system) addIngest(in ingestSettings, cert *certificate) error {
	tallies := discovery.NewMetrics(s.metrics)
	d := s.discoverer(in, pipeline.PriorityNormal, tallies.Observe)
	s.add("listing", func(ctx context.Context) error { d.Run(ctx); return nil })
	if in.WebhookListen == "" {
		return nil
	}
	_, err := s.addHTTP("notifications", in.WebhookListen, d.Webhook(in.WebhookToken), cert)
	return err
}

type ingestScanCmd struct {
	databaseFlags
	objectFlags
	ingestFlags
	logFlags
}

func (c *ingestScanCmd) Run(a *app) (err error) {
	var p problems
	log := c.logFlags.read(&p, a.stderr)
	s := services{DatabaseURL: c.databaseFlags.read(&p), Objects: c.objectFlags.read(&p)}
	in := c.ingestFlags.read(&p)
	if err := p.err(); err != nil {
		return err
	}
	sys, err := openSystem(a.ctx, s, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sys.close()) }()
	bar := progressbar.NewOptions(-1, progressbar.OptionSetWriter(a.stderr), progressbar.OptionSetDescription("objects listed"),
		progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetVisibility(isTerminal(a.stderr)))
	d := sys.discoverer(in, pipeline.PriorityBackfill, func(t discovery.Tally) { _ = bar.Add(t.Listed) })
	sum, err := d.ScanAll(a.ctx)
	_ = bar.Finish()
	fmt.Fprintf(a.stdout, "%d objects: %d new recordings, %d known, %d files about recordings, %d ignored\n",
		sum.Listed, sum.New, sum.Known, sum.Sidecar, sum.Ignored)
	if err != nil {
		return fmt.Errorf("the listing was interrupted; start again and it goes on from there: %w", err)
	}
	return nil
}

type ingestPutCmd struct {
	objectFlags
	Meta   []string `placeholder:"K=V" help:"What is known of the recordings: kind, agent_id, principal, callee, case_id, started_at, …; may be given several times."`
	Folder string   `placeholder:"PREFIX" help:"Folder in the bucket; default: the place's prefix."`
	Files  []string `arg:"" name:"file" help:"Recordings."`
}

func (c *ingestPutCmd) Run(a *app) error {
	var p problems
	s := c.objectFlags.read(&p)
	meta := map[string]string{}
	for _, m := range c.Meta {
		k, v, ok := strings.Cut(m, "=")
		if !ok || strings.TrimSpace(k) == "" {
			p.add("--meta", "%q must be KEY=VALUE", m)
		}
		meta[k] = v
	}
	if err := p.err(); err != nil {
		return err
	}
	store, err := openObjects(s)
	if err != nil {
		return err
	}
	place := s.Places[0]
	for i, file := range c.Files {
		key := path.Join(or(c.Folder, place.Prefix), filepath.Base(file))
		if err := putRecording(a.ctx, store, place.Bucket, key, file, meta); err != nil {
			return fmt.Errorf("%d of %d uploaded: %w", i, len(c.Files), err)
		}
		fmt.Fprintf(a.stdout, "%s → %s/%s\n", file, place.Bucket, key)
	}
	return nil
}

// putRecording uploads a recording and, before it, the JSON file that says what is known of it: names and
// companies are Chinese, which object metadata cannot carry.
func putRecording(ctx context.Context, store *objects.Store, bucket, key, file string, meta map[string]string) error {
	if len(meta) > 0 {
		b, err := json.Marshal(meta)
		if err != nil {
			return fmt.Errorf("what is known of %s: %w", file, err)
		}
		side := strings.TrimSuffix(key, path.Ext(key)) + ".json"
		if err := putObject(ctx, store, bucket, side, bytes.NewReader(b), int64(len(b)), "application/json"); err != nil {
			return err
		}
	}
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return fmt.Errorf("upload: %w", err)
	}
	return putObject(ctx, store, bucket, key, f, st.Size(), "")
}

func putObject(ctx context.Context, store *objects.Store, bucket, key string, r io.Reader, size int64, contentType string) error {
	if _, err := store.Put(ctx, bucket, key, r, size, objects.PutOptions{ContentType: contentType}); err != nil {
		return fmt.Errorf("upload to %s/%s: %w", bucket, key, err)
	}
	return nil
}
