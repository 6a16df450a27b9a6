package whisper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"time"
)

// PoolConfig says which model runs in how many processes, and how.
type PoolConfig struct {
	Model       string // path of a ggml Whisper model
	VADModel    string // path of a ggml Silero model; empty = none
	Children    int    // processes, each with the model loaded once; default 1
	Threads     int    // compute threads per process; default: the processors divided among the processes
	GPU         bool   // use a GPU when a ggml back-end plug-in offers one
	GPUDevice   int
	NoFlashAttn bool // flash attention gives the same text and is faster, so it is on unless this is set
	// Command starts a child; default this program with the argument "asr". The environment variable
	// SPEECHQA_ASR_CHILD=1 is set for it, see ServeIfChild.
	Command   []string
	LoadLimit time.Duration // for loading the models; default 5 minutes
	Log       *slog.Logger  // default: discard
}

// Pool is a fixed number of supervised asr processes. They start on first use, restart after a crash, and die
// with this process. Safe for concurrent use.
type Pool struct {
	cfg    PoolConfig
	engine engineConfig
	slots  chan *slot
	logged sync.Once
	closed sync.Once
}

// slot is the right to run one child.
type slot struct{ child *child }

var errPoolClosed = errors.New("the speech recognition pool is closed")

// NewPool checks the configuration; no process is started yet.
func NewPool(cfg PoolConfig) (*Pool, error) {
	if cfg.Children <= 0 {
		cfg.Children = 1
	}
	if cfg.Threads <= 0 {
		cfg.Threads = max(1, runtime.NumCPU()/cfg.Children)
	}
	if cfg.LoadLimit <= 0 {
		cfg.LoadLimit = 5 * time.Minute
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	for _, path := range []string{cfg.Model, cfg.VADModel} {
		if path != "" {
			if err := readable(path); err != nil {
				return nil, err
			}
		}
	}
	if len(cfg.Command) == 0 {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("find this program to start its asr child: %w", err)
		}
		cfg.Command = []string{self, "asr"}
	}
	p := &Pool{cfg: cfg, slots: make(chan *slot, cfg.Children), engine: engineConfig{
		Model: cfg.Model, VADModel: cfg.VADModel, Threads: cfg.Threads,
		GPU: cfg.GPU, GPUDevice: cfg.GPUDevice, FlashAttn: !cfg.NoFlashAttn,
	}}
	for range cfg.Children {
		p.slots <- &slot{}
	}
	return p, nil
}

// Close ends all children after their running calls. Calls after it fail.
func (p *Pool) Close() error {
	p.closed.Do(func() {
		for range p.cfg.Children {
			if s := <-p.slots; s.child != nil {
				s.child.stop()
			}
		}
		close(p.slots)
	})
	return nil
}

// transcribe runs the model over PCM at 16 kHz, at most 30 s for one pass.
func (p *Pool) transcribe(ctx context.Context, pcm []float32, d Decoding) ([]segment, error) {
	res, err := p.call(ctx, frameTranscribe, requestBody{Decoding: &d}, pcm)
	return res.Segments, err
}

// detect runs the Silero detector over PCM at 16 kHz.
func (p *Pool) detect(ctx context.Context, pcm []float32, v vadParams) ([][2]float64, error) {
	res, err := p.call(ctx, frameDetect, requestBody{VAD: &v}, pcm)
	return res.Speech, err
}

// call waits for a free child, starts it if need be, and makes one request. It does not retry: whoever knows
// what a lost call means decides.
func (p *Pool) call(ctx context.Context, kind byte, req requestBody, pcm []float32) (resultBody, error) {
	var s *slot
	select {
	case got, ok := <-p.slots:
		if !ok {
			return resultBody{}, errPoolClosed
		}
		s = got
	case <-ctx.Done():
		return resultBody{}, context.Cause(ctx)
	}
	defer func() { p.slots <- s }()
	if s.child != nil && !s.child.alive() {
		s.drop()
	}
	if s.child == nil {
		c, err := p.start(ctx)
		if err != nil {
			return resultBody{}, err
		}
		s.child = c
	}
	res, err := s.child.call(ctx, kind, req, pcm)
	if errors.Is(err, ErrCrashed) || errors.Is(err, io.ErrClosedPipe) {
		p.cfg.Log.Warn("asr child lost", "error", err)
		s.drop()
	}
	return res, err
}

func (p *Pool) start(ctx context.Context) (*child, error) {
	lctx, cancel := context.WithTimeoutCause(ctx, p.cfg.LoadLimit,
		&LoadError{Message: fmt.Sprintf("loading %s took longer than %v", p.cfg.Model, p.cfg.LoadLimit)})
	defer cancel()
	begun := time.Now()
	c, err := startChild(lctx, p.cfg.Command, p.engine, p.cfg.Log)
	if err != nil {
		return nil, err
	}
	p.cfg.Log.Debug("asr child ready", "pid", c.cmd.Process.Pid, "load", time.Since(begun))
	p.logged.Do(func() {
		p.cfg.Log.Info("speech recognition", "system", c.system, "model", p.cfg.Model,
			"children", p.cfg.Children, "threads", p.cfg.Threads)
	})
	return c, nil
}

// drop forgets a dead child.
func (s *slot) drop() {
	s.child.kill()
	s.child.stop()
	s.child = nil
}
