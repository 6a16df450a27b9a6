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

// TestSample: drawn by strata from what nothing was found in, the same seed the same again, judged once and in turn by those who may
// see it, part of it by two; results within the scope.
func TestSample(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	var clean []string
	for i := range 24 {
		f := found(fmt.Sprintf("r%02d", i))
		f.Metadata.AgentID, f.Metadata.Team = []string{"a1", "a2"}[i%2], []string{"north", "south"}[i%2]
		f.Metadata.StartedAt = time.Date(2026, 3, 2+i/4, 10, 0, 0, 0, time.UTC)
		switch i % 6 {
		case 0:
			b.inspected(f, 70, finding("threat", 1))
		case 1: // a signal is no violation
			info := finding("complaint_risk", 1)
			info.Severity = detectors.SeverityInfo
			clean = append(clean, b.inspected(f, 100, info))
		case 2: // nor is what is only doubtful counted as found
			doubt := finding("threat", 1)
			doubt.Doubtful = true
			clean = append(clean, b.inspected(f, 100, doubt))
		default:
			clean = append(clean, b.inspected(f, 100))
		}
	}
	lead, one, two := b.user("lead"), b.user("one"), b.user("two")
	by := postgres.Actor{ID: lead, Name: "lead", Origin: "127.0.0.1"}
	spec := postgres.SampleSpec{Kind: postgres.SampleUnflagged, Title: "三月", From: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC),
		Period: "week", Half: .2, Prior: .5, Doubled: .5, Seed: "s", Zone: time.UTC,
		Rules:     map[string]int{"threat": 3},
		Reviewers: []postgres.SampleReviewer{{ID: one}, {ID: two, Scope: postgres.Scope{Teams: []string{"north", "south"}}}}}
	id, err := b.DrawSample(ctx, postgres.Scope{}, spec, by)
	b.noError(err)
	m, err := b.SampleResult(ctx, postgres.Scope{}, id)
	b.noError(err)
	// 24.01 of very many at ± 20 points, 12 of 20.
	if m.Rules["threat"] != 3 || !m.Whole() || m.Population != 20 || m.Drawn != 12 || len(m.Items) != 12 || m.Seats != 18 || m.Judged != 0 || m.Comparable() {
		t.Fatalf("%+v, %d items", m.Sample, len(m.Items))
	}
	drawn := map[string]int{}
	for _, item := range m.Items {
		drawn[item.Agent+item.Period.Format(time.DateOnly)]++
		if !slices.Contains(clean, item.Recording) {
			t.Errorf("%s is flagged and was drawn", item.Recording)
		}
	}
	for _, st := range m.Strata {
		if got := drawn[st.Agent+st.Period.Format(time.DateOnly)]; got != st.Drawn || st.Drawn == 0 {
			t.Errorf("stratum %+v: %d drawn", st, got)
		}
	}
	again, err := b.DrawSample(ctx, postgres.Scope{}, spec, by)
	b.noError(err)
	if m2, err := b.SampleResult(ctx, postgres.Scope{}, again); err != nil || recordingsOf(m2) != recordingsOf(m) {
		t.Errorf("the same seed drew others: %v", err)
	}

	// Both judge what is theirs, one after the other; nobody twice, nobody what is not his.
	for _, who := range []string{one, two} {
		for n := 1; ; n++ {
			tasks, err := b.SampleTasks(ctx, postgres.Scope{}, who)
			b.noError(err)
			i := slices.IndexFunc(tasks, func(task postgres.SampleTask) bool { return task.Sample == id })
			if i < 0 {
				break
			}
			task := tasks[i]
			if task.Place != n || task.Of != 9 {
				t.Errorf("task %d: %+v", n, task)
			}
			var rules []string
			if who == two {
				rules = []string{"threat"}
			}
			judge := postgres.Actor{ID: who}
			b.noError(b.JudgeSample(ctx, id, task.Recording, rules, "", false, judge))
			if err := b.JudgeSample(ctx, id, task.Recording, nil, "", false, judge); !errors.Is(err, postgres.ErrNotFound) {
				t.Errorf("judged twice: %v", err)
			}
		}
	}
	if err := b.JudgeSample(ctx, id, m.Items[0].Recording, nil, "", false, by); !errors.Is(err, postgres.ErrNotFound) {
		t.Errorf("judged without a seat: %v", err)
	}
	b.noError(b.JudgeSample(ctx, id, m.Items[0].Recording, nil, "听清了", true, by))
	m, err = b.SampleResult(ctx, postgres.Scope{}, id)
	b.noError(err)
	if !m.Comparable() || m.Judged != 18 || len(m.Items[0].Seats) != 3 || m.Items[0].Seats[0].Note != "听清了" {
		t.Errorf("%+v, %+v", m.Sample, m.Items[0])
	}
	north, err := b.SampleResult(ctx, postgres.Scope{Teams: []string{"north"}}, id)
	b.noError(err)
	if north.Whole() {
		t.Error("a part of the sample passes for all of it")
	}
	for _, item := range north.Items {
		if item.Agent != "a1" {
			t.Errorf("agent %s is of another team", item.Agent)
		}
	}
	if _, err := b.SampleResult(ctx, postgres.Scope{Teams: []string{"west"}}, id); !errors.Is(err, postgres.ErrNotFound) {
		t.Errorf("out of scope: %v", err)
	}
	if all, err := b.Samples(ctx, postgres.Scope{Teams: []string{"west"}}); err != nil || len(all) != 0 {
		t.Errorf("samples out of scope: %v %v", all, err)
	}
	b.noError(b.CloseSample(ctx, id, by))
	if err := b.CloseSample(ctx, id, by); !errors.Is(err, postgres.ErrConflict) {
		t.Errorf("closed twice: %v", err)
	}
	if _, err := b.VerifyAudit(ctx, nil); err != nil {
		t.Error(err)
	}
	if n := b.query(`SELECT count(*) FROM audit_log WHERE action LIKE 'sample.%'`)[0]; n != "22" { // two draws, 19 judgements, an end
		t.Errorf("%s entries about samples", n)
	}

	spec.Reviewers = spec.Reviewers[:1]
	if _, err := b.DrawSample(ctx, postgres.Scope{}, spec, by); !errors.Is(err, postgres.ErrOneReviewer) {
		t.Errorf("twice by one: %v", err)
	}
	if _, err := b.DrawSample(ctx, postgres.Scope{None: true}, spec, by); !errors.Is(err, postgres.ErrNothingToDraw) {
		t.Errorf("nothing in scope: %v", err)
	}
}

