package audiotest

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/speechqa/speechqa/pipeline/audio"
)

// Rate is that of synthesised speech, in Hz.
const Rate = audio.SampleRate

// Voice is how a person sounds: a variant of espeak-ng's Mandarin voice, words per minute, pitch 0–99.
type Voice struct {
	Variant string
	Speed   int
	Pitch   int
}

// Voices that differ clearly; the first two are those of the sample recordings' agent and customer.
var (
	Man        = Voice{"m3", 170, 45}
	Woman      = Voice{"f2", 165, 55}
	OtherMan   = Voice{"m7", 175, 40}
	OtherWoman = Voice{"f4", 160, 50}
)

// Turn is one piece of a dialogue.
type Turn struct {
	Speaker string
	Text    string
}

// Span says who speaks when in a synthesised dialogue, in seconds.
type Span struct {
	Speaker    string
	Start, End float64
}

// mandarin reads Chinese characters properly; espeak-ng 1.51's plain "cmn" reads them as English letters.
const mandarin = "cmn-latn-pinyin"

// Say returns a sentence as 16 kHz samples with peak 0.5, without silence at either end.
func Say(t testing.TB, v Voice, text string) []float32 {
	t.Helper()
	type sentence struct {
		Voice
		text string
	}
	if x, ok := said.Load(sentence{v, text}); ok {
		return slices.Clone(x.([]float32))
	}
	x := say(t, v, text)
	said.Store(sentence{v, text}, slices.Clone(x))
	return x
}

// said keeps what was synthesised: tests repeat themselves.
var said sync.Map

func say(t testing.TB, v Voice, text string) []float32 {
	t.Helper()
	dir := t.TempDir()
	wav := filepath.Join(dir, "said.wav")
	Run(t, "espeak-ng", "-v", mandarin+"+"+v.Variant, "-s", fmt.Sprint(v.Speed), "-p", fmt.Sprint(v.Pitch), "-w", wav, text)
	raw := Run(t, "sox", "-D", "-v", "0.7", wav, "-r", fmt.Sprint(Rate), "-c", "1", "-e", "signed-integer", "-b", "16", "-t", "raw", "-")
	x := floats(raw)
	top := float32(0)
	for _, s := range x {
		top = max(top, s, -s)
	}
	if top == 0 {
		t.Fatalf("espeak-ng said nothing for %q", text)
	}
	for len(x) > 0 && x[0] < top/100 && x[0] > -top/100 {
		x = x[1:]
	}
	for n := len(x); n > 0 && x[n-1] < top/100 && x[n-1] > -top/100; n = len(x) {
		x = x[:n-1]
	}
	for i := range x {
		x[i] *= 0.5 / top
	}
	return x
}

// Dialogue speaks turns one after the other with pauses of 0.3–0.9 s and returns the mix and who spoke when.
func Dialogue(t testing.TB, voices map[string]Voice, turns []Turn, seed uint64) ([]float32, []Span) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(seed, 0))
	x := make([]float32, Rate/2)
	var spans []Span
	for _, turn := range turns {
		said := Say(t, voices[turn.Speaker], turn.Text)
		start := float64(len(x)) / Rate
		x = append(x, said...)
		spans = append(spans, Span{turn.Speaker, start, float64(len(x)) / Rate})
		x = append(x, make([]float32, int((0.3+0.6*rnd.Float64())*Rate))...)
	}
	return x, spans
}

// AddNoise adds white noise of the given standard deviation.
func AddNoise(x []float32, sigma float64, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 1))
	for i := range x {
		x[i] += float32(sigma * rnd.NormFloat64())
	}
}

// WriteWAV writes channels of equal length as a 16-bit WAV file at 16 kHz and returns its path.
func WriteWAV(t testing.TB, channels ...[]float32) string {
	t.Helper()
	var b bytes.Buffer
	n, k := len(channels[0]), len(channels)
	le := binary.LittleEndian
	head := append([]byte("RIFF"), le.AppendUint32(nil, uint32(36+2*n*k))...)
	head = append(head, "WAVEfmt "...)
	head = le.AppendUint32(head, 16)
	head = le.AppendUint16(head, 1)
	head = le.AppendUint16(head, uint16(k))
	head = le.AppendUint32(head, Rate)
	head = le.AppendUint32(head, uint32(Rate*2*k))
	head = le.AppendUint16(head, uint16(2*k))
	head = le.AppendUint16(head, 16)
	head = append(head, "data"...)
	head = le.AppendUint32(head, uint32(2*n*k))
	b.Write(head)
	for i := range n {
		for _, c := range channels {
			b.Write(le.AppendUint16(nil, uint16(int16(max(-32768, min(32767, c[i]*32768))))))
		}
	}
	path := filepath.Join(t.TempDir(), "made.wav")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Sox runs sox with arguments that end in an output file "OUT", which stands for a WAV file in the test's
// directory, and returns the file's path.
func Sox(t testing.TB, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sox.wav")
	full := []string{"-D", "-R"}
	for _, a := range args {
		if a == "OUT" {
			a = path
		}
		full = append(full, a)
	}
	Run(t, "sox", full...)
	return path
}

// Open decodes a file and closes the recording with the test.
func Open(t testing.TB, path string) *audio.Recording {
	t.Helper()
	rec, err := audio.Open(context.Background(), path, audio.Options{TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := rec.Close(); err != nil {
			t.Error(err)
		}
	})
	return rec
}

// Run runs a program the tests need and returns its output.
func Run(t testing.TB, name string, args ...string) []byte {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("this test needs %s: apt-get install espeak-ng sox libsox-fmt-all ffmpeg", name)
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, stderr.Bytes())
	}
	return stdout.Bytes()
}

// floats reads 16-bit samples.
func floats(raw []byte) []float32 {
	x := make([]float32, len(raw)/2)
	for i := range x {
		x[i] = float32(int16(binary.LittleEndian.Uint16(raw[2*i:]))) / 32768
	}
	return x
}
