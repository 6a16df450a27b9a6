package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/speechqa/speechqa/storage/objects"
	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
)

// A head noted in the bucket shows what was cut off the audit log, and cannot be replaced by another.
func TestAnchors(t *testing.T) {
	store, database := storagetest.Open(t)
	ctx := t.Context()
	bucket, err := objects.Open(storagetest.S3(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := bucket.EnsureLockedBucket(ctx, "kept"); err != nil {
		t.Fatal(err)
	}
	a := anchors{store: store, objects: bucket, bucket: "kept", log: slog.New(slog.DiscardHandler)}
	for i := range 3 {
		if err := store.Audit(ctx, postgres.AuditEntry{Name: "li", Action: "recording.view", Subject: "recording:1"}); err != nil {
			t.Fatal(err)
		}
		for range 2 { // twice a day is once a day
			if err := a.write(ctx, time.Now().AddDate(0, 0, i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	verify := func() error {
		t.Helper()
		heads, err := a.read(ctx)
		if err != nil {
			return err
		}
		_, err = store.VerifyAudit(ctx, heads)
		return err
	}
	heads, err := a.read(ctx)
	if err != nil || len(heads) != 3 || heads[2].Seq != 3 {
		t.Fatalf("%+v, %v", heads, err)
	}
	if err := verify(); err != nil {
		t.Fatal(err)
	}
	o, err := bucket.Stat(ctx, "kept", anchorPrefix+time.Now().UTC().Format(time.DateOnly)+".json")
	if err != nil {
		t.Fatal(err)
	}
	if kept, err := bucket.Kept(ctx, o); err != nil || kept.Until.Before(time.Now().AddDate(anchorYears, 0, -1)) {
		t.Errorf("locked until %v (%v)", kept.Until, err)
	}

	// Somebody cuts the log's end off and puts the head right: the chain itself is whole, the noted heads tell.
	storagetest.Exec(t, database, `ALTER TABLE audit_log DISABLE TRIGGER ALL`, `DELETE FROM audit_log WHERE seq = 3`,
		`UPDATE audit_head SET seq = 2, hash = (SELECT hash FROM audit_log WHERE seq = 2)`)
	if _, err := store.VerifyAudit(ctx, nil); err != nil {
		t.Fatalf("the chain is not whole: the test no longer tests what it should: %v", err)
	}
	if err := verify(); !errors.Is(err, postgres.ErrTampered) {
		t.Errorf("an end that was cut off: %v", err)
	}
	// Nor does it help to write another head over the noted one.
	if err := store.Audit(ctx, postgres.AuditEntry{Name: "li", Action: "recording.play", Subject: "recording:1"}); err != nil {
		t.Fatal(err)
	}
	key := anchorPrefix + time.Now().AddDate(0, 0, 2).UTC().Format(time.DateOnly) + ".json"
	if err := bucket.Remove(ctx, o); err == nil {
		t.Error("a locked head was removed")
	}
	head, err := store.AuditHead(ctx)
	if err != nil {
		t.Fatal(err)
	}
	forged := []byte(`{"version":1,"seq":3,"hash":"` + hex.EncodeToString(head.Hash[:]) + `"}`)
	if _, err := bucket.Put(ctx, "kept", key, bytes.NewReader(forged), int64(len(forged)), objects.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	heads, err = a.read(ctx)
	if err != nil || len(heads) != 4 {
		t.Fatalf("%+v, %v", heads, err)
	}
	if err := verify(); !errors.Is(err, postgres.ErrTampered) {
		t.Errorf("a head written over the noted one: %v", err)
	}
}

// The second store has the heads, too: a first store that was emptied proves nothing.
func TestAnchorsInSecondStore(t *testing.T) {
	store, database := storagetest.Open(t)
	cfg := storagetest.S3(t)
	o := storagetest.Objects(t, cfg, "first")
	if err := o.EnsureLockedBucket(t.Context(), "second"); err != nil {
		t.Fatal(err)
	}
	if err := store.Audit(t.Context(), postgres.AuditEntry{Name: "li", Action: "recording.view", Subject: "recording:1"}); err != nil {
		t.Fatal(err)
	}
	sys := &system{store: store, objects: o, second: o, log: slog.New(slog.DiscardHandler)}
	sys.Objects.Places, sys.Copies.Places = []bucketPrefix{{Bucket: "first"}}, []bucketPrefix{{Bucket: "second"}}
	for _, a := range sys.anchors(custodySettings{}) {
		if err := a.write(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	first, err := o.Stat(t.Context(), "first", anchorPrefix+time.Now().UTC().Format(time.DateOnly)+".json")
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Remove(t.Context(), first); err != nil { // this bucket has no lock
		t.Fatal(err)
	}
	env := map[string]string{"SPEECHQA_DATABASE_URL": database, "SPEECHQA_S3_ENDPOINT": cfg.Endpoint, "SPEECHQA_S3_ACCESS_KEY": cfg.AccessKey,
		"SPEECHQA_S3_SECRET_KEY": cfg.SecretKey, "SPEECHQA_S3_STYLE": "path", "SPEECHQA_BUCKETS": "first"}
	if out := must(t, env, "verify", "audit", "--anchors"); !strings.Contains(out, "0 noted heads") {
		t.Error(out)
	}
	env["SPEECHQA_COPY_BUCKET"] = "second"
	if out := must(t, env, "verify", "audit", "--anchors"); !strings.Contains(out, "1 noted heads") {
		t.Error(out)
	}
}
