package whisper

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline/audio"
	"github.com/speechqa/speechqa/pipeline/audio/audiotest"
)

// loudnessNet writes a network of Silero's form in whisper.cpp's file format whose weights are set by hand so that
// it tells loud from quiet: the real weights may not be had where the tests run, and whisper.cpp cannot tell the
// difference. Form and tensor names: whisper.cpp's models/convert-silero-vad-to-ggml.py.
func loudnessNet(t *testing.T) string {
	t.Helper()
	const (
		window, overlap = 512, 64
		fft, bins       = 256, 129
		hidden          = 128
	)
	var b bytes.Buffer
	ints := func(vs ...int32) {
		for _, v := range vs {
			b.Write(binary.LittleEndian.AppendUint32(nil, uint32(v)))
		}
	}
	tensor := func(name string, half bool, data []float32, dims ...int32) {
		kind := int32(0)
		if half {
			kind = 1
		}
		ints(int32(len(dims)), int32(len(name)), kind)
		ints(dims...)
		b.WriteString(name)
		for _, x := range data {
			if half {
				b.Write(binary.LittleEndian.AppendUint16(nil, float16(x)))
			} else {
				b.Write(binary.LittleEndian.AppendUint32(nil, math.Float32bits(x)))
			}
		}
	}
	const form = "silero-16k"
	ints(0x67676d6c, int32(len(form)))
	b.WriteString(form)
	ints(6, 2, 0, window, overlap, 4)
	in, out := []int32{bins, 128, 64, 64}, []int32{128, 64, 64, 128}
	for i := range in {
		ints(in[i], out[i], 3)
	}
	ints(hidden, hidden, hidden, 1)
	for i := range in {
		// Output 0 sums the spectrum in the first layer and is passed on by the others, at the middle of the kernel.
		w := make([]float32, out[i]*in[i]*3)
		for c := range in[i] {
			if i == 0 {
				w[3*c+1] = 0.05
			} else if c == 0 {
				w[1] = 1
			}
		}
		name := "_model.encoder." + string(rune('0'+i)) + ".reparam_conv."
		tensor(name+"weight", true, w, 3, in[i], out[i])
		tensor(name+"bias", false, make([]float32, out[i]), out[i])
	}
	// Gates in the order input, forget, cell, output: the cell follows the input at once and remembers nothing.
	w, bias := make([]float32, 4*hidden*hidden), make([]float32, 4*hidden)
	w[2*hidden*hidden] = 1
	for i := range hidden {
		bias[i], bias[hidden+i], bias[3*hidden+i] = 10, -10, 10
	}
	bias[2*hidden] = -1
	tensor("_model.decoder.rnn.weight_ih", false, w, hidden, 4*hidden)
	tensor("_model.decoder.rnn.weight_hh", false, make([]float32, 4*hidden*hidden), hidden, 4*hidden)
	tensor("_model.decoder.rnn.bias_ih", false, bias, 4*hidden)
	tensor("_model.decoder.rnn.bias_hh", false, make([]float32, 4*hidden), 4*hidden)
	final := make([]float32, hidden)
	final[0] = 20
	tensor("_model.decoder.decoder.2.weight", true, final, hidden)
	tensor("_model.decoder.decoder.2.bias", false, []float32{-5}, 1)
	basis := make([]float32, 2*bins*fft)
	for k := range bins {
		for n := range fft {
			at := 2 * math.Pi * float64(k) * float64(n) / fft
			basis[k*fft+n], basis[(bins+k)*fft+n] = float32(math.Cos(at)), float32(math.Sin(at))
		}
	}
	tensor("_model.stft.forward_basis_buffer", true, basis, fft, 1, 2*bins)
	path := filepath.Join(t.TempDir(), "ggml-loudness.bin")
	write(t, path, b.Bytes())
	return path
}

// float16 rounds towards zero; the weights need no more.
func float16(x float32) uint16 {
	bits := math.Float32bits(x)
	sign := uint16(bits >> 16 & 0x8000)
	exp := int(bits>>23&0xff) - 127 + 15
	switch {
	case exp <= 0:
		return sign
	case exp >= 31:
		return sign | 0x7c00
	}
	return sign | uint16(exp)<<10 | uint16(bits>>13&0x3ff)
}

// TestSilero runs whisper.cpp's voice detector in a child: speech is found where it is, also across the chunks a
// long recording is cut into, and a killed process costs one attempt.
func TestSilero(t *testing.T) {
	pids := make(chan int, 10)
	pool, err := NewPool(PoolConfig{VADModel: loudnessNet(t), Log: childLog(func(pid int) { pids <- pid })})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	said := audiotest.Say(t, audiotest.Man, "您好。")
	x := make([]float32, 130*sampleRate)
	// 59 is where the first chunk ends during speech, 118.9 where the second does.
	for _, at := range []float64{5, 30, 59.8, 119.9} {
		copy(x[int(at*sampleRate):], said)
	}
	length := float64(len(said)) / sampleRate
	rec := audiotest.Open(t, audiotest.WriteWAV(t, x))
	vad := NewSilero(pool)
	for attempt := range 2 {
		got, err := vad.Regions(t.Context(), rec, 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != 4 {
			t.Fatalf("found %+v", got)
		}
		for i, at := range []float64{5, 30, 59.8, 119.9} {
			if math.Abs(got[i].Start-at) > 0.25 || math.Abs(got[i].End-at-length) > 0.3 {
				t.Errorf("speech from %v to %v found at %+v", at, at+length, got[i])
			}
		}
		if attempt == 0 {
			pid := <-pids
			signal(t, pid, syscall.SIGKILL)
		}
	}
	if got, err := vad.Regions(t.Context(), audiotest.Open(t, audiotest.WriteWAV(t, make([]float32, 3*sampleRate))), 0); err != nil || len(got) != 0 {
		t.Errorf("silence: %v, %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := vad.Regions(ctx, rec, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestSileroTranscriber hears with the detector of the pool.
func TestSileroTranscriber(t *testing.T) {
	tr, err := Open(Options{Pool: PoolConfig{Model: demoModel, VADModel: loudnessNet(t)}, MinTime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	rec := audiotest.Open(t, audiotest.WriteWAV(t, append(audiotest.Say(t, audiotest.Man, "我没有钱。"), make([]float32, sampleRate)...)))
	got, err := tr.Transcribe(t.Context(), rec, detectors.KindCall, detectors.Metadata{})
	if err != nil || len(got.Utterances) != 1 || got.Params["vad"] != "silero" {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := Open(Options{Pool: PoolConfig{Model: demoModel}}); err == nil {
		t.Error("opened without any voice detector")
	}
	if _, err := openEngine(engineConfig{VADModel: demoModel}); err == nil {
		t.Error("a Whisper model was taken for a voice detector")
	}
}

var _ audio.VAD = (*Silero)(nil)
