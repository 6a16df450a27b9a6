package postgres_test

import (
	"errors"
	"testing"
	"time"

	"github.com/speechqa/speechqa/storage/postgres"
)

func TestNotices(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	first, second, agent := b.user("first"), b.user("second"), b.user("agent")
	rec := b.confirmed("1.wav", first)
	id, err := b.MakeAppeal(ctx, rec, "threat-key", "没有", 7, postgres.AuditEntry{Actor: agent})
	b.noError(err)
	notices := func(who postgres.NoticeFor) []postgres.Notice {
		t.Helper()
		who.Days = 7
		all, err := b.Notices(ctx, who)
		b.noError(err)
		return all
	}
	reviewer, own := postgres.NoticeFor{User: second, Reviews: true}, postgres.NoticeFor{User: agent, Appeals: true, Scope: postgres.Scope{Agent: "a1"}}
	if n := notices(reviewer); len(n) != 1 || n[0].Kind != postgres.NoticeAppealWaits || n[0].Appeal != id || n[0].Rule != "threat" || n[0].Agent != "李明" || n[0].By != "agent先生" || !n[0].New {
		t.Errorf("waiting: %+v", n)
	}
	for name, who := range map[string]postgres.NoticeFor{"who judged it": {User: first, Reviews: true}, "who reviews nothing": {User: second},
		"another team's reviewer": {User: second, Reviews: true, Scope: postgres.Scope{Teams: []string{"south"}}}, "the agent, undecided": own} {
		if n := notices(who); len(n) != 0 {
			t.Errorf("%s: %+v", name, n)
		}
	}
	b.noError(b.NoticesSeen(ctx, second))
	b.noError(b.NoticesSeen(ctx, second))
	if n := notices(reviewer); len(n) != 1 || n[0].New {
		t.Errorf("seen: %+v", n)
	}
	b.exec(`ALTER TABLE appeals DISABLE TRIGGER appeals_guard; UPDATE appeals SET at = now() - interval '8 days'; ALTER TABLE appeals ENABLE TRIGGER appeals_guard`)
	if n := notices(reviewer); len(n) != 1 || n[0].Kind != postgres.NoticeAppealOverdue {
		t.Errorf("overdue: %+v", n)
	}
	b.noError(b.DecideAppeal(ctx, postgres.Scope{}, id, postgres.OutcomeGranted, "好", postgres.AuditEntry{Actor: second}, tenEach))
	if n := notices(own); len(n) != 1 || n[0].Kind != postgres.NoticeAppealDecided || n[0].Outcome != postgres.OutcomeGranted || n[0].By != "second先生" {
		t.Errorf("decided: %+v", n)
	}
	if n := notices(reviewer); len(n) != 0 {
		t.Errorf("still waiting: %+v", n)
	}
}

// Who is given recordings, and who has them taken away, is told; nobody is told of what he does himself.
func TestAssignmentNotices(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	lead, li, wang := b.user("lead"), b.user("li"), b.user("wang")
	ids := []string{b.inspected(found("1.wav"), 90, finding("threat", 1)), b.inspected(found("2.wav"), 90, finding("threat", 1)), b.inspected(found("3.wav"), 90, finding("threat", 1))}
	assign := func(to string, ids ...string) {
		t.Helper()
		_, err := b.Assign(ctx, postgres.Scope{}, lead, "", to, ids)
		b.noError(err)
	}
	told := func(user string) (all []postgres.Notice) {
		t.Helper()
		all, err := b.Notices(ctx, postgres.NoticeFor{User: user, Reviews: true, Days: 7})
		b.noError(err)
		return all
	}
	assign(li, ids[0], ids[1])
	if n := told(li); len(n) != 1 || n[0].Kind != postgres.NoticeAssigned || n[0].Count != 2 || n[0].By != "lead先生" || !n[0].New {
		t.Errorf("assigned: %+v", n)
	}
	b.noError(b.NoticesSeen(ctx, li))
	assign(li, ids...)
	if n := told(li); len(n) != 2 || n[0].Count != 1 || !n[0].New || n[1].New {
		t.Errorf("only what is new to him counts: %+v", n)
	}
	assign(wang, ids[0])
	assign("", ids[1], ids[2])
	if n := told(li); len(n) != 4 || n[0].Kind != postgres.NoticeTakenBack || n[0].Count != 2 || n[1].Kind != postgres.NoticeTakenBack || n[1].Count != 1 {
		t.Errorf("taken back: %+v", n)
	}
	if n := told(wang); len(n) != 1 || n[0].Count != 1 {
		t.Errorf("handed on: %+v", n)
	}
	assign(lead, ids[1])
	if n := told(lead); len(n) != 0 {
		t.Errorf("the lead is told what he did: %+v", n)
	}
}

