// Command evalgo transcribes recordings with whisper.cpp alone, without this project's speech detection, packing and
// guard, and prints one JSON object per file. It shows what a model does by itself.
//
// usage: evalgo MODEL BEAM FILE...      BEAM: 0 greedy, n beam size. Of several channels the first is heard.
package main

/*
#cgo LDFLAGS: -lggml
#include <ggml-backend.h>
*/
import "C"

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/ggerganov/whisper.cpp/bindings/go/pkg/whisper"

	"github.com/speechqa/speechqa/pipeline/audio"
)

// segment is a piece of text; its times are seconds.
type segment struct {
	Start, End float64
	Text       string
}

// result is a line of the output; score.py reads it.
type result struct {
	File     string    `json:"file"`
	Segments []segment `json:"segs"`
	Wall     float64   `json:"wall"` // seconds it took
	Duration float64   `json:"dur"`  // seconds of sound
}

func main() {
	if len(os.Args) < 4 {
		fmt.Fprintln(os.Stderr, "usage: evalgo MODEL BEAM FILE...")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, "evalgo:", err)
		os.Exit(1)
	}
}

func run(path, size string, files []string) error {
	beam, err := strconv.Atoi(size)
	if err != nil {
		return fmt.Errorf("beam size: %w", err)
	}
	C.ggml_backend_load_all()
	model, err := whisper.New(path)
	if err != nil {
		return err
	}
	defer model.Close()
	enc := json.NewEncoder(os.Stdout)
	enc.SetEscapeHTML(false)
	for _, file := range files {
		r, err := hear(model, beam, file)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if err := enc.Encode(r); err != nil {
			return err
		}
	}
	return nil
}

func hear(model whisper.Model, beam int, file string) (result, error) {
	rec, err := audio.Open(context.Background(), file, audio.Options{})
	if err != nil {
		return result{}, err
	}
	defer rec.Close()
	r := result{File: file, Segments: []segment{}, Duration: rec.Facts.Duration}
	pcm, err := rec.Read(0, 0, r.Duration)
	if err != nil {
		return r, err
	}
	c, err := model.NewContext()
	if err != nil {
		return r, err
	}
	if err := c.SetLanguage("zh"); err != nil {
		return r, err
	}
	if beam > 0 {
		c.SetBeamSize(beam)
	}
	begun := time.Now()
	if err := c.Process(pcm, nil, nil, nil); err != nil {
		return r, err
	}
	for {
		s, err := c.NextSegment()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return r, err
		}
		r.Segments = append(r.Segments, segment{s.Start.Seconds(), s.End.Seconds(), s.Text})
	}
	r.Wall = time.Since(begun).Seconds()
	return r, nil
}
