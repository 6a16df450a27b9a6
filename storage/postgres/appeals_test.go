package postgres_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/speechqa/speechqa/storage/postgres"
)

// confirmed makes a recording of agent a1 with two findings that a reviewer has confirmed.
func (b *bed) confirmed(key, reviewer string) string {
	b.t.Helper()
	id := b.inspected(found(key), 80, finding("threat", 1), finding("insult", 2))
	for i, f := range []string{"threat-key", "insult-key"} {
		b.noError(b.Decide(b.t.Context(), postgres.Decision{RecordingID: id, FindingKey: f, Verdict: postgres.VerdictConfirmed, UserID: reviewer, Note: "听过", Version: int64(i)}, tenEach))
	}
	return id
}

func TestAppeals(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	first, second, agent := b.user("first"), b.user("second"), b.user("agent")
	who := func(id, name string) postgres.AuditEntry { return postgres.AuditEntry{Actor: id, Name: name} }
	everything, own, other := postgres.Scope{}, postgres.Scope{Agent: "a1"}, postgres.Scope{Agent: "a2"}
	rec := b.confirmed("1.wav", first)
	may, err := b.Appealable(ctx, own, 7, 10)
	b.noError(err)
	if len(may) != 2 || may[0].Finding.Rule != "threat" || may[0].By != "first先生" || !may[0].Until.Equal(may[0].At.AddDate(0, 0, 7)) || may[0].Note != "听过" {
		t.Errorf("%+v", may)
	}
	if may, err := b.Appealable(ctx, other, 7, 10); err != nil || len(may) != 0 {
		t.Errorf("another agent's: %+v %v", may, err)
	}
	id, err := b.MakeAppeal(ctx, rec, "threat-key", "我没有威胁", 7, who(agent, "agent"))
	b.noError(err)
	if _, err := b.MakeAppeal(ctx, rec, "threat-key", "再来", 7, who(agent, "agent")); !errors.Is(err, postgres.ErrUnderAppeal) {
		t.Errorf("twice: %v", err)
	}
	v, err := b.Review(ctx, rec)
	b.noError(err)
	for _, verdict := range []postgres.Verdict{postgres.VerdictOverturned, postgres.VerdictOpen} {
		if err := b.Decide(ctx, postgres.Decision{RecordingID: rec, FindingKey: "threat-key", Verdict: verdict, Reason: "other", UserID: second, Version: v.Version}, tenEach); !errors.Is(err, postgres.ErrUnderAppeal) {
			t.Errorf("%s past the appeal: %v", verdict, err)
		}
	}
	page, err := b.Appeals(ctx, everything, first, postgres.AppealFilter{Limit: 10})
	b.noError(err)
	if a := page.Appeals; len(a) != 1 || a[0].ID != id || !a[0].Barred || a[0].FirstBy != "first先生" || a[0].FirstNote != "听过" || a[0].Reason != "我没有威胁" || a[0].ScoreBefore != 80 || a[0].Metadata.AgentID != "a1" {
		t.Errorf("%+v", a)
	}
	for name, tc := range map[string]struct {
		sc   postgres.Scope
		id   string
		user string
		want error
	}{
		"the first reviewer": {everything, id, first, postgres.ErrNotSecond},
		"the agent himself":  {everything, id, agent, postgres.ErrNotSecond},
		"outside the scope":  {other, id, second, postgres.ErrNotFound},
		"what is not there":  {everything, uuid.NewString(), second, postgres.ErrNotFound},
	} {
		if err := b.DecideAppeal(ctx, tc.sc, tc.id, postgres.OutcomeGranted, "n", who(tc.user, "x"), tenEach); !errors.Is(err, tc.want) {
			t.Errorf("decided by %s: %v", name, err)
		}
	}
	b.noError(b.DecideAppeal(ctx, everything, id, postgres.OutcomeGranted, "语气正常", who(second, "second"), tenEach))
	if err := b.DecideAppeal(ctx, everything, id, postgres.OutcomeRejected, "n", who(second, "second"), tenEach); !errors.Is(err, postgres.ErrConflict) {
		t.Errorf("decided twice: %v", err)
	}
	a, err := b.Appeal(ctx, own, agent, id)
	b.noError(err)
	if a.Outcome != postgres.OutcomeGranted || a.DecidedBy != "second先生" || a.Note != "语气正常" || a.ScoreBefore != 80 || a.ScoreAfter != 90 || a.FirstBy != "first先生" || a.DecidedAt.IsZero() {
		t.Errorf("%+v", a)
	}
	v, err = b.Review(ctx, rec)
	b.noError(err)
	if v.Score != 90 || v.Findings[0].Verdict != postgres.VerdictOverturned || v.Findings[0].By != "second先生" {
		t.Errorf("score %d, %+v", v.Score, v.Findings[0])
	}
	var acts []string
	for _, e := range v.Trail {
		acts = append(acts, e.Action+" "+e.By)
	}
	if want := []string{"appeal_granted second先生", "appealed agent先生", "confirmed first先生", "confirmed first先生"}; !slices.Equal(acts, want) {
		t.Errorf("trail: %q", acts)
	}

	rejected, err := b.MakeAppeal(ctx, rec, "insult-key", "没有", 7, who(agent, "agent"))
	b.noError(err)
	b.noError(b.DecideAppeal(ctx, everything, rejected, postgres.OutcomeRejected, "确有", who(second, "second"), tenEach))
	if v, err = b.Review(ctx, rec); err != nil || v.Score != 90 || v.Findings[1].Verdict != postgres.VerdictConfirmed {
		t.Errorf("rejected: score %d %+v %v", v.Score, v.Findings[1], err)
	}
	page, err = b.Appeals(ctx, own, agent, postgres.AppealFilter{Decided: true, Limit: 1})
	b.noError(err)
	if len(page.Appeals) != 1 || page.Appeals[0].ID != rejected || page.Next == "" {
		t.Errorf("%+v", page)
	}
	if page, err = b.Appeals(ctx, own, agent, postgres.AppealFilter{Decided: true, Limit: 1, After: page.Next}); err != nil || len(page.Appeals) != 1 || page.Appeals[0].ID != id || page.Next != "" {
		t.Errorf("%+v %v", page, err)
	}
	if record := b.query(`SELECT action FROM audit_log WHERE action LIKE 'appeal.%' ORDER BY seq`); !slices.Equal(record, []string{"appeal.made", "appeal.granted", "appeal.made", "appeal.rejected"}) {
		t.Errorf("on record: %v", record)
	}
}

