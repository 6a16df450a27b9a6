package audio_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"

	"github.com/speechqa/speechqa/pipeline/audio"
	"github.com/speechqa/speechqa/pipeline/audio/audiotest"
)

// header is a WAV header with everything that can lie.
type header struct {
	riff           string
	tag            uint16
	channels       uint16
	rate           uint32
	bits           uint16
	size           uint32 // of the data chunk
	before, behind []byte // chunks around
}

// good is the header of a sound mono recording.
func good() header {
	return header{riff: "RIFF", tag: 1, channels: 1, rate: 8000, bits: 16, size: 1600}
}

func (h header) file(data []byte) []byte {
	le := binary.LittleEndian
	align := h.channels * ((h.bits + 7) / 8)
	b := append([]byte(h.riff), 0, 0, 0, 0)
	b = append(b, "WAVE"...)
	b = append(b, h.before...)
	b = append(b, "fmt "...)
	b = le.AppendUint32(b, 16)
	b = le.AppendUint16(b, h.tag)
	b = le.AppendUint16(b, h.channels)
	b = le.AppendUint32(b, h.rate)
	b = le.AppendUint32(b, h.rate*uint32(align))
	b = le.AppendUint16(b, align)
	b = le.AppendUint16(b, h.bits)
	b = append(b, h.behind...)
	b = append(b, "data"...)
	b = le.AppendUint32(b, h.size)
	b = append(b, data...)
	le.PutUint32(b[4:], uint32(len(b)-8))
	return b
}

// tune is a tenth of a second of 16-bit sound at 8 kHz.
func tune() []byte {
	var b []byte
	for i := range 800 {
		b = binary.LittleEndian.AppendUint16(b, uint16(int16(8000*math.Sin(float64(i)/5))))
	}
	return b
}

// openBytes writes a file and opens it; it must be quick, leave nothing behind and, where it fails, say why in one
// Chinese sentence.
func openBytes(t *testing.T, data []byte) (audio.Facts, *audio.Error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.wav")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return openPath(t, path)
}

func openPath(t *testing.T, path string) (audio.Facts, *audio.Error) {
	t.Helper()
	tmp := t.TempDir()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	rec, err := audio.Open(ctx, path, audio.Options{TempDir: tmp})
	if left, _ := os.ReadDir(tmp); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if err != nil {
		var e *audio.Error
		if !errors.As(err, &e) {
			t.Fatalf("not an *audio.Error: %v", err)
		}
		if r := []rune(e.Reason); len(r) < 6 || strings.Contains(e.Reason, "\n") || !strings.ContainsFunc(e.Reason, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
			t.Errorf("not a sentence for staff: %q", e.Reason)
		}
		return audio.Facts{}, e
	}
	if err := rec.Close(); err != nil {
		t.Error(err)
	}
	return rec.Facts, nil
}

