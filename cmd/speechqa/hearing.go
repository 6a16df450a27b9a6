package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline/audio"
	"github.com/speechqa/speechqa/pipeline/whisper"
)

// hearingFlags are what transcribe and inspect need to hear without a server.
type hearingFlags struct {
	Model        string   `config:"SPEECHQA_MODEL" group:"Hearing" placeholder:"NAME|FILE" help:"The whisper.cpp model: a name of 'model list' or a file. Without it: the demo model, which hears synthetic demo speech only."`
	ModelsDir    string   `config:"SPEECHQA_MODELS_DIR" group:"Hearing" placeholder:"DIR" help:"Where 'model get' keeps models."`
	VADModel     string   `name:"vad-model" config:"SPEECHQA_VAD_MODEL" group:"Hearing" placeholder:"NAME|FILE" help:"A Silero model that finds the speech; without it energy, pitch and steadiness do."`
	Language     string   `config:"SPEECHQA_LANGUAGE" group:"Hearing" placeholder:"CODE" help:"Spoken language, or auto; the model's profile says zh."`
	Threads      int      `group:"Hearing" placeholder:"N" help:"Threads of the transcription; default: all cores."`
	GPU          bool     `name:"gpu" config:"SPEECHQA_GPU" group:"Hearing" help:"Use a GPU where a ggml back-end plug-in offers one."`
	AgentChannel int      `config:"SPEECHQA_AGENT_CHANNEL" group:"Hearing" placeholder:"N" help:"The agent's channel in stereo recordings: 0 left (default), 1 right."`
	Kind         string   `enum:"call,visit,auto" default:"auto" help:"call or visit; auto goes by the file's name."`
	Meta         []string `placeholder:"K=V" help:"What is known of the recordings: agent_id, agent_name, principal, callee, relation, agent_channel, …; may be given several times."`
}

// open starts hearing. The progress function is told the share of the recording under way.
func (h *hearingFlags) open(a *app, progress func(float64)) (*whisper.Transcriber, error) {
	dir := h.ModelsDir
	if dir == "" {
		dir = whisper.DefaultModelsDir(a.env)
	}
	model := h.Model
	if model == "" {
		demo, err := shippedModel()
		if err != nil {
			return nil, err
		}
		fmt.Fprintln(a.stderr, "speechqa: no --model given: using the demo model, which understands synthetic demo speech only")
		model = demo
	}
	path, err := whisper.FindModel(model, dir)
	if err != nil {
		return nil, err
	}
	opt := whisper.Options{
		Pool: whisper.PoolConfig{Model: path, Threads: h.Threads, GPU: h.GPU,
			Log: slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))},
		Language:     h.Language,
		AgentChannel: h.AgentChannel,
		Progress:     func(_ *audio.Recording, done float64) { progress(done) },
	}
	if h.VADModel != "" {
		if opt.Pool.VADModel, err = whisper.FindModel(h.VADModel, dir); err != nil {
			return nil, err
		}
	} else {
		opt.VAD = audio.EnergyVAD{}
	}
	return whisper.Open(opt)
}

// shippedModel finds the demo model: beside the program, one level above (bin/), or from the working directory
// upwards.
func shippedModel() (string, error) {
	const rel = "testdata/model/ggml-demo-zh.bin"
	var roots []string
	if exe, err := os.Executable(); err == nil {
		roots = append(roots, filepath.Dir(exe), filepath.Dir(filepath.Dir(exe)))
	}
	if wd, err := os.Getwd(); err == nil {
		for dir := wd; ; dir = filepath.Dir(dir) {
			roots = append(roots, dir)
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	for _, root := range roots {
		if path := filepath.Join(root, rel); exists(path) {
			return path, nil
		}
	}
	return "", errors.New("no --model given and no demo model found; `speechqa model list` shows what can be had")
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// hearFiles transcribes files one after the other and passes each to use. A file that cannot be heard is
// reported and the others go on; then the result is an error.
func (h *hearingFlags) hearFiles(a *app, files []string, use func(file string, rec *audio.Recording, kind detectors.Kind, meta detectors.Metadata, tr detectors.Transcript) error) (err error) {
	meta, err := metadata(h.Meta)
	if err != nil {
		return err
	}
	bar := newBar(a.stderr)
	t, err := h.open(a, bar.set)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	bad := 0
	for i, file := range files {
		kind := kindOf(h.Kind, file)
		bar.begin(fmt.Sprintf("%s (%d/%d)", filepath.Base(file), i+1, len(files)))
		err := func() error {
			rec, err := audio.Open(a.ctx, file, audio.Options{})
			if err != nil {
				return err
			}
			defer rec.Close()
			tr, err := t.Transcribe(a.ctx, rec, kind, meta)
			bar.end()
			if err != nil {
				return err
			}
			return use(file, rec, kind, meta, tr)
		}()
		bar.end()
		if a.ctx.Err() != nil {
			return a.ctx.Err()
		}
		if err != nil {
			bad++
			fmt.Fprintf(a.stderr, "%s: %v\n", file, err)
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d recordings could not be heard", bad, len(files))
	}
	return nil
}

// kindOf is what was given, or what the file's name says.
func kindOf(given, file string) detectors.Kind {
	if given == "call" || given == "visit" {
		return detectors.Kind(given)
	}
	name := strings.ToLower(filepath.Base(file))
	for _, word := range []string{"visit", "外访"} {
		if strings.Contains(name, word) {
			return detectors.KindVisit
		}
	}
	return detectors.KindCall
}

// metadata reads k=v pairs; unknown keys are kept in Extra.
func metadata(pairs []string) (detectors.Metadata, error) {
	var m detectors.Metadata
	fields := map[string]*string{"agent_id": &m.AgentID, "agent_name": &m.AgentName, "team": &m.Team,
		"principal": &m.Principal, "case_id": &m.CaseID, "phone": &m.Phone, "callee": &m.Callee, "relation": &m.Relation}
	for _, p := range pairs {
		k, v, ok := strings.Cut(p, "=")
		if !ok || k == "" {
			return m, fmt.Errorf("--meta %s: must be KEY=VALUE", p)
		}
		if f := fields[k]; f != nil {
			*f = v
			continue
		}
		if k == "started_at" {
			t, err := parseTime(v)
			if err != nil {
				return m, fmt.Errorf("--meta %s: %w", p, err)
			}
			m.StartedAt = t
			continue
		}
		if m.Extra == nil {
			m.Extra = map[string]string{}
		}
		m.Extra[k] = v
	}
	return m, nil
}

// bar shows progress on a terminal and is silent elsewhere.
type bar struct {
	w   io.Writer // nil = silent
	bar *progressbar.ProgressBar
}

func newBar(w io.Writer) *bar {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return &bar{w: w}
	}
	return &bar{}
}

func (b *bar) begin(what string) {
	if b.w != nil {
		b.bar = progressbar.NewOptions(1000, progressbar.OptionSetWriter(b.w), progressbar.OptionSetDescription(what),
			progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(30), progressbar.OptionSetPredictTime(true))
	}
}

// set may be called from several goroutines; the bar locks. A bar that cannot be drawn is no reason to stop.
func (b *bar) set(share float64) {
	if b.bar != nil {
		_ = b.bar.Set(int(1000 * share))
	}
}

func (b *bar) end() {
	if b.bar != nil {
		_ = b.bar.Finish()
		b.bar = nil
	}
}
