package storagetest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// RedisSentinel starts a Redis, its replica, and a Sentinel that watches them under the name "queue", for the length of the
// test. It returns the Sentinel's address and what kills the first Redis without a word.
func RedisSentinel(t testing.TB) (sentinel string, killMaster func()) {
	t.Helper()
	start := func(args ...string) (addr string, kill func()) {
		addr = freeAddr(t)
		_, port, err := net.SplitHostPort(addr)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("redis-server", append(args, "--bind", "127.0.0.1", "--port", port, "--dir", t.TempDir())...)
		if err := cmd.Start(); err != nil {
			t.Fatalf("start redis-server (Debian, Ubuntu: apt-get install redis-server): %v", err)
		}
		kill = func() {
			_ = cmd.Process.Kill() // it may have ended
			_ = cmd.Wait()
		}
		t.Cleanup(kill)
		return addr, kill
	}
	await := func(addr, what string, done func(*redis.Client) bool) {
		c := redis.NewClient(&redis.Options{Addr: addr})
		defer c.Close()
		for deadline := time.Now().Add(time.Minute); !done(c); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("Redis Sentinel: %s in vain", what)
			}
		}
	}
	volatile := []string{"--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0"}
	master, killMaster := start(volatile...)
	await(master, "waited for the master", func(c *redis.Client) bool { return c.Ping(t.Context()).Err() == nil })
	host, port, _ := net.SplitHostPort(master) // begun above with it
	start(append(volatile, "--replicaof", host+" "+port)...)
	await(master, "waited for the replica", func(c *redis.Client) bool {
		return c.InfoMap(t.Context(), "replication").Item("Replication", "connected_slaves") == "1"
	})
	conf := filepath.Join(t.TempDir(), "sentinel.conf") // which Sentinel writes, too
	if err := os.WriteFile(conf, fmt.Appendf(nil, "sentinel monitor queue %s %s 1\nsentinel down-after-milliseconds queue 500\nsentinel failover-timeout queue 3000\n", host, port), 0o600); err != nil {
		t.Fatal(err)
	}
	sentinel, _ = start(conf, "--sentinel")
	await(sentinel, "waited until it knows the replica", func(c *redis.Client) bool {
		replicas, err := c.Do(t.Context(), "SENTINEL", "REPLICAS", "queue").Slice() // fails at first
		return err == nil && len(replicas) == 1
	})
	return sentinel, killMaster
}
