package audio_test

import (
	"context"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/speechqa/speechqa/pipeline/audio"
	"github.com/speechqa/speechqa/pipeline/audio/audiotest"
)

// TestPlaylists: a file that names others as its content is refused, and neither the network nor the other file is
// touched, also where its first bytes are those of sound.
func TestPlaylists(t *testing.T) {
	var asked atomic.Int32
	sound, err := os.ReadFile("../../testdata/samples/01-clean-call.wav")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = w.Write(sound) // whoever hangs up early has asked all the same
	}))
	defer server.Close()
	local := filepath.Join(t.TempDir(), "local.wav")
	if err := os.WriteFile(local, sound, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{server.URL + "/a.wav", "file://" + local, local, "file:///etc/passwd", "concat:" + local + "|" + local} {
		for kind, list := range map[string]string{
			"m3u8":     "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:9,\n" + target + "\n#EXT-X-ENDLIST\n",
			"ffconcat": "ffconcat version 1.0\nfile '" + target + "'\n",
			"concat":   "file '" + target + "'\n",
			"dash":     `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><BaseURL>` + target + `</BaseURL></Period></MPD>`,
			"sdp":      "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 5004 RTP/AVP 0\r\n",
		} {
			for disguise, data := range map[string]string{
				"plain":      list,
				"not text":   list + "\x00\x01",
				"behind ID3": "ID3\x03\x00\x00\x00\x00\x00\x00" + list,
			} {
				if f, e := openBytes(t, []byte(data)); e == nil {
					t.Errorf("%s of %s, %s, was opened: %+v", kind, target, disguise, f)
				}
			}
		}
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("the network was asked %d times", n)
	}
}

// TestFFmpegTooLong: more sound than is accepted is not read to its end, whatever its header says.
func TestFFmpegTooLong(t *testing.T) {
	path := filepath.Join(t.TempDir(), "long.mp3")
	audiotest.Run(t, "sox", "-n", "-r", "16000", path, "synth", "30", "sine", "440")
	rec, err := audio.Open(context.Background(), path, audio.Options{TempDir: t.TempDir(), MaxDuration: 2 * time.Second})
	if err == nil {
		rec.Close()
		t.Fatalf("%v s were read", rec.Facts.Duration)
	}
	if !strings.Contains(err.Error(), "2 秒") {
		t.Error(err)
	}
}

// TestProgramMessages: what the decoding program complains of is kept for the log, but not without bound.
func TestProgramMessages(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.flac")
	audiotest.Run(t, "sox", "-n", "-r", "8000", path, "synth", "1", "sine", "440")
	program := filepath.Join(dir, "complains")
	script := "#!/bin/sh\necho 'the first complaint' >&2\nhead -c 1000000 /dev/zero | tr '\\0' x >&2\nexit 1\n"
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, opt := range map[string]audio.Options{"ffprobe": {FFprobe: program}, "ffmpeg": {FFmpeg: program}} {
		opt.TempDir = t.TempDir()
		_, err := audio.Open(context.Background(), path, opt)
		e, ok := err.(*audio.Error)
		if !ok || e.Reason == "" || e.Err == nil {
			t.Fatalf("%s: %v", name, err)
		}
		if m := e.Err.Error(); !strings.Contains(m, "the first complaint") || len(m) > 20_000 {
			t.Errorf("%s: %d characters are kept: %.100s", name, len(m), m)
		}
	}
}

// amrWB writes a file of AMR-WB frames in storage format (RFC 4867, 5.3): of a speech mode (0 to 8) with random
// parameters, comfort noise (9), or nothing (15). Neither ffmpeg nor sox encodes speech to it.
func amrWB(frames ...int) []byte {
	sizes := map[int]int{0: 17, 1: 23, 2: 32, 3: 36, 4: 40, 5: 46, 6: 50, 7: 58, 8: 60, 9: 5, 15: 0}
	rnd := rand.New(rand.NewPCG(3, 4))
	out := []byte("#!AMR-WB\n")
	for _, mode := range frames {
		out = append(out, byte(mode<<3|1<<2)) // good quality
		for range sizes[mode] {
			out = append(out, byte(rnd.Uint32()))
		}
	}
	return out
}

// TestAMRWB: wide-band AMR is recognised and decoded: random speech parameters sound, frames without data are silent.
func TestAMRWB(t *testing.T) {
	frames := make([]int, 0, 150)
	for mode := range 9 {
		for range 10 {
			frames = append(frames, mode)
		}
	}
	for range 60 {
		frames = append(frames, 15)
	}
	path := filepath.Join(t.TempDir(), "no-extension")
	if err := os.WriteFile(path, amrWB(frames...), 0o600); err != nil {
		t.Fatal(err)
	}
	rec := audiotest.Open(t, path)
	f := rec.Facts
	if f.Codec != "amr_wb" || rec.Channels() != 1 || f.Duration < 2.9 || f.Duration > 3.1 || len(f.Warnings) != 0 {
		t.Errorf("%+v", f)
	}
	loudest := func(from, to float64) (top float32) {
		x, err := rec.Read(0, from, to)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range x {
			top = max(top, v, -v)
		}
		return top
	}
	if speech, nothing := loudest(0.1, 1.7), loudest(2, 2.9); speech < 0.01 || nothing > 0.001 {
		t.Errorf("speech %v, nothing %v", speech, nothing)
	}
	// Comfort noise, which pauses are full of, is no damage.
	if err := os.WriteFile(path, amrWB(2, 2, 2, 9, 15, 15, 9, 15, 15, 2, 2), 0o600); err != nil {
		t.Fatal(err)
	}
	if f := audiotest.Open(t, path).Facts; len(f.Warnings) != 0 || f.Duration < 0.1 {
		t.Errorf("with comfort noise: %+v", f)
	}
}
