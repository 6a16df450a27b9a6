package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// s3AccessKey is the embedded store's only account.
const s3AccessKey = "speechqa"

// S3 is a running S3 store on a directory, with versioning and object lock, on a loopback port.
type S3 struct {
	Endpoint  string // host:port, without TLS
	AccessKey string
	SecretKey string
	Region    string

	child    *child
	alive    *os.File // the child's standard input: it ends when this closes
	lock     *dirLock
	stopOnce sync.Once
	stopErr  error
}

// S3Options are the options of StartS3.
type S3Options struct {
	Options
	// WebhookURL receives bucket events as JSON; empty for none.
	WebhookURL string
}

// StartS3 starts the store and waits until it answers. It runs in a child of this same binary, because the
// library works on paths relative to the working directory and so would change it for the whole process.
func StartS3(ctx context.Context, o Options) (*S3, error) {
	return StartS3With(ctx, S3Options{Options: o})
}

// StartS3With is StartS3 with the store's own options.
func StartS3With(ctx context.Context, o S3Options) (*S3, error) {
	var err error
	if o.Options, err = o.prepare("the object store"); err != nil {
		return nil, err
	}
	lock, err := lockDir(o.Dir)
	if err != nil {
		return nil, err
	}
	s, err := startS3(ctx, o)
	if err != nil {
		lock.release()
		return nil, err
	}
	s.lock = lock
	return s, nil
}

func startS3(ctx context.Context, o S3Options) (*S3, error) {
	for _, dir := range []string{"objects", "versions", "metadata"} {
		if err := os.MkdirAll(filepath.Join(o.Dir, dir), 0o700); err != nil {
			return nil, fmt.Errorf("make object store directory: %w", err)
		}
	}
	secret, err := keepSecret(filepath.Join(o.Dir, "secret-key"))
	if err != nil {
		return nil, err
	}
	s := &S3{AccessKey: s3AccessKey, SecretKey: secret, Region: "us-east-1"}
	return s, withPort(o.Port, func(port int) (bool, error) { return s.launch(ctx, o, port) })
}

func (s *S3) launch(ctx context.Context, o S3Options, port int) (busy bool, err error) {
	if portTaken(port) {
		return true, fmt.Errorf("port %d is taken", port)
	}
	exe, err := os.Executable()
	if err != nil {
		return false, fmt.Errorf("find own program: %w", err)
	}
	s.Endpoint = "127.0.0.1:" + strconv.Itoa(port)
	r, w, err := os.Pipe()
	if err != nil {
		return false, err
	}
	defer r.Close()
	if err := json.NewEncoder(w).Encode(gatewayConfig{
		Dir: o.Dir, Listen: s.Endpoint, AccessKey: s.AccessKey, SecretKey: s.SecretKey, Region: s.Region, WebhookURL: o.WebhookURL,
	}); err != nil {
		w.Close()
		return false, err
	}
	cmd := exec.Command(exe)
	cmd.Args = []string{"speechqa-object-store", o.Dir}
	cmd.Env = append(os.Environ(), gatewayEnv+"=1")
	cmd.Stdin, cmd.Dir = r, o.Dir
	s.child, err = startChild("the object store", cmd, filepath.Join(o.Dir, "log"), syscall.SIGTERM)
	if err != nil {
		w.Close()
		return false, err
	}
	s.alive = w
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := s.child.waitReady(ctx, s.ping); err != nil {
		busy = s.child.exited() && strings.Contains(s.child.logTail(), "address already in use")
		return busy, errors.Join(err, s.end(ctx))
	}
	return false, nil
}

func (s *S3) ping(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.Endpoint+gatewayHealth, nil)
	if err != nil {
		return err
	}
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("health: %s", resp.Status)
	}
	return nil
}

func (s *S3) end(ctx context.Context) error {
	err := s.child.stop(ctx, 15*time.Second, syscall.SIGTERM, syscall.SIGKILL)
	return errors.Join(err, s.alive.Close())
}

// PID is the store's process id.
func (s *S3) PID() int { return s.child.cmd.Process.Pid }

// Done is closed when the store has ended, wanted or not.
func (s *S3) Done() <-chan struct{} { return s.child.done }

// Stop ends the store after its open requests. When Stop returns nil, no process is left.
func (s *S3) Stop(ctx context.Context) error {
	s.stopOnce.Do(func() {
		s.stopErr = s.end(ctx)
		s.lock.release()
	})
	return s.stopErr
}