func recordingsOf(m postgres.SampleResult) string {
	var ids []string
	for _, i := range m.Items {
		ids = append(ids, i.Recording)
	}
	return fmt.Sprint(ids)
}

// TestRuleWeeks counts findings by rule, version and week of the contact.
func TestRuleWeeks(t *testing.T) {
	b := newBed(t)
	zone := time.FixedZone("", 8*3600)
	clerk := b.user("clerk")
	for i, version := range []int{1, 1, 2} {
		f := found(fmt.Sprintf("r%d", i))
		f.Metadata.StartedAt = time.Date(2026, 3, 2+7*i, 10, 0, 0, 0, zone)
		x := finding("threat", 1)
		x.RuleVersion = version
		id := b.inspected(f, 70, x)
		if i < 2 {
			v, err := b.Review(t.Context(), id)
			b.noError(err)
			d := postgres.Decision{RecordingID: id, FindingKey: x.Key, Verdict: postgres.VerdictConfirmed, UserID: clerk, Version: v.Version}
			if i == 1 {
				d.Verdict, d.Reason = postgres.VerdictOverturned, "context"
			}
			b.noError(b.Decide(t.Context(), d, tenEach))
		}
	}
	got, err := b.RuleWeeks(t.Context(), postgres.Scope{}, postgres.TrendFilter{From: time.Date(2026, 3, 1, 0, 0, 0, 0, mustZone(t)), To: time.Date(2026, 4, 1, 0, 0, 0, 0, mustZone(t))})
	b.noError(err)
	want := []postgres.RuleWeek{
		{Rule: "threat", Version: 1, Week: day(2026, 3, 2), Recordings: 1, Findings: 1, Confirmed: 1},
		{Rule: "threat", Version: 1, Week: day(2026, 3, 9), Recordings: 1, Findings: 1, Overturned: 1},
		{Rule: "threat", Version: 2, Week: day(2026, 3, 16), Recordings: 1, Findings: 1},
	}
	if !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
	if got, err := b.RuleWeeks(t.Context(), postgres.Scope{Agent: "nobody"}, postgres.TrendFilter{From: day(2026, 3, 1), To: day(2026, 4, 1)}); err != nil || len(got) != 0 {
		t.Errorf("out of scope: %v %v", got, err)
	}
}

