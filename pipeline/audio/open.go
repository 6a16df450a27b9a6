package audio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// Options say how recordings are decoded. The zero value is usable.
type Options struct {
	TempDir     string        // for PCM while a recording is open; default os.TempDir()
	FFmpeg      string        // program for everything that is not plain WAV; default "ffmpeg" on the PATH
	FFprobe     string        // default "ffprobe" on the PATH
	MaxDuration time.Duration // longest recording accepted; default 12 h
}

func (o Options) withDefaults() Options {
	if o.TempDir == "" {
		o.TempDir = os.TempDir()
	}
	if o.FFmpeg == "" {
		o.FFmpeg = "ffmpeg"
	}
	if o.FFprobe == "" {
		o.FFprobe = "ffprobe"
	}
	if o.MaxDuration <= 0 {
		o.MaxDuration = 12 * time.Hour
	}
	return o
}

// Info is what a recording's header says, read without decoding.
type Info struct {
	Container string
	Codec     string
	Rate      int
	Channels  int
	Duration  float64 // seconds; 0 where the header does not tell
}

// Open decodes the recording at path, recognised by its content and not by its name, to one 16 kHz PCM stream
// per channel and measures it on the way. Memory use does not depend on the recording's length. Errors are
// *Error, except that of a cancelled ctx. The caller closes the recording.
func Open(ctx context.Context, path string, opt Options) (*Recording, error) {
	opt = opt.withDefaults()
	f, size, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return openFile(ctx, f, size, opt)
}

// openFile decodes an open file of a known size.
func openFile(ctx context.Context, f *os.File, size int64, opt Options) (*Recording, error) {
	src, err := openSource(ctx, f, size, opt)
	if err != nil {
		return nil, asError(ctx, err)
	}
	rec, err := decode(ctx, src, opt)
	err = errors.Join(err, src.Close())
	if err == nil {
		err = unchanged(f, size)
	}
	if err != nil {
		if rec != nil {
			err = errors.Join(err, rec.Close())
		}
		return nil, asError(ctx, err)
	}
	return rec, nil
}

// Probe reads what the header says of the recording at path, e.g. to set a time limit from its duration. Errors
// are as for Open.
func Probe(ctx context.Context, path string, opt Options) (Info, error) {
	opt = opt.withDefaults()
	f, size, err := openRegular(path)
	if err != nil {
		return Info{}, err
	}
	defer f.Close()
	info, err := probe(ctx, f, size, opt)
	if err != nil {
		return Info{}, asError(ctx, err)
	}
	return info, nil
}

// openRegular opens a plain file and nothing else: a pipe would block, a link may point anywhere.
func openRegular(path string) (*os.File, int64, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, 0, &Error{Reason: "找不到录音文件", Err: err}
	case errors.Is(err, os.ErrPermission):
		return nil, 0, &Error{Reason: "没有权限读取录音文件", Temporary: true, Err: err}
	case errors.Is(err, syscall.ELOOP):
		return nil, 0, &Error{Reason: "给出的是符号链接,请直接提供录音文件", Err: err}
	case err != nil:
		return nil, 0, &Error{Reason: "无法打开录音文件", Temporary: true, Err: err}
	}
	st, err := f.Stat()
	switch {
	case err != nil:
		err = &Error{Reason: "无法打开录音文件", Temporary: true, Err: err}
	case st.IsDir():
		err = &Error{Reason: "给出的是目录,不是录音文件"}
	case !st.Mode().IsRegular():
		err = &Error{Reason: "给出的是管道或设备,不是录音文件", Err: fmt.Errorf("mode %v", st.Mode())}
	case st.Size() == 0:
		err = &Error{Reason: "录音文件是空的(0 字节)"}
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, st.Size(), nil
}

// unchanged tells a file that was still being written from a finished one.
func unchanged(f *os.File, size int64) error {
	st, err := f.Stat()
	if err != nil {
		return fmt.Errorf("stat after decoding: %w", err)
	}
	if st.Size() != size {
		return &Error{Reason: "录音文件在读取时仍在变化,可能还没有写完", Temporary: true,
			Err: fmt.Errorf("size was %d bytes, is %d", size, st.Size())}
	}
	return nil
}

// asError makes every failure but cancellation an *Error.
func asError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("decode recording: %w", context.Cause(ctx))
	}
	var e *Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, syscall.ENOSPC):
		return &Error{Reason: "临时目录所在磁盘已满,录音未能解码", Temporary: true, Err: err}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &Error{Reason: "录音文件在读取时变短了,可能正在被改写", Temporary: true, Err: err}
	}
	return &Error{Reason: "读取录音文件时出错", Temporary: true, Err: err}
}
