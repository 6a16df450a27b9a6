package whisper

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
)

func frameBytes(kind byte, body string) []byte {
	var b bytes.Buffer
	if err := writeFrame(&b, kind, []byte(body)); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// TestRequestRoundTrip sends samples exactly, and numbers that are no sound as silence.
func TestRequestRoundTrip(t *testing.T) {
	var b bytes.Buffer
	d := DefaultProfile().Decoding
	pcm := []float32{0, 1, -1, 0.25, float32(math.NaN()), float32(math.Inf(1)), 1e30}
	if err := writeRequest(&b, frameTranscribe, requestBody{ID: 7, Decoding: &d}, pcm); err != nil {
		t.Fatal(err)
	}
	kind, body, err := readFrame(&b)
	if err != nil || kind != frameTranscribe {
		t.Fatalf("%q, %v", kind, err)
	}
	req, got, err := parseRequest(body)
	if err != nil || req.ID != 7 || *req.Decoding != d {
		t.Fatalf("%+v, %v", req, err)
	}
	for i, want := range []float32{0, 1, -1, 0.25, 0, 0, 0} {
		if got[i] != want {
			t.Errorf("sample %d is %v, want %v", i, got[i], want)
		}
	}
	if err := writeRequest(io.Discard, frameTranscribe, requestBody{}, make([]float32, maxSamples+1)); !errors.Is(err, errProtocol) {
		t.Errorf("too many samples: %v", err)
	}
}

// TestServeRefuses has parents that do not speak the protocol; the child ends with an error and never hangs.
func TestServeRefuses(t *testing.T) {
	hello, err := json.Marshal(helloBody{Version: protocolVersion})
	if err != nil {
		t.Fatal(err)
	}
	good := frameBytes(frameHello, string(hello))
	huge := binary.BigEndian.AppendUint32(nil, maxFrame+1)
	for name, in := range map[string][]byte{
		"text":              []byte("GET / HTTP/1.1\r\n\r\n"),
		"another version":   frameBytes(frameHello, `{"version":99}`),
		"no hello":          frameBytes(frameTranscribe, "xx"),
		"cut":               good[:len(good)-3],
		"empty frame":       {0, 0, 0, 0},
		"huge frame":        append(bytes.Clone(good), huge...),
		"unknown type":      append(bytes.Clone(good), frameBytes('?', "")...),
		"request cut":       append(bytes.Clone(good), frameBytes(frameTranscribe, "\x00\x00\x00\xff{}")...),
		"request no header": append(bytes.Clone(good), frameBytes(frameDetect, "x")...),
		"cancel of nothing": append(bytes.Clone(good), frameBytes(frameCancel, "no json")...),
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := serve(t.Context(), bytes.NewReader(in), &out); err == nil {
				t.Errorf("served, and answered %q", out.String())
			}
		})
	}
	if err := serve(t.Context(), strings.NewReader(""), io.Discard); err != nil {
		t.Errorf("a parent that goes away at once: %v", err)
	}
}

// TestServeWithoutModel answers requests it cannot fulfil and goes on.
func TestServeWithoutModel(t *testing.T) {
	var in, out bytes.Buffer
	if err := writeJSON(&in, frameHello, helloBody{Version: protocolVersion}); err != nil {
		t.Fatal(err)
	}
	for id, req := range []requestBody{{Decoding: &Decoding{Language: "zh"}}, {}} {
		req.ID = uint64(id) + 1
		if err := writeRequest(&in, frameTranscribe, req, make([]float32, sampleRate)); err != nil {
			t.Fatal(err)
		}
	}
	if err := writeRequest(&in, frameDetect, requestBody{ID: 3, VAD: &vadParams{}}, nil); err != nil {
		t.Fatal(err)
	}
	// The input ends at once, so what has not begun by then is answered as cancelled.
	if err := serve(t.Context(), &in, &out); err != nil {
		t.Fatal(err)
	}
	if kind, _, err := readFrame(&out); kind != frameReady || err != nil {
		t.Fatalf("%q, %v", kind, err)
	}
	for {
		kind, body, err := readFrame(&out)
		if errors.Is(err, io.EOF) {
			break
		}
		var e failedBody
		if err != nil || kind != frameFailed || json.Unmarshal(body, &e) != nil || e.ID == 0 || e.Message == "" {
			t.Fatalf("%q %s, %v", kind, body, err)
		}
	}
}

func FuzzReadFrame(f *testing.F) {
	f.Add(frameBytes(frameResult, `{"id":1}`))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 'R'})
	f.Add([]byte{0, 0, 0, 5, 'R'})
	f.Fuzz(func(t *testing.T, b []byte) {
		kind, body, err := readFrame(bytes.NewReader(b))
		if err == nil && !bytes.HasPrefix(b[4:], append([]byte{kind}, body...)) {
			t.Errorf("%x is read as %q %x", b, kind, body)
		}
	})
}

func FuzzParseRequest(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x08{\"id\":1}\x00\x00\x80\x3f"))
	f.Add([]byte("\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, pcm, err := parseRequest(b)
		if err == nil && len(pcm) > len(b)/4 {
			t.Errorf("%d samples from %d bytes", len(pcm), len(b))
		}
		for _, x := range pcm {
			if !(x >= -4 && x <= 4) {
				t.Errorf("sample %v", x)
			}
		}
	})
}
