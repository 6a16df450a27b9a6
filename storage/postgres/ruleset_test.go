package postgres_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/lexicon"
	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/rulework"
	"github.com/speechqa/speechqa/storage/postgres"
)

// refused runs a statement that the database should not let through, and gives its error.
func (b *bed) refused(sql string) error {
	b.t.Helper()
	conn, err := pgx.Connect(b.t.Context(), b.url)
	b.noError(err)
	defer conn.Close(b.t.Context())
	_, err = conn.Exec(b.t.Context(), sql)
	return err
}

func containsAll(s string, parts ...string) bool {
	return !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(s, p) })
}

func decision(recording, key string, verdict postgres.Verdict, user string, version int64) postgres.Decision {
	return postgres.Decision{RecordingID: recording, FindingKey: key, Verdict: verdict, UserID: user, Version: version}
}

// set is a ruleset's files; the store does not look into them.
func set(label string) map[string][]byte {
	return map[string][]byte{"ruleset.yaml": []byte("version: " + label + "\r\n"), "lists/a.txt": {0xe5, 0x9d, 0x90, '\n'}}
}

func (b *bed) actor(name string) rulework.Actor {
	b.t.Helper()
	return rulework.Actor{UserID: b.user(name), Name: name, Origin: "10.0.0.1"}
}

func (b *bed) draft(label string, by rulework.Actor, editors ...string) rulework.Version {
	b.t.Helper()
	v, err := b.AddRuleset(b.t.Context(), rulework.NewVersion{Files: set(label), Name: "own", Label: label, From: rulework.OriginEditor,
		Why: "因为误报", Author: by, Editors: editors})
	b.noError(err)
	return v
}

// compared is a finished back-test of a version against the live one.
func (b *bed) compared(id int64, blocks ...rulework.Block) {
	b.t.Helper()
	b.comparedOver(rulework.Selection{}, id, blocks...)
}

func (b *bed) comparedOver(sel rulework.Selection, id int64, blocks ...rulework.Block) {
	b.t.Helper()
	live, err := b.LiveRuleset(b.t.Context())
	b.noError(err)
	_, err = b.AskBackTest(b.t.Context(), live.ID, id, sel, rulework.Actor{})
	b.noError(err)
	test, ok, err := b.TakeBackTest(b.t.Context())
	if err != nil || !ok {
		b.t.Fatalf("no back-test to take: %v", err)
	}
	test.State, test.Blocks, test.Tally = rulework.BackTestDone, blocks, rulework.NewTally()
	b.noError(b.SaveBackTest(b.t.Context(), test))
}

func (b *bed) audited(action string) []string {
	b.t.Helper()
	return b.query(`SELECT concat_ws(' ', name, subject, detail) FROM audit_log WHERE action = $1 ORDER BY seq`, action)
}

// TestRuleNumbers: the highest number that any version gave a rule, the rolled back and the withdrawn included.
func TestRuleNumbers(t *testing.T) {
	b := newBed(t)
	by := b.actor("author")
	for _, numbers := range [][2]int{{3, 1}, {7, 1}, {4, 2}} {
		files := set(fmt.Sprint(numbers))
		files["rules/threat.yaml"] = fmt.Appendf(nil, "id: threat\nversion: %d # a number\n", numbers[0])
		files["rules/insult.yaml"] = fmt.Appendf(nil, "id: insult\nversion:   %d\n", numbers[1])
		_, err := b.AddRuleset(t.Context(), rulework.NewVersion{Files: files, From: rulework.OriginImport, Author: by})
		b.noError(err)
	}
	got, err := b.RuleNumbers(t.Context())
	b.noError(err)
	if diff := cmp.Diff(map[string]int{"threat": 7, "insult": 2}, got); diff != "" {
		t.Errorf("(-want +got) %s", diff)
	}
}

