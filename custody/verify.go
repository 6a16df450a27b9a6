package custody

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/speechqa/speechqa/pipeline"
)

// ErrDiffers says that an object's bytes are not those that the store's own checksum is of.
var ErrDiffers = errors.New("the bytes that came are not the object's")

// Run is a pass over recordings that may be interrupted and goes on where it was.
type Run struct {
	ID      int64
	Total   int64 // recordings to check
	Checked int64
	Bad     int64
	After   string // id of the last one checked
	Resumed bool
}

// Check is a recording whose object is to be read.
type Check struct {
	ID          string
	Object      pipeline.Object
	SHA256      string    // hex; empty: to be taken now
	LockedUntil time.Time // as the store is thought to know; zero: not locked
}

// Checked is what reading an object brought.
type Checked struct {
	Check
	Problem string // a sentence; empty where all is as it was
	Relock  bool   // the store has not the lock it confirmed once
}

// VerifyStore is what the verifier needs of the database.
type VerifyStore interface {
	// BeginVerify goes on with the last unfinished run, or where there is none, or fresh is set, starts one over so
	// many recordings chosen at random; 0 is all.
	BeginVerify(ctx context.Context, sample int64, fresh bool) (Run, error)
	// NextToVerify returns the next recordings of the run, at most limit.
	NextToVerify(ctx context.Context, r Run, limit int) ([]Check, error)
	// Verified notes results and moves the run on behind them; finished ends it.
	Verified(ctx context.Context, r Run, results []Checked) (Run, error)
}

// Reader gives the bytes of an object and how it is kept.
type Reader interface {
	Open(ctx context.Context, o pipeline.Object) (io.ReadCloser, error)
	Kept(ctx context.Context, o pipeline.Object) (Kept, error)
}

// Verifier reads objects against the SHA-256 first taken of them.
type Verifier struct {
	Store   VerifyStore
	Objects Reader
	AtOnce  int                  // objects read at a time; 0 is 4
	Observe func(Run, []Checked) // told after every batch; may be nil
	Sample  int64                // 0: all
	Fresh   bool                 // start anew instead of going on with an unfinished run
}

// verifyBatch is how many recordings are read between two notes of how far a run has come.
const verifyBatch = 50

// Run checks until everything is checked or ctx ends; a store that cannot be reached ends it, too, and it can be
// gone on with.
func (v *Verifier) Run(ctx context.Context) (Run, error) {
	r, err := v.Store.BeginVerify(ctx, v.Sample, v.Fresh)
	if err != nil {
		return r, err
	}
	for {
		batch, err := v.Store.NextToVerify(ctx, r, verifyBatch)
		if err != nil {
			return r, err
		}
		results := make([]Checked, len(batch))
		g, gctx := errgroup.WithContext(ctx)
		g.SetLimit(pick(v.AtOnce, 4))
		for i, c := range batch {
			g.Go(func() (err error) { results[i], err = v.check(gctx, c); return err })
		}
		if err := g.Wait(); err != nil {
			return r, err
		}
		if r, err = v.Store.Verified(ctx, r, results); err != nil {
			return r, err
		}
		if v.Observe != nil {
			v.Observe(r, results)
		}
		if r.Checked >= r.Total || len(batch) == 0 {
			return r, nil
		}
	}
}

// check reads one object; an error is the store's, not the object's.
func (v *Verifier) check(ctx context.Context, c Check) (Checked, error) {
	out := Checked{Check: c}
	sum, err := HashOf(ctx, v.Objects, c.Object)
	switch {
	case errors.Is(err, pipeline.ErrGone):
		out.Problem = "the object is gone from the store"
		return out, nil
	case errors.Is(err, ErrDiffers):
		out.Problem = "the object is damaged: its bytes do not fit the store's own checksum"
		return out, nil
	case err != nil:
		return out, err
	case c.SHA256 == "":
		out.SHA256 = sum
	case c.SHA256 != sum:
		out.Problem = "the object's SHA-256 is not the one first taken of it"
	}
	if !c.LockedUntil.IsZero() && time.Now().Before(c.LockedUntil) {
		kept, err := v.Objects.Kept(ctx, c.Object)
		if err != nil {
			return out, err
		}
		out.Relock = kept.Until.Before(c.LockedUntil.Truncate(time.Second))
	}
	return out, nil
}

// Opener gives the bytes of an object.
type Opener interface {
	Open(ctx context.Context, o pipeline.Object) (io.ReadCloser, error)
}

// HashOf reads an object to its end and returns its SHA-256, hex.
func HashOf(ctx context.Context, from Opener, o pipeline.Object) (string, error) {
	body, err := from.Open(ctx, o)
	if err != nil {
		return "", err
	}
	defer body.Close()
	h := sha256.New()
	if _, err := io.Copy(h, body); err != nil {
		return "", fmt.Errorf("read %s/%s: %w", o.Bucket, o.Key, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