// TestRuleWeeksKeepWhatPeopleSaid: after another version of a rule has inspected everything again, what people said before
// counts for the version that had made the finding, and for the new one where it makes it too.
func TestRuleWeeksKeepWhatPeopleSaid(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	clerk := b.user("clerk")
	at := func(version int) detectors.Finding {
		f := finding("threat", 1)
		f.RuleVersion = version
		return f
	}
	var ids []string
	for i := range 4 {
		f := found(fmt.Sprintf("r%d", i))
		f.Metadata.StartedAt = time.Date(2026, 3, 3, 10, 0, 0, 0, time.UTC)
		ids = append(ids, b.inspected(f, 90, at(1)))
	}
	judge := func(i int, v postgres.Verdict) {
		t.Helper()
		b.noError(b.Decide(ctx, postgres.Decision{RecordingID: ids[i], FindingKey: "threat-key", Verdict: v, Reason: "negation", UserID: clerk, Version: b.version(ids[i])}, tenEach))
	}
	judge(0, postgres.VerdictConfirmed)
	judge(1, postgres.VerdictOverturned)
	judge(2, postgres.VerdictOverturned)
	rescan := func(ruleset string, find func(id string) []detectors.Finding) {
		t.Helper()
		_, err := b.Rescan(ctx, postgres.AuditEntry{}, ruleset)
		b.noError(err)
		batch, err := b.BeginAgain(ctx, 100, "w")
		b.noError(err)
		var done []pipeline.Again
		for _, f := range batch.Begun {
			d := again(f, 90, find(f.ID)...)
			d.Result.RulesetHash = ruleset
			done = append(done, d)
		}
		b.noError(b.CommitInspections(ctx, batch.ID, done))
		b.sameFigures([]string{"threat"})
	}
	scores := func(want ...int) {
		t.Helper()
		for i, id := range ids {
			if v := b.review(id); v.Score != want[i] {
				t.Errorf("recording %d has score %d, want %d", i, v.Score, want[i])
			}
		}
	}
	scores(90, 100, 100, 90)
	rescan("rules-2", func(id string) []detectors.Finding {
		if id == ids[1] {
			return nil // an exception excuses it by now
		}
		return []detectors.Finding{at(2)}
	})
	judge(2, postgres.VerdictConfirmed) // thinks again: the finding is one, and this is what is said of it
	judge(3, postgres.VerdictConfirmed)
	scores(90, 100, 90, 90)
	f := postgres.TrendFilter{From: day(2026, 3, 1), To: day(2026, 4, 1)}
	got, err := b.RuleWeeks(ctx, postgres.Scope{}, f)
	b.noError(err)
	want := []postgres.RuleWeek{
		{Rule: "threat", Version: 1, Week: day(2026, 3, 2), Recordings: 3, Findings: 3, Confirmed: 2, Overturned: 1},
		{Rule: "threat", Version: 2, Week: day(2026, 3, 2), Recordings: 3, Findings: 3, Confirmed: 3},
	}
	if !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got, err := b.RuleWeeks(ctx, postgres.Scope{Agent: "nobody"}, f); err != nil || len(got) != 0 {
		t.Errorf("out of scope: %v %v", got, err)
	}
	rescan("rules-1", func(string) []detectors.Finding { return []detectors.Finding{at(1)} }) // rolled back
	if got, err = b.RuleWeeks(ctx, postgres.Scope{}, f); err != nil || len(got) != 2 || got[0].Findings != 4 || got[0].Confirmed != 3 || got[0].Overturned != 1 || got[1].Confirmed != 2 || got[1].Overturned != 0 {
		t.Errorf("after rolling back: %+v %v", got, err)
	}
	scores(90, 100, 90, 90) // what was overturned stays so
}

