package custody

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"time"

	"github.com/speechqa/speechqa/pipeline"
)

// Errors about second copies that callers tell apart.
var (
	// ErrNoCopy says that a recording has no second copy that was well when it was last read.
	ErrNoCopy = errors.New("the recording has no second copy")
	// ErrBadCopy says that a second copy is gone from its store, or not what was taken in.
	ErrBadCopy = errors.New("the second copy is not what was taken in")
	// ErrFenced says that another attempt has taken the work over.
	ErrFenced = errors.New("another attempt has taken over")
)

// Copy is the second copy of a recording's object.
type Copy struct {
	Recording   string
	Object      pipeline.Object // in the second store; Key is empty where there never was a copy
	First       string          // SHA-256 first taken of the recording, hex; empty until somebody has read it
	SHA256      string          // of the copy, as the second store gave it back
	CopiedAt    time.Time       // zero: never
	VerifiedAt  time.Time       // when it was last read and found well
	LockedUntil time.Time       // in the second store; zero: not locked
	Held        bool            // the second store was told of a legal hold
	Due         bool            // it is to be made, or made again: it does not count
	Problem     string          // a sentence; empty where nothing was wrong
}

// Second is the store in which the copies are.
type Second interface {
	Opener
	// Stat describes the object that is under the key now; a missing one wraps pipeline.ErrGone.
	Stat(ctx context.Context, bucket, key string) (pipeline.Object, error)
	// PutStream writes an object of that many bytes, keeping few of them in memory.
	PutStream(ctx context.Context, bucket, key string, r io.Reader, size int64) (pipeline.Object, error)
	// DropParts forgets what earlier attempts to write under the key left behind.
	DropParts(ctx context.Context, bucket, key string) error
	// BucketExists says whether the bucket is there and can be seen.
	BucketExists(ctx context.Context, bucket string) (bool, error)
}

// CopyLookup is what reading a copy again needs of the database.
type CopyLookup interface {
	// CopyOf gives a recording's copy; ErrNoCopy where the recording is unknown or there never was one.
	CopyOf(ctx context.Context, recording string) (Copy, error)
	// CopyRead notes what reading a copy brought: a problem has it made again, none is noted as verified. It changes
	// nothing where the copy is another one by now.
	CopyRead(ctx context.Context, c Copy, problem string) error
}

// Copies are the second copies of recordings, for reading.
type Copies struct {
	Store  CopyLookup
	Second Opener
}

// VerifyCopy reads the recording's second copy to its end and compares its SHA-256 with the first one taken of the
// recording. It returns the copy and nil only where both are the same now; ErrNoCopy and ErrBadCopy say that they are
// not, any other error that the store or the database did not answer. A copy that is bad is made again.
func (c *Copies) VerifyCopy(ctx context.Context, recording string) (Copy, error) {
	got, err := c.Store.CopyOf(ctx, recording)
	if err != nil {
		return got, err
	}
	if got.Due || got.First == "" {
		return got, fmt.Errorf("%w that counts: %s", ErrNoCopy, pick(got.Problem, "it is still to be made"))
	}
	problem, err := CheckCopy(ctx, c.Second, got)
	if err != nil {
		return got, err
	}
	if err := c.Store.CopyRead(ctx, got, problem); err != nil {
		return got, fmt.Errorf("note what the copy is like: %w", err)
	}
	if problem != "" {
		got.Problem = problem
		return got, fmt.Errorf("%w: %s", ErrBadCopy, problem)
	}
	got.VerifiedAt = time.Now()
	return got, nil
}

// CheckCopy reads a copy and says in a sentence what is wrong with it, or "". An error is the store's, not the copy's.
func CheckCopy(ctx context.Context, second Opener, c Copy) (problem string, err error) {
	sum, err := HashOf(ctx, second, c.Object)
	switch {
	case errors.Is(err, pipeline.ErrGone):
		return "the second copy is gone from its store", nil
	case errors.Is(err, ErrDiffers):
		return "the second copy is damaged: its bytes do not fit its store's own checksum", nil
	case err != nil:
		return "", err
	case sum != c.First:
		return "the second copy's SHA-256 is not the one first taken of the recording", nil
	}
	return "", nil
}

// CopyKey is the key of a copy in the second store's bucket. It names bucket, folder and version, so that no two
// versions share one, and what was in one folder stays together under its own name.
func CopyKey(o pipeline.Object) string {
	version := pick(o.VersionID, o.ETag)
	folder, name := path.Split(o.Key)
	return o.Bucket + "/" + folder + version + "/" + name
}
