package postgres_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/storage/postgres"
)

// tester is who does something to the queue in tests.
var tester = postgres.AuditEntry{Name: "tester"}

// Inspecting again goes from the newest to the oldest, behind everything else, and transcribes nothing.
func TestRescan(t *testing.T) {
	b := newBed(t)
	var want []string
	for i := range 4 {
		id := b.inspected(found(fmt.Sprintf("%d.wav", i)), 90, finding("threat", 1))
		b.exec(fmt.Sprintf(`UPDATE recordings SET created_at = '2026-01-0%d' WHERE id = '%s'`, i+1, id))
		want = append([]string{id}, want...)
	}
	current := b.transcribed(found("current.wav"), "你好", "current")
	b.inspectedBy(current, "rules-2", 100)
	waiting := b.discovered(found("waiting.wav"))
	if n, err := b.Rescan(t.Context(), tester, "rules-2"); n != 4 || err != nil {
		t.Fatal(n, err)
	}
	if due := ids(b.take(100, false)); !slices.Equal(due, []string{waiting}) {
		t.Errorf("tasks of their own for %v, want %s only", due, waiting)
	}
	first, err := b.BeginAgain(t.Context(), 3, "w1")
	b.noError(err)
	var got []string
	attempts := map[string]int64{}
	for _, f := range first {
		got, attempts[f.ID] = append(got, f.ID), f.Attempt
		if len(f.Heard.Transcript.Utterances) != 2 || f.Heard.TranscriptHash == "" || f.Heard.Audio.Duration != 12.5 {
			t.Errorf("came with %+v", f.Heard)
		}
	}
	slices.Sort(got)
	newest := slices.Sorted(slices.Values(want[:3]))
	if !slices.Equal(got, newest) {
		t.Errorf("begun %v, want the newest %v", got, newest)
	}
	// One that was taken over meanwhile is left alone; the others are committed. What was given back goes by itself.
	b.exec(fmt.Sprintf(`UPDATE recordings SET attempt = attempt + 1 WHERE id = '%s'`, want[0]))
	var done []pipeline.Again
	for _, f := range first {
		if f.ID != want[2] {
			done = append(done, pipeline.Again{ID: f.ID, Attempt: f.Attempt, Inspected: pipeline.Inspected{TranscriptHash: f.Heard.TranscriptHash,
				Rescore: tenEach, Result: detectors.Result{Score: 80, RulesetHash: "rules-2", EngineVersion: "1"}}})
		}
	}
	b.noError(b.CommitInspections(t.Context(), done))
	b.noError(b.GiveBack(t.Context(), map[string]int64{want[2]: attempts[want[2]]}))
	if b.state(want[0]) != pipeline.StateTranscribed || b.state(want[1]) != pipeline.StateInspected || b.state(want[2]) != pipeline.StateTranscribed {
		t.Errorf("states: %s, %s, %s", b.state(want[0]), b.state(want[1]), b.state(want[2]))
	}
	rest, err := b.BeginAgain(t.Context(), 100, "w1")
	if err != nil || len(rest) != 1 || rest[0].ID != want[3] {
		t.Errorf("then %v, %v", rest, err)
	}
	due := b.take(100, false)
	if !slices.Contains(ids(due), want[2]) {
		t.Errorf("what was given back has no task of its own: %v", due)
	}
	b.pastLease(want[0])
	for _, id := range []string{want[0], want[2]} {
		b.inspectedBy(id, "rules-2", 80)
	}
	b.pastLease(want[3])
	b.inspectedBy(want[3], "rules-2", 80)
	if n, err := b.Rescan(t.Context(), tester, "rules-2"); n != 0 || err != nil {
		t.Errorf("nothing is left to inspect again: %d, %v", n, err)
	}
}

// Another model hears again what lies in the range; reviewers' decisions stay.
func TestRetranscribe(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	in := b.inspected(found("in.wav"), 90, finding("threat", 1))
	b.noError(b.Decide(ctx, postgres.Decision{RecordingID: in, FindingKey: "threat-key", Verdict: postgres.VerdictConfirmed, UserID: b.user("li")}, tenEach))
	late := found("late.wav")
	late.Metadata.StartedAt = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	out := b.inspected(late, 90)
	from, to := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), late.Metadata.StartedAt
	if n, err := b.Retranscribe(ctx, from, to, "m1"); n != 0 || err != nil {
		t.Errorf("the same model again: %d, %v", n, err)
	}
	if n, err := b.Retranscribe(ctx, from, to, "m2"); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if b.state(in) != pipeline.StateDiscovered || b.state(out) != pipeline.StateInspected {
		t.Errorf("states: %s, %s", b.state(in), b.state(out))
	}
	r := b.begin(in, pipeline.StepTranscribe)
	if original, err := b.Duplicate(ctx, in, transcript("你好", "in.wav").SHA256); original != "" || err != nil {
		t.Errorf("its own duplicate: %q, %v", original, err)
	}
	heard := transcript("你好", "better")
	heard.Transcript.ModelHash = "m2"
	b.noError(b.CommitTranscript(ctx, in, r.Attempt, heard))
	b.inspectedBy(in, "rules-1", 100)
	v, err := b.Review(ctx, in)
	b.noError(err)
	if len(v.Findings) != 1 || v.Findings[0].Verdict != postgres.VerdictConfirmed || v.Score != 90 {
		t.Errorf("after hearing again: score %d, %+v", v.Score, v.Findings)
	}
}
