package postgres_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/storage/postgres"
)

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
	if n, err := b.Rescan(t.Context(), "rules-2"); n != 4 || err != nil {
		t.Fatal(n, err)
	}
	due := b.take(100, false)
	if want = append([]string{waiting}, want...); !slices.Equal(ids(due), want) {
		t.Errorf("taken %v, want %v", ids(due), want)
	}
	for _, d := range due[1:] {
		if d.Step != pipeline.StepInspect || d.Priority != pipeline.PriorityBackfill {
			t.Errorf("due: %+v", d)
		}
		b.inspectedBy(d.ID, "rules-2", 80)
	}
	if n, err := b.Rescan(t.Context(), "rules-2"); n != 0 || err != nil {
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