func TestVersionsComeBackByteEqual(t *testing.T) {
	b := newBed(t)
	by := b.actor("author")
	v := b.draft("1", by)
	files, err := b.RulesetFiles(t.Context(), v.ID)
	b.noError(err)
	if d := cmp.Diff(set("1"), files); d != "" {
		t.Error(d)
	}
	if v.Hash != lexicon.HashFiles(files) || v.State != rulework.StateDraft || v.Author != "author先生" || v.Why != "因为误报" {
		t.Errorf("%+v", v)
	}
	_, err = b.AddRuleset(t.Context(), rulework.NewVersion{Files: set("1"), From: rulework.OriginImport, Author: by})
	var exists *rulework.ExistsError
	if !errors.As(err, &exists) || exists.Version.ID != v.ID {
		t.Errorf("the same files again: %v", err)
	}
	if got := b.audited("ruleset.submit"); len(got) != 1 {
		t.Errorf("audit: %q", got)
	}
	for _, sql := range []string{`UPDATE ruleset_versions SET hash = 'x'`, `UPDATE ruleset_versions SET why = 'x'`, `DELETE FROM ruleset_versions`, `UPDATE ruleset_blobs SET content = ''`, `DELETE FROM ruleset_blobs`} {
		if err := b.refused(sql); err == nil {
			t.Errorf("%s: history was changed", sql)
		}
	}
}

// The program's rules are live until people publish their own; those of an update follow, but not twice.
func TestProgramRules(t *testing.T) {
	b := newBed(t)
	record := func(label string) rulework.Version {
		v, err := b.RecordProgramRuleset(t.Context(), rulework.NewVersion{Files: set(label), Label: label, Why: "built in"})
		b.noError(err)
		if v.State != rulework.StateLive {
			t.Errorf("%+v", v)
		}
		return v
	}
	first := record("1")
	if again := record("1"); again.ID != first.ID {
		t.Errorf("recorded twice: %+v", again)
	}
	if v := record("2"); v.Label != "2" {
		t.Errorf("an update's rules are not live: %+v", v)
	}
	if v := record("1"); v.Label != "2" {
		t.Errorf("an older program changed the rules back: %+v", v)
	}
	author, second := b.actor("author"), b.actor("second")
	own := b.draft("own", author)
	b.noError(b.ApproveRuleset(t.Context(), own.ID, second))
	b.compared(own.ID)
	b.noError(b.PublishRuleset(t.Context(), own.ID, author, ""))
	if v := record("3"); v.ID != own.ID {
		t.Errorf("a program replaced what people published: %+v", v)
	}
	if got := b.audited("ruleset.record"); len(got) != 2 {
		t.Errorf("audit: %q", got)
	}
}

func TestSecondPersonApproves(t *testing.T) {
	b := newBed(t)
	author, helper, second := b.actor("author"), b.actor("helper"), b.actor("second")
	v := b.draft("1", author, helper.UserID)
	for _, by := range []rulework.Actor{author, helper} {
		if err := b.ApproveRuleset(t.Context(), v.ID, by); !errors.Is(err, rulework.ErrSecondPerson) {
			t.Errorf("%s approves: %v", by.Name, err)
		}
	}
	if err := b.PublishRuleset(t.Context(), v.ID, second, ""); !errors.Is(err, rulework.ErrNotApproved) {
		t.Errorf("published without approval: %v", err)
	}
	if err := b.refused(`UPDATE ruleset_versions SET state = 'live', published_at = now()`); err == nil {
		t.Error("the database lets a version live that nobody approved")
	}
	if err := b.refused(`UPDATE ruleset_versions SET approver = author`); err == nil {
		t.Error("the database lets the author approve")
	}
	b.noError(b.ApproveRuleset(t.Context(), v.ID, second))
	got, err := b.RulesetVersion(t.Context(), v.ID)
	b.noError(err)
	if got.Approver != "second先生" || got.ApprovedAt.IsZero() {
		t.Errorf("%+v", got)
	}
	if entries := b.audited("ruleset.approve"); len(entries) != 1 {
		t.Errorf("audit: %q", entries)
	}
}

