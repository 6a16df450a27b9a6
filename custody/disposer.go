package custody

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/time/rate"

	"github.com/speechqa/speechqa/pipeline"
)

// DisposerStore is what the disposer needs of the database.
type DisposerStore interface {
	// NextDisposals gives up to limit recordings of approved batches that have a step to go, those under way first, but
	// not those to be skipped; of one batch only where only is not empty.
	NextDisposals(ctx context.Context, only string, skip []string, limit int) ([]DisposalItem, error)
	// SetAside leaves an item that has not been begun where it is, for the reasons.
	SetAside(ctx context.Context, it DisposalItem, reasons Objections) error
	// Tombstone sets the tombstone of an item; Objections where something stands against it.
	Tombstone(ctx context.Context, it DisposalItem) error
	// DestroyObject calls destroy and notes it, while nobody can place a hold. Where the recording is to be kept by now it
	// asks there whether the object is there still: the tombstone is made void then, and the error is ErrHeld.
	DestroyObject(ctx context.Context, it DisposalItem, there func(context.Context) (bool, error), destroy func(context.Context) error) error
	// DestroyCopy calls destroy and notes it, while nobody can place a hold; ErrHeld where one is there.
	DestroyCopy(ctx context.Context, it DisposalItem, destroy func(context.Context) error) error
	// Erase takes away what was said and written about a destroyed recording; ErrHeld where it is to be kept.
	Erase(ctx context.Context, it DisposalItem) error
	// DisposalProblem notes why an item's step failed; it is tried again.
	DisposalProblem(ctx context.Context, it DisposalItem, problem string) error
	// LapseDisposals ends proposals that nobody approved in time.
	LapseDisposals(ctx context.Context) error
	// EndDisposals ends batches of which nothing is left to do: sign makes the signature over their records. It returns
	// how many ended.
	EndDisposals(ctx context.Context, sign func(DisposalRecord) (record, signature string, err error)) (int, error)
	// Lead is as in worker.Store.
	Lead(ctx context.Context, name string, f func(ctx context.Context) error) (bool, error)
}

// Destroyer removes versions of objects.
type Destroyer interface {
	// Remove removes that very version; one that is gone is no error.
	Remove(ctx context.Context, o pipeline.Object) error
	// RemoveAll removes every version of the object under a key; one that is gone is no error.
	RemoveAll(ctx context.Context, bucket, key string) error
	// Kept says how a version is kept; one that is gone wraps pipeline.ErrGone.
	Kept(ctx context.Context, o pipeline.Object) (Kept, error)
}

// CopyVerifier reads a recording's second copy again; ErrNoCopy and ErrBadCopy say that there is none that counts.
type CopyVerifier interface {
	VerifyCopy(ctx context.Context, recording string) (Copy, error)
}

// Signer signs records of disposal.
type Signer interface {
	Sign(message []byte, comment string) []byte
}

// Moment is a point on an item's way, for those who watch.
type Moment string

// Moments, in their order. Between any two of them the process may end.
const (
	MomentVerified      Moment = "copy verified"
	MomentTombstone     Moment = "tombstone set"
	MomentObjectRemoved Moment = "object removed"
	MomentObjectNoted   Moment = "object noted as gone"
	MomentCopyRemoved   Moment = "copy removed"
	MomentCopyNoted     Moment = "copy noted as gone"
	MomentErased        Moment = "texts erased"
	MomentEnded         Moment = "record signed"
)

// Moments are all of them.
var Moments = []Moment{MomentVerified, MomentTombstone, MomentObjectRemoved, MomentObjectNoted, MomentCopyRemoved, MomentCopyNoted, MomentErased, MomentEnded}

// Disposer destroys what was approved, in the off-peak window. It may be cut off at any point and goes on from there.
type Disposer struct {
	Store   DisposerStore
	Objects Destroyer
	Copies  CopyVerifier // nil: nothing is destroyed
	Second  Destroyer    // where the copies are
	Key     Signer       // nil: nothing is destroyed
	Window  Window
	Rate    float64                    // recordings a second; 0 is no limit
	Watch   func(Moment, DisposalItem) // may be nil
	Log     *slog.Logger
}

