//go:build !soak

package worker_test

import (
	"testing"
	"time"
)

// What `make soak` does for long, `make test` does for a moment.
func TestReliability(t *testing.T) {
	disturb(t, size{Seed: 1, Recordings: 30, Processes: 2, Kills: 6, Away: time.Second, Takes: 30 * time.Millisecond, Limit: 2 * time.Minute})
}