// What should have been done is told to who decided it and who answers for the agents, until it is done or replaced.
func TestOverdueNotices(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	li, wang := b.user("li"), b.user("wang")
	id := b.inspected(found("1.wav"), 90, finding("threat", 1))
	dispose := func(kind postgres.DispositionKind, due time.Time) {
		t.Helper()
		b.noError(b.Dispose(ctx, postgres.Act{RecordingID: id, UserID: li, Version: b.version(id)}, postgres.Disposition{Kind: kind, Due: due}, tenEach))
	}
	overdue := func(who postgres.NoticeFor) []postgres.Notice {
		t.Helper()
		all, err := b.Notices(ctx, who)
		b.noError(err)
		return all
	}
	own, sees := postgres.NoticeFor{User: li, Days: 7}, postgres.NoticeFor{User: wang, Sees: true, Days: 7, Scope: postgres.Scope{Agent: "a1"}}
	late := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -2)
	dispose(postgres.DispositionRetrain, late)
	for _, who := range []postgres.NoticeFor{own, sees} {
		if n := overdue(who); len(n) != 1 || n[0].Kind != postgres.NoticeOverdue || n[0].Recording != id || n[0].Kept != postgres.DispositionRetrain || !n[0].Due.Equal(late) || n[0].Agent != "李明" {
			t.Errorf("overdue: %+v", n)
		}
	}
	for name, who := range map[string]postgres.NoticeFor{"not his": {User: wang, Days: 7}, "another agent": {User: wang, Sees: true, Days: 7, Scope: postgres.Scope{Agent: "a2"}}} {
		if n := overdue(who); len(n) != 0 {
			t.Errorf("%s: %+v", name, n)
		}
	}
	trains := postgres.NoticeFor{User: wang, Trains: true, Days: 7}
	if n := overdue(trains); len(n) != 2 || n[0].Kind != postgres.NoticeOverdue || n[1].Kind != postgres.NoticeRetrain || n[1].Recording != id || n[1].By != "li先生" {
		t.Errorf("a trainer: %+v", n)
	}
	if d := b.review(id).Dispositions[0]; !d.Waits || !d.Overdue(late.AddDate(0, 0, 1)) || d.Overdue(late) {
		t.Errorf("%+v", d)
	}
	dispose(postgres.DispositionAdvice, time.Time{})
	if n := append(overdue(own), overdue(trains)...); len(n) != 0 {
		t.Errorf("replaced: %+v", n)
	}
	dispose(postgres.DispositionPenalty, late)
	if n := overdue(own); len(n) != 1 {
		t.Errorf("again: %+v", n)
	}
	b.noError(b.DispositionDone(ctx, id, wang, "10.0.0.1"))
	if d := b.review(id).Dispositions[0]; d.Done.IsZero() || d.DoneBy != "wang先生" || d.Waits || len(overdue(own)) != 0 {
		t.Errorf("done: %+v, %+v", d, overdue(own))
	}
	if err := b.DispositionDone(ctx, id, wang, ""); !errors.Is(err, postgres.ErrConflict) {
		t.Errorf("done twice: %v", err)
	}
	for _, sql := range []string{`DELETE FROM disposition_follow_ups`, `UPDATE disposition_follow_ups SET closed_at = NULL`} {
		if err := b.try(sql); err == nil {
			t.Errorf("%s goes through", sql)
		}
	}
}
