package audio

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// The bleep: a tone that nobody takes for speech, soft at both ends, not louder than the talk around it.
const (
	bleepHz    = 1000
	bleepLevel = 0.12  // of full scale
	bleepRamp  = 0.005 // seconds
)

// ExcerptFormat is how an excerpt is written.
type ExcerptFormat string

// The formats.
const (
	ExcerptWAV ExcerptFormat = "wav" // 16-bit PCM
	ExcerptMP3 ExcerptFormat = "mp3"
)

// OpenReader is Open for a recording that is not a file of this machine. Its bytes are kept in a temporary file
// without a name while it is decoded.
func OpenReader(ctx context.Context, r io.Reader, opt Options) (*Recording, error) {
	opt = opt.withDefaults()
	f, err := tempFile(opt.TempDir)
	if err != nil {
		return nil, asError(ctx, err)
	}
	defer f.Close()
	size, err := io.Copy(f, r)
	if err != nil {
		return nil, asError(ctx, fmt.Errorf("fetch the recording: %w", err))
	}
	if size == 0 {
		return nil, &Error{Reason: "录音文件是空的(0 字节)"}
	}
	return openFile(ctx, f, size, opt)
}

// Excerpt is a piece of a recording in which stretches are bleeped out, on every channel: what one side says can
// be heard on the other's line.
type Excerpt struct {
	rec      *Recording
	from, to int // samples
	bleeps   [][2]int
}

// Excerpt cuts from one time to another, in seconds, with a bleep over the given stretches. Times outside the
// recording are cut to it; nothing left is an error.
func (r *Recording) Excerpt(from, to float64, bleeps []Region) (*Excerpt, error) {
	last := 0
	for c := range r.Channels() {
		last = max(last, r.Samples(c))
	}
	at := func(sec float64) int { return int(math.Round(math.Max(0, math.Min(float64(last), sec*SampleRate)))) }
	if math.IsNaN(from) || math.IsNaN(to) || at(from) >= at(to) {
		return nil, fmt.Errorf("excerpt %g–%g s: the recording has nothing there", from, to)
	}
	e := &Excerpt{rec: r, from: at(from), to: at(to)}
	for _, b := range bleeps {
		if b.End > b.Start { // also not where one is no number
			e.bleeps = append(e.bleeps, [2]int{at(b.Start), at(b.End)})
		}
	}
	slices.SortFunc(e.bleeps, func(a, b [2]int) int { return a[0] - b[0] })
	return e, nil
}

// Duration is the excerpt's length in seconds.
func (e *Excerpt) Duration() float64 { return float64(e.to-e.from) / SampleRate }

// Write writes the excerpt with all its channels.
func (e *Excerpt) Write(ctx context.Context, w io.Writer, f ExcerptFormat, opt Options) error {
	switch f {
	case ExcerptWAV:
		return e.writeWAV(ctx, w)
	case ExcerptMP3:
		return e.writeMP3(ctx, w, opt.withDefaults())
	}
	return fmt.Errorf("write excerpt: no format %q", f)
}

func (e *Excerpt) writeWAV(ctx context.Context, w io.Writer) error {
	format := &wavFile{channels: e.rec.Channels(), rate: SampleRate, bytesPer: 2}
	if _, err := w.Write(canonicalHeader(format, int64(2*format.channels*(e.to-e.from)))); err != nil {
		return fmt.Errorf("write excerpt: %w", err)
	}
	return e.writePCM(ctx, w)
}

// writePCM writes interleaved 16-bit samples, a second at a time.
func (e *Excerpt) writePCM(ctx context.Context, w io.Writer) error {
	channels := e.rec.Channels()
	out := bufio.NewWriterSize(w, 1<<16)
	raw := make([]byte, 2*channels*SampleRate)
	for at := e.from; at < e.to; at += SampleRate {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		end := min(at+SampleRate, e.to)
		b := raw[:2*channels*(end-at)]
		clear(b)
		for c := range channels {
			x, err := e.rec.ReadSamples(c, at, end)
			if err != nil {
				return err
			}
			for i := range end - at {
				v := float32(0)
				if i < len(x) {
					v = x[i]
				}
				binary.LittleEndian.PutUint16(b[2*(i*channels+c):], uint16(toInt16(e.heard(at+i, v))))
			}
		}
		if _, err := out.Write(b); err != nil {
			return fmt.Errorf("write excerpt: %w", err)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write excerpt: %w", err)
	}
	return nil
}

// heard is a sample, or the bleep over it. Where bleeps overlap the first counts, so that none is interrupted.
func (e *Excerpt) heard(i int, v float32) float32 {
	const ramp = bleepRamp * SampleRate
	for _, b := range e.bleeps {
		if i < b[0] {
			break
		}
		if i >= b[1] {
			continue
		}
		edge := min(float64(i-b[0]), float64(b[1]-1-i), ramp) / ramp
		return float32(bleepLevel * edge * math.Sin(2*math.Pi*bleepHz*float64(i)/SampleRate))
	}
	return v
}

// writeMP3 has ffmpeg encode the excerpt.
func (e *Excerpt) writeMP3(ctx context.Context, w io.Writer, opt Options) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute+time.Duration(e.Duration()/4*float64(time.Second)))
	defer cancel()
	runtime.LockOSThread() // Pdeathsig follows the thread
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, opt.FFmpeg, "-hide_banner", "-loglevel", "error", "-protocol_whitelist", "pipe",
		"-f", "s16le", "-ar", strconv.Itoa(SampleRate), "-ac", strconv.Itoa(e.rec.Channels()), "-i", "pipe:0",
		"-c:a", "libmp3lame", "-q:a", "3", "-f", "mp3", "pipe:1")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = 5 * time.Second
	stderr := &limitedBuffer{limit: stderrKept}
	cmd.Stdout, cmd.Stderr = w, stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("start ffmpeg: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return programError(ctx, err, "")
	}
	fed := e.writePCM(ctx, in)
	if err := errors.Join(in.Close(), cmd.Wait()); err != nil {
		return programError(ctx, errors.Join(err, fed), stderr.String())
	}
	return fed
}
