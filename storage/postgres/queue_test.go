package postgres_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/storage/postgres"
)

func ids(due []pipeline.Due) []string {
	var out []string
	for _, d := range due {
		out = append(out, d.ID)
	}
	return out
}

// take takes what is behind; all was queued long ago when overdue.
func (b *bed) take(limit int, overdue bool) []pipeline.Due {
	b.t.Helper()
	since := time.Now().Add(-time.Hour)
	if overdue {
		since = time.Now().Add(time.Hour)
	}
	due, err := b.TakeBehind(b.t.Context(), since, limit)
	b.noError(err)
	return due
}

func TestTakeBehind(t *testing.T) {
	b := newBed(t)
	old, urgent, backfill := found("old.wav"), found("urgent.wav"), found("backfill.wav")
	urgent.Priority, backfill.Priority = pipeline.PriorityUrgent, pipeline.PriorityBackfill
	idBackfill, idOld, idNew := b.discovered(backfill), b.discovered(old), b.transcribed(found("new.wav"), "你好")
	idUrgent := b.discovered(urgent)
	b.inspected(found("done.wav"), 100)
	want := []pipeline.Due{
		{ID: idUrgent, Step: pipeline.StepTranscribe, Priority: pipeline.PriorityUrgent},
		{ID: idOld, Step: pipeline.StepTranscribe},
		{ID: idNew, Step: pipeline.StepInspect},
		{ID: idBackfill, Step: pipeline.StepTranscribe, Priority: pipeline.PriorityBackfill},
	}
	got := append(b.take(2, false), b.take(10, false)...)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("taken (-want +got): %s", diff)
	}
	if again := b.take(10, false); len(again) != 0 {
		t.Errorf("taken twice: %v", again)
	}
	if overdue := b.take(10, true); !slices.Equal(ids(overdue), ids(want)) {
		t.Errorf("overdue: %v", overdue)
	}
	b.noError(b.ForgetQueued(t.Context(), idOld))
	if again := b.take(10, false); !slices.Equal(ids(again), []string{idOld}) {
		t.Errorf("one forgotten: %v", again)
	}
	b.noError(b.ForgetQueued(t.Context()))
	if again := b.take(10, false); len(again) != 4 {
		t.Errorf("all forgotten: %v", again)
	}
}

// The next step is behind as soon as the one before is committed.
func TestCommitMakesNextStepBehind(t *testing.T) {
	b := newBed(t)
	id := b.discovered(found("1.wav"))
	b.take(10, false)
	r := b.begin(id, pipeline.StepTranscribe)
	b.noError(b.CommitTranscript(t.Context(), id, r.Attempt, transcript("你好")))
	if due := b.take(10, false); len(due) != 1 || due[0].Step != pipeline.StepInspect {
		t.Errorf("behind: %v", due)
	}
}

func TestRetry(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	failed := func(key, reason string, step pipeline.Step) string {
		var id string
		if step == pipeline.StepTranscribe {
			id = b.discovered(found(key))
		} else {
			id = b.transcribed(found(key), "你好")
		}
		r := b.begin(id, step)
		b.noError(b.Fail(ctx, id, r.Attempt, step, reason, errTest, pipeline.FailFinal))
		return id
	}
	bad, bad2, unheard := failed("1.wav", "坏文件", pipeline.StepTranscribe), failed("2.wav", "坏文件", pipeline.StepTranscribe), failed("3.wav", "写不进", pipeline.StepInspect)
	fine := b.inspected(found("4.wav"), 100)
	if n, err := b.Retry(ctx, tester, "", unheard, fine); n != 1 || err != nil {
		t.Errorf("by id: %d, %v", n, err)
	}
	if b.state(unheard) != pipeline.StateTranscribed || b.state(fine) != pipeline.StateInspected {
		t.Errorf("states: %s, %s", b.state(unheard), b.state(fine))
	}
	if n, err := b.Retry(ctx, tester, "坏文件"); n != 2 || err != nil {
		t.Errorf("by reason: %d, %v", n, err)
	}
	if b.state(bad) != pipeline.StateDiscovered || b.state(bad2) != pipeline.StateDiscovered {
		t.Errorf("states: %s, %s", b.state(bad), b.state(bad2))
	}
	if due := b.take(10, false); len(due) != 3 || due[0].Priority != pipeline.PriorityUrgent {
		t.Errorf("waiting: %v", due)
	}
}

func TestSummary(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	first := b.discovered(found("1.wav"))
	b.transcribed(found("2.wav"), "你好")
	b.inspected(found("3.wav"), 100)
	b.inspected(found("4.wav"), 100)
	b.exec(`UPDATE recordings SET inspected_at = now() - interval '2 days' WHERE key = '4.wav'`)
	for _, key := range []string{"5.wav", "6.wav"} {
		id := b.discovered(found(key))
		r := b.begin(id, pipeline.StepTranscribe)
		b.noError(b.Fail(ctx, id, r.Attempt, pipeline.StepTranscribe, "坏文件", errTest, pipeline.FailFinal))
	}
	b.exec(`UPDATE recordings SET created_at = '2026-01-01T00:00:00Z' WHERE id = '` + first + `'`)
	s, err := b.Summary(ctx, time.UTC)
	b.noError(err)
	want := map[pipeline.State]int{pipeline.StateDiscovered: 1, pipeline.StateTranscribed: 1, pipeline.StateInspected: 2, pipeline.StateFailed: 2}
	if diff := cmp.Diff(want, s.ByState); diff != "" {
		t.Errorf("by state (-want +got): %s", diff)
	}
	if diff := cmp.Diff([]postgres.FailureCount{{Reason: "坏文件", Count: 2}}, s.Failures); diff != "" {
		t.Errorf("failures (-want +got): %s", diff)
	}
	if s.Today != 1 || !s.Oldest.Equal(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)) || s.Hours != 25./3600 {
		t.Errorf("%+v", s)
	}
}
