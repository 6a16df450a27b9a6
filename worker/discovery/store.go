// Package discovery finds recordings in buckets: by listing, which misses nothing, and by notifications, which
// are fast. Whatever is found becomes a row; the worker's reconciler turns rows into tasks.
package discovery

import (
	"context"
	"io"

	"github.com/speechqa/speechqa/pipeline"
)

// Store keeps what was found.
type Store interface {
	// Discover makes rows (state discovered) of what has none yet and returns how many. An object with a known
	// bucket, key and version (version id, or ETag where the bucket has none) changes nothing; another version
	// under the same key is a new recording. Two callers at once make one row.
	Discover(ctx context.Context, found []pipeline.Found) (int, error)
	// Known says which of the objects have a row already, in their order.
	Known(ctx context.Context, objects []pipeline.Object) ([]bool, error)
	// Cursor and SetCursor keep how far a listing has come; "" is the beginning.
	Cursor(ctx context.Context, bucket, prefix string) (string, error)
	SetCursor(ctx context.Context, bucket, prefix, after string) error
	// Lead is as in worker.Store.
	Lead(ctx context.Context, name string, f func(ctx context.Context) error) (bool, error)
}

// Bucket lists and reads objects.
type Bucket interface {
	// List returns up to limit objects of the bucket below prefix with keys after the given one, in the order
	// of their keys. Fewer than limit means that the end was reached.
	List(ctx context.Context, bucket, prefix, after string, limit int) ([]pipeline.Object, error)
	// Stat returns the object with its user metadata and tags; a missing one wraps pipeline.ErrGone.
	Stat(ctx context.Context, bucket, key string) (pipeline.Object, error)
	// Open returns the object's stream.
	Open(ctx context.Context, o pipeline.Object) (io.ReadCloser, error)
}