const (
	disposalBatch = 50
	disposalEvery = time.Minute // between two looks for what was approved
	// disposalFailures end a run: the store is away, or refuses.
	disposalFailures = 25
)

// Run destroys what is approved whenever the window is open, until ctx ends. Errors are logged and tried again.
func (d *Disposer) Run(ctx context.Context) {
	tick := time.NewTicker(disposalEvery)
	defer tick.Stop()
	for {
		if err := d.Store.LapseDisposals(ctx); err != nil && ctx.Err() == nil {
			d.Log.Error("proposals of disposal that have lapsed", "error", err)
		}
		if err := d.Once(ctx, ""); err != nil && ctx.Err() == nil && !errors.Is(err, ErrOutOfWindow) && !errors.Is(err, ErrElsewhere) {
			d.Log.Error("disposal", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Once destroys what is approved, or only one batch of it, until nothing is left or the window ends. Of several processes
// one does it, for the others it is ErrElsewhere. ErrOutOfWindow where the window is shut; ErrNoSigner and ErrNoSecond where there is something to do and no
// key, or no second store.
func (d *Disposer) Once(ctx context.Context, only string) error {
	until, open := d.Window.Open(time.Now())
	if !open {
		return fmt.Errorf("%w: %s", ErrOutOfWindow, d.Window)
	}
	within, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	ours, err := d.Store.Lead(within, "speechqa disposal", func(ctx context.Context) error { return d.all(ctx, only) })
	if err == nil && !ours {
		return ErrElsewhere
	}
	if ctx.Err() == nil && (within.Err() != nil || errors.Is(err, errOver)) {
		d.Log.Info("the off-peak window is over: the disposal goes on in the next one", "window", d.Window.String())
		return nil
	}
	return err
}

var errOver = errors.New("the window is over")

func (d *Disposer) all(ctx context.Context, only string) error {
	limit := rate.NewLimiter(rate.Inf, 1)
	if d.Rate > 0 {
		limit.SetLimit(rate.Limit(d.Rate))
	}
	var skip []string // what failed in this run
	for {
		items, err := d.Store.NextDisposals(ctx, only, skip, disposalBatch)
		if err != nil {
			return fmt.Errorf("read what is to be destroyed: %w", err)
		}
		switch {
		case len(items) > 0 && d.Key == nil:
			return ErrNoSigner
		case len(items) > 0 && (d.Copies == nil || d.Second == nil):
			return ErrNoSecond
		}
		if len(items) == 0 {
			break
		}
		for _, it := range items {
			if limit.Wait(ctx) != nil {
				return errOver // the next one's turn would come too late
			}
			err := d.item(ctx, it)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err == nil {
				continue
			}
			skip = append(skip, it.Recording)
			if !errors.Is(err, ErrHeld) {
				d.Log.Error("a step of a disposal failed", "disposal", it.Disposal, "recording", it.Recording, "error", err)
			}
			if err := d.Store.DisposalProblem(ctx, it, err.Error()); err != nil {
				return fmt.Errorf("note what went wrong: %w", err)
			}
			if len(skip) >= disposalFailures {
				return fmt.Errorf("%d recordings could not be destroyed, the last: %w", len(skip), err)
			}
		}
	}
	if d.Key == nil {
		return nil
	}
	n, err := d.Store.EndDisposals(ctx, d.sign)
	if err != nil {
		return fmt.Errorf("end disposals: %w", err)
	}
	if n > 0 {
		d.reached(MomentEnded, DisposalItem{})
	}
	return nil
}

// item takes one recording through the steps that are left. What stays is no error.
func (d *Disposer) item(ctx context.Context, it DisposalItem) error {
	for it.State != ItemDone {
		next, err := d.step(ctx, it)
		if err != nil || next == ItemStays {
			return err
		}
		it.State = next
	}
	return nil
}

// step takes one step. Each is whole in the database, and can be repeated where the process ended in between.
func (d *Disposer) step(ctx context.Context, it DisposalItem) (ItemState, error) {
	switch it.State {
	case ItemWaiting:
		return d.begin(ctx, it)
	case ItemTombstoned:
		err := d.Store.DestroyObject(ctx, it, func(ctx context.Context) (bool, error) {
			_, err := d.Objects.Kept(ctx, it.Object)
			if errors.Is(err, pipeline.ErrGone) {
				return false, nil
			}
			return err == nil, err
		}, func(ctx context.Context) error {
			if err := d.Objects.Remove(ctx, it.Object); err != nil {
				return fmt.Errorf("the store did not destroy the object: %w", err)
			}
			for _, o := range it.Former {
				if err := d.Objects.Remove(ctx, o); err != nil {
					return fmt.Errorf("the store did not destroy a damaged version of the object: %w", err)
				}
			}
			d.reached(MomentObjectRemoved, it)
			if it.Sidecar == "" {
				return nil
			}
			if err := d.Objects.RemoveAll(ctx, it.Object.Bucket, it.Sidecar); err != nil {
				return fmt.Errorf("the store did not destroy the metadata beside the object: %w", err)
			}
			return nil
		})
		if errors.Is(err, ErrHeld) {
			return ItemStays, nil
		}
		return d.arrived(ItemObjectGone, MomentObjectNoted, it, err)
	case ItemObjectGone:
		err := d.Store.DestroyCopy(ctx, it, func(ctx context.Context) error {
			if err := d.Second.RemoveAll(ctx, it.Copy.Bucket, it.Copy.Key); err != nil {
				return fmt.Errorf("the second store did not destroy the copy: %w", err)
			}
			d.reached(MomentCopyRemoved, it)
			return nil
		})
		return d.arrived(ItemCopyGone, MomentCopyNoted, it, err)
	case ItemCopyGone:
		return d.arrived(ItemDone, MomentErased, it, d.Store.Erase(ctx, it))
	}
	return "", fmt.Errorf("no step leads on from %q", it.State)
}

func (d *Disposer) arrived(next ItemState, m Moment, it DisposalItem, err error) (ItemState, error) {
	if err == nil {
		d.reached(m, it)
	}
	return next, err
}

// begin reads the second copy again and sets the tombstone, or leaves the recording where it is.
func (d *Disposer) begin(ctx context.Context, it DisposalItem) (ItemState, error) {
	if it.Lapsed {
		return ItemStays, d.Store.SetAside(ctx, it, Objections{ObjectionLapsed})
	}
	_, err := d.Copies.VerifyCopy(ctx, it.Recording)
	if errors.Is(err, ErrNoCopy) || errors.Is(err, ErrBadCopy) {
		return ItemStays, d.Store.SetAside(ctx, it, Objections{ObjectionCopy})
	}
	if err != nil {
		return "", fmt.Errorf("the second copy cannot be read: %w", err)
	}
	d.reached(MomentVerified, it)
	err = d.Store.Tombstone(ctx, it)
	var against Objections
	if errors.As(err, &against) {
		return ItemStays, d.Store.SetAside(ctx, it, against)
	}
	return d.arrived(ItemTombstoned, MomentTombstone, it, err)
}

func (d *Disposer) reached(m Moment, it DisposalItem) {
	if d.Watch != nil {
		d.Watch(m, it)
	}
}

// sign writes a record as it is stored, and its signature.
func (d *Disposer) sign(r DisposalRecord) (record, signature string, err error) {
	if err := r.Check(); err != nil {
		return "", "", fmt.Errorf("disposal %s cannot be put on record: %w", r.Disposal, err)
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return "", "", fmt.Errorf("write the disposal's record: %w", err)
	}
	b = append(b, '\n')
	return string(b), string(d.Key.Sign(b, fmt.Sprintf("%s of %s, %d recordings", RecordFormat, r.EndedAt.Format(time.RFC3339), len(r.Destroyed)))), nil
}