// TestBadFiles: each gives a sentence naming the cause.
func TestBadFiles(t *testing.T) {
	with := func(change func(*header)) []byte {
		h := good()
		change(&h)
		return h.file(tune())
	}
	noise := make([]byte, 50000)
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(rnd.Uint32())
	}
	noise[0] = 0x55 // not a frame of MP3 by chance
	lie := func(id string, size uint32) []byte { return binary.LittleEndian.AppendUint32([]byte(id), size) }
	for name, c := range map[string]struct {
		data []byte
		want string // part of the reason
	}{
		"zero bytes":              {nil, "0 字节"},
		"three bytes":             {[]byte("RIF"), "开头几个字节"},
		"text":                    {[]byte("这不是录音,是一段说明。\n"), "文本"},
		"html error page":         {[]byte("<html><body>404 Not Found</body></html>"), "文本"},
		"zip":                     {append([]byte("PK\x03\x04"), noise...), "压缩包"},
		"pdf":                     {[]byte("%PDF-1.4\n\x00"), "PDF"},
		"picture":                 {append([]byte("\x89PNG\r\n\x1a\n"), noise...), "图片"},
		"zeros":                   {make([]byte, 10000), "零字节"},
		"noise":                   {noise, "无法识别"},
		"RIFF that is no sound":   {append([]byte("RIFF\x10\x00\x00\x00AVIX"), noise...), "不是声音"},
		"header only":             {good().file(nil), "只有文件头"},
		"no data chunk":           {good().file(nil)[:36], "只有文件头"},
		"no fmt chunk":            {[]byte("RIFF\x24\x00\x00\x00WAVEdata\x04\x00\x00\x00abcd"), "缺少格式说明"},
		"short fmt chunk":         {[]byte("RIFF\x24\x00\x00\x00WAVEfmt \x04\x00\x00\x00abcddata\x04\x00\x00\x00abcd"), "格式说明不完整"},
		"0 channels":              {with(func(h *header) { h.channels = 0 }), "声道数为 0"},
		"65535 channels":          {with(func(h *header) { h.channels = 65535 }), "65535 个声道"},
		"0 Hz":                    {with(func(h *header) { h.rate = 0 }), "采样率为 0 Hz"},
		"1 Hz":                    {with(func(h *header) { h.rate = 1 }), "采样率为 1 Hz"},
		"4 GHz":                   {with(func(h *header) { h.rate = 4000000000 }), "4000000000 Hz"},
		"unknown encoding":        {with(func(h *header) { h.tag = 0x7777 }), ""},
		"0 bits":                  {with(func(h *header) { h.bits = 0 }), ""},
		"LIST of nearly 4 GB":     {with(func(h *header) { h.before = lie("LIST", 0xFFFFFFF0) }), "超出了文件末尾"},
		"LIST behind fmt":         {with(func(h *header) { h.behind = lie("LIST", 0xFFFFFFF0) }), "超出了文件末尾"},
		"fmt of 4 GB":             {with(func(h *header) { h.before = lie("fmt ", 0xFFFFFFFE) }), ""},
		"a million empty chunks":  {with(func(h *header) { h.before = bytes.Repeat(lie("JUNK", 0), 1000000) }), "数据块过多"},
		"MP4 without index":       {append([]byte("\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41\x00\x01\x00\x00mdat"), noise...), "缺少索引"},
		"MP3 tag, then noise":     {append([]byte("ID3\x03\x00\x00\x00\x00\x00\x00"), noise[:2000]...), ""},
		"AMR, then nothing":       {[]byte("#!AMR\n"), ""},
		"Ogg, then noise":         {append([]byte("OggS"), noise...), ""},
		"playlist of local files": {[]byte("#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"), "文本"},
		"EBML, then noise":        {append([]byte("\x1a\x45\xdf\xa3"), noise...), ""},
	} {
		t.Run(name, func(t *testing.T) {
			f, e := openBytes(t, c.data)
			if e == nil {
				t.Fatalf("opened: %+v", f)
			}
			if !strings.Contains(e.Reason, c.want) {
				t.Errorf("reason is %q (%v), want something about %q", e.Reason, e.Err, c.want)
			}
			if e.Temporary {
				t.Errorf("%q is called temporary", e.Reason)
			}
		})
	}
}

// TestLyingSizes: what is there is read, whatever the header says.
func TestLyingSizes(t *testing.T) {
	le := binary.LittleEndian
	chunk := func(id string, size uint32, body string) []byte {
		return append(le.AppendUint32([]byte(id), size), body...)
	}
	for name, c := range map[string]struct {
		change func(*header)
		warned bool
	}{
		"right":                 {change: func(h *header) {}},
		"cut call, size 0":      {change: func(h *header) { h.size = 0 }},
		"cut call, size 2³²-1":  {change: func(h *header) { h.size = math.MaxUint32 }},
		"cut call, near 2³²":    {change: func(h *header) { h.size = math.MaxUint32 - 36 }},
		"cut call, size 2³¹-1":  {change: func(h *header) { h.size = math.MaxInt32 }},
		"more than is there":    {change: func(h *header) { h.size = 16000 }, warned: true},
		"junk before":           {change: func(h *header) { h.before = chunk("JUNK", 4, "abcd") }},
		"odd junk, padded":      {change: func(h *header) { h.behind = chunk("LIST", 3, "abc\x00") }},
		"odd junk, not padded":  {change: func(h *header) { h.behind = chunk("LIST", 3, "abc") }},
		"RF64 without ds64":     {change: func(h *header) { h.riff, h.size = "RF64", math.MaxUint32 }},
		"fact chunk that lies":  {change: func(h *header) { h.behind = chunk("fact", 4, "\xff\xff\xff\xff") }},
		"chunk after the sound": {change: func(h *header) {}},
	} {
		t.Run(name, func(t *testing.T) {
			h := good()
			c.change(&h)
			f, e := openBytes(t, h.file(tune()))
			if e != nil {
				t.Fatal(e)
			}
			if f.Duration != 0.1 {
				t.Errorf("duration %v", f.Duration)
			}
			if (len(f.Warnings) > 0) != c.warned {
				t.Errorf("warnings %q", f.Warnings)
			}
		})
	}
	t.Run("empty, with chunks behind", func(t *testing.T) {
		h := good()
		h.size = 0
		if f, e := openBytes(t, h.file(chunk("LIST", 4, "abcd"))); e == nil {
			t.Errorf("opened: %+v", f)
		}
	})
}

