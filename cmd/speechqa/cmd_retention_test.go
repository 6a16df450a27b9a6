package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/speechqa/speechqa/custody"
	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/storage/objects"
	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
)

// custodyEnv is a system with one recording of 甲银行 in a bucket with lock and one in a bucket without.
func custodyEnv(t *testing.T) (env map[string]string, db *postgres.Store, ids []string) {
	t.Helper()
	cfg := storagetest.S3(t)
	s := storagetest.Objects(t, cfg, "plain")
	if err := s.EnsureLockedBucket(t.Context(), "kept"); err != nil {
		t.Fatal(err)
	}
	db, url := storagetest.Open(t)
	var found []pipeline.Found
	for _, bucket := range []string{"kept", "plain"} {
		if _, err := s.Put(t.Context(), bucket, "a.wav", strings.NewReader("sound"), 5, objects.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		o, err := s.Stat(t.Context(), bucket, "a.wav")
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, pipeline.Found{Object: o, Kind: detectors.KindCall, Metadata: detectors.Metadata{Principal: "甲银行", CaseID: "c1", StartedAt: time.Now().AddDate(0, -1, 0)}})
	}
	if _, err := db.Discover(t.Context(), found); err != nil {
		t.Fatal(err)
	}
	env = map[string]string{"SPEECHQA_DATABASE_URL": storagetest.AppURL(t, url), "SPEECHQA_DATABASE_OWNER_URL": url, "SPEECHQA_S3_ENDPOINT": cfg.Endpoint, "SPEECHQA_S3_ACCESS_KEY": cfg.AccessKey,
		"SPEECHQA_S3_SECRET_KEY": cfg.SecretKey, "SPEECHQA_S3_STYLE": "path", "SPEECHQA_BUCKETS": "kept,plain"}
	return env, db, storagetest.Query(t, url, `SELECT id FROM recordings ORDER BY bucket`)
}

// must runs a command that has to succeed, and returns what it printed.
func must(t *testing.T, env map[string]string, args ...string) string {
	t.Helper()
	status, out, errs := speechqa(t, env, args...)
	if status != 0 {
		t.Fatalf("%v: status %d: %s%s", args, status, out, errs)
	}
	return out
}

// refused runs a command that has to fail with a sentence.
func refused(t *testing.T, env map[string]string, sentence string, args ...string) {
	t.Helper()
	if status, out, errs := speechqa(t, env, args...); status == 0 || !strings.Contains(errs, sentence) {
		t.Errorf("%v: status %d: %s%s, want %q", args, status, out, errs, sentence)
	}
}

func TestRetentionCommands(t *testing.T) {
	env, _, ids := custodyEnv(t)
	if out := must(t, env, "retention", "report"); !strings.Contains(out, "WARNING: no worker or ingest has looked") {
		t.Errorf("before anybody looked:\n%s", out)
	}
	for _, command := range []string{"retention", "status"} {
		args := map[string][]string{"retention": {"retention", "report"}, "status": {"status"}}[command]
		if command == "status" {
			env["SPEECHQA_REDIS_URL"] = storagetest.Redis(t).URL()
		}
		if out := must(t, env, args...); !strings.Contains(out, "WARNING: NO SECOND COPY") {
			t.Errorf("%s says nothing of the second copy:\n%s", command, out)
		}
	}
	worker := start(t, envList(env, "SPEECHQA_METRICS_LISTEN=off", "SPEECHQA_SCAN_EVERY=1h"), "ingest", "run")
	worker.says(`THE BUCKET HAS NO OBJECT LOCK.*plain`)
	eventually(t, "the lock", func() bool {
		return strings.Contains(must(t, env, "retention", "report"), "not locked in the store until their date  1\n")
	})
	worker.stop()
	out := must(t, env, "retention", "report")
	if !strings.Contains(out, "WARNING: the bucket plain has no object lock") || strings.Contains(out, "bucket kept has no") {
		t.Errorf("report:\n%s", out)
	}
	if out := must(t, env, "status"); !strings.Contains(out, "WARNING: the bucket plain has no object lock") {
		t.Errorf("status:\n%s", out)
	}

	if out := must(t, env, "retention", "term", "甲银行", "--years", "7", "--by", "li"); !strings.Contains(out, "2 recordings are kept for longer") {
		t.Error(out)
	}
	refused(t, env, "3 to 100 years", "retention", "term", "--years", "2")
	if out := must(t, env, "retention", "term"); !strings.Contains(out, "(all others): 5 years") || !strings.Contains(out, "甲银行: 7 years") {
		t.Error(out)
	}
	refused(t, env, "extended, not shortened", "retention", "extend", ids[0], "--until", "2027-01-01", "--reason", "x")
	must(t, env, "retention", "extend", ids[0], "--until", "2099-12-31", "--reason", "诉讼")
	refused(t, env, "no recording", "retention", "extend", "00000000-0000-0000-0000-000000000000", "--until", "2099-12-31", "--reason", "x")

	refused(t, env, "a hold needs", "retention", "hold", "add", "--reason", "r", "--owner", "o")
	id := strings.Fields(must(t, env, "retention", "hold", "add", "--case", "c1", "--from", "2020-01-01", "--reason", "监管", "--owner", "法务", "--by", "li"))[1]
	if out := must(t, env, "retention", "hold", "list"); !strings.Contains(out, "case c1, from 2019-12-31T16:00:00Z") && !strings.Contains(out, "case c1, from 2020-01-01T00:00:00+08:00") {
		t.Error(out)
	}
	must(t, env, "retention", "hold", "release", id, "--reason", "结案")
	refused(t, env, "no hold", "retention", "hold", "release", id, "--reason", "again")
	for _, actor := range storagetest.Query(t, env["SPEECHQA_DATABASE_OWNER_URL"], `SELECT origin FROM audit_log WHERE action LIKE 'retention.%' OR action LIKE 'hold.%'`) {
		if !strings.Contains(actor, "command of ") {
			t.Errorf("on record as coming from %q", actor)
		}
	}
	must(t, env, "verify", "audit")
}

