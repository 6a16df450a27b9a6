package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/lexicon"
	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/rulework"
	"github.com/speechqa/speechqa/storage/postgres"
)

// ownRules are the built-in rules without the statistical layer and with a longer word list.
func ownRules(t *testing.T, gang string) map[string][]byte {
	t.Helper()
	files, err := lexicon.ReadFiles(lexicon.DefaultFiles())
	if err != nil {
		t.Fatal(err)
	}
	delete(files, "model.txt")
	files["lists/gang.txt"] = append([]byte(gang), files["lists/gang.txt"]...)
	return files
}

func asFS(files map[string][]byte) fstest.MapFS {
	out := fstest.MapFS{}
	for p, data := range files {
		out[p] = &fstest.MapFile{Data: data}
	}
	return out
}

// A process follows what is published, and what is put on shadow sees every recording that comes in, and counts nowhere.
func TestLiveRulesAreFollowed(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	live, err := rulework.Follow(ctx, b.Store, asFS(ownRules(t, "")), "test", log)
	b.noError(err)
	run, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- live.Run(run) }()
	defer func() {
		stop()
		b.noError(<-done)
	}()
	threat := &detectors.Conversation{ID: "", Kind: detectors.KindCall, Utterances: []detectors.Utterance{{Speaker: detectors.SpeakerAgent, Text: "我让老铁们去你家喝茶"}}}
	threats := func() (n int) {
		for _, f := range live.Inspect(threat).Findings {
			if f.Rule == "threat" {
				n++
			}
		}
		return n
	}
	if n := threats(); n != 0 {
		t.Fatalf("the old rules find %d threats", n)
	}

	author, second := b.actor("author"), b.actor("second")
	v, err := b.AddRuleset(ctx, rulework.NewVersion{Files: ownRules(t, "老铁们\n"), From: rulework.OriginEditor, Why: "新称呼", Author: author})
	b.noError(err)
	b.noError(b.ShadowRuleset(ctx, v.ID, author, true))
	id := b.transcribed(found("a"), threat.Utterances[0].Text)
	threat.ID = id
	deps := pipeline.Deps{Store: b.Store, Inspector: live, Shadow: live, Worker: "w", Log: log}
	for until := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) { // until the shadow is noticed
		b.noError(live.Shadow(ctx, threat, live.Inspect(threat)))
		if r, err := b.Shadow(ctx, postgres.Scope{}, v.ID, 10); err != nil || r.Recordings > 0 {
			b.noError(err)
			break
		}
		if time.Now().After(until) {
			t.Fatal("nobody noticed the version on shadow")
		}
	}
	b.exec(`DELETE FROM shadow_findings; DELETE FROM shadow_runs`)
	b.noError(pipeline.Inspect(ctx, deps, id))
	report, err := b.Shadow(ctx, postgres.Scope{}, v.ID, 10)
	b.noError(err)
	if report.Recordings != 1 || len(report.Differences) != 1 || report.Differences[0].Kind != rulework.Found || report.Differences[0].Rule != "threat" {
		t.Errorf("%+v", report)
	}
	if n := b.query(`SELECT count(*) FROM findings WHERE rule = 'threat'`)[0]; n != "0" {
		t.Errorf("%s findings of the version on shadow count", n)
	}

	b.noError(b.ApproveRuleset(ctx, v.ID, second))
	b.compared(v.ID)
	b.noError(b.PublishRuleset(ctx, v.ID, author, ""))
	for until := time.Now().Add(time.Minute); live.Version().ID != v.ID; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("nobody noticed what was published")
		}
	}
	if n := threats(); n != 1 {
		t.Errorf("the new rules find %d threats", n)
	}
	if n, err := pipeline.InspectAgain(ctx, deps, 10); n != 1 || err != nil {
		t.Error(n, err)
	}
	if n := b.query(`SELECT count(*) FROM findings WHERE rule = 'threat' AND current`)[0]; n != "1" {
		t.Errorf("%s findings after publishing", n)
	}
}

