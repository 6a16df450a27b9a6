package whisper

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/speechqa/speechqa/pipeline/audio"
)

// inParallel calls do for 0..n−1, at most width at a time, and stops at the first error.
func inParallel(ctx context.Context, width, n int, do func(ctx context.Context, i int) error) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(width)
	for i := range n {
		g.Go(func() error {
			if err := context.Cause(gctx); err != nil {
				return err
			}
			return do(gctx, i)
		})
	}
	return g.Wait()
}

// crashCount counts crashes in a row on one recording.
type crashCount struct {
	mu sync.Mutex
	n  int
}

func (c *crashCount) add() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	return c.n
}

func (c *crashCount) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n = 0
}

// progress returns a function to call after each window; it reports the share of speech heard.
func (t *Transcriber) progress(rec *audio.Recording, windows []window) func(window) {
	if t.opt.Progress == nil {
		return func(window) {}
	}
	total, done := 0.0, 0.0
	for _, w := range windows {
		total += w.length()
	}
	var mu sync.Mutex
	return func(w window) {
		mu.Lock()
		defer mu.Unlock()
		done += w.length()
		t.opt.Progress(rec, min(1, done/total))
	}
}
