package whisper

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline/audio"
)

// Options say how a Transcriber hears. Pool.Model and VAD are needed, the rest has defaults.
type Options struct {
	Pool PoolConfig
	// VAD finds the speech. Where it is nil and Pool.VADModel is set, the Silero detector in the pool does.
	VAD audio.VAD
	// Profile overrides the model's own, see LoadProfile.
	Profile *Profile
	// Language overrides the profile's, e.g. "auto".
	Language string
	// AgentChannel is the agent's channel where the metadata does not say: 0 = left, the default.
	AgentChannel int
	// MinTime and TimeFactor bound the time one recording may take: max(MinTime, TimeFactor × its duration).
	// Defaults 10 minutes and 10.
	MinTime    time.Duration
	TimeFactor float64
	// Progress, where set, is told how far a recording is, 0..1, from several goroutines.
	Progress func(rec *audio.Recording, done float64)
}

// Transcriber hears recordings with one model. Safe for concurrent use; recordings share the pool's processes.
type Transcriber struct {
	opt     Options
	pool    *Pool
	profile Profile
	hash    string
	log     *slog.Logger
}

// Open checks the options and reads the model's hash; the model is loaded on first use. Close ends its processes.
func Open(opt Options) (*Transcriber, error) {
	if opt.Pool.Model == "" {
		return nil, errors.New("no speech model given; `speechqa model list` shows what can be had")
	}
	if opt.MinTime <= 0 {
		opt.MinTime = 10 * time.Minute
	}
	if opt.TimeFactor <= 0 {
		opt.TimeFactor = 10
	}
	if opt.Pool.Log == nil {
		opt.Pool.Log = slog.New(slog.DiscardHandler)
	}
	t := &Transcriber{opt: opt, log: opt.Pool.Log}
	if opt.Profile != nil {
		t.profile = *opt.Profile
	} else {
		p, err := LoadProfile(opt.Pool.Model)
		if err != nil {
			return nil, err
		}
		t.profile = p
	}
	if opt.Language != "" {
		t.profile.Decoding.Language = opt.Language
	}
	if err := t.profile.check(); err != nil {
		return nil, fmt.Errorf("model profile: %w", err)
	}
	opt.Pool.NoFlashAttn = opt.Pool.NoFlashAttn || t.profile.NoFlashAttn
	t.opt.Pool = opt.Pool
	hash, err := hashFile(opt.Pool.Model)
	if err != nil {
		return nil, err
	}
	t.hash = hash
	if t.pool, err = NewPool(opt.Pool); err != nil {
		return nil, err
	}
	if t.opt.VAD == nil {
		if opt.Pool.VADModel == "" {
			return nil, errors.New("neither a voice detector nor a voice detector model given")
		}
		t.opt.VAD = NewSilero(t.pool)
	}
	return t, nil
}

// Close ends the model's processes after the calls under way.
func (t *Transcriber) Close() error { return t.pool.Close() }

// Model returns the model's name and the SHA-256 of its file, hex.
func (t *Transcriber) Model() (name, hash string) { return t.profile.Name, t.hash }

