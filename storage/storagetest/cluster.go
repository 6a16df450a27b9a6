package storagetest

import (
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// RedisCluster starts a Redis Cluster of three masters for the length of the test and returns their addresses.
func RedisCluster(t testing.TB) []string {
	t.Helper()
	var addrs []string
	var nodes []*redis.Client
	for range 3 {
		addr := freeAddr(t)
		_, port, err := net.SplitHostPort(addr)
		if err != nil {
			t.Fatal(err)
		}
		bus := freeAddr(t)
		_, busPort, err := net.SplitHostPort(bus)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("redis-server", "--bind", "127.0.0.1", "--port", port, "--cluster-enabled", "yes", "--cluster-port", busPort,
			"--dir", t.TempDir(), "--save", "", "--appendonly", "no")
		if err := cmd.Start(); err != nil {
			t.Fatalf("start redis-server (Debian, Ubuntu: apt-get install redis-server): %v", err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill() // it may have ended
			_ = cmd.Wait()
		})
		node := redis.NewClient(&redis.Options{Addr: addr})
		t.Cleanup(func() { node.Close() })
		nodes, addrs = append(nodes, node), append(addrs, addr)
	}
	await := func(what string, done func(*redis.Client) bool) {
		for _, n := range nodes {
			for deadline := time.Now().Add(time.Minute); !done(n); time.Sleep(50 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("Redis Cluster: %s in vain", what)
				}
			}
		}
	}
	await("waited for its nodes", func(n *redis.Client) bool { return n.Ping(t.Context()).Err() == nil })
	const slots = 16384
	for i, n := range nodes {
		if err := n.ClusterAddSlotsRange(t.Context(), slots*i/3, slots*(i+1)/3-1).Err(); err != nil {
			t.Fatal(err)
		}
		if err := n.Do(t.Context(), "CLUSTER", "SET-CONFIG-EPOCH", i+1).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for i, addr := range addrs[1:] {
		// Its bus has a port of its own, which CLUSTER MEET takes last.
		host, port, _ := strings.Cut(addr, ":")
		busPort := nodes[i+1].ConfigGet(t.Context(), "cluster-port").Val()["cluster-port"]
		if err := nodes[0].Do(t.Context(), "CLUSTER", "MEET", host, port, busPort).Err(); err != nil {
			t.Fatal(err)
		}
	}
	await("waited for it to agree", func(n *redis.Client) bool {
		info := n.ClusterInfo(t.Context()).Val()
		return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, fmt.Sprintf("cluster_known_nodes:%d", len(nodes)))
	})
	return addrs
}
