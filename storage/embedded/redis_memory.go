package embedded

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// memoryRedis keeps miniredis's clock going: by itself its keys never expire.
type memoryRedis struct {
	server *miniredis.Miniredis
	quit   chan struct{}
	done   chan struct{}
}

// clockTick is how coarse the stand-in's time is.
const clockTick = 200 * time.Millisecond

func startMemoryRedis(o Options) (*Redis, error) {
	server := miniredis.NewMiniRedis()
	password := rand.Text()
	server.RequireAuth(password)
	addr := fmt.Sprintf("127.0.0.1:%d", o.Port)
	if err := server.StartAddr(addr); err != nil {
		return nil, sentence(err, "the in-memory queue cannot listen on %s: choose another port", addr)
	}
	m := &memoryRedis{server: server, quit: make(chan struct{}), done: make(chan struct{})}
	go m.tick()
	return &Redis{Network: "tcp", Addr: server.Addr(), Password: password, InMemory: true, memory: m}, nil
}

func (m *memoryRedis) tick() {
	defer close(m.done)
	t := time.NewTicker(clockTick)
	defer t.Stop()
	last := time.Now()
	for {
		select {
		case now := <-t.C:
			m.server.SetTime(now)
			m.server.FastForward(now.Sub(last))
			last = now
		case <-m.quit:
			m.server.Close()
			return
		}
	}
}

func (m *memoryRedis) stop() {
	close(m.quit)
	<-m.done
}
