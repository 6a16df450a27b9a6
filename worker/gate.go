package worker

import "sync"

// gate counts running steps and can be closed: then nobody enters, and idle is closed when the last has left.
type gate struct {
	mu     sync.Mutex
	inside int
	closed bool
	idle   chan struct{}
}

func newGate() *gate { return &gate{idle: make(chan struct{})} }

// enter says whether the step may run; if so, leave must follow.
func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		g.inside++
	}
	return !g.closed
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inside--; g.inside == 0 && g.closed {
		close(g.idle)
	}
}

// close lets nobody in any more and returns what is closed once all have left. It is called once.
func (g *gate) close() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed = true; g.inside == 0 {
		close(g.idle)
	}
	return g.idle
}
