package web

import (
	"strings"
	"sync"
	"time"
)

// Lock-out: after freeAttempts wrong passwords a name must wait, twice as long after each further one.
const (
	freeAttempts = 5
	firstWait    = 30 * time.Second
	longestWait  = 15 * time.Minute
	maxNames     = 10_000 // names remembered; a flood of invented names must not eat the memory
)

// attempts counts wrong passwords per log-in name in this process. It slows guessing; argon2id does the rest.
type attempts struct {
	mu    sync.Mutex
	names map[string]failure
}

type failure struct {
	count int
	until time.Time // no attempt is looked at before
}

func newAttempts() *attempts { return &attempts{names: map[string]failure{}} }

// wait is how long name has to wait before its next attempt is looked at.
func (a *attempts) wait(name string, now time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return max(0, a.names[strings.ToLower(name)].until.Sub(now))
}

// failed notes a wrong password.
func (a *attempts) failed(name string, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	name = strings.ToLower(name)
	f := a.names[name]
	f.count++
	if over := f.count - freeAttempts; over >= 0 {
		f.until = now.Add(min(longestWait, firstWait<<min(over, 10)))
	}
	if len(a.names) >= maxNames {
		a.forgetExpired(now)
	}
	a.names[name] = f
}

// succeeded forgets a name's failures.
func (a *attempts) succeeded(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.names, strings.ToLower(name))
}

// forgetExpired drops names that are not waiting; only called when the table is full.
func (a *attempts) forgetExpired(now time.Time) {
	for n, f := range a.names {
		if !f.until.After(now) {
			delete(a.names, n)
		}
	}
}
