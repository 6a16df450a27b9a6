package postgres_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/storage/postgres"
)

func (b *bed) review(id string) postgres.Review {
	b.t.Helper()
	v, err := b.Review(b.t.Context(), id)
	b.noError(err)
	return v
}

// What a person adds counts at once, survives an inspection by other rules, and can be taken back.
func TestAddFinding(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	id, li := b.inspected(found("1.wav"), 90, finding("threat", 1)), b.user("li")
	act := func() postgres.Act {
		return postgres.Act{RecordingID: id, UserID: li, Origin: "10.0.0.1", Version: b.version(id)}
	}
	missed := finding("insult", 0.5)
	missed.How = "person"
	b.noError(b.AddFinding(ctx, postgres.Addition{Act: act(), Finding: missed, Note: "听到了"}, tenEach))
	v := b.review(id)
	if f := v.Findings[0]; !f.Added || f.Verdict != postgres.VerdictConfirmed || f.Rule != "insult" || f.By != "li先生" || v.Score != 80 {
		t.Errorf("%+v, score %d", f, v.Score)
	}
	if e := v.Trail[0]; e.Action != "added" || e.Rule != "insult" || e.Note != "听到了" || e.Score != 80 {
		t.Errorf("trail: %+v", e)
	}
	if v.Assignee != "li先生" {
		t.Errorf("whoever judges what nobody has has not got it: %q", v.Assignee)
	}
	if err := b.AddFinding(ctx, postgres.Addition{Act: act(), Finding: missed}, tenEach); !errors.Is(err, postgres.ErrConflict) {
		t.Errorf("the same again: %v", err)
	}
	if err := b.AddFinding(ctx, postgres.Addition{Act: postgres.Act{RecordingID: id, UserID: li}, Finding: finding("x", 1)}, tenEach); !errors.Is(err, postgres.ErrConflict) {
		t.Errorf("with an old version: %v", err)
	}
	if _, err := b.Rescan(ctx, postgres.AuditEntry{}, "rules-2"); err != nil {
		t.Fatal(err)
	}
	b.inspectedAgain("rules-2", 100)
	if v := b.review(id); len(v.Findings) != 1 || v.Score != 90 {
		t.Errorf("after other rules: %d findings, score %d", len(v.Findings), v.Score)
	}
	b.noError(b.Undo(ctx, act(), tenEach))
	if v := b.review(id); len(v.Findings) != 0 || v.Score != 100 || v.Trail[0].Action != "undone" || v.Trail[0].Reason != "added" {
		t.Errorf("taken back: %+v", v.Trail)
	}
	if got := b.query(`SELECT count(*) FROM audit_log WHERE action IN ('finding.added', 'review.undone')`); got[0] != "2" {
		t.Errorf("%s entries in the audit log", got[0])
	}
}

// What a rule on shadow finds is nobody's to judge.
func TestDecideOnShadow(t *testing.T) {
	b := newBed(t)
	shadow := finding("threat", 1)
	shadow.Shadow = true
	id := b.inspected(found("1.wav"), 100, shadow)
	d := postgres.Decision{RecordingID: id, FindingKey: shadow.Key, Verdict: postgres.VerdictConfirmed, UserID: b.user("li"), Version: b.version(id)}
	if err := b.Decide(t.Context(), d, tenEach); !errors.Is(err, postgres.ErrNotFound) {
		t.Errorf("a finding on shadow is judged: %v", err)
	}
}

