package audio

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// formats are the containers ffmpeg may take a file for. Playlists (hls, concat, …) are not among them: they
// could name other files of this machine as their content.
const formats = "wav,w64,aiff,au,caf,mov,mp3,aac,amr,ogg,flac,asf,matroska,avi,flv,mpeg,mpegts,wv"

// certainScore is ffprobe's score from which its recognition is believed for files whose first bytes are not
// known here; random bytes stay below.
const certainScore = 50

// stderrKept is how much of a program's messages is kept for the log.
const stderrKept = 8 << 10

// hardened are the options that keep ffmpeg and ffprobe from the network, from other files and from huge
// allocations.
var hardened = []string{"-hide_banner", "-loglevel", "error", "-max_alloc", "268435456",
	"-protocol_whitelist", "file,pipe", "-format_whitelist", formats}

// inherited is the recording's file as the child process sees it, so that neither its name nor a change of its
// name matters.
const inherited = "file:/dev/fd/3"

// probeResult is what ffprobe tells of the first audio stream.
type probeResult struct {
	Streams []struct {
		CodecName  string `json:"codec_name"`
		SampleRate string `json:"sample_rate"`
		Channels   int    `json:"channels"`
		Duration   string `json:"duration"`
	} `json:"streams"`
	Format struct {
		Name     string `json:"format_name"`
		Duration string `json:"duration"`
		Score    int    `json:"probe_score"`
	} `json:"format"`
}

// ffprobe asks ffprobe what the file is.
func ffprobe(ctx context.Context, f *os.File, known bool, opt Options) (Info, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	runtime.LockOSThread() // Pdeathsig follows the thread
	defer runtime.UnlockOSThread()
	args := append(append([]string{}, hardened...), "-select_streams", "a:0", "-show_entries",
		"format=format_name,duration,probe_score:stream=codec_name,sample_rate,channels,duration", "-of", "json", inherited)
	cmd, stderr := command(ctx, opt.FFprobe, args, f)
	var stdout limitedBuffer
	stdout.limit = 1 << 20
	cmd.Stdout = &stdout
	if err := cmd.Run(); err != nil {
		return Info{}, programError(ctx, err, stderr.String())
	}
	var p probeResult
	if err := json.Unmarshal(stdout.kept.Bytes(), &p); err != nil {
		return Info{}, fmt.Errorf("read ffprobe's answer: %w", err)
	}
	if !known && p.Format.Score < certainScore {
		return Info{}, &Error{Reason: "无法识别的文件格式,不是支持的录音", Err: fmt.Errorf("ffprobe guesses %s with score %d", p.Format.Name, p.Format.Score)}
	}
	if len(p.Streams) == 0 {
		return Info{}, &Error{Reason: "文件里没有声音轨道"}
	}
	s := p.Streams[0]
	rate, _ := strconv.Atoi(s.SampleRate) // empty or "N/A" is rate 0, refused below
	in := Info{Container: containerName(p.Format.Name), Codec: s.CodecName, Rate: rate, Channels: s.Channels}
	for _, d := range []string{s.Duration, p.Format.Duration} {
		if sec, err := strconv.ParseFloat(d, 64); err == nil && sec > 0 {
			in.Duration = sec
			break
		}
	}
	if s.CodecName == "unknown" || s.CodecName == "" {
		return Info{}, &Error{Reason: "录音的编码格式不受支持"}
	}
	return in, checkFormat(in.Channels, in.Rate)
}

// containerName shortens ffmpeg's lists of names ("mov,mp4,m4a,3gp,3g2,mj2").
func containerName(format string) string {
	switch {
	case strings.HasPrefix(format, "mov,"):
		return "mp4"
	case strings.HasPrefix(format, "matroska"):
		return "mkv"
	}
	name, _, _ := strings.Cut(format, ",")
	return name
}

// trustedDuration says that a container states its length rather than having it estimated from the bit rate.
func trustedDuration(container string) bool {
	switch container {
	case "wav", "w64", "mp4", "mkv", "ogg", "flac", "asf", "aiff", "caf", "avi":
		return true
	}
	return false
}

// ffmpegSource reads the first audio stream through an ffmpeg process at the file's own rate and channels.
type ffmpegSource struct {
	info   Info
	ctx    context.Context
	cancel context.CancelFunc
	cmd    *exec.Cmd
	stdout io.ReadCloser
	stderr *limitedBuffer
	raw    []byte
	got    bool
	waited bool
}

