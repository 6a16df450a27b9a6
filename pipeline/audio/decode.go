package audio

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// blockFrames is how many frames are handled at a time.
const blockFrames = 1 << 14

// decode runs a source to its end: measure, resample, store. The recording it returns along with an error must
// be closed, too.
func decode(ctx context.Context, src source, opt Options) (*Recording, error) {
	info := src.Info()
	rec := &Recording{}
	lanes := make([]*lane, info.Channels)
	for i := range lanes {
		f, err := tempFile(opt.TempDir)
		if err != nil {
			return rec, err
		}
		rec.pcm = append(rec.pcm, pcmFile{f: f})
		lanes[i] = newLane(f, info.Rate)
	}
	m := newMeter(info)
	buf := make([]float32, blockFrames*info.Channels)
	limit := int64(opt.MaxDuration.Seconds() * float64(info.Rate))
	frames := int64(0)
	for {
		if err := ctx.Err(); err != nil {
			return rec, err
		}
		n, err := src.Read(buf)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return rec, err
		}
		frames += int64(n / info.Channels)
		if frames > limit {
			return rec, &Error{Reason: fmt.Sprintf("录音超过上限 %s,未处理", chineseDuration(opt.MaxDuration))}
		}
		m.add(buf[:n])
		for c, l := range lanes {
			if err := l.add(buf[:n], c, info.Channels); err != nil {
				return rec, err
			}
		}
	}
	if frames == 0 {
		return rec, &Error{Reason: "录音文件里没有声音数据"}
	}
	for c, l := range lanes {
		if err := l.finish(); err != nil {
			return rec, err
		}
		rec.pcm[c].samples = l.samples
		rec.Peaks = append(rec.Peaks, l.peaks.result())
	}
	rec.Facts = m.facts(lanes)
	rec.Facts.Warnings = append(src.Warnings(), rec.Facts.Warnings...)
	return rec, nil
}

// TempPattern names temporary files for the moment in which they have a name. A process killed just then leaves one.
const TempPattern = "speechqa-*.pcm"

// tempFile opens a file that has no name any more and so vanishes with the process.
func tempFile(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, TempPattern)
	if err != nil {
		return nil, &Error{Reason: "临时目录不可写,录音未能解码", Temporary: true, Err: err}
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("unlink temporary file: %w", err), f.Close())
	}
	return f, nil
}

// chineseDuration writes a limit for staff.
func chineseDuration(d time.Duration) string {
	switch {
	case d >= time.Hour:
		return fmt.Sprintf("%.3g 小时", d.Hours())
	case d >= time.Minute:
		return fmt.Sprintf("%.3g 分钟", d.Minutes())
	}
	return fmt.Sprintf("%.3g 秒", d.Seconds())
}

// lane is the way of one channel: resampled to 16 kHz, measured, stored.
type lane struct {
	re      *resampler // nil at 16 kHz
	w       *bufio.Writer
	samples int
	in, out []float32
	peaks   peakMeter
	level   levelMeter
	tones   *toneMeter
}

func newLane(w io.Writer, rate int) *lane {
	return &lane{re: newResampler(rate), w: bufio.NewWriterSize(w, 1<<16), tones: newToneMeter()}
}

// add takes channel c out of an interleaved block.
func (l *lane) add(block []float32, c, channels int) error {
	l.in = l.in[:0]
	for i := c; i < len(block); i += channels {
		l.in = append(l.in, block[i])
	}
	if l.re == nil {
		return l.store(l.in)
	}
	l.out = l.re.write(l.out[:0], l.in)
	return l.store(l.out)
}

// finish stores what the resampler still holds.
func (l *lane) finish() error {
	if l.re != nil {
		if err := l.store(l.re.flush(l.out[:0])); err != nil {
			return err
		}
	}
	if err := l.w.Flush(); err != nil {
		return fmt.Errorf("write PCM: %w", err)
	}
	return nil
}

// store measures and writes 16 kHz samples.
func (l *lane) store(x []float32) error {
	l.tones.add(x)
	var b [2]byte
	for _, v := range x {
		s := toInt16(v)
		l.peaks.add(s)
		l.level.add(v)
		binary.LittleEndian.PutUint16(b[:], uint16(s))
		if _, err := l.w.Write(b[:]); err != nil {
			return fmt.Errorf("write PCM: %w", err)
		}
	}
	l.samples += len(x)
	return nil
}

// toInt16 rounds a sample to 16 bits.
func toInt16(v float32) int16 {
	v *= 32768
	switch {
	case v >= 32767:
		return 32767
	case v <= -32768:
		return -32768
	case v < 0:
		return int16(v - 0.5)
	}
	return int16(v + 0.5)
}
