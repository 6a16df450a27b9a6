package discovery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/pipeline/meta"
)

// Place is a bucket, or the part of one below a prefix.
type Place struct{ Bucket, Prefix string }

// Config says what is discovered and how.
type Config struct {
	Store    Store
	Bucket   Bucket
	Places   []Place
	Match    []string           // globs over the object's name; others are ignored
	Resolver meta.Resolver      // of metadata
	Manifest *meta.ManifestFile // the dialer's list; nil: none
	Every    time.Duration      // between two listings
	Rate     float64            // recordings taken in per second by listing; 0 is no limit
	Priority pipeline.Priority
	Observe  func(Tally) // told of every page; may be nil
	Log      *slog.Logger
}

// Tally counts what listing or notifications brought.
type Tally struct {
	Listed  int // objects seen
	New     int // recordings that got a row
	Known   int // recordings that had one
	Ignored int // objects that are no recordings: names, folders
	Sidecar int // objects that tell about recordings
}

func (t *Tally) add(o Tally) {
	t.Listed += o.Listed
	t.New += o.New
	t.Known += o.Known
	t.Ignored += o.Ignored
	t.Sidecar += o.Sidecar
}

// Discoverer finds recordings.
type Discoverer struct {
	cfg     Config
	limiter *rate.Limiter
}

// New makes a discoverer.
func New(cfg Config) *Discoverer {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	d := &Discoverer{cfg: cfg, limiter: rate.NewLimiter(rate.Inf, pageSize)}
	if cfg.Rate > 0 {
		d.limiter.SetLimit(rate.Limit(cfg.Rate))
		d.limiter.SetBurst(max(1, min(pageSize, int(cfg.Rate))))
	}
	return d
}

// pageSize is how many objects are listed at a time: the most an S3 server gives.
const pageSize = 1000

