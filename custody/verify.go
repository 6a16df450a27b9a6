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

// ErrUnreadable says that the store answers, but not with this object: it found out by itself that it is damaged.
var ErrUnreadable = errors.New("the store failed at this object")

// What may be wrong with an object.
const (
	ProblemUnread  = "the store cannot give the object, though it answers otherwise: damaged on its disk"
	ProblemGone    = "the object is gone from the store"
	ProblemDamaged = "the object is damaged: its bytes do not fit the store's own checksum"
	ProblemOther   = "the object's SHA-256 is not the one first taken of it"
)

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
	Examiner
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
	sum, problem, err := Examine(ctx, v.Objects, c.Object, c.SHA256)
	if out.Problem = problem; err != nil || sum == "" {
		return out, err
	}
	if c.SHA256 == "" {
		out.SHA256 = sum
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

// Examiner is a store whose objects are read to find out whether they are well.
type Examiner interface {
	Opener
	BucketExists(ctx context.Context, bucket string) (bool, error)
}

// unreadAgain is how long an object that could not be read is left before it is read once more.
const unreadAgain = time.Second

// Examine reads an object to its end and says in a sentence what is wrong with it, or "". want is the SHA-256 it should
// have, empty where that is not known; sum is the one it has, empty where it could not be read. An error is the store's,
// not the object's: it cannot be reached, or breaks off elsewhere, too.
func Examine(ctx context.Context, from Examiner, o pipeline.Object, want string) (sum, problem string, err error) {
	for again := false; ; again = true {
		sum, err = HashOf(ctx, from, o)
		switch {
		case errors.Is(err, pipeline.ErrGone):
			return "", ProblemGone, nil
		case errors.Is(err, ErrDiffers):
			return "", ProblemDamaged, nil
		case err == nil && want != "" && sum != want:
			return sum, ProblemOther, nil
		case err == nil:
			return sum, "", nil
		case ctx.Err() != nil || !errors.Is(err, ErrUnreadable) && !errors.Is(err, io.ErrUnexpectedEOF):
			return "", "", err
		}
		if again {
			// MinIO, say, answers so where its own checksum of the bytes on the disk does not fit.
			if ok, bucketErr := from.BucketExists(ctx, o.Bucket); bucketErr != nil || !ok {
				return "", "", err
			}
			return "", ProblemUnread, nil
		}
		select {
		case <-ctx.Done():
			return "", "", ctx.Err()
		case <-time.After(unreadAgain):
		}
	}
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
