package postgres_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/pipeline/audio"
	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
)

func TestMain(m *testing.M) { storagetest.Main(m) }

// bed is a store on a database of its own, with what the tests do again and again.
type bed struct {
	*postgres.Store
	t   *testing.T
	url string
}

func newBed(t *testing.T) *bed {
	t.Helper()
	t.Parallel()
	s, url := storagetest.Open(t)
	return &bed{s, t, url}
}

// noError ends the test on an error.
func (b *bed) noError(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bed) exec(sql string) { b.t.Helper(); storagetest.Exec(b.t, b.url, sql) }

func (b *bed) query(sql string, args ...any) []string {
	b.t.Helper()
	return storagetest.Query(b.t, b.url, sql, args...)
}

// found is an object as discovery hands it over.
func found(key string) pipeline.Found {
	return pipeline.Found{
		Object: pipeline.Object{Bucket: "recordings", Key: key, ETag: "etag-" + key, Size: 1000,
			LastModified: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC), UserMetadata: map[string]string{"agent_id": "a1"}},
		Kind: detectors.KindCall,
		Metadata: detectors.Metadata{AgentID: "a1", AgentName: "李明", Team: "north", Principal: "甲银行", CaseID: "c-" + key,
			Phone: "13800001234", StartedAt: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)},
		Notes: []string{"一条说明"},
	}
}

// discovered makes a row and returns its id.
func (b *bed) discovered(f pipeline.Found) string {
	b.t.Helper()
	n, err := b.Discover(b.t.Context(), []pipeline.Found{f})
	b.noError(err)
	if n != 1 {
		b.t.Fatalf("Discover made %d rows of %s", n, f.Object.Key)
	}
	return b.query(`SELECT id FROM recordings WHERE key = $1 ORDER BY created_at DESC LIMIT 1`, f.Object.Key)[0]
}

func (b *bed) begin(id string, step pipeline.Step) pipeline.Recording {
	b.t.Helper()
	r, err := b.Begin(b.t.Context(), id, step, "w1")
	b.noError(err)
	return r
}

func transcript(said ...string) pipeline.Transcribed {
	t := pipeline.Transcribed{SHA256: fmt.Sprintf("sha-%q", said), Audio: audio.Facts{Codec: "pcm_s16le", Duration: 12.5},
		Peaks: []audio.Peaks{{PerSecond: 10, Max: []byte{1, 2}}}, TranscriptHash: fmt.Sprintf("hash-%q", said),
		Transcript: detectors.Transcript{ModelName: "demo", ModelHash: "m1"}}
	for i, s := range said {
		t.Transcript.Utterances = append(t.Transcript.Utterances, detectors.Utterance{Speaker: detectors.SpeakerAgent, Start: float64(i), End: float64(i + 1), Text: s})
	}
	return t
}

func (b *bed) transcribed(f pipeline.Found, said ...string) string {
	b.t.Helper()
	id := b.discovered(f)
	r := b.begin(id, pipeline.StepTranscribe)
	b.noError(b.CommitTranscript(b.t.Context(), id, r.Attempt, transcript(said...)))
	return id
}

func finding(rule string, start float64) detectors.Finding {
	return detectors.Finding{Key: rule + "-key", Rule: rule, Severity: detectors.SeverityMajor, Start: start, Quote: "话", Why: "因为"}
}

// inspectedBy commits an inspection of a transcribed recording.
func (b *bed) inspectedBy(id, ruleset string, score int, findings ...detectors.Finding) {
	b.t.Helper()
	r := b.begin(id, pipeline.StepInspect)
	t, err := b.Transcript(b.t.Context(), id)
	b.noError(err)
	b.noError(b.CommitInspection(b.t.Context(), id, r.Attempt, pipeline.Inspected{TranscriptHash: t.TranscriptHash, Rescore: tenEach,
		Result: detectors.Result{Score: score, Findings: findings, RulesetHash: ruleset, EngineVersion: "1"}}))
}

func (b *bed) inspected(f pipeline.Found, score int, findings ...detectors.Finding) string {
	b.t.Helper()
	id := b.transcribed(f, "你好", f.Object.Key)
	b.inspectedBy(id, "rules-1", score, findings...)
	return id
}

// tenEach is a scoring: ten points for each certain finding.
func tenEach(stand []detectors.Finding) (int, bool) {
	score := 100
	for _, f := range stand {
		if !f.Doubtful && !f.Shadow {
			score -= 10
		}
	}
	return score, false
}

// pastLease makes a running attempt look as if its worker had died.
func (b *bed) pastLease(id string) {
	b.t.Helper()
	b.exec(fmt.Sprintf(`UPDATE recordings SET alive_at = now() - interval '1 minute' WHERE id = '%s'`, id))
}

func (b *bed) user(name string) string {
	b.t.Helper()
	id, err := b.CreateUser(b.t.Context(), postgres.User{Name: name, DisplayName: name + "先生", PasswordHash: "x", Role: "clerk"})
	b.noError(err)
	return id
}

func (b *bed) state(id string) pipeline.State {
	b.t.Helper()
	r, err := b.Recording(b.t.Context(), id)
	b.noError(err)
	return r.State
}

// try runs a statement that may fail.
func (b *bed) try(sql string) error {
	b.t.Helper()
	conn, err := pgx.Connect(b.t.Context(), b.url)
	b.noError(err)
	defer conn.Close(context.WithoutCancel(b.t.Context()))
	_, err = conn.Exec(b.t.Context(), sql)
	return err
}