// newFFmpegSource starts ffmpeg. The goroutine stays on its thread until Close, because the kernel kills the
// child when the thread that started it ends.
func newFFmpegSource(ctx context.Context, f *os.File, known bool, opt Options) (source, error) {
	info, err := ffprobe(ctx, f, known, opt)
	if err != nil {
		return nil, err
	}
	limit := 5*time.Minute + time.Duration(info.Duration/4*float64(time.Second))
	s := &ffmpegSource{info: info}
	s.ctx, s.cancel = context.WithTimeout(ctx, limit)
	// aresample fills holes between time stamps with silence, so that times here are those of the player and
	// a hole shows up as a gap.
	args := append([]string{"-nostdin"}, hardened...)
	args = append(args, "-threads", "1", "-i", inherited, "-map", "0:a:0", "-vn", "-sn", "-dn",
		"-af", "aresample=async=1:first_pts=0", "-ac", strconv.Itoa(info.Channels), "-ar", strconv.Itoa(info.Rate),
		"-t", strconv.Itoa(int(opt.MaxDuration.Seconds())+1), "-c:a", "pcm_s16le", "-f", "s16le", "pipe:1")
	runtime.LockOSThread()
	s.cmd, s.stderr = command(s.ctx, opt.FFmpeg, args, f)
	if s.stdout, err = s.cmd.StdoutPipe(); err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		s.cancel()
		runtime.UnlockOSThread()
		return nil, programError(ctx, err, "")
	}
	return s, nil
}

func (s *ffmpegSource) Info() Info { return s.info }

func (s *ffmpegSource) Warnings() []string {
	// ffmpeg's AMR decoder does not know comfort noise and calls it corrupt; the pause is filled with silence.
	if s.stderr.kept.Len() == 0 || strings.HasPrefix(s.info.Codec, "amr_") && strings.Contains(s.stderr.String(), "Not yet implemented") {
		return nil
	}
	return []string{"录音文件有损坏之处,个别片段可能缺失或失真"}
}

// Read implements source.
func (s *ffmpegSource) Read(dst []float32) (int, error) {
	n := len(dst) - len(dst)%s.info.Channels
	if len(s.raw) < 2*n {
		s.raw = make([]byte, 2*n)
	}
	m, err := io.ReadFull(s.stdout, s.raw[:2*n])
	frame := 2 * s.info.Channels
	m -= m % frame
	switch {
	case m > 0:
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return 0, s.end()
	case err != nil:
		return 0, errors.Join(fmt.Errorf("read from ffmpeg: %w", err), s.end())
	}
	s.got = true
	for i := range m / 2 {
		dst[i] = float32(int16(binary.LittleEndian.Uint16(s.raw[2*i:]))) / 32768
	}
	return m / 2, nil
}

// end waits for ffmpeg and turns its exit into io.EOF or an error. A failure after some sound was decoded is a
// damaged end of the file, which Warnings tells.
func (s *ffmpegSource) end() error {
	s.waited = true
	err := s.cmd.Wait()
	switch {
	case s.ctx.Err() != nil:
		return programError(s.ctx, s.ctx.Err(), s.stderr.String())
	case err != nil && !s.got:
		return programError(s.ctx, err, s.stderr.String())
	case !s.got:
		return &Error{Reason: "文件里没有可解码的声音", Err: errors.New(s.stderr.String())}
	}
	return io.EOF
}

// Close stops ffmpeg where it still runs and waits for it.
func (s *ffmpegSource) Close() error {
	s.cancel()
	if !s.waited {
		s.waited = true
		_ = s.cmd.Wait() // killed by us; its status tells nothing
	}
	runtime.UnlockOSThread()
	return nil
}

// command prepares a program with the recording as file 3, in a process group of its own that dies with ctx and
// with this process.
func command(ctx context.Context, name string, args []string, f *os.File) (*exec.Cmd, *limitedBuffer) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.ExtraFiles = []*os.File{f}
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	stderr := &limitedBuffer{limit: stderrKept}
	cmd.Stderr = stderr
	return cmd, stderr
}

// programError says in one sentence why ffmpeg or ffprobe failed.
func programError(ctx context.Context, err error, stderr string) error {
	detail := err
	if stderr = strings.TrimSpace(stderr); stderr != "" {
		detail = fmt.Errorf("%w: %s", err, stderr)
	}
	switch {
	case errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist):
		return &Error{Reason: "本机没有安装 ffmpeg,无法解码这种格式的录音,请先安装", Temporary: true, Err: detail}
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return &Error{Reason: "录音解码超时,文件可能已损坏", Err: detail}
	case strings.Contains(stderr, "moov atom not found"):
		return &Error{Reason: "视频或录音文件不完整:缺少索引,可能没有录完或没有传完", Err: detail}
	case strings.Contains(stderr, "matches no streams"):
		return &Error{Reason: "文件里没有声音轨道", Err: detail}
	case strings.Contains(stderr, "Invalid data found"):
		return &Error{Reason: "录音文件已损坏或格式无法识别", Err: detail}
	}
	return &Error{Reason: "录音文件无法解码,可能已损坏", Err: detail}
}

// limitedBuffer keeps the first bytes written to it and swallows the rest. The buffer is not embedded: its ReadFrom,
// which io.Copy prefers to Write, knows no limit.
type limitedBuffer struct {
	kept  bytes.Buffer
	limit int
}

func (b *limitedBuffer) Write(p []byte) (int, error) {
	if room := b.limit - b.kept.Len(); room > 0 {
		b.kept.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func (b *limitedBuffer) String() string { return b.kept.String() }
