package postgres_test

import (
	"errors"
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
	var done []pipeline.Again
	for _, f := range first.Begun {
		got = append(got, f.ID)
		if len(f.Heard.Transcript.Utterances) != 2 || f.Heard.TranscriptHash == "" || f.Heard.Audio.Duration != 12.5 || f.Kind != detectors.KindCall {
			t.Errorf("came with %+v", f)
		}
		done = append(done, again(f, 80))
	}
	if want := slices.Sorted(slices.Values(want[:3])); !slices.Equal(slices.Sorted(slices.Values(got)), want) || first.Taken != 3 {
		t.Errorf("begun %v, want the newest %v", got, want)
	}
	// One that somebody has heard again meanwhile is left alone; the others are committed.
	b.exec(fmt.Sprintf(`UPDATE recordings SET transcript_hash = 'another', ruleset_hash = 'rules-2' WHERE id = '%s'`, want[0]))
	b.noError(b.CommitInspections(t.Context(), first.ID, done))
	if got := b.query(`SELECT id::text FROM by_rules b JOIN recordings ON id = recording WHERE b.ruleset_hash = 'rules-2' AND score = 80 ORDER BY created_at DESC`); !slices.Equal(got, want[1:3]) {
		t.Errorf("committed %v, want %v", got, want[1:3])
	}
	if err := b.CommitInspections(t.Context(), first.ID, done); !errors.Is(err, pipeline.ErrFenced) {
		t.Errorf("committed twice: %v", err)
	}
	if n, err := b.Rescan(t.Context(), tester, "rules-2"); n != 1 || err != nil {
		t.Errorf("one is left to inspect again: %d, %v", n, err)
	}
	rest, err := b.BeginAgain(t.Context(), 100, "w1")
	if err != nil || len(rest.Begun) != 1 || rest.Begun[0].ID != want[3] {
		t.Errorf("then %v, %v", rest, err)
	}
	// What was given back goes by itself, and ends as inspected by the new rules.
	b.noError(b.GiveBack(t.Context(), rest.ID))
	if err := b.CommitInspections(t.Context(), rest.ID, []pipeline.Again{again(rest.Begun[0], 80)}); !errors.Is(err, pipeline.ErrFenced) {
		t.Errorf("committed after it was given back: %v", err)
	}
	if due := b.take(100, false); len(due) != 1 || due[0].ID != want[3] || due[0].Step != pipeline.StepInspect || due[0].Priority != pipeline.PriorityBackfill {
		t.Errorf("what was given back has no task of its own: %v", due)
	}
	b.inspectedBy(want[3], "rules-2", 80)
	if n, err := b.Rescan(t.Context(), tester, "rules-2"); n != 0 || err != nil {
		t.Errorf("nothing is left to inspect again: %d, %v", n, err)
	}
	if waits, running, err := b.WaitsAgain(t.Context()); waits || running != 0 || err != nil {
		t.Errorf("something waits: %v", err)
	}
}

// again is what rules-2 say of a recording: a score and findings.
func again(f pipeline.Begun, score int, findings ...detectors.Finding) pipeline.Again {
	return pipeline.Again{ID: f.ID, Inspected: pipeline.Inspected{TranscriptHash: f.Heard.TranscriptHash, Rescore: tenEach,
		Result: detectors.Result{Score: score, Findings: findings, RulesetHash: "rules-2", EngineVersion: "1"}}}
}

// inspectedAgain has rules judge everything stale with the same outcome.
func (b *bed) inspectedAgain(ruleset string, score int, findings ...detectors.Finding) {
	b.t.Helper()
	batch, err := b.BeginAgain(b.t.Context(), 100, "w")
	b.noError(err)
	if len(batch.Begun) == 0 {
		b.t.Error("nothing is stale")
	}
	var done []pipeline.Again
	for _, f := range batch.Begun {
		d := again(f, score, findings...)
		d.Result.RulesetHash = ruleset
		done = append(done, d)
	}
	b.noError(b.CommitInspections(b.t.Context(), batch.ID, done))
}

// stale says whether a recording waits to be inspected again.
func (b *bed) stale(id string) bool {
	b.t.Helper()
	return len(b.query(`SELECT 1 FROM stale WHERE recording = $1`, id)) == 1
}

