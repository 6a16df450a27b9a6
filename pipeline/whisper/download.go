package whisper

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ErrWrongHash says that a file is not the one that was asked for.
var ErrWrongHash = errors.New("wrong SHA-256")

// Download fetches files that are known by their hash.
type Download struct {
	Client   *http.Client // default: one that gives up when nothing arrives for a minute
	Progress func(done, total int64)
}

// stall is how long a server may send nothing.
const stall = time.Minute

// Fetch brings the file at url to path. What an earlier, interrupted call brought (path.part) is kept and
// continued. The file appears under its name only after its size and SHA-256 were found right; a wrong one is
// deleted and wraps ErrWrongHash. size 0 means unknown.
func (d Download) Fetch(ctx context.Context, url, path, sum string, size int64) error {
	sum = strings.ToLower(sum)
	if b, err := hex.DecodeString(sum); err != nil || len(b) != sha256.Size {
		return fmt.Errorf("%q is no SHA-256", sum)
	}
	if have, err := hashFile(path); err == nil && have == sum {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make model directory: %w", err)
	}
	part, err := os.OpenFile(path+".part", os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return fmt.Errorf("download: %w", err)
	}
	defer part.Close()
	// Two downloads into one file would mix; the lock goes with the process, however it ends.
	if err := syscall.Flock(int(part.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("another download to %s is under way: %w", path, err)
	}
	h := sha256.New()
	have, err := io.Copy(h, part)
	if err != nil {
		return fmt.Errorf("read what is there of %s: %w", part.Name(), err)
	}
	if size > 0 && have > size {
		if have, err = restart(part, h); err != nil {
			return err
		}
	}
	if size == 0 || have < size {
		if err := d.get(ctx, url, part, h, have, size); err != nil {
			return err
		}
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != sum {
		return errors.Join(fmt.Errorf("%w: %s has %s, expected %s; it was deleted", ErrWrongHash, url, got, sum), os.Remove(part.Name()))
	}
	if err := part.Sync(); err != nil {
		return fmt.Errorf("download: %w", err)
	}
	return os.Rename(part.Name(), path)
}

// get appends what is missing to part and its hash.
func (d Download) get(ctx context.Context, url string, part *os.File, h hash.Hash, have, size int64) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(stall, func() { cancel(fmt.Errorf("nothing arrived for %v", stall)) })
	defer watch.Stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("download: %w", err)
	}
	if have > 0 {
		req.Header.Set("Range", "bytes="+strconv.FormatInt(have, 10)+"-")
	}
	client := d.Client
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("download: %w", stalled(ctx, err))
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusPartialContent:
		if !strings.HasPrefix(resp.Header.Get("Content-Range"), "bytes "+strconv.FormatInt(have, 10)+"-") {
			return fmt.Errorf("download: asked for the file from byte %d, the server sent %q", have, resp.Header.Get("Content-Range"))
		}
	case http.StatusOK: // the server cannot continue, or there was nothing to continue
		if have, err = restart(part, h); err != nil {
			return err
		}
	case http.StatusRequestedRangeNotSatisfiable: // nothing is missing; the hash tells whether that is true
		return nil
	default:
		return fmt.Errorf("download: %s answers %s", url, resp.Status)
	}
	if size == 0 && resp.ContentLength >= 0 {
		size = have + resp.ContentLength
	}
	buf := make([]byte, 1<<16)
	for {
		n, err := resp.Body.Read(buf)
		watch.Reset(stall)
		if n > 0 {
			if size > 0 && have+int64(n) > size {
				return errors.Join(fmt.Errorf("%w: %s is longer than %d bytes", ErrWrongHash, url, size), os.Remove(part.Name()))
			}
			if _, err := part.Write(buf[:n]); err != nil {
				return fmt.Errorf("download: %w", err)
			}
			h.Write(buf[:n])
			have += int64(n)
			if d.Progress != nil {
				d.Progress(have, size)
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("download stopped after %d bytes; run it again to continue: %w", have, stalled(ctx, err))
		}
	}
	if size > 0 && have < size {
		return fmt.Errorf("download stopped after %d of %d bytes; run it again to continue: %w", have, size, io.ErrUnexpectedEOF)
	}
	return nil
}

// stalled names the cause where a cancelled context is one.
func stalled(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

func restart(part *os.File, h hash.Hash) (int64, error) {
	h.Reset()
	if err := part.Truncate(0); err != nil {
		return 0, fmt.Errorf("download: %w", err)
	}
	if _, err := part.Seek(0, io.SeekStart); err != nil {
		return 0, fmt.Errorf("download: %w", err)
	}
	return 0, nil
}

// Verify checks a file against a SHA-256.
func Verify(path, sum string) error {
	got, err := hashFile(path)
	if err != nil {
		return err
	}
	if got != strings.ToLower(sum) {
		return fmt.Errorf("%w: %s has %s, expected %s", ErrWrongHash, path, got, strings.ToLower(sum))
	}
	return nil
}

// HashFile returns the SHA-256 of a file, hex.
func HashFile(path string) (string, error) { return hashFile(path) }