// Publishing needs a back-test without a block, or a reason; what other rules inspected waits again, and what is committed
// by old rules later, too. Rolling back needs neither.
func TestPublishAndRollBack(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	program, err := b.RecordProgramRuleset(ctx, rulework.NewVersion{Files: set("0")})
	b.noError(err)
	author, second := b.actor("author"), b.actor("second")
	v := b.draft("1", author)
	b.noError(b.ApproveRuleset(ctx, v.ID, second))

	done, late := b.transcribed(found("done"), "你好"), b.transcribed(found("late"), "您好")
	b.inspectedBy(done, program.Hash, 90, finding("threat", 1))
	attempt := b.begin(late, pipeline.StepInspect) // a worker that has not noticed yet

	var blocked *rulework.BlockedError
	if err := b.PublishRuleset(ctx, v.ID, author, ""); !errors.As(err, &blocked) || blocked.Blocks[0].Code != rulework.BlockNoBackTest {
		t.Fatalf("published without a back-test: %v", err)
	}
	b.comparedOver(rulework.Selection{Sample: 1}, v.ID)
	if err := b.PublishRuleset(ctx, v.ID, author, ""); !errors.As(err, &blocked) || blocked.Blocks[0].Code != rulework.BlockNoBackTest {
		t.Fatalf("published after a look at one recording: %v", err)
	}
	b.compared(v.ID)
	b.exec(`UPDATE backtests SET created_at = now() - interval '25 hours' WHERE sample = 0`)
	if err := b.PublishRuleset(ctx, v.ID, author, ""); !errors.As(err, &blocked) || blocked.Blocks[0].Code != rulework.BlockNoBackTest {
		t.Fatalf("published after a back-test of the day before: %v", err)
	}
	b.compared(v.ID, rulework.Block{Code: rulework.BlockLostConfirmed, Rule: "threat", N: 2})
	if err := b.PublishRuleset(ctx, v.ID, author, ""); !errors.As(err, &blocked) || blocked.Blocks[0].N != 2 {
		t.Fatalf("published though confirmed findings are lost: %v", err)
	}
	b.noError(b.PublishRuleset(ctx, v.ID, author, "那两条本就判错"))
	if got, err := b.RulesetVersion(ctx, v.ID); err != nil || got.State != rulework.StateLive || got.Override != "那两条本就判错" || got.Publisher != "author先生" {
		t.Errorf("%+v %v", got, err)
	}
	if got := b.audited("ruleset.publish"); len(got) != 1 || !containsAll(got[0], "那两条本就判错", "lost_confirmed") {
		t.Errorf("audit: %q", got)
	}
	if !b.stale(done) || b.state(done) != pipeline.StateInspected {
		t.Errorf("what the old rules inspected is %s, stale: %v", b.state(done), b.stale(done))
	}
	tr, err := b.Transcript(ctx, late)
	b.noError(err)
	b.noError(b.CommitInspection(ctx, late, attempt.Attempt, pipeline.Inspected{TranscriptHash: tr.TranscriptHash, Rescore: tenEach,
		Result: detectors.Result{Score: 100, RulesetHash: program.Hash, EngineVersion: "1"}}))
	if s := b.state(late); s != pipeline.StateTranscribed {
		t.Errorf("what the old rules inspected after that is %s", s)
	}
	b.inspectedAgain(v.Hash, 90, finding("threat", 1))
	if b.stale(done) {
		t.Error("what the live rules inspected is stale")
	}

	b.noError(b.RollbackRuleset(ctx, program.ID, second, "误报太多"))
	if live, err := b.LiveRuleset(ctx); err != nil || live.ID != program.ID {
		t.Errorf("live is %+v %v", live, err)
	}
	if !b.stale(done) {
		t.Error("after rolling back a recording is not stale")
	}
	if err := b.RollbackRuleset(ctx, program.ID, second, ""); !errors.Is(err, rulework.ErrWrongState) {
		t.Errorf("rolled back to what is live: %v", err)
	}
	withdrawn := b.draft("2", author)
	b.noError(b.WithdrawRuleset(ctx, withdrawn.ID, author, "重复"))
	if err := b.RollbackRuleset(ctx, withdrawn.ID, second, ""); !errors.Is(err, rulework.ErrWrongState) {
		t.Errorf("rolled back to what never was live: %v", err)
	}
	if n := b.query(`SELECT count(*) FROM ruleset_versions WHERE state = 'live'`)[0]; n != "1" {
		t.Errorf("%s versions are live", n)
	}
}

// A publication that was broken off between its two steps is finished by whoever comes next.
func TestMarkStale(t *testing.T) {
	b := newBed(t)
	v, err := b.RecordProgramRuleset(t.Context(), rulework.NewVersion{Files: set("0")})
	b.noError(err)
	id := b.transcribed(found("a"), "你好")
	b.inspectedBy(id, v.Hash, 90)
	b.exec(`UPDATE recordings SET ruleset_hash = 'older'`)
	b.noError(b.MarkStale(t.Context()))
	if b.stale(id) {
		t.Error("marked though nothing was published")
	}
	b.exec(`UPDATE ruleset_versions SET stale_marked = false`)
	b.noError(b.MarkStale(t.Context()))
	if !b.stale(id) {
		t.Error("the recording is not marked")
	}
}