// Whoever writes past the program finds the same rules in the database.
func TestAppealsAreGuarded(t *testing.T) {
	b := newBed(t)
	first, second, agent := b.user("first"), b.user("second"), b.user("agent")
	rec := b.confirmed("1.wav", first)
	id, err := b.MakeAppeal(t.Context(), rec, "threat-key", "没有", 7, postgres.AuditEntry{Actor: agent})
	b.noError(err)
	decide := `UPDATE appeals SET decided_by = '%s', decided_at = now(), outcome = 'granted', note = '%s', score_after = 1 WHERE id = '` + id + `'`
	refused := func(what, sql, want string) {
		t.Helper()
		err := b.try(sql)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	refused("the first reviewer decides", fmt.Sprintf(decide, first, "n"), "does not decide the appeal")
	refused("the agent decides", fmt.Sprintf(decide, agent, "n"), "does not decide the appeal")
	refused("without a note", fmt.Sprintf(decide, second, ""), "reasoned_decision")
	refused("half a decision", `UPDATE appeals SET decided_by = '`+second+`', note = 'n'`, "whole_decision")
	refused("removed", `DELETE FROM appeals`, "history")
	refused("emptied", `TRUNCATE appeals`, "history")
	refused("another reason", `UPDATE appeals SET reason = 'x'`, "decided once")
	refused("the verdict alone", `UPDATE findings SET verdict = 'overturned' WHERE key = 'threat-key'`, "under appeal")
	b.noError(b.Exec(t.Context(), fmt.Sprintf(decide, second, "n")))
	refused("decided again", fmt.Sprintf(decide, second, "m"), "decided once")
	refused("against the outcome", `UPDATE findings SET verdict = 'open', judged_by = '`+second+`' WHERE key = 'threat-key'`, "under appeal")
}

func TestAppealsHaveTheirTime(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	first, agent := b.user("first"), b.user("agent")
	rec := b.confirmed("1.wav", first)
	b.exec(`UPDATE findings SET judged_at = now() - interval '7 days 1 second' WHERE key = 'threat-key'`)
	who := postgres.AuditEntry{Actor: agent}
	if may, err := b.Appealable(ctx, postgres.Scope{}, 7, 10); err != nil || len(may) != 1 || may[0].Finding.Rule != "insult" {
		t.Errorf("%+v %v", may, err)
	}
	open := b.inspected(found("2.wav"), 80, finding("threat", 1))
	for name, tc := range map[string]struct {
		rec, finding string
		want         error
	}{
		"too late":      {rec, "threat-key", postgres.ErrTooLate},
		"not confirmed": {open, "threat-key", postgres.ErrConflict},
		"no finding":    {rec, "?", postgres.ErrNotFound},
		"no recording":  {uuid.NewString(), "threat-key", postgres.ErrNotFound},
	} {
		if _, err := b.MakeAppeal(ctx, tc.rec, tc.finding, "没有", 7, who); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
