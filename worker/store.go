package worker

import (
	"context"
	"time"

	"github.com/speechqa/speechqa/pipeline"
)

// Store is what the worker needs of PostgreSQL, which is the truth, to keep Redis, which is only the queue,
// in step with it.
type Store interface {
	pipeline.Store
	// TakeBehind returns up to limit recordings that wait for a step (discovered: transcribe, transcribed:
	// inspect) and have not been put in the queue since the given time, urgent ones first and then the oldest,
	// and marks them as put in the queue now. Two callers never get the same recording. What waits for
	// pipeline.InspectAgain is not among them.
	TakeBehind(ctx context.Context, since time.Time, limit int) ([]pipeline.Due, error)
	// TakeDead returns up to limit recordings whose attempt died (no heartbeat within the lease) and that were not
	// put in the queue since, and marks them as put there now.
	TakeDead(ctx context.Context, limit int) ([]pipeline.Due, error)
	// Idle says which of the recordings wait for a step while no attempt at them is alive.
	Idle(ctx context.Context, ids []string) (map[string]bool, error)
	// WaitsAgain says whether something waits for pipeline.InspectAgain, and how many batches living workers are at.
	WaitsAgain(ctx context.Context) (waits bool, running int, err error)
	// ForgetQueued unmarks recordings that could not be put in the queue after all; without ids, every waiting
	// recording: the queue was lost.
	ForgetQueued(ctx context.Context, ids ...string) error
	// Lead calls f while this process alone holds the named advisory lock. It returns false at once, without
	// calling f, when somebody else holds it.
	Lead(ctx context.Context, name string, f func(ctx context.Context) error) (bool, error)
}
