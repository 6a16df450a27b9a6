package worker_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/pipeline/audio"
	"github.com/speechqa/speechqa/storage/embedded"
	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
	"github.com/speechqa/speechqa/worker"
)

// stored makes n inspected recordings whose transcripts are the development dialogues, over and over, and returns the
// mean length of one in bytes.
func (f *fleet) stored(n int) int {
	f.t.Helper()
	file, err := os.Open("../testdata/dialogues/dev.jsonl")
	if err != nil {
		f.t.Fatal(err)
	}
	defer file.Close()
	var found []pipeline.Found
	var heard []pipeline.Transcribed
	bytes := 0
	lines := bufio.NewScanner(file)
	for lines.Buffer(nil, 1<<20); lines.Scan(); {
		var d struct {
			ID    string
			Turns []struct{ Speaker, Text string }
		}
		if err := json.Unmarshal(lines.Bytes(), &d); err != nil {
			f.t.Fatal(err)
		}
		t := pipeline.Transcribed{SHA256: d.ID, TranscriptHash: d.ID, Audio: audio.Facts{Duration: 60}}
		for i, turn := range d.Turns {
			t.Transcript.Utterances = append(t.Transcript.Utterances, detectors.Utterance{Speaker: detectors.Speaker(turn.Speaker),
				Start: float64(3 * i), End: float64(3*i + 2), Text: turn.Text, Confidence: 0.9})
			bytes += len(turn.Text)
		}
		found = append(found, pipeline.Found{Object: pipeline.Object{Bucket: "template", Key: d.ID, ETag: d.ID}, Kind: detectors.KindCall})
		heard = append(heard, t)
	}
	if _, err := f.store.Discover(f.t.Context(), found); err != nil {
		f.t.Fatal(err)
	}
	for i, id := range storagetest.Query(f.t, f.Database, `SELECT id FROM recordings ORDER BY key`) {
		r, err := f.store.Begin(f.t.Context(), id, pipeline.StepTranscribe, "w")
		if err == nil {
			err = f.store.CommitTranscript(f.t.Context(), id, r.Attempt, heard[i])
		}
		if err != nil {
			f.t.Fatal(err)
		}
	}
	storagetest.Exec(f.t, f.Database, `CREATE SEQUENCE bench_keys`,
		fmt.Sprintf(`INSERT INTO recordings (bucket, key, version, size, kind, state, sha256, duration, transcript_hash, score, ruleset_hash, inspected_at, inspections)
			SELECT 'recordings', 'copy/' || nextval('bench_keys'), 'v', 1, kind, 'inspected', sha256, duration, transcript_hash, 100, 'none', now(), 1
			FROM recordings t, generate_series(1, %d) WHERE bucket = 'template' LIMIT %d`, 1+n/len(found), n),
		`INSERT INTO transcripts (recording, sha256, audio, peaks, transcript, hash, said)
			SELECT r.id, t.sha256, t.audio, t.peaks, t.transcript, t.hash, t.said FROM recordings r JOIN transcripts t ON t.hash = r.transcript_hash WHERE r.bucket = 'recordings'`,
		`UPDATE recordings SET state = 'duplicate' WHERE bucket = 'template'`, `ANALYZE`)
	return bytes / len(found)
}

// durable gives the fleet a database of its own that writes as one in service does: to the disk before it says so.
func (f *fleet) durable() {
	f.t.Helper()
	dir, err := os.MkdirTemp("", "sq-") // short: it holds sockets
	if err == nil {
		err = os.Chmod(dir, 0o755) // PostgreSQL may be another user's
	}
	if err != nil {
		f.t.Fatal(err)
	}
	server, err := embedded.StartPostgres(f.t.Context(), embedded.Options{Dir: dir})
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() {
		if err := errors.Join(server.Stop(context.WithoutCancel(f.t.Context())), os.RemoveAll(dir)); err != nil {
			f.t.Error(err)
		}
	})
	f.Database = server.URL()
	if _, err := postgres.Migrate(f.t.Context(), f.Database, storagetest.AppURL(f.t, f.Database)); err != nil {
		f.t.Fatal(err)
	}
	f.store = storagetest.OpenURL(f.t, f.Database)
}

// databaseCPU is what the database's present sessions of this program have used so far.
func (f *fleet) databaseCPU() (used time.Duration) {
	f.t.Helper()
	for _, pid := range storagetest.Query(f.t, f.Database, `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'speechqa'`) {
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil {
			continue // the session has just ended
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		for _, field := range strings.Fields(rest)[11:13] { // user and system, in hundredths of a second
			ticks, err := strconv.Atoi(field)
			if err != nil {
				f.t.Fatal(err)
			}
			used += time.Duration(ticks) * 10 * time.Millisecond
		}
	}
	return used
}

// Stored calls inspected again by a worker with two inspectors, writes included: many a transaction, and as it is where
// something goes wrong, each as a task of its own. "first" has no findings from before, so that every call with a
// finding comes out otherwise; "again" has the same findings from other rules; of "changed" those of every twentieth call
// are otherwise.
func BenchmarkRescan(b *testing.B) {
	e, err := engine()
	if err != nil {
		b.Fatal(err)
	}
	hash := e.Ruleset().Hash
	for _, c := range []struct {
		name string
		n    int
		mark []string // what is done after the calls were marked
	}{
		{"batches", 20_000, nil},
		{"one-by-one", 1000, []string{`UPDATE recordings SET state = 'transcribed', priority = -1 WHERE state = 'inspected'`, `DELETE FROM stale`}},
	} {
		b.Run(c.name, func(b *testing.B) {
			f := newFleet(b)
			f.durable()
			size := f.stored(c.n)
			for b.Loop() {
				for _, pass := range []string{"first", "again", "changed"} {
					b.StopTimer()
					if pass == "changed" {
						storagetest.Exec(b, f.Database, `UPDATE findings SET severity = 'another' WHERE mod(hashtext(recording::text), 20) = 0`)
					}
					storagetest.Exec(b, f.Database, `UPDATE recordings SET ruleset_hash = 'none'`, `DELETE FROM judged_same`, `VACUUM ANALYZE`)
					marking := time.Now()
					if n, err := f.store.Rescan(b.Context(), postgres.AuditEntry{Name: "bench"}, hash); err != nil || n != int64(c.n) {
						b.Fatal(n, err)
					}
					b.ReportMetric(float64(c.n)/time.Since(marking).Seconds(), pass+"-marked/s")
					storagetest.Exec(b, f.Database, slices.Concat(c.mark, []string{`VACUUM ANALYZE`, `CHECKPOINT`})...)
					before, own, database := b.Elapsed(), cpu(b), f.databaseCPU()
					b.StartTimer()
					w := f.start(nil, func(cfg *worker.Config) { cfg.Steps, cfg.Deps.Transcriber = []pipeline.Step{pipeline.StepInspect}, nil })
					f.wait("all inspected again", func() bool {
						return f.one(`SELECT count(*) FROM by_rules b JOIN recordings r ON r.id = b.recording WHERE r.state = 'transcribed' OR r.state = 'inspected' AND b.ruleset_hash <> $1`, hash) == "0"
					})
					took := b.Elapsed() - before
					b.ReportMetric(float64(c.n)/took.Seconds(), pass+"-calls/s")
					b.ReportMetric((cpu(b)-own).Seconds()*1000/float64(c.n), pass+"-cpu-ms/call")
					b.ReportMetric((f.databaseCPU()-database).Seconds()*1000/float64(c.n), pass+"-db-cpu-ms/call")
					w.stop()
				}
			}
			b.ReportMetric(float64(size), "bytes/call")
		})
	}
}
