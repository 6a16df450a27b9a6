package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/redis/go-redis/v9"
)

func TestRedisKeepsDataOverStopAndStart(t *testing.T) {
	o := Options{Dir: t.TempDir()}
	r := mustStartRedis(t, o)
	if r.InMemory {
		t.Fatal("redis-server is missing on this machine: apt-get install redis-server")
	}
	if err := redisClient(t, r).Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := r.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := mustStartRedis(t, o)
	if got, err := redisClient(t, again).Get(t.Context(), "k").Result(); err != nil || got != "v" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestMemoryRedisForgetsInTime(t *testing.T) {
	t.Setenv("PATH", t.TempDir()) // no redis-server
	r := mustStartRedis(t, Options{Dir: t.TempDir()})
	if !r.InMemory {
		t.Fatal("expected the stand-in")
	}
	c := redisClient(t, r)
	if err := c.Set(t.Context(), "k", "v", 300*time.Millisecond).Err(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if err := c.Get(t.Context(), "k").Err(); errors.Is(err, redis.Nil) {
			return
		}
	}
	t.Error("the key never expired")
}

func TestS3KeepsObjectsOverStopAndStart(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Dir: t.TempDir()}
	s := mustStartS3(t, o)
	c := s3Client(t, s)
	if err := c.MakeBucket(t.Context(), "kept", minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.PutObject(t.Context(), "kept", "a/b.wav", strings.NewReader("sound"), 5, minio.PutObjectOptions{UserMetadata: map[string]string{"agent": "a1"}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := mustStartS3(t, o)
	obj, err := s3Client(t, again).GetObject(t.Context(), "kept", "a/b.wav", minio.GetObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer obj.Close()
	if b, err := io.ReadAll(obj); err != nil || string(b) != "sound" {
		t.Errorf("got %q, %v", b, err)
	}
	if st, err := obj.Stat(); err != nil || st.UserMetadata["Agent"] != "a1" {
		t.Errorf("metadata: %v, %v", st.UserMetadata, err)
	}
	if now, err := os.Getwd(); err != nil || now != here {
		t.Errorf("the working directory moved to %s (%v)", now, err)
	}
}

// Redis and the store die with a killed parent and start again on the same directory.
func TestChildrenDieWithParent(t *testing.T) {
	for what, start := range map[string]func(*testing.T, Options){
		"redis": func(t *testing.T, o Options) { mustStartRedis(t, o) },
		"s3":    func(t *testing.T, o Options) { mustStartS3(t, o) },
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			parent := startHelper(t, what, dir)
			pid, err := strconv.Atoi(parent.read(t))
			if err != nil {
				t.Fatal(err)
			}
			parent.kill(t)
			start(t, Options{Dir: dir})
			for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
				if gone(pid) {
					return
				}
			}
			t.Errorf("process %d outlived its parent", pid)
		})
	}
}

// gone counts a process that ended but whose new parent has not looked yet (state Z) as gone.
func gone(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
	}
	_, after, _ := strings.Cut(string(b), ") ")
	return strings.HasPrefix(after, "Z")
}

func mustStartRedis(t *testing.T, o Options) *Redis {
	t.Helper()
	r, err := StartRedis(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return r
}

func redisClient(t *testing.T, r *Redis) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Network: r.Network, Addr: r.Addr, Password: r.Password})
	t.Cleanup(func() { c.Close() })
	return c
}

func mustStartS3(t *testing.T, o Options) *S3 {
	t.Helper()
	s, err := StartS3(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if _, err := os.Stat(filepath.Join(o.Dir, "objects")); err != nil {
		t.Fatal(err)
	}
	return s
}

func s3Client(t *testing.T, s *S3) *minio.Client {
	t.Helper()
	c, err := minio.New(s.Endpoint, &minio.Options{Creds: credentials.NewStaticV4(s.AccessKey, s.SecretKey, ""), Region: s.Region})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
