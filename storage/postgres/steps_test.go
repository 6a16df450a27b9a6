package postgres_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/storage/postgres"
)

// The whole journey, and that each step's outcome is read back as it was written.
func TestJourney(t *testing.T) {
	b := newBed(t)
	f := found("call/1.wav")
	id := b.discovered(f)
	r := b.begin(id, pipeline.StepTranscribe)
	if diff := cmp.Diff(f.Object, r.Object); diff != "" {
		t.Errorf("object (-put +got): %s", diff)
	}
	if diff := cmp.Diff(f.Metadata, r.Metadata); diff != "" {
		t.Errorf("metadata (-put +got): %s", diff)
	}
	if r.Attempt != 1 || r.Tries != 1 || r.Crashed != 0 || r.State != pipeline.StateDiscovered {
		t.Errorf("first attempt: %+v", r)
	}
	said := transcript("你好", `不还钱就找你单位\u0000`)
	b.noError(b.CommitTranscript(t.Context(), id, r.Attempt, said))
	got, err := b.Transcript(t.Context(), id)
	b.noError(err)
	if diff := cmp.Diff(said, got); diff != "" {
		t.Errorf("transcript (-put +got): %s", diff)
	}
	r = b.begin(id, pipeline.StepInspect)
	if r.Attempt != 2 || r.Tries != 1 || r.Duration != 12.5 || r.SHA256 != said.SHA256 {
		t.Errorf("inspection begins with %+v", r)
	}
	in := pipeline.Inspected{TranscriptHash: said.TranscriptHash, Rescore: tenEach, Result: detectors.Result{Score: 70, Fatal: true,
		Findings: []detectors.Finding{finding("insult", 3), finding("threat", 1)}, RulesetHash: "rules-1", EngineVersion: "7",
		Slots: map[string][]detectors.Slot{"missing_opening": {{Name: "name", Title: "姓名", Heard: true}}}}}
	b.noError(b.CommitInspection(t.Context(), id, r.Attempt, in))
	v, err := b.Review(t.Context(), id)
	b.noError(err)
	if v.Recording.State != pipeline.StateInspected || v.Score != 70 || !v.Fatal || v.RulesetHash != "rules-1" || v.EngineVersion != "7" {
		t.Errorf("after inspection: %+v", v)
	}
	if diff := cmp.Diff(in.Result.Slots, v.Slots); diff != "" {
		t.Errorf("slots (-put +got): %s", diff)
	}
	if len(v.Findings) != 2 || v.Findings[0].Rule != "threat" || v.Findings[0].Verdict != postgres.VerdictOpen || v.Findings[1].Why != "因为" {
		t.Errorf("findings: %+v", v.Findings)
	}
	if _, err := b.Begin(t.Context(), id, pipeline.StepInspect, "w2"); !errors.Is(err, pipeline.ErrNotDue) {
		t.Errorf("a second inspection: %v", err)
	}
}