// Quality is of last words, by the version that found it; reasons are counted by term; a taken-back word is none.
func TestRuleQuality(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	program, err := b.RecordProgramRuleset(ctx, rulework.NewVersion{Files: set("0")})
	b.noError(err)
	by := b.actor("lead")
	decide := func(id string, v postgres.Verdict, reason string) {
		t.Helper()
		r, err := b.Review(ctx, id)
		b.noError(err)
		d := decision(id, "threat-key", v, by.UserID, r.Version)
		d.Reason = reason
		b.noError(b.Decide(ctx, d, tenEach))
	}
	var ids []string
	for i, verdict := range []postgres.Verdict{postgres.VerdictOverturned, postgres.VerdictOverturned, postgres.VerdictConfirmed, postgres.VerdictOverturned} {
		id := b.transcribed(found(string(rune('a'+i))), "你好", string(rune('a'+i)))
		f := finding("threat", 1)
		f.Term = "坐牢"
		b.inspectedBy(id, program.Hash, 90, f)
		decide(id, verdict, "context")
		ids = append(ids, id)
	}
	decide(ids[3], postgres.VerdictOpen, "")
	decide(ids[1], postgres.VerdictOverturned, "misheard") // thinks again

	got, err := b.RuleQuality(ctx, postgres.Scope{}, "")
	b.noError(err)
	if len(got) != 1 || got[0].Version != program.ID || !got[0].Live || got[0].Confirmed != 1 || got[0].Overturned != 2 {
		t.Errorf("quality: %+v", got)
	}
	terms, err := b.TermQuality(ctx, postgres.Scope{}, "threat", nil, 10)
	b.noError(err)
	if len(terms) != 1 || terms[0].Term != "坐牢" || terms[0].Overturned != 2 || terms[0].Confirmed != 1 || len(terms[0].Reasons) != 2 {
		t.Errorf("terms: %+v", terms)
	}
	reasons, err := b.OverturnReasons(ctx, postgres.Scope{}, "", nil)
	b.noError(err)
	if diff := cmp.Diff(map[string][]rulework.ReasonCount{"threat": {{Reason: "context", Count: 1}, {Reason: "misheard", Count: 1}}}, reasons); diff != "" {
		t.Errorf("reasons (-want +got): %s", diff)
	}
	r, err := b.Review(ctx, ids[2])
	b.noError(err)
	undo := postgres.Act{RecordingID: ids[2], UserID: by.UserID, Version: r.Version}
	b.noError(b.Undo(ctx, undo, tenEach))
	if q, err := b.RuleQuality(ctx, postgres.Scope{}, "threat"); err != nil || len(q) != 1 || q[0].Confirmed != 0 || q[0].Overturned != 2 {
		t.Errorf("an undone word counts: %+v %v", q, err)
	}
	decide(ids[2], postgres.VerdictConfirmed, "")
	if q, err := b.RuleQuality(ctx, postgres.Scope{Agent: "nobody"}, ""); err != nil || len(q) != 0 {
		t.Errorf("outside the scope: %+v %v", q, err)
	}
	decided, err := b.DecidedFindings(ctx, postgres.Scope{}, "threat", 10)
	b.noError(err)
	if len(decided) != 3 || decided[0].Verdict != postgres.VerdictOverturned || decided[2].Verdict != postgres.VerdictConfirmed {
		t.Errorf("decided: %+v", decided)
	}
	p := rulework.Proposal{Rule: "threat", Kind: rulework.ExamplePass, Text: "某某", Recording: ids[0], Finding: "threat-key"}
	b.noError(b.ProposeExample(ctx, p, by))
	if err := b.ProposeExample(ctx, p, by); !errors.Is(err, postgres.ErrConflict) {
		t.Errorf("proposed twice: %v", err)
	}
	list, err := b.Proposals(ctx, postgres.Scope{})
	if err != nil || len(list) != 1 {
		t.Fatalf("%+v %v", list, err)
	}
	b.noError(b.CloseProposal(ctx, list[0].ID, true, by))
	if err := b.CloseProposal(ctx, list[0].ID, false, by); !errors.Is(err, postgres.ErrNotFound) {
		t.Errorf("closed twice: %v", err)
	}
}