func TestBackTestsAreKept(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	program, err := b.RecordProgramRuleset(ctx, rulework.NewVersion{Files: set("0")})
	b.noError(err)
	by := b.actor("lead")
	v := b.draft("1", by)
	var ids []string
	for i := range 5 {
		ids = append(ids, b.transcribed(found(fmt.Sprint(i)), "你好", fmt.Sprint(i)))
	}
	b.inspectedBy(ids[0], program.Hash, 80, finding("threat", 1))
	r, err := b.Review(ctx, ids[0])
	b.noError(err)
	b.noError(b.Decide(ctx, decision(ids[0], "threat-key", "confirmed", by.UserID, r.Version), tenEach))

	id, err := b.AskBackTest(ctx, program.ID, v.ID, rulework.Selection{Sample: 4}, by)
	b.noError(err)
	test, ok, err := b.TakeBackTest(ctx)
	if err != nil || !ok || test.ID != id || test.By != "lead先生" {
		t.Fatalf("%+v %v %v", test, ok, err)
	}
	if _, ok, err := b.TakeBackTest(ctx); ok || err != nil {
		t.Errorf("taken twice: %v", err)
	}
	if n, err := b.CountCases(ctx, test.Selection); err != nil || n != 4 {
		t.Errorf("%d cases, %v", n, err)
	}
	first, err := b.CaseIDs(ctx, test.Selection, "", 3)
	b.noError(err)
	rest, err := b.CaseIDs(ctx, test.Selection, first[2], 3)
	if err != nil || len(first) != 3 || len(rest) != 2 || first[2] >= rest[0] {
		t.Errorf("ids %v then %v, %v", first, rest, err)
	}
	cases, err := b.Cases(ctx, ids[:1], rulework.WithWords)
	b.noError(err)
	want := []rulework.Judged{{Key: "threat-key", Rule: "threat", Confirmed: true}}
	if c := cases[0]; len(c.Conversation.Utterances) != 2 || c.Conversation.Metadata.AgentID != "a1" || c.Conversation.Facts.Duration != 12.5 || !cmp.Equal(c.Judged, want) {
		t.Errorf("%+v %+v", c.Conversation, c.Judged)
	}

	test.Done, test.After, test.Tally = 3, first[2], rulework.NewTally()
	test.Tally.Calls = 3
	b.noError(b.SaveBackTest(ctx, test))
	b.exec(`UPDATE backtests SET alive_at = now() - interval '1 hour'`) // its process dies
	again, ok, err := b.TakeBackTest(ctx)
	if err != nil || !ok || again.Done != 3 || again.After != first[2] || again.Tally.Calls != 3 {
		t.Fatalf("%+v %v %v", again, ok, err)
	}
	if err := b.SaveBackTest(ctx, test); !errors.Is(err, rulework.ErrLost) {
		t.Errorf("the dead one saves: %v", err)
	}
	b.noError(b.CancelBackTest(ctx, id, by))
	if err := b.SaveBackTest(ctx, again); !errors.Is(err, rulework.ErrLost) {
		t.Errorf("a cancelled one is saved: %v", err)
	}
	b.noError(b.ResumeBackTest(ctx, id, by))
	if resumed, ok, err := b.TakeBackTest(ctx); err != nil || !ok || resumed.Done != 3 {
		t.Errorf("%+v %v %v", resumed, ok, err)
	}
}

func TestShadowReport(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	by := b.actor("lead")
	v := b.draft("1", by)
	b.noError(b.ShadowRuleset(ctx, v.ID, by, true))
	one, two := b.inspected(found("1"), 90), b.inspected(found("2"), 90)
	for range 2 { // the second time replaces the first
		b.noError(b.CommitShadow(ctx, v.ID, one, []detectors.Finding{finding("threat", 1)}, []detectors.Finding{finding("insult", 2)}))
	}
	b.noError(b.CommitShadow(ctx, v.ID, two, nil, nil))
	r, err := b.Shadow(ctx, postgres.Scope{}, v.ID, 10)
	b.noError(err)
	if r.Recordings != 2 || r.Differ != 1 || len(r.Differences) != 2 {
		t.Errorf("%+v", r)
	}
	if r, err := b.Shadow(ctx, postgres.Scope{Agent: "somebody else"}, v.ID, 10); err != nil || len(r.Differences) != 0 {
		t.Errorf("outside the scope: %+v %v", r, err)
	}
	page, err := b.List(ctx, postgres.Scope{}, postgres.ListFilter{Limit: 10})
	b.noError(err)
	for _, row := range page.Rows {
		if len(row.Rules) != 0 || row.Open != 0 {
			t.Errorf("a shadow finding counts: %+v", row)
		}
	}
}
