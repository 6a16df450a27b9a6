package whisper

/*
#cgo LDFLAGS: -lwhisper -lggml -lggml-base
#include <stdlib.h>
#include "shim.h"
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	binding "github.com/ggerganov/whisper.cpp/bindings/go"
)

// engine is one model loaded in this process. The C code can abort the process, so outside tests it lives in a
// child process only (see serve.go). Not for concurrent use.
type engine struct {
	ctx     *binding.Context
	vad     *C.struct_whisper_vad_context
	threads int
	aborted *int32 // in C memory: read by whisper.cpp's worker threads
	flash   bool
	state   keptState
	spent   account
}

// engineConfig says what to load and where to run it.
type engineConfig struct {
	Model     string `json:"model"`
	VADModel  string `json:"vad_model,omitempty"`
	Threads   int    `json:"threads"`
	GPU       bool   `json:"gpu"`
	GPUDevice int    `json:"gpu_device"`
	FlashAttn bool   `json:"flash_attn"`
	Verbose   bool   `json:"verbose"`
}

var loadBackends sync.Once

// openEngine loads the models. Either may be empty; a call that needs the missing one fails.
func openEngine(c engineConfig) (*engine, error) {
	loadBackends.Do(func() { C.sq_start(C.bool(c.Verbose)) })
	e := &engine{threads: c.Threads, flash: c.FlashAttn}
	if e.threads <= 0 {
		e.threads = runtime.NumCPU()
	}
	e.aborted = (*int32)(C.calloc(1, C.sizeof_int32_t))
	if c.Model != "" {
		if err := readable(c.Model); err != nil {
			e.close()
			return nil, err
		}
		path := C.CString(c.Model)
		defer C.free(unsafe.Pointer(path))
		e.ctx = (*binding.Context)(unsafe.Pointer(
			C.sq_load(path, C.bool(c.GPU), C.bool(c.FlashAttn), C.int(c.GPUDevice))))
		if e.ctx == nil {
			e.close()
			return nil, fmt.Errorf("whisper.cpp cannot load %s: not a ggml Whisper model, damaged, or too big for memory", c.Model)
		}
	}
	if c.VADModel != "" {
		if err := readable(c.VADModel); err != nil {
			e.close()
			return nil, err
		}
		path := C.CString(c.VADModel)
		defer C.free(unsafe.Pointer(path))
		if e.vad = C.sq_vad_load(path, C.int(e.threads)); e.vad == nil {
			e.close()
			return nil, fmt.Errorf("whisper.cpp cannot load %s: not a ggml Silero voice detector", c.VADModel)
		}
	}
	return e, nil
}

// readable tells a missing or forbidden file from one whisper.cpp dislikes; the library says "null" for both.
func readable(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open model: %w", err)
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil {
		return fmt.Errorf("open model: %w", err)
	} else if !st.Mode().IsRegular() {
		return fmt.Errorf("open model: %s is not a file", path)
	}
	return nil
}

// close frees everything. No call may be running.
func (e *engine) close() {
	e.state.drop()
	if e.ctx != nil {
		e.ctx.Whisper_free()
		e.ctx = nil
	}
	if e.vad != nil {
		C.whisper_vad_free(e.vad)
		e.vad = nil
	}
	if e.aborted != nil {
		C.free(unsafe.Pointer(e.aborted))
		e.aborted = nil
	}
}

// systemInfo is whisper.cpp's account of the processor features and back-ends in use.
func systemInfo() string { return binding.Whisper_print_system_info() }

var (
	errNoModel  = errors.New("no speech model is loaded")
	errNoVAD    = errors.New("no voice detector is loaded")
	errLanguage = errors.New("whisper.cpp does not know this language")
)

// minSamples is what whisper.cpp needs to hear anything: it refuses input under 100 ms.
const minSamples = binding.SampleRate / 10

// full transcribes PCM. Nothing carries over from an earlier call: the same samples with the same parameters give
// the same text whatever came before.
func (e *engine) full(ctx context.Context, pcm []float32, d Decoding) ([]segment, error) {
	if e.ctx == nil {
		return nil, errNoModel
	}
	if len(pcm) < minSamples {
		return nil, ctx.Err()
	}
	if d.Language != "auto" && e.ctx.Whisper_lang_id(d.Language) < 0 {
		return nil, fmt.Errorf("%w: %q", errLanguage, d.Language)
	}
	cctx := (*C.struct_whisper_context)(unsafe.Pointer(e.ctx))
	state, err := e.state.fresh(cctx, e.flash, d.AudioCtx)
	if err != nil {
		return nil, err
	}

	p, free := d.params(e.threads)
	defer free()
	atomic.StoreInt32(e.aborted, 0)
	set := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { atomic.StoreInt32(e.aborted, 1); close(set) })
	var done C.sq_account
	rc := C.sq_full(cctx, state, p, (*C.float)(&pcm[0]), C.int(len(pcm)), (*C.int32_t)(e.aborted), &done)
	if !stop() {
		<-set // or a late store would abort the next call
	}
	e.spent.join(accountOf(done))
	if rc != 0 || ctx.Err() != nil || done.attempts > done.encoded || d.Temperature > 0 {
		defer e.state.drop() // after the result was read
	}
	// An aborted run returns 0 with the text so far, which looks exactly like a short success.
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if rc != 0 {
		return nil, fmt.Errorf("whisper.cpp failed with code %d", int(rc))
	}
	return segments(cctx, state), nil
}

// params copies the decoding parameters into C memory.
func (d Decoding) params(threads int) (*C.sq_params, func()) {
	p := (*C.sq_params)(C.calloc(1, C.sizeof_sq_params))
	p.threads = C.int(threads)
	p.beam = C.int(d.Beam)
	p.best_of = C.int(d.BestOf)
	p.max_tokens = C.int(d.MaxTokens)
	p.audio_ctx = C.int(d.AudioCtx)
	p.temperature = C.float(d.Temperature)
	p.temperature_inc = C.float(d.TemperatureInc)
	p.entropy_thold = C.float(d.EntropyThreshold)
	p.logprob_thold = C.float(d.LogProbThreshold)
	p.max_initial_ts = C.float(d.MaxInitialTime)
	p.suppress_nst = C.bool(d.SuppressNonSpeech)
	p.language = C.CString(d.Language)
	if d.Prompt != "" {
		p.prompt = C.CString(d.Prompt)
	}
	return p, func() {
		C.free(unsafe.Pointer(p.language))
		C.free(unsafe.Pointer(p.prompt))
		C.free(unsafe.Pointer(p))
	}
}

// segments copies the result out of the state.
func segments(ctx *C.struct_whisper_context, state *C.struct_whisper_state) []segment {
	out := make([]segment, int(C.whisper_full_n_segments_from_state(state)))
	for i := range out {
		s := &out[i]
		ci := C.int(i)
		s.Start = centiseconds(C.whisper_full_get_segment_t0_from_state(state, ci))
		s.End = centiseconds(C.whisper_full_get_segment_t1_from_state(state, ci))
		n := int(C.whisper_full_n_tokens_from_state(state, ci))
		for j := range n {
			t := C.sq_get_token(ctx, state, ci, C.int(j))
			if t.special {
				continue
			}
			s.Tokens = append(s.Tokens, token{
				Text:  []byte(C.GoString(t.text)),
				P:     float64(t.p),
				Start: centiseconds(t.t0),
				End:   centiseconds(t.t1),
			})
		}
	}
	return out
}

func centiseconds(t C.int64_t) float64 { return float64(t) / 100 }

// speech finds the speech in PCM with the Silero detector. Times are seconds of the PCM given.
func (e *engine) speech(pcm []float32, v vadParams) ([][2]float64, error) {
	if e.vad == nil {
		return nil, errNoVAD
	}
	if len(pcm) < minSamples {
		return nil, nil
	}
	segs := C.sq_vad_run(e.vad, (*C.float)(&pcm[0]), C.int(len(pcm)), C.float(v.Threshold),
		C.int(v.MinSpeechMS), C.int(v.MinSilenceMS), C.int(v.PadMS))
	if segs == nil {
		return nil, errors.New("whisper.cpp's voice detector failed")
	}
	defer C.whisper_vad_free_segments(segs)
	out := make([][2]float64, int(C.whisper_vad_segments_n_segments(segs)))
	for i := range out {
		out[i] = [2]float64{
			float64(C.whisper_vad_segments_get_segment_t0(segs, C.int(i))) / 100,
			float64(C.whisper_vad_segments_get_segment_t1(segs, C.int(i))) / 100,
		}
	}
	return out, nil
}