// Run lists all places again and again until ctx ends. Errors are logged and the next round tries again.
func (d *Discoverer) Run(ctx context.Context) {
	tick := time.NewTicker(d.cfg.Every)
	defer tick.Stop()
	for {
		if t, err := d.ScanAll(ctx); err != nil && ctx.Err() == nil {
			d.cfg.Log.Error("listing", "error", err)
		} else if t.New > 0 {
			d.cfg.Log.Info("listing found recordings", "new", t.New, "known", t.Known, "ignored", t.Ignored)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// ScanAll lists every place once; one that fails does not keep the others from being listed.
func (d *Discoverer) ScanAll(ctx context.Context) (Tally, error) {
	var sum Tally
	var errs []error
	for _, p := range d.cfg.Places {
		t, err := d.Scan(ctx, p)
		sum.add(t)
		errs = append(errs, err)
	}
	return sum, errors.Join(errs...)
}

// Scan lists a place from where the last listing was interrupted, or from its beginning, to its end. Of several
// processes one lists a place; for the others Scan returns at once.
func (d *Discoverer) Scan(ctx context.Context, p Place) (Tally, error) {
	var sum Tally
	_, err := d.cfg.Store.Lead(ctx, "speechqa listing of "+p.Bucket+"/"+p.Prefix, func(ctx context.Context) error {
		after, err := d.cfg.Store.Cursor(ctx, p.Bucket, p.Prefix)
		for err == nil {
			var page []pipeline.Object
			page, err = d.cfg.Bucket.List(ctx, p.Bucket, p.Prefix, after, pageSize)
			if err != nil {
				return fmt.Errorf("list %s/%s: %w", p.Bucket, p.Prefix, err)
			}
			var t Tally
			t, err = d.take(ctx, page)
			sum.add(t)
			if d.cfg.Observe != nil {
				d.cfg.Observe(t)
			}
			if err != nil {
				return err
			}
			// The cursor moves after the page's rows are there: whatever happens in between is listed again.
			if after = ""; len(page) == pageSize {
				after = page[len(page)-1].Key
			}
			if err = d.cfg.Store.SetCursor(ctx, p.Bucket, p.Prefix, after); after == "" {
				return err
			}
		}
		return err
	})
	return sum, err
}

// take makes rows of a page's recordings that have none.
func (d *Discoverer) take(ctx context.Context, page []pipeline.Object) (Tally, error) {
	t := Tally{Listed: len(page)}
	var recordings []pipeline.Object
	for _, o := range page {
		switch {
		case d.isRecording(o):
			recordings = append(recordings, o)
		case path.Ext(o.Key) == ".json":
			t.Sidecar++
		default:
			t.Ignored++
		}
	}
	known, err := d.cfg.Store.Known(ctx, recordings)
	if err != nil {
		return t, fmt.Errorf("look for known recordings: %w", err)
	}
	fresh := recordings[:0]
	for i, o := range recordings {
		if known[i] {
			t.Known++
		} else {
			fresh = append(fresh, o)
		}
	}
	found, err := d.describeAll(ctx, fresh)
	if err != nil {
		return t, err
	}
	t.New, err = d.cfg.Store.Discover(ctx, found)
	if err != nil {
		return t, fmt.Errorf("store what was found: %w", err)
	}
	return t, nil
}

// isRecording goes by the object's name. Empty objects are recordings, too: they end as failed and are seen.
func (d *Discoverer) isRecording(o pipeline.Object) bool {
	name := strings.ToLower(path.Base(o.Key))
	if strings.HasSuffix(o.Key, "/") {
		return false
	}
	for _, glob := range d.cfg.Match {
		if ok, err := path.Match(strings.ToLower(glob), name); err == nil && ok {
			return true
		}
	}
	return false
}

// describers is how many recordings are described at a time: each asks the object store two or three times and mostly waits.
const describers = 8

// describeAll describes recordings, no faster than the rate allows. Those deleted since they were listed are left out.
func (d *Discoverer) describeAll(ctx context.Context, fresh []pipeline.Object) ([]pipeline.Found, error) {
	all := make([]*pipeline.Found, len(fresh))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(describers)
	for i, o := range fresh {
		if err := d.limiter.Wait(ctx); err != nil {
			return nil, cmp.Or(group.Wait(), err) // that of the describer that ended ctx tells more
		}
		group.Go(func() error {
			f, err := d.describe(ctx, o)
			if errors.Is(err, pipeline.ErrGone) {
				return nil
			}
			all[i] = &f
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	found := make([]pipeline.Found, 0, len(all))
	for _, f := range all {
		if f != nil {
			found = append(found, *f)
		}
	}
	return found, nil
}

// describe collects what is known of a recording: its tags, the JSON beside it, its row in the manifest, its key.
func (d *Discoverer) describe(ctx context.Context, o pipeline.Object) (pipeline.Found, error) {
	full, err := d.cfg.Bucket.Stat(ctx, o.Bucket, o.Key)
	if err != nil {
		return pipeline.Found{}, fmt.Errorf("stat %s/%s: %w", o.Bucket, o.Key, err)
	}
	side, err := d.sidecar(ctx, o)
	if err != nil {
		return pipeline.Found{}, err
	}
	row, err := d.cfg.Manifest.Row(o.Key)
	if err != nil {
		return pipeline.Found{}, err
	}
	resolved := d.cfg.Resolver.Resolve(meta.Sources{Object: full.UserMetadata, Sidecar: side, Manifest: row, Key: o.Key})
	for _, note := range resolved.Notes {
		d.cfg.Log.Info("metadata", "key", o.Key, "note", note)
	}
	return pipeline.Found{Object: full, Kind: resolved.Kind, Metadata: resolved.Metadata, Notes: resolved.Notes, Priority: d.cfg.Priority}, nil
}

// sidecar returns the JSON object beside a recording; nil where there is none. Other JSON is no metadata.
func (d *Discoverer) sidecar(ctx context.Context, o pipeline.Object) ([]byte, error) {
	key := strings.TrimSuffix(o.Key, path.Ext(o.Key)) + ".json"
	side, err := d.cfg.Bucket.Stat(ctx, o.Bucket, key)
	if errors.Is(err, pipeline.ErrGone) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("stat %s/%s: %w", o.Bucket, key, err)
	}
	body, err := d.cfg.Bucket.Open(ctx, side)
	if errors.Is(err, pipeline.ErrGone) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open %s/%s: %w", o.Bucket, key, err)
	}
	defer body.Close()
	b, err := io.ReadAll(io.LimitReader(body, meta.MaxSidecar+1))
	if err != nil {
		return nil, fmt.Errorf("read %s/%s: %w", o.Bucket, key, err)
	}
	if !strings.HasPrefix(strings.TrimSpace(string(b)), "{") {
		return nil, nil
	}
	return b, nil
}