// Undo goes back step by step, only over one's own acts.
func TestUndo(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	id, li, an := b.inspected(found("1.wav"), 80, finding("threat", 1)), b.user("li"), b.user("an")
	decide := func(v postgres.Verdict, reason string) {
		t.Helper()
		b.noError(b.Decide(ctx, postgres.Decision{RecordingID: id, FindingKey: "threat-key", Verdict: v, Reason: reason, UserID: li, Version: b.version(id)}, tenEach))
	}
	undo := func(who string) error {
		return b.Undo(ctx, postgres.Act{RecordingID: id, UserID: who, Version: b.version(id)}, tenEach)
	}
	if err := undo(li); !errors.Is(err, postgres.ErrNothingToUndo) {
		t.Errorf("before anything was done: %v", err)
	}
	decide(postgres.VerdictConfirmed, "")
	decide(postgres.VerdictOverturned, "misheard")
	if err := undo(an); !errors.Is(err, postgres.ErrNothingToUndo) {
		t.Errorf("another person's act was undone: %v", err)
	}
	if v := b.review(id); v.Score != 100 {
		t.Fatalf("score %d", v.Score)
	}
	for _, want := range []postgres.Verdict{postgres.VerdictConfirmed, postgres.VerdictOpen} {
		b.noError(undo(li))
		if v := b.review(id); v.Findings[0].Verdict != want || v.Findings[0].Reason != "" || v.Score != 90 || (v.Findings[0].By == "") != (want == postgres.VerdictOpen) {
			t.Errorf("undone to %+v, want %s", v.Findings[0], want)
		}
	}
	if err := undo(li); !errors.Is(err, postgres.ErrNothingToUndo) {
		t.Errorf("more undone than done: %v", err)
	}
	if trail := b.review(id).Trail; len(trail) != 4 {
		t.Errorf("%d lines in the trail, want every step", len(trail))
	}
}

// Dispositions are never changed: the newest is in force.
func TestDispose(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	id, li := b.inspected(found("1.wav"), 80, finding("threat", 1)), b.user("li")
	due := time.Date(2026, 3, 9, 0, 0, 0, 0, time.UTC)
	want := []postgres.Disposition{}
	for _, d := range []postgres.Disposition{
		{Kind: postgres.DispositionAdvice}, {Kind: postgres.DispositionPenalty, Note: "扣绩效", Due: due, Told: "组长 王"},
	} {
		b.noError(b.Dispose(ctx, postgres.Act{RecordingID: id, UserID: li, Version: b.version(id)}, d, tenEach))
		d.By = "li先生"
		want = append([]postgres.Disposition{d}, want...)
	}
	b.noError(b.Undo(ctx, postgres.Act{RecordingID: id, UserID: li, Version: b.version(id)}, tenEach))
	want = append([]postgres.Disposition{{Kind: postgres.DispositionAdvice, By: "li先生"}}, want...)
	b.noError(b.Undo(ctx, postgres.Act{RecordingID: id, UserID: li, Version: b.version(id)}, tenEach))
	want = append([]postgres.Disposition{{Kind: postgres.DispositionNone, By: "li先生"}}, want...)
	if diff := cmp.Diff(want, b.review(id).Dispositions, cmpopts.IgnoreFields(postgres.Disposition{}, "At")); diff != "" {
		t.Errorf("(-want +got): %s", diff)
	}
	if err := b.Dispose(ctx, postgres.Act{RecordingID: id, UserID: li, Version: b.version(id)}, postgres.Disposition{Kind: "?"}, tenEach); err == nil {
		t.Error("an unknown disposition was taken")
	}
}

