package audio

import (
	"context"
	"fmt"
	"os"
)

// Limits of what counts as a recording. Below 4 kHz no speech is understood; above 192 kHz and 8 channels no
// recorder of calls or visits writes.
const (
	minRate     = 4000
	maxRate     = 192000
	maxChannels = 8
)

// source yields a recording's samples as they are in the file.
type source interface {
	Info() Info
	// Warnings are Chinese sentences about what was wrong with the file but could be coped with.
	Warnings() []string
	// Read fills dst with interleaved samples, full scale ±1, and returns how many, a multiple of the number
	// of channels; io.EOF when there are no more.
	Read(dst []float32) (int, error)
	Close() error
}

// openSource recognises the file by its content and starts reading it.
func openSource(ctx context.Context, f *os.File, size int64, opt Options) (source, error) {
	head, err := readHead(f)
	if err != nil {
		return nil, err
	}
	if isWAV(head) {
		w, err := walkRIFF(f, size)
		if err != nil {
			return nil, err
		}
		if w.native() {
			return &wavSource{r: f, w: w}, nil
		}
	}
	known := isAudio(head)
	if !known {
		if err := notAudio(head); err != nil {
			return nil, err
		}
	}
	return newFFmpegSource(ctx, f, known, opt)
}

// probe is openSource for the header alone.
func probe(ctx context.Context, f *os.File, size int64, opt Options) (Info, error) {
	head, err := readHead(f)
	if err != nil {
		return Info{}, err
	}
	if isWAV(head) {
		w, err := walkRIFF(f, size)
		if err != nil {
			return Info{}, err
		}
		if w.native() {
			return w.info(), nil
		}
	}
	known := isAudio(head)
	if !known {
		if err := notAudio(head); err != nil {
			return Info{}, err
		}
	}
	return ffprobe(ctx, f, known, opt)
}

// checkFormat refuses rates and channel numbers that no recorder writes.
func checkFormat(channels, rate int) error {
	switch {
	case channels < 1:
		return &Error{Reason: "录音文件头写明声道数为 0,文件已损坏"}
	case channels > maxChannels:
		return &Error{Reason: fmt.Sprintf("录音文件头写明有 %d 个声道,超过上限 %d,文件可能已损坏", channels, maxChannels)}
	case rate < minRate || rate > maxRate:
		return &Error{Reason: fmt.Sprintf("录音文件头写明采样率为 %d Hz,不在 %d–%d Hz 之间,文件可能已损坏", rate, minRate, maxRate)}
	}
	return nil
}
