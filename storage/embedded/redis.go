package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

// Redis is a running Redis: redis-server on a unix socket, or an in-memory stand-in where that is missing.
type Redis struct {
	// Network and Addr are what a Redis client dials: "unix" and a socket path, or "tcp" and host:port.
	Network, Addr string
	Password      string // empty on a unix socket: its directory is private
	InMemory      bool   // the stand-in: what it holds is lost at the end, and re-enqueued from PostgreSQL

	child    *child
	memory   *memoryRedis
	lock     *dirLock
	stopOnce sync.Once
	stopErr  error
}

// StartRedis starts the machine's redis-server (or valkey-server) with an append-only file in the directory.
// Where neither is installed it starts an in-memory stand-in and says so in the log.
func StartRedis(ctx context.Context, o Options) (*Redis, error) {
	o, err := o.prepare("Redis")
	if err != nil {
		return nil, err
	}
	var binary string
	for _, name := range []string{"redis-server", "valkey-server"} {
		if path, err := exec.LookPath(name); err == nil {
			binary = path
			break
		}
	}
	if binary == "" {
		o.log().Warn("redis-server is not installed: the task queue is kept in memory and rebuilt from PostgreSQL at each start (Debian, Ubuntu: apt-get install redis-server)")
		return startMemoryRedis(o)
	}
	lock, err := lockDir(o.Dir)
	if err != nil {
		return nil, err
	}
	r, err := startRedis(ctx, binary, o)
	if err != nil {
		lock.release()
		return nil, err
	}
	r.lock = lock
	return r, nil
}

func startRedis(ctx context.Context, binary string, o Options) (*Redis, error) {
	pidFile := filepath.Join(o.Dir, "redis.pid")
	if err := stopOrphanRedis(ctx, pidFile, o); err != nil {
		return nil, err
	}
	sockets, err := socketDir(o.Dir, self())
	if err != nil {
		return nil, err
	}
	if err := clearSockets(sockets); err != nil {
		return nil, err
	}
	data := filepath.Join(o.Dir, "data")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, fmt.Errorf("make Redis data directory: %w", err)
	}
	r := &Redis{Network: "unix", Addr: filepath.Join(sockets, "redis.sock")}
	args := []string{"--port", "0", "--unixsocket", r.Addr, "--unixsocketperm", "700", "--dir", data,
		"--save", "", "--maxmemory-policy", "noeviction", "--daemonize", "no", "--pidfile", pidFile}
	if o.Volatile {
		args = append(args, "--appendonly", "no")
	} else {
		args = append(args, "--appendonly", "yes", "--appendfsync", "everysec", "--aof-load-truncated", "yes")
	}
	cmd := exec.Command(binary, args...)
	cmd.Dir = data
	r.child, err = startChild("Redis", cmd, filepath.Join(o.Dir, "log"), syscall.SIGTERM)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	client := redis.NewClient(&redis.Options{Network: r.Network, Addr: r.Addr, MaxRetries: -1})
	defer client.Close()
	if err := r.child.waitReady(ctx, func(ctx context.Context) error { return client.Ping(ctx).Err() }); err != nil {
		return nil, errors.Join(err, r.child.stop(ctx, 5*time.Second, syscall.SIGTERM, syscall.SIGKILL))
	}
	return r, nil
}

// stopOrphanRedis ends a server left behind by a killed process; its working directory tells it from a
// stranger with the same process id.
func stopOrphanRedis(ctx context.Context, pidFile string, o Options) error {
	b, err := os.ReadFile(pidFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", pidFile, err)
	}
	data := filepath.Join(o.Dir, "data")
	if pid, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil && runsIn(pid, data) {
		o.log().Warn("stopping a Redis left behind by a killed process", "pid", pid, "dir", data)
		if err := endProcess(ctx, pid, func() bool { return runsIn(pid, data) }, syscall.SIGTERM, syscall.SIGKILL); err != nil {
			return sentence(err, "a Redis of an earlier run (process %d) in %s cannot be stopped: end it by hand and start again", pid, data)
		}
	}
	if err := os.Remove(pidFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove stale %s: %w", pidFile, err)
	}
	return nil
}

// URL is the address in the form SPEECHQA_REDIS_URL takes (asynq.ParseRedisURI).
func (r *Redis) URL() string {
	if r.Network == "unix" {
		return "redis-socket://" + r.Addr
	}
	return "redis://:" + r.Password + "@" + r.Addr
}

// PID is the server's process id; 0 for the stand-in.
func (r *Redis) PID() int {
	if r.child == nil {
		return 0
	}
	return r.child.cmd.Process.Pid
}

// Done is closed when the server has ended, wanted or not.
func (r *Redis) Done() <-chan struct{} {
	if r.child == nil {
		return r.memory.done
	}
	return r.child.done
}

// Stop ends the server after writing its append-only file. When Stop returns nil, no process is left.
func (r *Redis) Stop(ctx context.Context) error {
	r.stopOnce.Do(func() {
		if r.child == nil {
			r.memory.stop()
			return
		}
		r.stopErr = r.child.stop(ctx, 15*time.Second, syscall.SIGTERM, syscall.SIGKILL)
		if dir := filepath.Dir(r.Addr); r.stopErr == nil && filepath.Base(dir) != "run" {
			r.stopErr = os.RemoveAll(dir)
		}
		r.lock.release()
	})
	return r.stopErr
}
