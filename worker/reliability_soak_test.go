//go:build soak

package worker_test

import (
	"os"
	"strconv"
	"testing"
	"time"
)

// setting reads a number that make soak may be given.
func setting(t *testing.T, name string, standard int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return standard
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

func TestSoak(t *testing.T) {
	disturb(t, size{Seed: uint64(setting(t, "SEED", 1)), Recordings: setting(t, "RECORDINGS", 400), Processes: setting(t, "PROCESSES", 4),
		Kills: setting(t, "KILLS", 200), Away: time.Duration(setting(t, "AWAY", 60)) * time.Second, Takes: 50 * time.Millisecond, Limit: 30 * time.Minute})
}
