package custody

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/speechqa/speechqa/pipeline"
)

// CopyTask is a recording whose copy is to be made, claimed by one attempt.
type CopyTask struct {
	ID      string // recording
	Object  pipeline.Object
	SHA256  string // first taken of it, hex; empty: nobody has read it yet
	Attempt int64  // fencing token
	Tries   int    // this one included
}

// CopyStore is what the copier needs of the database.
type CopyStore interface {
	// UseSecondStore says which store copies are in now. Where it is another than before every copy is due again.
	UseSecondStore(ctx context.Context, store, bucket string) (again int64, err error)
	// SecondStoreSeen notes that a copier lives, and whether the store answers: "" where it does.
	SecondStoreSeen(ctx context.Context, store, bucket, problem string) error
	// ClaimCopy takes a recording that is due and that no living attempt has: what came in just now first, then what
	// has waited for longest. ok is false where none is.
	ClaimCopy(ctx context.Context) (t CopyTask, ok bool, err error)
	// CopyAlive tells that the attempt goes on; ErrFenced where another has taken over.
	CopyAlive(ctx context.Context, t CopyTask) error
	// CopyDone notes a copy that was read back. A different first SHA-256, taken meanwhile, is ErrBadCopy.
	CopyDone(ctx context.Context, t CopyTask, to pipeline.Object, sha256 string) error
	// CopyFailed gives the task back. Stuck: it can only be copied after somebody has looked after it.
	CopyFailed(ctx context.Context, t CopyTask, problem string, stuck bool) error
}

// CopyLease is how long an attempt counts as alive after its last heartbeat.
const CopyLease = time.Minute

const (
	copyBeat  = CopyLease / 4
	copyEvery = 2 * time.Second  // between two looks for what is due
	seenEvery = 20 * time.Second // between two notes that the copier lives
)

// Copier makes the second copies. Any number of them, in any number of processes, share the work.
type Copier struct {
	Store  CopyStore
	From   Opener
	Second Second
	Name   string // of the second store: its address, or the directory of an embedded one
	Bucket string // in the second store
	AtOnce int    // copies made at a time; 0 is 4
	Log    *slog.Logger

	known   bool        // the database was told of the second store
	away    string      // why the second store did not answer when it was last asked; empty: it did
	seen    time.Time   // when the database was last told that this copier lives
	trouble atomic.Bool // a copy went wrong: the second store is to be asked before the next
}

