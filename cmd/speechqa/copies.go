package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/speechqa/speechqa/custody"
	"github.com/speechqa/speechqa/storage/postgres"
)

// copySettings say where second copies go.
type copySettings struct {
	objectSettings        // Places: the one bucket
	Name           string // how people know the store: its address, or the directory of an embedded one
	Dir            string // of an embedded second store
	AtOnce         int
}

func (c copySettings) on() bool { return len(c.Places) > 0 }

func (c copySettings) bucket() string { return c.Places[0].Bucket }

// read gives the second store's settings; without a bucket there is none. What is not said of it is as the first store has it.
func (f copyFlags) read(p *problems, first objectSettings) copySettings {
	c := copySettings{AtOnce: p.integer("SPEECHQA_COPIERS", f.Copiers, 1, maxCopiers), Dir: f.CopyDir}
	if f.CopyBucket == "" {
		if f.CopyEndpoint != "" {
			p.add("SPEECHQA_COPY_BUCKET", "is not set, but SPEECHQA_COPY_ENDPOINT is: name the second store's bucket")
		}
		return c
	}
	if f.CopyDir != "" {
		p.add("SPEECHQA_COPY_DIR", "is for an embedded second store: set it or SPEECHQA_COPY_BUCKET, not both")
	}
	if !bucketName.MatchString(f.CopyBucket) {
		p.add("SPEECHQA_COPY_BUCKET", "%q is not a bucket", f.CopyBucket)
	}
	c.objectSettings = objectSettings{Endpoint: f.CopyEndpoint, AccessKey: f.CopyAccessKey, SecretKey: f.CopySecretKey, Region: f.CopyRegion, Style: f.CopyStyle, CA: f.CopyCA, Encrypt: f.CopyEncrypt}
	if f.CopyEndpoint == "" {
		c.objectSettings = first
		c.AccessKey, c.SecretKey = or(f.CopyAccessKey, first.AccessKey), or(f.CopySecretKey, first.SecretKey)
	}
	c.Name, c.Places = c.Endpoint, []bucketPrefix{{Bucket: f.CopyBucket}}
	c.check(p, "SPEECHQA_COPY")
	for _, place := range first.Places {
		if c.Endpoint == first.Endpoint && place.Bucket == f.CopyBucket {
			p.add("SPEECHQA_COPY_BUCKET", "%q holds the recordings themselves: a second copy needs another bucket, better in another place", f.CopyBucket)
		}
	}
	return c
}

// addCopies adds what makes the second copies and locks them as the recordings are; without a second store, a loud word.
func (s *system) addCopies(keep custodySettings) {
	if s.second == nil {
		s.log.Error("THERE IS NO SECOND COPY: recordings are in one store only. Set SPEECHQA_COPY_BUCKET, or SPEECHQA_COPY_DIR with --embedded (docs/custody.md)")
		return
	}
	c := s.Copies
	if c.Endpoint == s.Objects.Endpoint {
		s.log.Warn("the second copies are in the first store, in another bucket: what takes the store takes both", "bucket", c.bucket())
	}
	copier := &custody.Copier{Store: s.store, From: s.objects, Second: s.second, Name: c.Name, Bucket: c.bucket(), AtOnce: c.AtOnce, Log: s.log}
	s.add("second copies", func(ctx context.Context) error { copier.Run(ctx); return nil })
	keeper := &custody.Keeper{Store: postgres.CopyKeeping{Store: s.store}, Objects: s.second, Buckets: []string{c.bucket()}, Mode: keep.Mode,
		Of: "second copies", Log: s.log}
	s.add("custody of second copies", func(ctx context.Context) error { keeper.Run(ctx); return nil })
}

// writeCopyAlarm warns where recordings have no second copy to rely on.
func writeCopyAlarm(w io.Writer, c postgres.CopyStanding) {
	switch c.Alarm() {
	case postgres.CopiesNone:
		since := ""
		if c.Store != "" {
			since = fmt.Sprintf(" The last one, to %s in %s, was there at %s.", c.Bucket, c.Store, c.SeenAt.UTC().Format(time.RFC3339))
		}
		fmt.Fprintf(w, "WARNING: NO SECOND COPY: no worker is there that copies recordings to a second store (docs/custody.md).%s\n", since)
	case postgres.CopiesAway:
		fmt.Fprintf(w, "WARNING: recordings are not copied: %s\n", c.Problem)
	case postgres.CopiesUnlocked:
		fmt.Fprintf(w, "WARNING: the second copies' bucket %s in %s has no object lock: copies can be deleted or overwritten before their date (docs/custody.md)\n", c.Bucket, c.Store)
	}
}

// writeCopies says how far the second copies have come.
func writeCopies(w io.Writer, c postgres.CopyStanding) {
	if c.Store == "" {
		return // there is a warning already
	}
	fmt.Fprintf(w, "without a second copy\t%d", c.Waiting+c.Stuck)
	if c.Waiting > 0 {
		fmt.Fprintf(w, " (the first for %s)", c.Lag().Round(time.Second))
	}
	if c.Stuck > 0 {
		fmt.Fprintf(w, " (%d cannot be copied: see retention report)", c.Stuck)
	}
	fmt.Fprintln(w)
}
