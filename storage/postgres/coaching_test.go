package postgres_test

import (
	"errors"
	"testing"

	"github.com/speechqa/speechqa/storage/postgres"
)

// A talk with an agent stays on record, is on the audit log, and is only had by those who may see him.
func TestCoaching(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	id := b.inspected(found("1.wav"), 80, finding("threat", 1))
	li := b.user("li")
	c := postgres.Coaching{Agent: "a1", Rule: "threat", Note: "一起听了录音", UserID: li, Origin: "10.0.0.1"}
	north := postgres.Scope{Teams: []string{"north"}}
	b.noError(b.Coach(ctx, north, c))
	for name, err := range map[string]error{
		"another team's agent": b.Coach(ctx, postgres.Scope{Teams: []string{"south"}}, c),
		"nobody":               b.Coach(ctx, north, postgres.Coaching{Agent: "a9", Note: "x", UserID: li}),
	} {
		if !errors.Is(err, postgres.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	b.noError(b.Decide(ctx, postgres.Decision{RecordingID: id, FindingKey: "threat-key", Verdict: postgres.VerdictConfirmed, UserID: li}, tenEach))
	b.exec(`INSERT INTO appeals (recording, finding, reason, by, first_by, first_at, score_before)
		SELECT r.id, 'threat-key', '没有这样说', u.id, u.id, now(), 80 FROM recordings r, users u`)
	h, err := b.AgentHistory(ctx, north, "a1", 5)
	b.noError(err)
	if len(h.Coaching) != 1 || h.Coaching[0].By != "li先生" || h.Coaching[0].Note != c.Note || h.Coaching[0].Rule != "threat" || h.Coaching[0].At.IsZero() {
		t.Errorf("coaching: %+v", h.Coaching)
	}
	if len(h.Appeals) != 1 || h.Appeals[0].Rule != "threat" || h.Appeals[0].Outcome != "" {
		t.Errorf("appeals: %+v", h.Appeals)
	}
	if h, err = b.AgentHistory(ctx, postgres.Scope{Teams: []string{"south"}}, "a1", 5); err != nil || len(h.Appeals) != 0 {
		t.Errorf("outside the scope: %+v (%v)", h.Appeals, err)
	}
	if got := b.query(`SELECT count(*) FROM audit_log WHERE action = 'agent.coached' AND subject = 'agent:a1' AND name = 'li'`); got[0] != "1" {
		t.Errorf("%s entries on the audit log", got[0])
	}
}