// A corrected speaker is who the rules see, in this inspection and in later ones; how it stood before is kept.
func TestCorrectSpeakers(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	id, li := b.inspected(found("1.wav"), 80, finding("threat", 1)), b.user("li")
	v := b.review(id)
	a := postgres.Act{RecordingID: id, UserID: li, Version: v.Version}
	if err := b.CorrectSpeakers(ctx, a, "another transcript", postgres.Roles{0: detectors.SpeakerCustomer}, ""); !errors.Is(err, postgres.ErrConflict) {
		t.Errorf("of another transcript: %v", err)
	}
	if err := b.CorrectSpeakers(ctx, a, v.TranscriptHash, postgres.Roles{2: detectors.SpeakerCustomer}, ""); !errors.Is(err, postgres.ErrNotFound) {
		t.Errorf("of an utterance that is not there: %v", err)
	}
	b.noError(b.CorrectSpeakers(ctx, a, v.TranscriptHash, postgres.Roles{1: detectors.SpeakerCustomer}, "后一句是客户"))
	if s := b.state(id); s != pipeline.StateTranscribed {
		t.Fatalf("state %s: it is not inspected again", s)
	}
	if err := b.Decide(ctx, postgres.Decision{RecordingID: id, FindingKey: "threat-key", Verdict: postgres.VerdictConfirmed, UserID: li, Version: 1}, tenEach); !errors.Is(err, postgres.ErrConflict) {
		t.Errorf("decided while it is being inspected again: %v", err)
	}
	due, err := b.TakeBehind(ctx, time.Now(), 10)
	b.noError(err)
	if len(due) != 1 || due[0].ID != id || due[0].Step != pipeline.StepInspect || due[0].Priority != 1 {
		t.Errorf("in the queue: %+v", due)
	}
	heard, err := b.Transcript(ctx, id)
	b.noError(err)
	if u := heard.Transcript.Utterances; u[0].Speaker != detectors.SpeakerAgent || u[1].Speaker != detectors.SpeakerCustomer {
		t.Errorf("the inspection sees %s and %s", u[0].Speaker, u[1].Speaker)
	}
	b.inspectedBy(id, "rules-1", 100)
	v = b.review(id)
	want := []postgres.SpeakerCorrection{{By: "li先生", Roles: postgres.Roles{1: detectors.SpeakerCustomer}, Note: "后一句是客户", Before: postgres.Standing{
		Score: 80, Roles: postgres.Roles{}, Findings: []postgres.StandingFinding{{Rule: "threat", Turn: 0, Quote: "话", Verdict: postgres.VerdictOpen}}}}}
	if diff := cmp.Diff(want, v.Corrections, cmpopts.IgnoreFields(postgres.SpeakerCorrection{}, "At")); diff != "" || v.Score != 100 {
		t.Errorf("score %d, corrections (-want +got): %s", v.Score, diff)
	}
	if v.Transcript.Utterances[1].Speaker != detectors.SpeakerCustomer || v.Trail[0].Action != "speakers" {
		t.Errorf("the page sees %+v, trail %+v", v.Transcript.Utterances[1], v.Trail[0])
	}
	b.noError(b.CorrectSpeakers(ctx, postgres.Act{RecordingID: id, UserID: li, Version: v.Version}, v.TranscriptHash, postgres.Roles{0: detectors.SpeakerUnknown}, ""))
	if got := b.review(id).Roles; len(got) != 2 {
		t.Errorf("a second correction forgets the first: %v", got)
	}
}

// The list's columns follow the findings, whoever changes them.
func TestStage(t *testing.T) {
	b := newBed(t)
	stage := func(id string) string {
		return b.query(`SELECT stage || ' ' || to_judge || ' ' || live || ' ' || array_to_string(marks, ' ') FROM recordings WHERE id = $1`, id)[0]
	}
	doubtful := finding("insult", 2)
	doubtful.Doubtful = true
	id := b.transcribed(found("1.wav"), "你好")
	for _, step := range []struct{ do, want string }{
		{"", `"pending 0 0 "`},
		{"inspect", `"to_judge 2 2 rule:insult rule:threat severity:major doubtful"`},
		{`UPDATE findings SET verdict = 'overturned' WHERE rule = 'insult'`, `"to_judge 1 2 rule:threat severity:major"`},
		{`UPDATE findings SET verdict = 'confirmed' WHERE rule = 'threat'`, `"reviewed 0 2 rule:threat severity:major"`},
		{`ALTER TABLE findings DISABLE TRIGGER findings_kept; DELETE FROM findings`, `"clean 0 0 "`},
	} {
		switch step.do {
		case "":
		case "inspect":
			b.inspectedBy(id, "rules-1", 50, finding("threat", 1), doubtful)
		default:
			b.exec(step.do)
		}
		if got := stage(id); got != step.want && `"`+got+`"` != step.want {
			t.Errorf("after %q: %s, want %s", step.do, got, step.want)
		}
	}
}

// The search finds words of any language wherever they stand, and numbers and names by their own indexes.
func TestSearchSaid(t *testing.T) {
	b := newBed(t)
	put := func(key string, said ...string) {
		b.inspectedBy(b.transcribed(found(key), said...), "rules-1", 100)
	}
	put("a.wav", "我保证您今天还款就能减免", "好的")
	put("b.wav", "这个我保留意见", "请您证明一下")
	put("c.wav", "Please call me back，OK？")
	for query, want := range map[string][]string{
		"保证":       {"a.wav"}, // both characters are in b, but not beside each other
		"减免":       {"a.wav"},
		"还款 好的":    {"a.wav"},
		"好的 证明":    {},
		"CALL ME":  {"c.wav"},
		"ok":       {"c.wav"},
		"证":        {"a.wav", "b.wav"},
		"证您今天还款就能": {"a.wav"},
		"%":        {},
	} {
		got := b.keys(postgres.ListFilter{Query: query})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got): %s", query, diff)
		}
	}
}
