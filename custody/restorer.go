package custody

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/speechqa/speechqa/pipeline"
)

// Errors about putting an object back that callers tell apart.
var (
	// ErrOccupied says that something else lies under the object's key, in a bucket without versions: to put the object
	// back would destroy it.
	ErrOccupied = errors.New("another object lies under its key, and the bucket keeps no versions: move that one away first")
	// ErrNotKept says that a recording is unknown, or destroyed by a disposal, or about to be.
	ErrNotKept = errors.New("there is no such recording, or a disposal destroyed it")
)

// Broken is a recording whose object may have to be put back.
type Broken struct {
	ID       string
	Object   pipeline.Object // with the metadata that was on it
	SHA256   string          // first taken of it, hex; empty: nobody ever read it
	Held     bool            // the store was told of a legal hold
	Problem  string          // as last noted
	Occupied bool            // in a bucket without versions, another recording's object is known under the same key
}

// Restoration is an object that is being put back, or was.
type Restoration struct {
	Broken
	To pipeline.Object
}

// RestoreStore is what the restorer needs of the database.
type RestoreStore interface {
	CopyLookup
	// Broken returns the recordings named, or where none is, up to limit of those with ids after the given one in whose
	// objects something was found to be wrong. ErrNotKept where one that is named is not kept.
	Broken(ctx context.Context, ids []string, after string, limit int) ([]Broken, error)
	// BeginRestore notes that the object is being put back, so that the new version is not taken for a new recording. A
	// restoration that was cut off is gone on with. ErrNotKept where the recording is not kept any more.
	BeginRestore(ctx context.Context, by Actor, b Broken) error
	// Restored notes the version that was put back and read again; its lock and hold are due from then on.
	Restored(ctx context.Context, by Actor, r Restoration) error
}

// FirstStore is where objects are put back.
type FirstStore interface {
	Examiner
	Stat(ctx context.Context, bucket, key string) (pipeline.Object, error)
	// PutBack writes an object of that many bytes with the metadata it had.
	PutBack(ctx context.Context, o pipeline.Object, r io.Reader) (pipeline.Object, error)
	Hold(ctx context.Context, o pipeline.Object, on bool) error
}

// Restorer puts objects that are gone or damaged back into the first store, from their second copies.
type Restorer struct {
	Store  RestoreStore
	First  FirstStore
	Second Opener
	By     Actor
}

// Each restores the recordings named, or where none is, all in whose objects something was found to be wrong, and
// tells of each one by itself: err is nil and well false where it was put back, well where nothing is wrong with it
// now. An error of the database ends it.
func (r *Restorer) Each(ctx context.Context, ids []string, tell func(b Broken, well bool, err error)) error {
	after := ""
	for {
		batch, err := r.Store.Broken(ctx, ids, after, verifyBatch)
		if err != nil {
			return err
		}
		for _, b := range batch {
			well, err := r.One(ctx, b)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			tell(b, well, err)
			after = b.ID
		}
		if len(ids) > 0 || len(batch) < verifyBatch {
			return nil
		}
	}
}

// One puts one object back, unless it is well after all. The second copy is read to its end first; what was put back is
// read to its end, too. Both have to have the SHA-256 first taken of the recording.
func (r *Restorer) One(ctx context.Context, b Broken) (well bool, err error) {
	if b.SHA256 == "" {
		return false, errors.New("nobody ever took its SHA-256: there is nothing to measure a copy by")
	}
	if _, b.Problem, err = Examine(ctx, r.First, b.Object, b.SHA256); err != nil {
		return false, fmt.Errorf("read the object: %w", err)
	}
	if b.Problem == "" {
		return true, nil
	}
	if err := r.free(ctx, b); err != nil {
		return false, err
	}
	copies := Copies{Store: r.Store, Second: r.Second}
	from, err := copies.VerifyCopy(ctx, b.ID)
	if err != nil {
		return false, err
	}
	if err := r.Store.BeginRestore(ctx, r.By, b); err != nil {
		return false, err
	}
	to, err := r.put(ctx, b, from)
	if err != nil {
		return false, fmt.Errorf("%w; give the command again", err)
	}
	if b.Held && to.VersionID != "" {
		// The hold is the right version's from now on; the damaged one is kept by its lock, and may go with the recording.
		if err := r.First.Hold(ctx, b.Object, false); err != nil && !errors.Is(err, pipeline.ErrGone) {
			return false, fmt.Errorf("end the damaged version's hold: %w; give the command again", err)
		}
	}
	return false, r.Store.Restored(ctx, r.By, Restoration{Broken: b, To: to})
}

// free says with ErrOccupied where to put the object back would destroy another.
func (r *Restorer) free(ctx context.Context, b Broken) error {
	if b.Object.VersionID != "" {
		return nil // another version
	}
	if b.Occupied {
		return ErrOccupied
	}
	switch now, err := r.First.Stat(ctx, b.Object.Bucket, b.Object.Key); {
	case errors.Is(err, pipeline.ErrGone):
	case err != nil:
		return err
	case now.ETag != b.Object.ETag:
		return ErrOccupied
	}
	return nil
}

// put writes the object, unless an attempt that was cut off has done so, and reads it again.
func (r *Restorer) put(ctx context.Context, b Broken, from Copy) (pipeline.Object, error) {
	if now, err := r.First.Stat(ctx, b.Object.Bucket, b.Object.Key); err == nil && now.Size == b.Object.Size {
		if sum, err := HashOf(ctx, r.First, now); err == nil && sum == b.SHA256 {
			return now, nil
		}
	}
	body, err := r.Second.Open(ctx, from.Object)
	if err != nil {
		return pipeline.Object{}, fmt.Errorf("read the second copy: %v", err)
	}
	defer body.Close()
	to, err := r.First.PutBack(ctx, b.Object, body)
	if errors.Is(err, ErrUnreadable) {
		return to, fmt.Errorf("the first store fails at everything under this key: have what is damaged on its disk healed or moved away by the store's own means (%w)", err)
	}
	if err != nil {
		return to, fmt.Errorf("write to the first store: %w", err)
	}
	switch sum, err := HashOf(ctx, r.First, to); {
	case err != nil:
		return to, fmt.Errorf("read what was put back: %w", err)
	case sum != b.SHA256:
		return to, fmt.Errorf("the first store gave back other bytes than it was given: SHA-256 %s, not %s", sum, b.SHA256)
	}
	return to, nil
}