func TestBeginWhatIsNotDue(t *testing.T) {
	b := newBed(t)
	id := b.discovered(found("1.wav"))
	for what, err := range map[string]error{
		"unknown recording": func() error {
			_, err := b.Begin(t.Context(), uuid.NewString(), pipeline.StepTranscribe, "w")
			return err
		}(),
		"step to come": func() error { _, err := b.Begin(t.Context(), id, pipeline.StepInspect, "w"); return err }(),
	} {
		if !errors.Is(err, pipeline.ErrNotDue) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := b.Recording(t.Context(), uuid.NewString()); !errors.Is(err, postgres.ErrNotFound) {
		t.Errorf("Recording: %v", err)
	}
	if _, err := b.Transcript(t.Context(), id); !errors.Is(err, postgres.ErrNotFound) {
		t.Errorf("Transcript: %v", err)
	}
}

// While an attempt lives nobody else begins; once its lease is over somebody does, and its late words are refused.
func TestFencing(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	id := b.discovered(found("1.wav"))
	late := b.begin(id, pipeline.StepTranscribe)
	b.noError(b.Heartbeat(ctx, id, late.Attempt))
	if _, err := b.Begin(ctx, id, pipeline.StepTranscribe, "w2"); !errors.Is(err, pipeline.ErrBusy) {
		t.Fatalf("two at once: %v", err)
	}
	b.pastLease(id)
	next := b.begin(id, pipeline.StepTranscribe)
	if next.Attempt <= late.Attempt || next.Crashed != 1 || next.Tries != 2 {
		t.Errorf("taken over: %+v", next)
	}
	for what, err := range map[string]error{
		"heartbeat":  b.Heartbeat(ctx, id, late.Attempt),
		"release":    b.Release(ctx, id, late.Attempt),
		"transcript": b.CommitTranscript(ctx, id, late.Attempt, transcript("late")),
		"duplicate":  b.CommitDuplicate(ctx, id, late.Attempt, "x", id),
		"failure":    b.Fail(ctx, id, late.Attempt, pipeline.StepTranscribe, "晚了", errors.New("late"), pipeline.FailFinal),
	} {
		if !errors.Is(err, pipeline.ErrFenced) {
			t.Errorf("late %s: %v", what, err)
		}
	}
	b.noError(b.CommitTranscript(ctx, id, next.Attempt, transcript("in time")))
	if err := b.CommitTranscript(ctx, id, next.Attempt, transcript("twice")); !errors.Is(err, pipeline.ErrFenced) {
		t.Errorf("second commit: %v", err)
	}
	inspect := b.begin(id, pipeline.StepInspect)
	in := pipeline.Inspected{TranscriptHash: "of another transcript", Rescore: tenEach}
	if err := b.CommitInspection(ctx, id, inspect.Attempt, in); !errors.Is(err, pipeline.ErrFenced) {
		t.Errorf("inspection of another transcript: %v", err)
	}
}

// Many workers begin at once: one does.
func TestOneBegins(t *testing.T) {
	b := newBed(t)
	id := b.discovered(found("1.wav"))
	errs := make([]error, 16)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { _, errs[i] = b.Begin(t.Context(), id, pipeline.StepTranscribe, "w") })
	}
	wg.Wait()
	began := 0
	for _, err := range errs {
		if err == nil {
			began++
		} else if !errors.Is(err, pipeline.ErrBusy) {
			t.Error(err)
		}
	}
	if began != 1 {
		t.Errorf("%d began", began)
	}
}

func TestReleaseDoesNotCount(t *testing.T) {
	b := newBed(t)
	id := b.discovered(found("1.wav"))
	for range 3 {
		r := b.begin(id, pipeline.StepTranscribe)
		if r.Tries != 1 || r.Crashed != 0 {
			t.Fatalf("after a release: %+v", r)
		}
		b.noError(b.Release(t.Context(), id, r.Attempt))
	}
}

func TestFail(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	id := b.discovered(found("1.wav"))
	detail := errors.New("chain\x00of \xff errors")
	fail := func(how pipeline.Failing) pipeline.Recording {
		r := b.begin(id, pipeline.StepTranscribe)
		b.noError(b.Fail(ctx, id, r.Attempt, pipeline.StepTranscribe, "原因", detail, how))
		got, err := b.Recording(ctx, id)
		b.noError(err)
		return got
	}
	if r := fail(pipeline.FailFree); r.State != pipeline.StateDiscovered || r.Tries != 0 || r.Reason != "原因" {
		t.Errorf("free: %+v", r)
	}
	if r := fail(pipeline.FailCounted); r.State != pipeline.StateDiscovered || r.Tries != 1 {
		t.Errorf("counted: %+v", r)
	}
	if r := fail(pipeline.FailFinal); r.State != pipeline.StateFailed || r.Tries != 2 {
		t.Errorf("final: %+v", r)
	}
	if got := b.query(`SELECT detail FROM recordings`)[0]; !strings.Contains(got, "chain") {
		t.Errorf("detail: %q", got)
	}
	if _, err := b.Begin(ctx, id, pipeline.StepTranscribe, "w"); !errors.Is(err, pipeline.ErrNotDue) {
		t.Errorf("begin after giving up: %v", err)
	}
}