// A decision is about the rules that judged the recording last, also where these made of it what the ones before had made.
func TestDecisionAfterSameOutcome(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	f := finding("threat", 1)
	f.RuleVersion = 3
	id := b.inspected(found("1.wav"), 90, f)
	_, err := b.Rescan(ctx, postgres.AuditEntry{}, "rules-2")
	b.noError(err)
	b.inspectedAgain("rules-2", 90, f)
	b.noError(b.Decide(ctx, postgres.Decision{RecordingID: id, FindingKey: f.Key, Verdict: postgres.VerdictConfirmed, UserID: b.user("li"), Version: b.version(id)}, tenEach))
	if got := b.query(`SELECT rule_version FROM review_events WHERE action = 'confirmed' AND ruleset = 'rules-2'`); !slices.Equal(got, []string{"3"}) {
		t.Errorf("the decision is about %q", got)
	}
}

func day(y, m, d int) time.Time { return time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC) }

func mustZone(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// TestCalibration: any recordings, flagged or not, and every reviewer judges every one of them.
func TestCalibration(t *testing.T) {
	b := newBed(t)
	for i := range 6 {
		f := found(fmt.Sprintf("r%d", i))
		if i%2 == 0 {
			b.inspected(f, 70, finding("threat", 1))
		} else {
			b.inspected(f, 100)
		}
	}
	lead := b.user("lead")
	spec := postgres.SampleSpec{Kind: postgres.SampleCalibration, Title: "校准", From: day(2026, 3, 1), To: day(2026, 3, 2), Period: "month", Size: 5, Seed: "s", Zone: time.UTC}
	for _, name := range []string{"one", "two", "three"} {
		spec.Reviewers = append(spec.Reviewers, postgres.SampleReviewer{ID: b.user(name)})
	}
	id, err := b.DrawSample(t.Context(), postgres.Scope{}, spec, postgres.Actor{ID: lead})
	b.noError(err)
	m, err := b.SampleResult(t.Context(), postgres.Scope{}, id)
	b.noError(err)
	if m.Population != 6 || m.Drawn != 5 || m.Seats != 15 {
		t.Errorf("%+v", m.Sample)
	}
	for _, r := range spec.Reviewers {
		tasks, err := b.SampleTasks(t.Context(), postgres.Scope{}, r.ID)
		b.noError(err)
		if len(tasks) != 1 || tasks[0].Of != 5 || tasks[0].Recording != m.Items[0].Recording {
			t.Errorf("%+v", tasks)
		}
	}
	spec.Reviewers[1].Scope = postgres.Scope{Teams: []string{"elsewhere"}} // does not see what is drawn
	spec.Reviewers = spec.Reviewers[:2]
	if _, err := b.DrawSample(t.Context(), postgres.Scope{}, spec, postgres.Actor{ID: lead}); !errors.Is(err, postgres.ErrOneReviewer) {
		t.Errorf("one of two may see: %v", err)
	}
}