func TestVerifyStorageCommand(t *testing.T) {
	env, _, ids := custodyEnv(t)
	if out := must(t, env, "verify", "storage"); !strings.Contains(out, "2 recordings read, 0 with a problem") {
		t.Error(out)
	}
	storagetest.Exec(t, env["SPEECHQA_DATABASE_OWNER_URL"], `ALTER TABLE custody DISABLE TRIGGER USER; UPDATE custody SET sha256 = repeat('0', 64) WHERE recording = '`+ids[1]+`'`)
	status, out, _ := speechqa(t, env, "verify", "storage")
	if status != 1 || !strings.Contains(out, ids[1]+" plain/a.wav: the object's SHA-256 is not the one first taken of it") {
		t.Errorf("status %d: %s", status, out)
	}
	if out := must(t, env, "retention", "report"); !strings.Contains(out, "with a problem                            1") {
		t.Error(out)
	}
	if _, out, _ := speechqa(t, env, "verify", "storage", "--sample", "1"); !strings.Contains(out, "1 recordings read") {
		t.Error(out)
	}
}

// What verify finds is put back by the command, and found well then.
func TestRestoreObjectCommand(t *testing.T) {
	env, db, ids := custodyEnv(t)
	refused(t, env, "SPEECHQA_COPY_BUCKET", "restore", "object", "--all")
	cfg := objects.Config{Endpoint: env["SPEECHQA_S3_ENDPOINT"], AccessKey: env["SPEECHQA_S3_ACCESS_KEY"], SecretKey: env["SPEECHQA_S3_SECRET_KEY"], Region: "us-east-1", Style: "path"}
	s := storagetest.Objects(t, cfg)
	if err := s.EnsureLockedBucket(t.Context(), "copies"); err != nil {
		t.Fatal(err)
	}
	env["SPEECHQA_COPY_BUCKET"] = "copies"
	refused(t, env, "name recordings, or say --all", "restore", "object")
	copying, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() {
		(&custody.Copier{Store: db, From: s, Second: s, Name: "there", Bucket: "copies", Log: slog.New(slog.DiscardHandler)}).Run(copying)
	})
	owner := env["SPEECHQA_DATABASE_OWNER_URL"]
	eventually(t, "the copies", func() bool {
		return storagetest.Query(t, owner, `SELECT count(*) FROM copies WHERE due_at IS NULL`)[0] == "2"
	})
	cancel()
	done.Wait()
	if err := s.RemoveAll(t.Context(), "kept", "a.wav"); err != nil {
		t.Fatal(err)
	}
	if out := must(t, env, "restore", "object", ids[1]); !strings.Contains(out, "is as it was taken in") {
		t.Error(out)
	}
	refused(t, env, "1 of 2 recordings are not as they were taken in", "verify", "storage")
	if out := must(t, env, "restore", "object", "--all", "--by", "reviewer"); !strings.Contains(out, "1 put back and locked as before, 0 well already, 0 not put back") {
		t.Error(out)
	}
	if out := must(t, env, "verify", "storage"); !strings.Contains(out, "2 recordings read, 0 with a problem, 0 to be locked again") {
		t.Error(out)
	}
	if c, err := db.Custody(t.Context(), ids[0]); err != nil || c.LockedUntil.IsZero() {
		t.Errorf("%+v %v", c, err)
	}
	refused(t, env, "no such recording", "restore", "object", "00000000-0000-0000-0000-000000000001")
}

func envList(env map[string]string, more ...string) []string {
	for k, v := range env {
		more = append(more, k+"="+v)
	}
	return more
}

var (
	testNames    = regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	testMentions = regexp.MustCompile("`(Test[A-Za-z0-9]+)`")
)

// TestCustodyDocument: the tests that docs/custody.md names are there.
func TestCustodyDocument(t *testing.T) {
	doc, err := os.ReadFile("../../docs/custody.md")
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, pattern := range []string{"../../*/*_test.go", "../../*/*/*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range testNames.FindAllSubmatch(b, -1) {
				have[string(m[1])] = true
			}
		}
	}
	named := 0
	for _, m := range testMentions.FindAllSubmatch(doc, -1) {
		if named++; !have[string(m[1])] {
			t.Errorf("docs/custody.md names %s, which is no test", m[1])
		}
	}
	if named < 10 {
		t.Errorf("%d tests named", named)
	}
}
