package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// fetched is an object's bytes on this machine.
type fetched struct {
	*tempFile
	SHA256 string // hex
}

// fetch copies the object to a temporary file and takes its SHA-256 on the way.
func fetch(ctx context.Context, d Deps, o Object) (fetched, error) {
	if d.MaxObject > 0 && o.Size > d.MaxObject {
		return fetched{}, fmt.Errorf("%w: %d bytes", errTooLarge, o.Size)
	}
	temp, err := newTempFile(d.TempDir)
	if err != nil {
		return fetched{}, err
	}
	hash := sha256.New()
	if err := receive(ctx, d, o, io.MultiWriter(temp.f, hash)); err != nil {
		temp.remove()
		return fetched{}, err
	}
	return fetched{tempFile: temp, SHA256: hex.EncodeToString(hash.Sum(nil))}, nil
}

// receive streams the object into w and breaks off when the store falls silent.
func receive(ctx context.Context, d Deps, o Object, w io.Writer) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(d.stall(), func() { cancel(errStalled) })
	defer silence.Stop()

	body, err := d.Source.Open(ctx, o)
	if err != nil {
		return sourceCause(ctx, "open object", err)
	}
	defer body.Close()
	n, err := io.Copy(w, &watched{r: body, limit: d.MaxObject, heard: func() { silence.Reset(d.stall()) }})
	var disk *os.PathError
	switch {
	case errors.Is(err, errTooLarge):
		return err
	case errors.As(err, &disk):
		return fmt.Errorf("write the temporary file: %w", err)
	case err != nil:
		return sourceCause(ctx, "read object", err)
	case n != o.Size:
		return sourceError("read object", fmt.Errorf("%d of %d bytes came", n, o.Size))
	}
	return nil
}

// sourceCause tells a stall and a stop from other failures of the store.
func sourceCause(ctx context.Context, what string, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		err = fmt.Errorf("%w (%w)", cause, err)
	}
	if errors.Is(err, errStalled) {
		// The cancelled request's own error would read as a stopping worker.
		return sourceError(what, errors.New(err.Error()))
	}
	return sourceError(what, err)
}

// watched reports that bytes come and stops at a limit.
type watched struct {
	r     io.Reader
	n     int64
	limit int64
	heard func()
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if n > 0 {
		w.heard()
	}
	if w.n += int64(n); w.limit > 0 && w.n > w.limit {
		return n, fmt.Errorf("%w: more than %d bytes", errTooLarge, w.limit)
	}
	return n, err
}
