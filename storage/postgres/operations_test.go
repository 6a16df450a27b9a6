package postgres_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/storage/postgres"
)

// What the operators' page shows of the recordings.
func TestOperations(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	old := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	waiting, heard := b.discovered(found("waiting.wav")), b.transcribed(found("heard.wav"), "你好")
	b.exec(`UPDATE recordings SET created_at = '2026-03-01 08:00:00+00' WHERE key = 'waiting.wav'`)
	again := b.inspected(found("again.wav"), 90)
	if n, err := b.Rescan(ctx, tester, "rules-2"); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	bad := b.discovered(found("bad.wav"))
	r := b.begin(bad, pipeline.StepTranscribe)
	b.noError(b.Fail(ctx, bad, r.Attempt, pipeline.StepTranscribe, "坏文件", errTest, pipeline.FailFinal))

	lags, err := b.Lags(ctx)
	b.noError(err)
	var got []int64
	for _, l := range lags {
		got = append(got, l.Count)
	}
	if diff := cmp.Diff([]int64{1, 1, 0, 1}, got); diff != "" || !lags[0].Oldest.Equal(old) || !lags[2].Oldest.IsZero() || !lags[3].Again {
		t.Errorf("lags: %s %+v", diff, lags)
	}
	oldest, err := b.OldestWaiting(ctx, 10)
	b.noError(err)
	if len(oldest) != 2 || oldest[0].ID != waiting || oldest[1].ID != heard || oldest[0].Key != "waiting.wav" || oldest[0].Busy || oldest[0].Urgent() {
		t.Errorf("oldest: %+v (%s is done again only)", oldest, again)
	}
	failures, err := b.Failures(ctx, 10)
	b.noError(err)
	if diff := cmp.Diff([]postgres.FailureCount{{Reason: "坏文件", Count: 1}}, failures); diff != "" {
		t.Errorf("failures: %s", diff)
	}
	now, err := b.Throughput(ctx, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	b.noError(err)
	then, err := b.Throughput(ctx, old, old.Add(time.Second))
	b.noError(err)
	if want := (postgres.Throughput{Arrived: 3, Heard: 2, Hours: 2 * 12.5 / 3600, Inspected: 1}); now != want || then != (postgres.Throughput{Arrived: 1}) {
		t.Errorf("throughput: %+v and %+v", now, then)
	}

	if ok, err := b.Hurry(ctx, tester, waiting); !ok || err != nil {
		t.Errorf("hurried: %v, %v", ok, err)
	}
	for _, id := range []string{waiting, bad} {
		if ok, err := b.Hurry(ctx, tester, id); ok || err != nil {
			t.Errorf("hurried again, or though it does not wait: %v, %v", ok, err)
		}
	}
	if due := b.take(1, false); len(due) != 1 || due[0].ID != waiting || due[0].Priority != pipeline.PriorityUrgent {
		t.Errorf("first in turn: %+v", due)
	}
	if n, err := b.Retry(ctx, tester, "坏文件"); n != 1 || err != nil {
		t.Error(n, err)
	}
	want := []string{"rules.rescan", "queue.hurry", "queue.retry"}
	if diff := cmp.Diff(want, b.query(`SELECT action FROM audit_log WHERE name = 'tester' ORDER BY seq`)); diff != "" {
		t.Errorf("on the audit log: %s", diff)
	}
	p, err := b.RescanProgress(ctx)
	if err != nil || p.Marked != 1 || p.Left != 1 || p.Ruleset != "rules-2" || p.Done() != 0 {
		t.Errorf("progress: %+v, %v", p, err)
	}
}
