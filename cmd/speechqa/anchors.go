package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/speechqa/speechqa/custody"
	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/storage/objects"
	"github.com/speechqa/speechqa/storage/postgres"
)

// anchors notes the head of the audit log once a day in the bucket, where who can write the database cannot change it.
type anchors struct {
	store   *postgres.Store
	objects *objects.Store
	bucket  string
	mode    custody.LockMode
	log     *slog.Logger
}

const (
	anchorPrefix = "anchors/audit/"
	// anchorYears is how long a noted head is locked, where the bucket locks: as long as recordings are kept.
	anchorYears = 5
	anchorEvery = time.Hour
)

// anchor is a noted head as it lies in the bucket.
type anchor struct {
	Version int       `json:"version"`
	At      time.Time `json:"at"`
	Seq     int64     `json:"seq"`
	Hash    string    `json:"hash"` // SHA-256 of the entry, hexadecimal
}

// run notes the head of each day and makes the log's months to come, until ctx ends. What fails is logged and tried again
// within the hour.
func (a anchors) run(ctx context.Context) {
	tick := time.NewTicker(anchorEvery)
	defer tick.Stop()
	for {
		if err := a.write(ctx, time.Now()); err != nil && ctx.Err() == nil {
			a.log.Error("the audit log's head could not be noted in the bucket", "bucket", a.bucket, "error", err)
		}
		if outside, err := a.store.AuditMonths(ctx); ctx.Err() == nil && (err != nil || outside > 0) {
			a.log.Error("the audit log's months are not all there; its entries are", "outside", outside, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// write notes the head of the day, unless that was done already.
func (a anchors) write(ctx context.Context, now time.Time) error {
	key := anchorPrefix + now.UTC().Format(time.DateOnly) + ".json"
	if _, err := a.objects.Stat(ctx, a.bucket, key); !errors.Is(err, pipeline.ErrGone) {
		return err // nil: it is there
	}
	head, err := a.store.AuditHead(ctx)
	if err != nil {
		return fmt.Errorf("read the audit log's head: %w", err)
	}
	b, err := json.Marshal(anchor{Version: 1, At: now.UTC().Truncate(time.Second), Seq: head.Seq, Hash: hex.EncodeToString(head.Hash[:])})
	if err != nil {
		return err
	}
	o, err := a.objects.Put(ctx, a.bucket, key, bytes.NewReader(b), int64(len(b)), objects.PutOptions{ContentType: "application/json"})
	if err != nil {
		return err
	}
	l, err := a.objects.Locking(ctx, a.bucket)
	if err != nil || !l.Locks {
		return err
	}
	return a.objects.Retain(ctx, o, now.AddDate(anchorYears, 0, 0), cmp.Or(a.mode, custody.Compliance))
}

// read gives every head that was ever noted, also in versions that were overwritten or deleted since.
func (a anchors) read(ctx context.Context) ([]postgres.Anchor, error) {
	found, err := a.objects.Versions(ctx, a.bucket, anchorPrefix)
	if err != nil {
		return nil, fmt.Errorf("noted heads of the audit log: %w", err)
	}
	var out []postgres.Anchor
	for _, o := range found {
		h, err := a.readOne(ctx, o)
		if err != nil {
			return nil, fmt.Errorf("noted head %s/%s: %w", o.Bucket, o.Key, err)
		}
		if h.Seq > 0 { // nothing was on record yet
			out = append(out, h)
		}
	}
	return out, nil
}

// allAnchors are the heads noted in several places.
type allAnchors []anchors

// read gives every head that was ever noted in any of the places; each has to answer.
func (all allAnchors) read(ctx context.Context) ([]postgres.Anchor, error) {
	var out []postgres.Anchor
	for _, a := range all {
		heads, err := a.read(ctx)
		if err != nil {
			return nil, err
		}
		out = append(out, heads...)
	}
	return out, nil
}

func (a anchors) readOne(ctx context.Context, o pipeline.Object) (h postgres.Anchor, err error) {
	r, err := a.objects.Open(ctx, o)
	if err != nil {
		return h, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, 4096))
	if err != nil {
		return h, err
	}
	var n anchor
	if err := json.Unmarshal(b, &n); err != nil {
		return h, fmt.Errorf("%w: %v", postgres.ErrTampered, err)
	}
	hash, err := hex.DecodeString(n.Hash)
	if err != nil || len(hash) != len(h.Hash) || n.Version != 1 {
		return h, fmt.Errorf("%w: not as it was written", postgres.ErrTampered)
	}
	return postgres.Anchor{Seq: n.Seq, Hash: [32]byte(hash)}, nil
}
