package postgres_test

import (
	"testing"

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