// TestTruncation cuts valid files at every offset.
func TestTruncation(t *testing.T) {
	h := good()
	h.before = []byte("JUNK\x05\x00\x00\x00abcde\x00")
	mono := h.file(tune()[:64])
	law := good()
	law.tag, law.channels, law.bits = 6, 2, 8
	for name, whole := range map[string][]byte{"pcm": mono, "a-law": law.file(tune()[:64])} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.wav")
			for n := range whole {
				if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
					t.Fatal(err)
				}
				f, e := openPath(t, path)
				if headed := n > len(whole)-64+1; headed != (e == nil) {
					t.Errorf("cut at %d of %d: %+v, %v", n, len(whole), f, e)
				}
			}
		})
	}
}

// TestTruncatedOthers cuts compressed files in the middle: what is there is decoded or a reason given.
func TestTruncatedOthers(t *testing.T) {
	const sample = "../../testdata/samples/03-impersonation.wav"
	for _, name := range []string{"a.mp3", "a.m4a", "a.ogg", "a.amr", "a.flac"} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			if name == "a.amr" {
				audiotest.Run(t, "sox", sample, "-r", "8000", "-t", "amr-nb", path)
			} else {
				audiotest.Run(t, "ffmpeg", "-v", "error", "-i", sample, path)
			}
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if f, e := openBytes(t, whole); e != nil || math.Abs(f.Duration-25.8) > 0.5 || len(f.Warnings) != 0 {
				t.Fatalf("whole: %v %+v", e, f)
			}
			f, e := openBytes(t, whole[:len(whole)/2])
			switch {
			case e != nil && !strings.Contains(e.Reason, "不完整"):
				t.Errorf("half: %v", e)
			case e == nil && (f.Duration < 10 || f.Duration > 15):
				t.Errorf("half lasts %v s", f.Duration)
			}
			if f, e := openBytes(t, whole[:5]); e == nil {
				t.Errorf("5 bytes: %+v", f)
			}
		})
	}
}

// TestNaN: floats that are no numbers are silence, infinite ones full scale.
func TestNaN(t *testing.T) {
	h := good()
	h.tag, h.bits = 3, 32
	var data []byte
	for i := range 800 {
		v := float32(math.NaN())
		if i%2 == 1 {
			v = float32(math.Inf(1))
		}
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	h.size = uint32(len(data))
	f, e := openBytes(t, h.file(data))
	if e != nil {
		t.Fatal(e)
	}
	if c := f.PerChannel[0]; c.Clipped != 0.5 || c.PeakDB != 0 || math.IsNaN(c.LevelDB) {
		t.Errorf("%+v", c)
	}
}

func TestBadPaths(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "a.wav")
	if err := os.WriteFile(plain, good().file(tune()), 0o600); err != nil {
		t.Fatal(err)
	}
	link, pipe := filepath.Join(dir, "link.wav"), filepath.Join(dir, "pipe.wav")
	if err := errors.Join(os.Symlink(plain, link), syscall.Mkfifo(pipe, 0o600)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{dir: "目录", link: "符号链接", pipe: "管道", dir + "/none.wav": "找不到", "/dev/zero": "设备"} {
		if f, e := openPath(t, path); e == nil || !strings.Contains(e.Reason, want) {
			t.Errorf("%s: %+v %v", path, f, e)
		}
	}
}

// TestGrowingFile reads a file that another process still writes.
func TestGrowingFile(t *testing.T) {
	path := audiotest.WriteWAV(t, make([]float32, 60*audiotest.Rate))
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-stop:
				done <- nil
				return
			default:
				if _, err := f.Write(make([]byte, 100)); err != nil {
					done <- err
					return
				}
			}
		}
	}()
	_, e := openPath(t, path)
	close(stop)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if e == nil || !e.Temporary || !strings.Contains(e.Reason, "仍在变化") {
		t.Errorf("%v", e)
	}
}

