package audio

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"

	goaudio "github.com/go-audio/audio"
	"github.com/go-audio/wav"
	"github.com/zaf/g711"
)

// segmentBytes is how much sound data one canonical header covers. WAVE sizes have 32 bits; RF64 recordings and
// long body-camera files exceed them, so they are read as several WAVE files in a row.
const segmentBytes = 1 << 30

// canonicalHeaderSize is the length of a WAVE header with nothing but fmt and data.
const canonicalHeaderSize = 44

// wavSource reads the sound data of a WAVE file that walkRIFF has found. go-audio never sees the file's own
// header, on whose sizes it hangs or allocates gigabytes, but one of ours.
type wavSource struct {
	r    io.ReaderAt
	w    *wavFile
	pos  int64 // bytes of sound data handed to decoders so far
	dec  *wav.Decoder
	left int64 // samples the current decoder still has
	buf  goaudio.IntBuffer
}

func (s *wavSource) Info() Info { return s.w.info() }

func (s *wavSource) Warnings() []string {
	if !s.w.truncated {
		return nil
	}
	bytesPerSecond := float64(s.w.frame()) * float64(s.w.rate)
	return []string{fmt.Sprintf("录音文件不完整:文件头写明 %.1f 秒,实际只有 %.1f 秒",
		float64(s.w.declared)/bytesPerSecond, float64(s.w.length)/bytesPerSecond)}
}

func (s *wavSource) Close() error { return nil }

// Read implements source.
func (s *wavSource) Read(dst []float32) (int, error) {
	if s.left == 0 {
		if s.pos == s.w.length {
			return 0, io.EOF
		}
		if err := s.nextSegment(); err != nil {
			return 0, err
		}
	}
	want := min(int64(len(dst)-len(dst)%s.w.channels), s.left)
	if int64(cap(s.buf.Data)) < want {
		s.buf.Data = make([]int, want)
	}
	s.buf.Data = s.buf.Data[:want]
	n, err := s.dec.PCMBuffer(&s.buf)
	if err != nil {
		return 0, fmt.Errorf("read PCM: %w", err)
	}
	if int64(n) < want {
		return 0, fmt.Errorf("read PCM: %d of %d samples: %w", n, want, io.ErrUnexpectedEOF)
	}
	s.left -= want
	s.scale(dst, s.buf.Data)
	return n, nil
}

// nextSegment puts a canonical header before the next stretch of sound data.
func (s *wavSource) nextSegment() error {
	n := min(s.w.length-s.pos, segmentBytes-segmentBytes%s.w.frame())
	head := canonicalHeader(s.w, n)
	body := &stitched{head: head, tail: s.r, at: s.w.offset + s.pos}
	s.dec = wav.NewDecoder(io.NewSectionReader(body, 0, canonicalHeaderSize+n))
	if err := s.dec.FwdToPCM(); err != nil {
		return fmt.Errorf("read PCM header: %w", err)
	}
	s.pos += n
	s.left = n / int64(s.w.bytesPer)
	return nil
}

// scale turns go-audio's integers into samples. It hands out 8-bit samples as 0..255, G.711 as raw bytes and
// floats as their bits.
func (s *wavSource) scale(dst []float32, src []int) {
	switch {
	case s.w.tag == tagALaw:
		for i, v := range src {
			dst[i] = alaw[byte(v)]
		}
	case s.w.tag == tagMuLaw:
		for i, v := range src {
			dst[i] = mulaw[byte(v)]
		}
	case s.w.tag == tagFloat:
		for i, v := range src {
			dst[i] = finite(math.Float32frombits(uint32(v)))
		}
	case s.w.bytesPer == 1:
		for i, v := range src {
			dst[i] = float32(v-128) / 128
		}
	default:
		unit := 1 / float32(int64(1)<<(8*s.w.bytesPer-1))
		for i, v := range src {
			dst[i] = float32(v) * unit
		}
	}
}

// finite makes a float sample usable: NaN, which no converter produces, becomes silence.
func finite(v float32) float32 {
	if v != v {
		return 0
	}
	return max(-1, min(1, v))
}

// G.711 as samples, full scale ±1.
var alaw, mulaw = g711Tables()

func g711Tables() (a, u [256]float32) {
	for i := range a {
		a[i] = float32(g711.DecodeAlawFrame(byte(i))) / 32768
		u[i] = float32(g711.DecodeUlawFrame(byte(i))) / 32768
	}
	return a, u
}

// canonicalHeader is the 44-byte header of a WAVE file with n bytes of sound data. Encodings that go-audio does
// not know are declared as integers of the same size.
func canonicalHeader(w *wavFile, n int64) []byte {
	le := binary.LittleEndian
	b := make([]byte, 0, canonicalHeaderSize)
	b = append(b, "RIFF"...)
	b = le.AppendUint32(b, uint32(canonicalHeaderSize-8+n))
	b = append(b, "WAVEfmt "...)
	b = le.AppendUint32(b, 16)
	b = le.AppendUint16(b, tagPCM)
	b = le.AppendUint16(b, uint16(w.channels))
	b = le.AppendUint32(b, uint32(w.rate))
	b = le.AppendUint32(b, uint32(w.rate)*uint32(w.frame()))
	b = le.AppendUint16(b, uint16(w.frame()))
	b = le.AppendUint16(b, uint16(8*w.bytesPer))
	b = append(b, "data"...)
	return le.AppendUint32(b, uint32(n))
}

// stitched is a header followed by a stretch of a file.
type stitched struct {
	head []byte
	tail io.ReaderAt
	at   int64 // offset in tail that follows the header
}

// ReadAt implements io.ReaderAt.
func (s *stitched) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	if off < int64(len(s.head)) {
		n = copy(p, s.head[off:])
		if n == len(p) {
			return n, nil
		}
	}
	m, err := s.tail.ReadAt(p[n:], s.at+off+int64(n)-int64(len(s.head)))
	return n + m, err
}