// Terms stand by precision, the lowest first, and what is known of few stands behind what is known of many.
func TestTermsByPrecision(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	program, err := b.RecordProgramRuleset(ctx, rulework.NewVersion{Files: set("0")})
	b.noError(err)
	user := b.user("lead")
	n := 0
	judge := func(term string, confirmed, overturned int) {
		t.Helper()
		for i := range confirmed + overturned {
			n++
			id := b.transcribed(found(fmt.Sprint(n)), "你好", fmt.Sprint(n))
			f := finding("threat", 1)
			f.Term = term
			b.inspectedBy(id, program.Hash, 90, f)
			v, reason := postgres.VerdictConfirmed, ""
			if i >= confirmed {
				v, reason = postgres.VerdictOverturned, "negation"
			}
			d := decision(id, f.Key, v, user, b.version(id))
			d.Reason = reason
			b.noError(b.Decide(ctx, d, tenEach))
		}
	}
	judge("often right", 16, 4) // more overturned ones than any other
	judge("once wrong", 0, 1)
	judge("mostly wrong", 1, 3)
	judge("never wrong", 2, 0)
	terms, err := b.TermQuality(ctx, postgres.Scope{}, "", nil, 10)
	b.noError(err)
	var got []string
	for i, q := range terms {
		got = append(got, q.Term)
		if o := (rulework.ShareOf(q.Overturned, q.Confirmed+q.Overturned)); i > 0 && o.Low > rulework.ShareOf(terms[i-1].Overturned, terms[i-1].Confirmed+terms[i-1].Overturned).Low {
			t.Errorf("%s is overturned more surely than %s", q.Term, terms[i-1].Term)
		}
	}
	if want := []string{"mostly wrong", "once wrong", "often right"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// What people really say around a word comes from the scope alone, the newest recordings first.
func TestSaidWith(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	say := func(key, agent string, day int, said string) {
		t.Helper()
		f := found(key)
		f.Metadata.AgentID, f.Metadata.StartedAt = agent, time.Date(2026, 3, day, 9, 0, 0, 0, time.UTC)
		b.transcribed(f, said)
	}
	say("1", "a1", 1, "加我的工作微信")
	say("2", "a1", 3, "加一下微信")
	say("3", "a2", 2, "发到您微信上")
	say("4", "a1", 4, "信封微小")
	for _, tc := range []struct {
		scope postgres.Scope
		limit int
		want  []string
	}{
		{postgres.Scope{}, 10, []string{"加一下微信", "发到您微信上", "加我的工作微信"}},
		{postgres.Scope{}, 1, []string{"加一下微信"}},
		{postgres.Scope{Agent: "a2"}, 10, []string{"发到您微信上"}},
		{postgres.Scope{None: true}, 10, nil},
	} {
		got, err := b.SaidWith(ctx, tc.scope, "微信", tc.limit)
		b.noError(err)
		for i := range got {
			got[i] = strings.TrimSpace(got[i])
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%+v: %q, want %q", tc, got, tc.want)
		}
	}
}

// A rule that another publication did not touch is the same as before: what people said of it goes on; of a finding judged
// again the last word counts, and one that is open again counts for nothing.
func TestRuleQualityByNumber(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	program, err := b.RecordProgramRuleset(ctx, rulework.NewVersion{Files: set("0")})
	b.noError(err)
	by := b.actor("lead")
	numbered := func(n int) detectors.Finding {
		f := finding("threat", 1)
		f.RuleVersion = n
		return f
	}
	judge := func(id string, v postgres.Verdict) {
		t.Helper()
		d := decision(id, "threat-key", v, by.UserID, b.version(id))
		d.Reason = "negation"
		b.noError(b.Decide(ctx, d, tenEach))
	}
	var ids []string
	for i := range 4 {
		id := b.transcribed(found(fmt.Sprint(i)), "你好", fmt.Sprint(i))
		b.inspectedBy(id, program.Hash, 90, numbered(3))
		judge(id, postgres.VerdictOverturned)
		ids = append(ids, id)
	}
	again := func(label string, number int) rulework.Version {
		t.Helper()
		v := b.draft(label, by)
		b.noError(b.ApproveRuleset(ctx, v.ID, b.actor("second "+label)))
		b.compared(v.ID)
		b.noError(b.PublishRuleset(ctx, v.ID, by, ""))
		b.inspectedAgain(v.Hash, 90, numbered(number))
		return v
	}
	same := again("1", 3) // another rule was changed
	judge(ids[0], postgres.VerdictConfirmed)
	judge(ids[1], postgres.VerdictOpen)
	other := again("2", 4)
	judge(ids[2], postgres.VerdictConfirmed)
	got, err := b.RuleQuality(ctx, postgres.Scope{}, "threat")
	b.noError(err)
	for i := range got {
		got[i].Since = time.Time{}
	}
	want := []rulework.Quality{
		{Rule: "threat", Number: 4, Version: other.ID, Live: true, Confirmed: 1},
		{Rule: "threat", Number: 3, Version: same.ID, Confirmed: 1, Overturned: 2},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got) %s", diff)
	}
	terms, err := b.TermQuality(ctx, postgres.Scope{}, "threat", nil, 5)
	if err != nil || len(terms) != 1 || terms[0].Confirmed != 2 || terms[0].Overturned != 1 {
		t.Errorf("terms: %+v %v", terms, err)
	}
	// The exception that number 4 brought mended the term; of number 3 it was wrong twice of three.
	if terms, err := b.TermQuality(ctx, postgres.Scope{}, "", map[string]int{"threat": 4}, 5); err != nil || len(terms) != 0 {
		t.Errorf("terms of number 4: %+v %v", terms, err)
	}
	if terms, err := b.TermQuality(ctx, postgres.Scope{}, "", map[string]int{"threat": 3}, 5); err != nil || len(terms) != 1 || terms[0].Confirmed != 1 || terms[0].Overturned != 2 {
		t.Errorf("terms of number 3: %+v %v", terms, err)
	}
	if reasons, err := b.OverturnReasons(ctx, postgres.Scope{}, "", map[string]int{"threat": 3}); err != nil || len(reasons["threat"]) != 1 || reasons["threat"][0].Count != 2 {
		t.Errorf("reasons of number 3: %+v %v", reasons, err)
	}
}