// What comes out as it was keeps its row; only by which rules it was judged is noted. Decisions count in the score of both.
func TestJudgedSame(t *testing.T) {
	b := newBed(t)
	ctx, li := t.Context(), b.user("li")
	same := b.inspected(found("same.wav"), 90, finding("threat", 1))
	other := b.inspected(found("other.wav"), 90, finding("threat", 1), finding("insult", 2))
	judged := b.inspected(found("judged.wav"), 80, finding("threat", 1), finding("insult", 2))
	b.noError(b.Decide(ctx, postgres.Decision{RecordingID: judged, FindingKey: "insult-key", Verdict: postgres.VerdictOverturned, Reason: "context", UserID: li}, tenEach))
	rows := func() []string {
		return b.query(`SELECT concat_ws(' ', key, xmin) FROM recordings ORDER BY key`)
	}
	before := rows()
	rescan := func(score int, twenty bool) {
		t.Helper()
		b.exec(`UPDATE rescan_batches SET ruleset_hash = 'older'`)
		b.exec(`UPDATE recordings SET ruleset_hash = 'older' WHERE ruleset_hash = 'rules-2'`)
		if n, err := b.Rescan(ctx, tester, "rules-2"); n != 3 || err != nil {
			t.Fatal(n, err)
		}
		if v, err := b.Review(ctx, same); err != nil || !v.Stale {
			t.Errorf("waits and does not say so: %v", err)
		}
		batch, err := b.BeginAgain(ctx, 10, "w")
		b.noError(err)
		var done []pipeline.Again
		for _, f := range batch.Begun {
			d := again(f, score, finding("threat", 1))
			if f.ID == judged {
				d.Result.Findings = append(d.Result.Findings, finding("insult", 2))
			}
			if twenty {
				d.Rescore = func(stand []detectors.Finding) (int, bool) { return 100 - 20*len(stand), false }
			}
			done = append(done, d)
		}
		b.noError(b.CommitInspections(ctx, batch.ID, done))
	}
	rescan(90, false)
	after := rows()
	if after[0] != before[0] || after[2] != before[2] || after[1] == before[1] {
		t.Errorf("rows were %v and are %v", before, after)
	}
	for id, want := range map[string]struct{ score, inspections, findings int }{same: {90, 2, 1}, other: {90, 2, 1}, judged: {90, 2, 2}} {
		v, err := b.Review(ctx, id)
		b.noError(err)
		if v.Score != want.score || v.Inspections != want.inspections || len(v.Findings) != want.findings || v.RulesetHash != "rules-2" || v.Stale {
			t.Errorf("%s: score %d, inspected %d times, %d findings, by %s", v.Recording.Object.Key, v.Score, v.Inspections, len(v.Findings), v.RulesetHash)
		}
	}
	// Points that changed change the score of what people judged, too, by what stands.
	rescan(80, true)
	for _, id := range []string{same, other, judged} {
		if v, err := b.Review(ctx, id); err != nil || v.Score != 80 || v.Inspections != 3 {
			t.Errorf("by other points: score %d, inspected %d times, %v", v.Score, v.Inspections, err)
		}
	}
	if n := b.query(`SELECT count(*) FROM judged_same`); n[0] != "0" {
		t.Errorf("%s recordings have their old rows still", n[0])
	}
	p, err := b.Throughput(ctx, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	if err != nil || p.Inspected != 5 { // three last outcomes, two that were as before
		t.Errorf("%d inspections, %v", p.Inspected, err)
	}
	if drift, err := b.CheckFigures(ctx); err != nil || len(drift) > 0 {
		t.Errorf("figures: %v, %v", drift, err)
	}
}

// A batch whose worker died goes one by one; its late outcome is refused. Where other rules are live by now, it waits anew.
func TestBatchesEnd(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	id := b.inspected(found("1.wav"), 90, finding("threat", 1))
	begin := func() pipeline.Batch {
		t.Helper()
		if n, err := b.Rescan(ctx, tester, "rules-2"); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		batch, err := b.BeginAgain(ctx, 10, "w")
		b.noError(err)
		return batch
	}
	batch := begin()
	b.exec(`UPDATE rescan_batches SET began_at = now() - interval '1 hour'`)
	if waits, running, err := b.WaitsAgain(ctx); waits || running != 0 || err != nil {
		t.Errorf("waits for another batch: %v", err)
	}
	if got := b.query(`SELECT state || ' ' || priority || ' ' || tries || ' ' || crashed FROM recordings`); got[0] != `transcribed -1 1 1` && got[0] != `"transcribed -1 1 1"` {
		t.Errorf("after its worker died: %s", got[0])
	}
	if err := b.CommitInspections(ctx, batch.ID, []pipeline.Again{again(batch.Begun[0], 80)}); !errors.Is(err, pipeline.ErrFenced) {
		t.Errorf("late: %v", err)
	}
	b.inspectedBy(id, "rules-1", 90, finding("threat", 1))

	batch = begin()
	b.exec(`INSERT INTO ruleset_versions (hash, name, label, files, why, state, origin, published_at) VALUES ('rules-3', 'n', 'l', '{}', '', 'live', 'program', now())`)
	b.noError(b.CommitInspections(ctx, batch.ID, []pipeline.Again{again(batch.Begun[0], 10)}))
	if got := b.query(`SELECT concat_ws(' ', score, ruleset_hash) FROM recordings`); got[0] != `"90 rules-1"` {
		t.Errorf("rules that are not live any more said %s", got[0])
	}
	if waits, running, err := b.WaitsAgain(ctx); !waits || running != 0 || err != nil {
		t.Errorf("does not wait for the live rules: %v", err)
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
