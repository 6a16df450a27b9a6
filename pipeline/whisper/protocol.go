package whisper

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
)

// The protocol between the pool and a child, version 1. Each frame is
//
//	length  uint32, big endian: bytes of type and body together, 1 to maxFrame
//	type    1 byte
//	body    length − 1 bytes
//
// The parent sends one hello, the child answers ready (the models are loaded) or failed. Then the parent sends
// one request at a time (transcribe or detect) and waits for its result or failed; meanwhile it may send cancel.
// A body is JSON; in requests a uint32 big endian gives the length of the JSON, and 32-bit little-endian float
// samples at 16 kHz follow it. Every request has an id, every answer repeats it. The child ends when its
// standard input ends. Whatever libraries print goes to the standard error stream, never between frames.
const (
	protocolVersion = 1

	// maxFrame bounds a frame: a request of maxSamples with its header fits, a garbled length does not pass.
	maxFrame = 16 << 20
	// maxSamples bounds one request: two minutes. Windows have 30 s at most.
	maxSamples = 2 * 60 * sampleRate

	frameHello      = 'H'
	frameReady      = 'Y'
	frameTranscribe = 'T'
	frameDetect     = 'V'
	frameCancel     = 'C'
	frameResult     = 'R'
	frameFailed     = 'E'
)

// sampleRate is what whisper.cpp takes, in Hz.
const sampleRate = 16000

type helloBody struct {
	Version int          `json:"version"`
	Engine  engineConfig `json:"engine"`
}

type readyBody struct {
	Version int    `json:"version"`
	System  string `json:"system"` // whisper.cpp's account of processor features and back-ends
}

type requestBody struct {
	ID       uint64     `json:"id"`
	Decoding *Decoding  `json:"decoding,omitempty"`
	VAD      *vadParams `json:"vad,omitempty"`
}

type resultBody struct {
	ID       uint64       `json:"id"`
	Segments []segment    `json:"segments,omitempty"`
	Speech   [][2]float64 `json:"speech,omitempty"` // seconds
}

type failedBody struct {
	ID        uint64 `json:"id"`
	Cancelled bool   `json:"cancelled,omitempty"`
	Message   string `json:"message"`
}

var errProtocol = errors.New("asr protocol violated")

// writeFrame sends one frame in one Write per part; the caller serialises.
func writeFrame(w io.Writer, kind byte, parts ...[]byte) error {
	n := 1
	for _, p := range parts {
		n += len(p)
	}
	if n > maxFrame {
		return fmt.Errorf("%w: frame of %d bytes", errProtocol, n)
	}
	head := make([]byte, 5)
	binary.BigEndian.PutUint32(head, uint32(n))
	head[4] = kind
	if _, err := w.Write(head); err != nil {
		return err
	}
	for _, p := range parts {
		if _, err := w.Write(p); err != nil {
			return err
		}
	}
	return nil
}

// writeJSON sends a frame whose body is v as JSON.
func writeJSON(w io.Writer, kind byte, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return writeFrame(w, kind, b)
}

// readFrame reads one frame. io.EOF means a clean end between frames.
func readFrame(r io.Reader) (kind byte, body []byte, err error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n == 0 || n > maxFrame {
		return 0, nil, fmt.Errorf("%w: frame of %d bytes", errProtocol, n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return 0, nil, err
	}
	return b[0], b[1:], nil
}

// writeRequest sends a request with its samples.
func writeRequest(w io.Writer, kind byte, req requestBody, pcm []float32) error {
	if len(pcm) > maxSamples {
		return fmt.Errorf("%w: request of %d samples", errProtocol, len(pcm))
	}
	head, err := json.Marshal(req)
	if err != nil {
		return err
	}
	var n [4]byte
	binary.BigEndian.PutUint32(n[:], uint32(len(head)))
	samples := make([]byte, 4*len(pcm))
	for i, x := range pcm {
		binary.LittleEndian.PutUint32(samples[4*i:], math.Float32bits(x))
	}
	return writeFrame(w, kind, n[:], head, samples)
}

// parseRequest takes a request's body apart.
func parseRequest(body []byte) (req requestBody, pcm []float32, err error) {
	if len(body) < 4 {
		return req, nil, fmt.Errorf("%w: request without header", errProtocol)
	}
	n := binary.BigEndian.Uint32(body)
	body = body[4:]
	if uint64(n) > uint64(len(body)) {
		return req, nil, fmt.Errorf("%w: header of %d bytes in a request of %d", errProtocol, n, len(body))
	}
	if err := json.Unmarshal(body[:n], &req); err != nil {
		return req, nil, fmt.Errorf("%w: %w", errProtocol, err)
	}
	samples := body[n:]
	if len(samples)%4 != 0 || len(samples)/4 > maxSamples {
		return req, nil, fmt.Errorf("%w: %d bytes of samples", errProtocol, len(samples))
	}
	pcm = make([]float32, len(samples)/4)
	for i := range pcm {
		x := math.Float32frombits(binary.LittleEndian.Uint32(samples[4*i:]))
		if x != x || x > 4 || x < -4 { // not audio; NaN would spread through the whole window
			x = 0
		}
		pcm[i] = x
	}
	return req, pcm, nil
}
