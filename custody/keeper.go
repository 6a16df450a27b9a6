package custody

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/speechqa/speechqa/pipeline"
)

// KeeperStore is what the keeper needs of the database.
type KeeperStore interface {
	// DueCustody returns up to limit recordings of the buckets whose protection the store is to be told of.
	DueCustody(ctx context.Context, buckets []string, limit int) ([]Due, error)
	// DoneCustody notes what the store was told; a wish that changed meanwhile stays due.
	DoneCustody(ctx context.Context, done []Done) error
	// NoteBuckets keeps what was found out about the buckets.
	NoteBuckets(ctx context.Context, found []Bucket) error
	// Lead is as in worker.Store.
	Lead(ctx context.Context, name string, f func(ctx context.Context) error) (bool, error)
}

// Locker is a store that can lock versions of objects.
type Locker interface {
	Locking(ctx context.Context, bucket string) (Locking, error)
	// Retain locks the version until the moment, or extends its lock.
	Retain(ctx context.Context, o pipeline.Object, until time.Time, mode LockMode) error
	// Hold sets or ends the version's legal hold.
	Hold(ctx context.Context, o pipeline.Object, on bool) error
}

// Keeper tells the object store how long each recording is kept, and which are held.
type Keeper struct {
	Store   KeeperStore
	Objects Locker
	Buckets []string // where recordings lie
	Mode    LockMode
	Every   time.Duration // between two looks; 0 is 15 seconds
	Of      string        // what it keeps, for the log; "" is recordings
	Log     *slog.Logger
}

const (
	keeperBatch  = 200
	keeperAtOnce = 8
	// bucketsEvery is how often the buckets are looked at again: a lock that was not there at the start may be later.
	bucketsEvery = 10 * time.Minute
)

// Run keeps until ctx ends. Errors are logged and the next round tries again.
func (k *Keeper) Run(ctx context.Context) {
	tick := time.NewTicker(pick(k.Every, 15*time.Second))
	defer tick.Stop()
	var lockable []string
	var looked time.Time
	for {
		if time.Since(looked) > bucketsEvery {
			if found, err := k.Look(ctx); err != nil && ctx.Err() == nil {
				k.Log.Error("how the buckets are protected cannot be found out", "error", err)
			} else {
				lockable, looked = found, time.Now()
			}
		}
		if err := k.Once(ctx, lockable); err != nil && ctx.Err() == nil {
			k.Log.Error("locking in the store", "of", pick(k.Of, "recordings"), "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Look finds out how the buckets are protected, notes it, says loudly which are not, and returns those that are.
func (k *Keeper) Look(ctx context.Context) (lockable []string, err error) {
	var found []Bucket
	for _, name := range k.Buckets {
		l, err := k.Objects.Locking(ctx, name)
		if err != nil {
			return nil, err
		}
		found = append(found, Bucket{Name: name, Locking: l})
		if l.Locks {
			lockable = append(lockable, name)
			continue
		}
		k.Log.Error("THE BUCKET HAS NO OBJECT LOCK: "+pick(k.Of, "recordings")+" in it can be deleted or overwritten before their date. "+
			"Object lock can only be had from a bucket's first day: make another with it and move them there (docs/custody.md)", "bucket", name)
	}
	if err := k.Store.NoteBuckets(ctx, found); err != nil {
		return nil, fmt.Errorf("note the buckets' protection: %w", err)
	}
	return lockable, nil
}

// Once tells the store of everything that is due. Of several processes one does it.
func (k *Keeper) Once(ctx context.Context, buckets []string) error {
	if len(buckets) == 0 {
		return nil
	}
	_, err := k.Store.Lead(ctx, "speechqa custody "+k.Of, func(ctx context.Context) error {
		for {
			due, err := k.Store.DueCustody(ctx, buckets, keeperBatch)
			if err != nil {
				return fmt.Errorf("read what is to be locked: %w", err)
			}
			done := make([]Done, len(due))
			var g errgroup.Group
			g.SetLimit(keeperAtOnce)
			for i, d := range due {
				g.Go(func() error { done[i] = k.protect(ctx, d); return nil })
			}
			_ = g.Wait() // what goes wrong is in the results
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := k.Store.DoneCustody(ctx, done); err != nil {
				return fmt.Errorf("note what is locked: %w", err)
			}
			if len(due) < keeperBatch {
				return nil
			}
		}
	})
	return err
}

// protect tells the store of one recording.
func (k *Keeper) protect(ctx context.Context, d Due) Done {
	done := Done{Due: d, LockedUntil: d.LockedUntil, Mode: k.Mode, HeldThere: d.HeldThere}
	var errs []error
	if d.LockedUntil.Before(d.RetainUntil) && time.Now().Before(d.RetainUntil) {
		if err := k.Objects.Retain(ctx, d.Object, ceil(d.RetainUntil), k.Mode); err != nil {
			errs = append(errs, err)
		} else {
			done.LockedUntil = d.RetainUntil
		}
	}
	if d.Held != d.HeldThere {
		if err := k.Objects.Hold(ctx, d.Object, d.Held); err != nil {
			errs = append(errs, err)
		} else {
			done.HeldThere = d.Held
		}
	}
	if err := errors.Join(errs...); err != nil {
		done.Problem, done.Again = "the store did not lock it: "+err.Error(), true
		if errors.Is(err, pipeline.ErrGone) {
			done.Problem, done.Again = ProblemGone, false
		}
		if ctx.Err() == nil {
			k.Log.Error("locking in the store", "of", pick(k.Of, "recordings"), "recording", d.ID, "key", d.Object.Key, "error", err)
		}
	}
	return done
}

// ceil is the next whole second: stores keep no fractions, and the lock may not end early.
func ceil(t time.Time) time.Time { return t.Add(time.Second - 1).Truncate(time.Second) }

func pick[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}