// Run copies until ctx ends; copies under way are cut off and given back. Errors are logged and tried again.
func (c *Copier) Run(ctx context.Context) {
	tick := time.NewTicker(copyEvery)
	defer tick.Stop()
	slots := make(chan struct{}, pick(c.AtOnce, 4))
	var running sync.WaitGroup
	defer running.Wait()
	for {
		if c.ready(ctx) {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return
			}
			t, ok, err := c.Store.ClaimCopy(ctx)
			if err != nil && ctx.Err() == nil {
				c.Log.Error("what is to be copied cannot be read", "error", err)
			}
			if ok {
				running.Go(func() {
					defer func() { <-slots }()
					c.one(ctx, t)
				})
				continue
			}
			<-slots
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// ready says whether the second store answers, and keeps the database told of it: while it is away nothing is
// claimed, so that an outage does not wear out every recording's tries.
func (c *Copier) ready(ctx context.Context) bool {
	if !c.known {
		again, err := c.Store.UseSecondStore(ctx, c.Name, c.Bucket)
		if err != nil {
			if ctx.Err() == nil {
				c.Log.Error("the database cannot be told of the second store", "error", err)
			}
			return false
		}
		if c.known = true; again > 0 {
			c.Log.Warn("the second store is another than before: every recording is copied to it", "store", c.Name, "bucket", c.Bucket, "recordings", again)
		}
	}
	trouble := c.trouble.Swap(false)
	if c.away == "" && !trouble && time.Since(c.seen) < seenEvery {
		return true
	}
	was := c.away
	c.away = c.ask(ctx)
	if ctx.Err() != nil {
		return false
	}
	switch {
	case c.away != "" && was == "":
		c.Log.Error("the second store does not answer: recordings have only one copy until it does", "store", c.Name, "bucket", c.Bucket, "problem", c.away)
	case c.away == "" && was != "":
		c.Log.Info("the second store answers again", "store", c.Name, "bucket", c.Bucket)
	}
	if err := c.Store.SecondStoreSeen(ctx, c.Name, c.Bucket, c.away); err != nil {
		c.Log.Error("how the second store stands cannot be noted", "error", err)
	}
	c.seen = time.Now()
	return c.away == "" && !trouble // a pause after what went wrong, whoever's fault it was
}

// ask says in a sentence why the second store is of no use now, or "".
func (c *Copier) ask(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	switch ok, err := c.Second.BucketExists(ctx, c.Bucket); {
	case err != nil:
		return "the second store does not answer: " + err.Error()
	case !ok:
		return "the second store has no bucket " + c.Bucket
	}
	return ""
}

// one makes one copy and notes what became of it.
func (c *Copier) one(ctx context.Context, t CopyTask) {
	work, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var beating sync.WaitGroup
	beating.Go(func() { c.beat(work, cancel, t) })
	to, sum, err := c.copy(work, t)
	cancel(nil)
	beating.Wait()
	// What became of it is noted even when this process is stopping.
	note, done := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer done()
	if err == nil {
		err = c.Store.CopyDone(note, t, to, sum)
	}
	if err == nil || errors.Is(err, ErrFenced) || errors.Is(context.Cause(work), ErrFenced) {
		return
	}
	problem, stuck := err.Error(), errors.Is(err, pipeline.ErrGone) || errors.Is(err, ErrBadCopy)
	if ctx.Err() != nil {
		problem = "interrupted" // no fault of anybody's
	} else {
		c.trouble.Store(true)
		c.Log.Error("a recording could not be copied", "recording", t.ID, "key", t.Object.Key, "tries", t.Tries, "error", err)
	}
	if err := c.Store.CopyFailed(note, t, problem, stuck); err != nil && !errors.Is(err, ErrFenced) {
		c.Log.Error("that a copy failed cannot be noted", "recording", t.ID, "error", err)
	}
}

// beat tells the database that the attempt lives, and ends it where another has taken over.
func (c *Copier) beat(ctx context.Context, cancel context.CancelCauseFunc, t CopyTask) {
	tick := time.NewTicker(copyBeat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := c.Store.CopyAlive(ctx, t); errors.Is(err, ErrFenced) {
			cancel(err)
			return
		}
	}
}

// copy makes the copy and reads it back. What counts is only what came back. The error wraps pipeline.ErrGone where
// the recording is gone, and ErrBadCopy where it is not what was taken in.
func (c *Copier) copy(ctx context.Context, t CopyTask) (to pipeline.Object, sum string, err error) {
	key := CopyKey(t.Object)
	if to, sum, err = c.left(ctx, t, key); err != nil || sum != "" {
		return to, sum, err
	}
	if t.Tries > 1 {
		if err := c.Second.DropParts(ctx, c.Bucket, key); err != nil {
			return to, "", err
		}
	}
	if to, sum, err = c.send(ctx, t, key); err != nil {
		return to, "", err
	}
	back, err := HashOf(ctx, c.Second, to)
	switch {
	case errors.Is(err, pipeline.ErrGone): // not the recording's being gone
		return to, "", fmt.Errorf("the second store has not what it was given: %v", err)
	case err != nil:
		return to, "", fmt.Errorf("read the copy back: %w", err)
	case back != sum:
		return to, "", fmt.Errorf("the second store gave back other bytes than it was given: SHA-256 %s, not %s", back, sum)
	}
	return to, sum, nil
}

// left takes over what an attempt that was cut off had written already, where that is whole; otherwise sum is "".
func (c *Copier) left(ctx context.Context, t CopyTask, key string) (to pipeline.Object, sum string, err error) {
	if t.SHA256 == "" {
		return to, "", nil // nothing to measure it by
	}
	to, err = c.Second.Stat(ctx, c.Bucket, key)
	switch {
	case errors.Is(err, pipeline.ErrGone):
		return to, "", nil
	case err != nil:
		return to, "", err
	case to.Size != t.Object.Size:
		return to, "", nil
	}
	sum, err = HashOf(ctx, c.Second, to)
	switch {
	case errors.Is(err, pipeline.ErrGone) || errors.Is(err, ErrDiffers) || err == nil && sum != t.SHA256:
		return to, "", nil
	case err != nil:
		return to, "", err
	}
	return to, sum, nil
}

// send writes the recording to the second store and hashes what it reads.
func (c *Copier) send(ctx context.Context, t CopyTask, key string) (to pipeline.Object, sum string, err error) {
	body, err := c.From.Open(ctx, t.Object)
	if err != nil {
		return to, "", fmt.Errorf("read the recording: %w", err)
	}
	defer body.Close()
	h := sha256.New()
	from := &source{Reader: io.TeeReader(body, h)}
	to, err = c.Second.PutStream(ctx, c.Bucket, key, from, t.Object.Size)
	if from.err == nil && err == nil {
		_, err = io.Copy(io.Discard, from) // to its end, where the first store's checksum is compared
	}
	switch {
	case errors.Is(from.err, ErrDiffers):
		return to, "", fmt.Errorf("%w: the recording's bytes do not fit its store's own checksum", ErrBadCopy)
	case from.err != nil:
		return to, "", fmt.Errorf("read the recording: %w", from.err)
	case err != nil:
		return to, "", fmt.Errorf("write to the second store: %v", err) // its bucket's being gone is not the recording's
	}
	if sum = hex.EncodeToString(h.Sum(nil)); t.SHA256 != "" && sum != t.SHA256 {
		return to, "", fmt.Errorf("%w: the recording's SHA-256 is not the one first taken of it", ErrBadCopy)
	}
	return to, sum, nil
}

// source remembers what went wrong in reading: it is the first store's fault, not the second's.
type source struct {
	io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}
