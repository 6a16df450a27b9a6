package whisper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// childEnv marks a process the pool started. A program whose tests use a pool calls ServeIfChild first thing in
// TestMain; the pool can then start the test binary itself as its child.
const childEnv = "SPEECHQA_ASR_CHILD"

// ServeIfChild turns the process into an asr child and never returns, if a pool started it as one.
func ServeIfChild() {
	if os.Getenv(childEnv) == "" {
		return
	}
	if err := ServeStdio(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "asr:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// ServeStdio is the body of `speechqa asr`: it loads the models and answers requests over standard input and
// output until the input ends. See protocol.go.
func ServeStdio(ctx context.Context) error {
	// Libraries may print to standard output; a stray byte between frames would end everything. So frames go
	// to a copy of it, and what is called standard output from here on is the standard error stream.
	fd, err := unix.FcntlInt(1, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return fmt.Errorf("copy standard output: %w", err)
	}
	if err := unix.Dup3(2, 1, 0); err != nil {
		return fmt.Errorf("redirect standard output: %w", err)
	}
	out := os.NewFile(uintptr(fd), "frames")
	defer out.Close()
	return serve(ctx, os.Stdin, out)
}

// serve speaks the child's side of the protocol.
func serve(ctx context.Context, in io.Reader, out io.Writer) error {
	kind, body, err := readFrame(in)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return err
	}
	var hello helloBody
	if kind != frameHello || json.Unmarshal(body, &hello) != nil || hello.Version != protocolVersion {
		return fmt.Errorf("%w: this is the child of `speechqa`, not for use by hand; it speaks version %d", errProtocol, protocolVersion)
	}
	e, err := openEngine(hello.Engine)
	if err != nil {
		return errors.Join(writeJSON(out, frameFailed, failedBody{Message: err.Error()}), err)
	}
	if err := writeJSON(out, frameReady, readyBody{Version: protocolVersion, System: systemInfo()}); err != nil {
		e.close()
		return err
	}

	ctx, cancel := context.WithCancel(ctx)
	s := &server{engine: e, out: out, requests: make(chan request), running: map[uint64]context.CancelFunc{}}
	var worker sync.WaitGroup
	worker.Go(func() {
		s.work()
		cancel() // an answer could not be sent: nothing more will be read either
	})
	err = s.read(ctx, in)
	cancel() // the parent is gone or talks nonsense: the running call ends within a moment
	close(s.requests)
	worker.Wait()
	e.close()
	return err
}

type request struct {
	kind byte
	requestBody
	pcm []float32
	ctx context.Context
}

// server is a child between its start and its end. One goroutine reads, one works, so that a cancel is seen
// while the C code runs.
type server struct {
	engine   *engine
	out      io.Writer
	requests chan request

	mu      sync.Mutex
	running map[uint64]context.CancelFunc
}

// read takes frames until the input ends.
func (s *server) read(ctx context.Context, in io.Reader) error {
	for {
		kind, body, err := readFrame(in)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch kind {
		case frameTranscribe, frameDetect:
			req, pcm, err := parseRequest(body)
			if err != nil {
				return err
			}
			rctx, cancel := context.WithCancel(ctx)
			s.mu.Lock()
			s.running[req.ID] = cancel
			s.mu.Unlock()
			select {
			case s.requests <- request{kind: kind, requestBody: req, pcm: pcm, ctx: rctx}:
			case <-ctx.Done():
				cancel()
				return ctx.Err()
			}
		case frameCancel:
			var c resultBody
			if err := json.Unmarshal(body, &c); err != nil {
				return fmt.Errorf("%w: %w", errProtocol, err)
			}
			s.mu.Lock()
			if cancel := s.running[c.ID]; cancel != nil {
				cancel()
			}
			s.mu.Unlock()
		default:
			return fmt.Errorf("%w: frame type %q", errProtocol, kind)
		}
	}
}

// work answers requests one after the other.
func (s *server) work() {
	for req := range s.requests {
		res, err := s.answer(req)
		s.mu.Lock()
		s.running[req.ID]()
		delete(s.running, req.ID)
		s.mu.Unlock()
		if err != nil {
			err = writeJSON(s.out, frameFailed, failedBody{ID: req.ID, Cancelled: errors.Is(err, context.Canceled), Message: err.Error()})
		} else {
			err = writeJSON(s.out, frameResult, res)
		}
		if err != nil { // the parent is gone; the reader sees the same and ends
			return
		}
	}
}

func (s *server) answer(req request) (resultBody, error) {
	res := resultBody{ID: req.ID}
	if err := req.ctx.Err(); err != nil {
		return res, err
	}
	var err error
	switch {
	case req.kind == frameTranscribe && req.Decoding != nil:
		res.Segments, err = s.engine.full(req.ctx, req.pcm, *req.Decoding)
	case req.kind == frameDetect && req.VAD != nil:
		res.Speech, err = s.engine.speech(req.pcm, *req.VAD)
	default:
		err = fmt.Errorf("%w: request without parameters", errProtocol)
	}
	return res, err
}
