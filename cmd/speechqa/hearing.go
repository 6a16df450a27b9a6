package main

import (
	"context"
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
	"github.com/speechqa/speechqa/pipeline/meta"
	"github.com/speechqa/speechqa/pipeline/whisper"
)

// hearingFlags are what transcribe and inspect need to hear without a server.
type hearingFlags struct {
	modelFlags
	Kind       string   `enum:"call,visit,auto" default:"auto" help:"call or visit; auto goes by the file's name."`
	Manifest   string   `placeholder:"FILE" help:"The dialer's list of recordings, CSV or XLSX."`
	KeyPattern string   `placeholder:"PATTERN" help:"How paths are built; names in braces are metadata, * is anything without a slash. Default: as for ingest."`
	Meta       []string `placeholder:"K=V" help:"What is known of the recordings: agent_id, agent_name, principal, callee, relation, agent_channel, …; may be given several times."`

	list *meta.ManifestFile // nil: none
}

// open starts hearing. The progress function is told the share of the recording under way.
func (h *hearingFlags) open(a *app, progress func(float64)) (*whisper.Transcriber, error) {
	var p problems
	s := h.read(&p, a.env)
	if err := p.err(); err != nil {
		return nil, err
	}
	if h.Model == "" {
		fmt.Fprintln(a.stderr, "speechqa: no --model given: using the demo model, which understands synthetic demo speech only")
	}
	s.Hearing.Pool.Log = slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	s.Hearing.Progress = func(_ *audio.Recording, done float64) { progress(done) }
	return whisper.Open(s.Hearing)
}

// hearing is one recording heard.
type hearing struct {
	file       string
	rec        *audio.Recording
	about      meta.Resolved
	transcript detectors.Transcript
}

// hearFiles transcribes files one after the other and passes each to use. A file that cannot be heard is
// reported and the others go on; then the result is an error.
func (h *hearingFlags) hearFiles(a *app, files []string, use func(hearing) error) (err error) {
	if h.Manifest != "" {
		h.list = meta.NewManifestFile(h.Manifest, func(bad meta.LineError) { fmt.Fprintf(a.stderr, "%s: %v\n", h.Manifest, bad) })
	}
	if _, err := h.about(""); err != nil {
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
		bar.begin(fmt.Sprintf("%s (%d/%d)", filepath.Base(file), i+1, len(files)))
		err := h.hearFile(a.ctx, t, file, func(x hearing) error {
			bar.end()
			return use(x)
		})
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

func (h *hearingFlags) hearFile(ctx context.Context, t *whisper.Transcriber, file string, use func(hearing) error) error {
	about, err := h.about(file)
	if err != nil {
		return err
	}
	rec, err := audio.Open(ctx, file, audio.Options{})
	if err != nil {
		return err
	}
	defer rec.Close()
	rec.Facts.ExpectDuration(about.Metadata.Duration)
	tr, err := t.Transcribe(ctx, rec, about.Kind, about.Metadata)
	if err != nil {
		return err
	}
	tr.Notes = append(about.Notes, tr.Notes...)
	return use(hearing{file, rec, about, tr})
}

// about resolves what is known of a recording: what was given, a JSON file beside it, its row in the manifest, its path.
func (h *hearingFlags) about(file string) (meta.Resolved, error) {
	given := map[string]string{}
	for _, p := range h.Meta {
		k, v, ok := strings.Cut(p, "=")
		if !ok || strings.TrimSpace(k) == "" {
			return meta.Resolved{}, fmt.Errorf("--meta %s: must be KEY=VALUE", p)
		}
		given[k] = v
	}
	if h.Kind != "auto" {
		given["kind"] = h.Kind
	}
	pattern, err := meta.ParsePattern(or(h.KeyPattern, meta.DefaultPattern))
	if err != nil {
		return meta.Resolved{}, err
	}
	row, err := h.list.Row(filepath.ToSlash(file))
	if err != nil {
		return meta.Resolved{}, err
	}
	r := meta.Resolver{Pattern: pattern, DefaultKind: kindByName(file)}
	return r.Resolve(meta.Sources{Object: given, Sidecar: sidecar(file), Manifest: row, Key: filepath.ToSlash(file)}), nil
}

// sidecar returns the JSON object beside a recording, if there is one. Other JSON (a list of turns, say) is no
// metadata.
func sidecar(file string) []byte {
	f, err := os.Open(strings.TrimSuffix(file, filepath.Ext(file)) + ".json")
	if err != nil {
		return nil
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, meta.MaxSidecar+1))
	if err != nil || !strings.HasPrefix(strings.TrimSpace(string(b)), "{") {
		return nil
	}
	return b
}

// kindByName is the kind of a recording that nothing else tells about.
func kindByName(file string) detectors.Kind {
	name := strings.ToLower(filepath.Base(file))
	for _, word := range []string{"visit", "外访"} {
		if strings.Contains(name, word) {
			return detectors.KindVisit
		}
	}
	return detectors.KindCall
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
