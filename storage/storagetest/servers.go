package storagetest

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/speechqa/speechqa/storage/embedded"
	"github.com/speechqa/speechqa/storage/objects"
)

// Redis starts a Redis server for the length of the test.
func Redis(t testing.TB) *embedded.Redis {
	t.Helper()
	r, err := embedded.StartRedis(t.Context(), embedded.Options{Dir: t.TempDir(), Volatile: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, "Redis", r.Stop) })
	if r.InMemory {
		t.Fatal("redis-server is missing on this machine: apt-get install redis-server")
	}
	return r
}

// S3 starts the embedded object store for the length of the test and says how to reach it.
func S3(t testing.TB) objects.Config {
	t.Helper()
	s, err := embedded.StartS3(t.Context(), embedded.Options{Dir: t.TempDir(), Volatile: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, "the object store", s.Stop) })
	return objects.Config{Endpoint: "http://" + s.Endpoint, AccessKey: s.AccessKey, SecretKey: s.SecretKey, Region: s.Region, Style: "path"}
}

func stop(t testing.TB, what string, f func(context.Context) error) {
	if err := f(context.WithoutCancel(t.Context())); err != nil {
		t.Errorf("stop %s: %v", what, err)
	}
}

// Webhook is the id under which a MinIO server of the tests knows its notification target.
const Webhook = "arn:minio:sqs::speechqa:webhook"

// MinIO starts a MinIO server for the length of the test. With a webhook's URL it can send notifications there,
// bearing the token.
func MinIO(t testing.TB, webhook, token string) objects.Config {
	t.Helper()
	var env []string
	if webhook != "" {
		env = []string{"MINIO_NOTIFY_WEBHOOK_ENABLE_speechqa=on", "MINIO_NOTIFY_WEBHOOK_ENDPOINT_speechqa=" + webhook,
			"MINIO_NOTIFY_WEBHOOK_AUTH_TOKEN_speechqa=" + token, "MINIO_NOTIFY_WEBHOOK_QUEUE_DIR_speechqa=" + t.TempDir()}
	}
	return startMinIO(t, t.TempDir(), env...)
}

// MinIOKey is the name of the key with which EncryptingMinIO encrypts.
const MinIOKey = "speechqa"

// EncryptingMinIO starts a MinIO server that can encrypt, and gives the directory in which its buckets lie.
func EncryptingMinIO(t testing.TB) (cfg objects.Config, disk string) {
	t.Helper()
	disk = t.TempDir()
	return startMinIO(t, disk, "MINIO_KMS_SECRET_KEY="+MinIOKey+":"+base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("k"), 32))), disk
}

// Contains says whether a file below a directory has these bytes.
func Contains(t testing.TB, dir string, what []byte) (found bool) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		found = found || bytes.Contains(b, what)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func startMinIO(t testing.TB, disk string, env ...string) objects.Config {
	t.Helper()
	binary := filepath.Join(os.Getenv("SPEECHQA_TEST_BIN"), "minio")
	if _, err := os.Stat(binary); err != nil {
		t.Fatalf("no MinIO server in $SPEECHQA_TEST_BIN: run scripts/setup test and use make test (%v)", err)
	}
	addr := freeAddr(t)
	cmd := exec.Command(binary, "server", disk, "--address", addr, "--quiet")
	cmd.Env = append(os.Environ(), "MINIO_ROOT_USER=speechqa", "MINIO_ROOT_PASSWORD=not-a-secret-1", "MINIO_BROWSER=off", "MINIO_DOMAIN=store.test",
		"MINIO_CI_CD=on", "MINIO_UPDATE=off", "MINIO_CALLHOME_ENABLE=off")
	cmd.Env = append(cmd.Env, env...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start MinIO: %v", err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Errorf("stop MinIO: %v", err)
		}
		_ = cmd.Wait() // "signal: killed"
	})
	url := "http://" + addr
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		resp, err := http.Get(url + "/minio/health/ready")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				break
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("MinIO does not start: %v", err)
		}
	}
	return objects.Config{Endpoint: url, AccessKey: "speechqa", SecretKey: "not-a-secret-1", Region: "us-east-1", Style: "path"}
}

// freeAddr is a loopback address nobody listens on.
func freeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return fmt.Sprint(l.Addr())
}

// Objects opens an object store with the buckets in it.
func Objects(t testing.TB, cfg objects.Config, buckets ...string) *objects.Store {
	t.Helper()
	s, err := objects.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range buckets {
		if err := s.EnsureBucket(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	return s
}
