package audio

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// FuzzWAV reads whatever bytes come as a WAV file: no panic, no endless work, samples within full scale, and as
// many as the walk over the chunks has promised.
func FuzzWAV(f *testing.F) {
	for _, tag := range []uint16{tagPCM, tagFloat, tagALaw, tagMuLaw, tagExtensible} {
		for _, bits := range []uint16{8, 16, 24, 32} {
			f.Add(seed(tag, 2, bits))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		head := data[:min(len(data), headSize)]
		if !isWAV(head) {
			_ = isAudio(head)
			_ = notAudio(head)
			return
		}
		w, err := walkRIFF(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("not a sentence for staff: %v", err)
			}
			return
		}
		if !w.native() {
			return
		}
		if w.offset < 0 || w.length <= 0 || w.offset+w.length > int64(len(data)) || w.length%w.frame() != 0 {
			t.Fatalf("sound data %+v in %d bytes", w, len(data))
		}
		src := &wavSource{r: bytes.NewReader(data), w: w}
		buf := make([]float32, 64*w.channels)
		total := int64(0)
		for {
			n, err := src.Read(buf)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if n == 0 || n%w.channels != 0 {
				t.Fatalf("%d samples of %d channels", n, w.channels)
			}
			for _, v := range buf[:n] {
				if !(v >= -1 && v <= 1) {
					t.Fatalf("sample %v", v)
				}
			}
			total += int64(n)
		}
		if total*int64(w.bytesPer) != w.length {
			t.Fatalf("%d samples in %d bytes", total, w.length)
		}
	})
}

// FuzzOpen decodes whole files, with measuring and resampling, without ffmpeg.
func FuzzOpen(f *testing.F) {
	for _, tag := range []uint16{tagPCM, tagFloat, tagALaw} {
		f.Add(seed(tag, 1, 8))
		f.Add(seed(tag, 2, 32))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		path := filepath.Join(dir, "a")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		rec, err := Open(context.Background(), path, Options{TempDir: dir, FFprobe: filepath.Join(dir, "none")})
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Reason == "" {
				t.Fatalf("not a sentence for staff: %v", err)
			}
			return
		}
		defer rec.Close()
		for c := range rec.Channels() {
			if got, want := float64(rec.Samples(c)), rec.Facts.Duration*SampleRate; got < want-1 || got > want+1 {
				t.Fatalf("%v samples at 16 kHz in %v s", got, rec.Facts.Duration)
			}
			if _, err := (EnergyVAD{}).Regions(context.Background(), rec, c); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// seed is a small valid file.
func seed(tag, channels, bits uint16) []byte {
	le := binary.LittleEndian
	b := []byte("RIFF\x00\x00\x00\x00WAVEfmt ")
	size := uint32(16)
	if tag == tagExtensible {
		size = 40
	}
	align := channels * bits / 8
	b = le.AppendUint32(b, size)
	b = le.AppendUint16(b, tag)
	b = le.AppendUint16(b, channels)
	b = le.AppendUint32(b, 8000)
	b = le.AppendUint32(b, 8000*uint32(align))
	b = le.AppendUint16(b, align)
	b = le.AppendUint16(b, bits)
	if tag == tagExtensible {
		b = append(b, "\x16\x00\x10\x00\x03\x00\x00\x00\x01\x00\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"...)
	}
	b = append(b, "LIST\x03\x00\x00\x00abc\x00data"...)
	b = le.AppendUint32(b, 96)
	for i := range 96 {
		b = append(b, byte(i*37))
	}
	le.PutUint32(b[4:], uint32(len(b)-8))
	return b
}
