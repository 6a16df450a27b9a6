package postgres

import (
	"fmt"
	"sync"
	"time"
)

// recent keeps answers for a short while, where an answer a little old does as well as a new one. The zero value keeps
// nothing until keep is set.
type recent[V any] struct {
	keep time.Duration
	mu   sync.Mutex
	got  map[string]aged[V]
}

type aged[V any] struct {
	value V
	at    time.Time
}

// recentMost is how many answers are kept at most; when there are more, all are forgotten.
const recentMost = 20_000

func (r *recent[V]) get(key string) (v V, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a, ok := r.got[key]
	if !ok || time.Since(a.at) > r.keep {
		return v, false
	}
	return a.value, true
}

func (r *recent[V]) put(key string, v V) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.got == nil || len(r.got) >= recentMost {
		r.got = map[string]aged[V]{}
	}
	r.got[key] = aged[V]{v, time.Now()}
}

// key tells scopes apart.
func (sc Scope) key() string {
	return fmt.Sprintf("%q %q %q %t ", sc.Principals, sc.Teams, sc.Agent, sc.None)
}