func TestTempDirNotWritable(t *testing.T) {
	path := audiotest.WriteWAV(t, make([]float32, 100))
	_, err := audio.Open(context.Background(), path, audio.Options{TempDir: filepath.Join(t.TempDir(), "none")})
	var e *audio.Error
	if !errors.As(err, &e) || !e.Temporary || !strings.Contains(e.Reason, "临时目录") {
		t.Errorf("%v", err)
	}
}

func TestMissingFFmpeg(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.flac")
	audiotest.Run(t, "sox", "-n", "-r", "8000", path, "synth", "1", "sine", "440")
	for _, opt := range []audio.Options{{FFprobe: "no-such-program"}, {FFmpeg: "/no/such/program"}} {
		_, err := audio.Open(context.Background(), path, opt)
		var e *audio.Error
		if !errors.As(err, &e) || !e.Temporary || !strings.Contains(e.Reason, "没有安装 ffmpeg") {
			t.Errorf("%+v: %v", opt, err)
		}
	}
}

func TestTooLong(t *testing.T) {
	path := audiotest.WriteWAV(t, make([]float32, 3*audiotest.Rate))
	_, err := audio.Open(context.Background(), path, audio.Options{MaxDuration: 2 * time.Second})
	var e *audio.Error
	if !errors.As(err, &e) || !strings.Contains(e.Reason, "2 秒") {
		t.Errorf("%v", err)
	}
}

// TestCancel stops decoding at once and leaves neither files nor processes behind.
func TestCancel(t *testing.T) {
	path := filepath.Join(t.TempDir(), "long.flac")
	audiotest.Run(t, "sox", "-n", "-r", "16000", path, "synth", "900", "sine", "440")
	before := children(t)
	for _, after := range []time.Duration{0, time.Millisecond, 100 * time.Millisecond, 300 * time.Millisecond} {
		tmp := t.TempDir()
		ctx, cancel := context.WithTimeout(context.Background(), after)
		begun := time.Now()
		rec, err := audio.Open(ctx, path, audio.Options{TempDir: tmp})
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || rec != nil {
			t.Errorf("after %v: %v", after, err)
		}
		if d := time.Since(begun) - after; d > 5*time.Second {
			t.Errorf("took %v to stop", d)
		}
		if left, _ := os.ReadDir(tmp); len(left) != 0 {
			t.Errorf("left behind: %v", left)
		}
	}
	if now := children(t); now > before {
		t.Errorf("%d child processes, %d before", now, before)
	}
}

// children counts this process's children.
func children(t *testing.T) int {
	t.Helper()
	n := 0
	tasks, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		data, err := os.ReadFile(task)
		if err != nil {
			continue // the thread has ended
		}
		n += len(bytes.Fields(data))
	}
	return n
}

func TestReadBounds(t *testing.T) {
	rec := audiotest.Open(t, audiotest.WriteWAV(t, make([]float32, 1000)))
	for _, c := range []struct {
		from, to float64
		want     int
	}{{0, 1, 1000}, {-5, 0.01, 160}, {0.05, 0.01, 0}, {2, 3, 0}, {math.Inf(-1), math.Inf(1), 1000}} {
		if x, err := rec.Read(0, c.from, c.to); err != nil || len(x) != c.want {
			t.Errorf("%v to %v: %d samples, %v", c.from, c.to, len(x), err)
		}
	}
	for _, c := range []int{-1, 1} {
		if _, err := rec.Read(c, 0, 1); err == nil || rec.Samples(c) != 0 {
			t.Errorf("channel %d can be read", c)
		}
	}
	if _, err := rec.Read(0, math.NaN(), 1); err == nil {
		t.Error("a time that is no number is taken")
	}
	if err := errors.Join(rec.Close(), rec.Close()); err != nil {
		t.Error(err)
	}
	if _, err := rec.Read(0, 0, 1); !errors.Is(err, os.ErrClosed) {
		t.Errorf("reading a closed recording: %v", err)
	}
}