func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("open model: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("read model: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// crashesAllowed is how many times in a row the model's process may die on one recording before the recording is
// given up: it is the recording, then, and not chance.
const crashesAllowed = 3

// limit is how long a recording of so many seconds may take.
func (o Options) limit(seconds float64) time.Duration {
	return max(o.MinTime, time.Duration(o.TimeFactor*seconds*float64(time.Second)))
}

// Transcribe hears a recording: speech regions, who speaks, text. Its errors are *audio.Error with a sentence for
// staff, or the context's.
func (t *Transcriber) Transcribe(ctx context.Context, rec *audio.Recording, kind detectors.Kind, meta detectors.Metadata) (detectors.Transcript, error) {
	limit := t.opt.limit(rec.Facts.Duration)
	lctx, cancel := context.WithTimeoutCause(ctx, limit, &audio.Error{
		Reason: fmt.Sprintf("语音识别超过了时限(%d 分钟),已停止", int(limit.Minutes())), Temporary: true,
		Err: fmt.Errorf("transcription took longer than %v: %w", limit, context.DeadlineExceeded)})
	defer cancel()
	tr, err := t.transcribe(lctx, rec, kind, meta)
	if err == nil {
		return tr, nil
	}
	if cause := context.Cause(lctx); cause != nil {
		return tr, cause
	}
	var (
		reasoned *audio.Error
		load     *LoadError
	)
	switch {
	case errors.As(err, &reasoned):
		return tr, reasoned
	case errors.As(err, &load):
		return tr, &audio.Error{Reason: "语音识别模型无法加载,请检查模型文件和内存", Temporary: true, Err: err}
	}
	return tr, &audio.Error{Reason: "语音识别出错", Temporary: true, Err: err}
}

func (t *Transcriber) transcribe(ctx context.Context, rec *audio.Recording, kind detectors.Kind, meta detectors.Metadata) (detectors.Transcript, error) {
	tr := detectors.Transcript{ModelHash: t.hash, ModelName: t.profile.Name, Params: t.params()}
	plan, err := t.listen(ctx, rec, kind, meta)
	if err != nil {
		return tr, err
	}
	tr.Notes = plan.notes
	d := t.profile.Decoding
	d.Prompt = t.prompt(meta)
	tr.Params["prompt"] = d.Prompt
	var perChannel [][]window
	for _, ch := range plan.channels {
		w, err := pack(ch.channel, ch.regions, rec.Facts.Duration, t.profile.packing(),
			func(from, to float64) (float64, error) { return quietest(rec, ch.channel, from, to) })
		if err != nil {
			return tr, err
		}
		perChannel = append(perChannel, w)
	}
	windows := combine(perChannel, t.profile.packing())
	texts, removed, err := t.hearAll(ctx, rec, windows, d)
	if err != nil {
		return tr, err
	}
	tr.Removed = removed
	utterances, notes := plan.speakers(texts)
	tr.Utterances = utterances
	tr.Notes = append(tr.Notes, notes...)
	return tr, nil
}

// hearAll runs the model over all windows, as many at once as there are processes.
func (t *Transcriber) hearAll(ctx context.Context, rec *audio.Recording, windows []window, d Decoding) ([]heard, []detectors.RemovedText, error) {
	type result struct {
		texts   []heard
		removed []detectors.RemovedText
	}
	results := make([]result, len(windows))
	crashes := &crashCount{}
	progress := t.progress(rec, windows)
	err := inParallel(ctx, t.pool.cfg.Children, len(windows), func(ctx context.Context, i int) error {
		w := windows[i]
		segs, err := t.hear(ctx, rec, w, d, crashes)
		if err != nil {
			return err
		}
		texts, removed := w.assign(segs)
		for _, h := range texts {
			h, ok, gone := guard(h, h.end-h.start, t.profile)
			removed = append(removed, gone...)
			if ok {
				results[i].texts = append(results[i].texts, h)
			}
		}
		results[i].removed = removed
		progress(w)
		return nil
	})
	var (
		texts   []heard
		removed []detectors.RemovedText
	)
	for _, r := range results {
		texts = append(texts, r.texts...)
		removed = append(removed, r.removed...)
	}
	slices.SortStableFunc(removed, func(a, b detectors.RemovedText) int { return cmp.Compare(a.Start, b.Start) })
	return texts, removed, err
}

// hear runs the model over one window, again after a crash.
func (t *Transcriber) hear(ctx context.Context, rec *audio.Recording, w window, d Decoding, crashes *crashCount) ([]segment, error) {
	pcm, err := w.samples(rec)
	if err != nil {
		return nil, err
	}
	d.AudioCtx = w.context(t.profile)
	for {
		segs, err := t.pool.transcribe(ctx, pcm, d)
		switch {
		case err == nil:
			crashes.reset()
			return segs, nil
		case !errors.Is(err, ErrCrashed):
			return nil, err
		case crashes.add() >= crashesAllowed:
			return nil, &audio.Error{
				Reason: fmt.Sprintf("语音识别进程在这段录音上连续崩溃了 %d 次(第 %d 秒附近)", crashesAllowed, int(w.pieces[0].from)),
				Err:    err}
		}
		t.log.Warn("asr child crashed; trying again", "at_seconds", w.pieces[0].from, "error", err)
	}
}

// prompt is the text the model believes was said before every window.
func (t *Transcriber) prompt(meta detectors.Metadata) string {
	if !t.profile.UsePrompt {
		return t.profile.Decoding.Prompt
	}
	terms := slices.Clone(t.profile.PromptTerms)
	for _, s := range []string{meta.Principal, meta.AgentName} {
		if s != "" {
			terms = append(terms, s)
		}
	}
	if t.profile.Decoding.Prompt != "" {
		terms = append([]string{t.profile.Decoding.Prompt}, terms...)
	}
	return strings.Join(terms, "，")
}

// params are all versions and settings that can change the transcript; the prompt is added per recording.
func (t *Transcriber) params() map[string]string {
	m := map[string]string{
		"engine":        "whisper.cpp",
		"guard":         guardVersion,
		"vad":           vadName(t.opt.VAD),
		"flash_attn":    strconv.FormatBool(!t.opt.Pool.NoFlashAttn),
		"gpu":           strconv.FormatBool(t.opt.Pool.GPU),
		"agent_channel": strconv.Itoa(t.opt.AgentChannel),
	}
	t.profile.Decoding.stamp(m)
	t.profile.stamp(m)
	return m
}

func vadName(v audio.VAD) string {
	if n, ok := v.(interface{ Name() string }); ok {
		return n.Name()
	}
	return fmt.Sprintf("%T", v)
}