// Copies that come one after the other are linked; of copies that are worked on at the same time one goes on.
func TestDuplicate(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	first, second, third := b.discovered(found("1.wav")), b.discovered(found("2.wav")), b.discovered(found("3.wav"))
	r1, r2 := b.begin(first, pipeline.StepTranscribe), b.begin(second, pipeline.StepTranscribe)
	said := transcript("同一段录音")
	if original, err := b.Duplicate(ctx, second, said.SHA256); err != nil || original != "" {
		t.Fatalf("nobody has heard it yet: %q %v", original, err)
	}
	if _, err := b.Duplicate(ctx, first, said.SHA256); !errors.Is(err, pipeline.ErrBusy) {
		t.Fatalf("the second is at it: %v", err)
	}
	b.noError(b.Release(ctx, first, r1.Attempt))
	b.noError(b.CommitTranscript(ctx, second, r2.Attempt, said))
	r1 = b.begin(first, pipeline.StepTranscribe)
	original, err := b.Duplicate(ctx, first, said.SHA256)
	b.noError(err)
	if original != second {
		t.Fatalf("original is %q, want %s", original, second)
	}
	b.noError(b.CommitDuplicate(ctx, first, r1.Attempt, said.SHA256, original))
	v, err := b.Review(ctx, first)
	b.noError(err)
	if v.Recording.State != pipeline.StateDuplicate || v.Original != second || v.Recording.Duration != 12.5 {
		t.Errorf("duplicate: %+v", v.Recording)
	}
	b.begin(third, pipeline.StepTranscribe)
	if original, err := b.Duplicate(ctx, third, "another sound"); err != nil || original != "" {
		t.Errorf("another sound is a duplicate of %q (%v)", original, err)
	}
}

// A claimant that died does not keep others from hearing the recording.
func TestDeadClaim(t *testing.T) {
	b := newBed(t)
	dead, next := b.discovered(found("1.wav")), b.discovered(found("2.wav"))
	b.begin(dead, pipeline.StepTranscribe)
	if _, err := b.Duplicate(t.Context(), dead, "s"); err != nil {
		t.Fatal(err)
	}
	b.pastLease(dead)
	b.begin(next, pipeline.StepTranscribe)
	if original, err := b.Duplicate(t.Context(), next, "s"); err != nil || original != "" {
		t.Errorf("%q %v", original, err)
	}
}

// Decisions stay through an inspection by other rules, and the score follows what stands.
func TestInspectionKeepsDecisions(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	threat, insult, deception := finding("threat", 1), finding("insult", 2), finding("deception", 3)
	id := b.inspected(found("1.wav"), 70, threat, insult, deception)
	li := b.user("li")
	for i, d := range []struct {
		key     string
		verdict postgres.Verdict
	}{{threat.Key, postgres.VerdictOverturned}, {insult.Key, postgres.VerdictConfirmed}} {
		b.noError(b.Decide(ctx, postgres.Decision{RecordingID: id, FindingKey: d.key, Verdict: d.verdict, UserID: li, Version: int64(i)}, tenEach))
	}
	b.exec(`UPDATE recordings SET state = 'transcribed'`)
	b.inspectedBy(id, "rules-2", 90, threat) // insult and deception are no longer found
	v, err := b.Review(ctx, id)
	b.noError(err)
	verdicts := map[string]postgres.Verdict{}
	for _, f := range v.Findings {
		verdicts[f.Rule] = f.Verdict
	}
	want := map[string]postgres.Verdict{"threat": postgres.VerdictOverturned, "insult": postgres.VerdictConfirmed}
	if diff := cmp.Diff(want, verdicts); diff != "" {
		t.Errorf("findings (-want +got): %s", diff)
	}
	if v.Score != 90 { // the confirmed insult stands, the overturned threat does not
		t.Errorf("score %d, want 90", v.Score)
	}
	b.exec(`UPDATE recordings SET state = 'transcribed'`)
	b.inspectedBy(id, "rules-3", 80, threat, deception)
	if v, err = b.Review(ctx, id); err != nil || v.Score != 80 { // insult and deception
		t.Errorf("score %d (%v), want 80", v.Score, err)
	}
}

func TestAbandonFreesAttempts(t *testing.T) {
	b := newBed(t)
	id := b.discovered(found("1.wav"))
	old := b.begin(id, pipeline.StepTranscribe)
	b.noError(b.Abandon(t.Context()))
	if err := b.Heartbeat(t.Context(), id, old.Attempt); !errors.Is(err, pipeline.ErrFenced) {
		t.Errorf("heartbeat of an abandoned attempt: %v", err)
	}
	if r := b.begin(id, pipeline.StepTranscribe); r.Crashed != 1 {
		t.Errorf("crashed = %d", r.Crashed)
	}
}
