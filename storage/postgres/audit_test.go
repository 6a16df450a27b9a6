package postgres_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/speechqa/speechqa/storage/postgres"
)

// three entries, and the anchor of the second.
func auditedBed(t *testing.T) (*bed, postgres.Anchor) {
	b := newBed(t)
	ctx := t.Context()
	var anchor postgres.Anchor
	for i, action := range []string{"login", "recording.view", "recording.play"} {
		b.noError(b.Audit(ctx, postgres.AuditEntry{Actor: "u1", Name: "li", Action: action, Subject: "recording:r1", Origin: "10.0.0.7", Detail: `{"n":"<1>"}`}))
		if i == 1 {
			sum, err := b.VerifyAudit(ctx, nil)
			b.noError(err)
			anchor = postgres.Anchor{Seq: sum.Entries, Hash: sum.Head}
		}
	}
	return b, anchor
}

func TestAuditChainHolds(t *testing.T) {
	b, anchor := auditedBed(t)
	var wg sync.WaitGroup
	for range 20 { // writers at the same time must not fork the chain
		wg.Go(func() {
			if err := b.Audit(t.Context(), postgres.AuditEntry{Actor: "system", Action: "retention.extend", Subject: "recording:r2"}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	sum, err := b.VerifyAudit(t.Context(), []postgres.Anchor{anchor})
	b.noError(err)
	if sum.Entries != 23 || sum.Anchors != 1 {
		t.Errorf("got %d entries and %d anchors, want 23 and 1", sum.Entries, sum.Anchors)
	}
}

func TestAuditCannotBeChanged(t *testing.T) {
	b, _ := auditedBed(t)
	conn, err := pgx.Connect(t.Context(), b.url)
	b.noError(err)
	defer conn.Close(context.Background())
	for _, sql := range []string{
		`UPDATE audit_log SET action = 'x'`, `DELETE FROM audit_log`, `TRUNCATE audit_log`,
	} {
		if _, err := conn.Exec(t.Context(), sql); err == nil || !strings.Contains(err.Error(), "history") {
			t.Errorf("%s: got %v, want a refusal", sql, err)
		}
	}
}

// Whoever owns the tables can take the guards away; the chain shows what was done then.
func TestTamperedAuditIsFound(t *testing.T) {
	const open = `ALTER TABLE audit_log DISABLE TRIGGER USER; `
	for name, sql := range map[string]string{
		"altered":         `UPDATE audit_log SET name = 'wang' WHERE seq = 2`,
		"time altered":    `UPDATE audit_log SET at = at + interval '1 microsecond' WHERE seq = 1`,
		"removed":         `DELETE FROM audit_log WHERE seq = 2`,
		"cut at the end":  `DELETE FROM audit_log WHERE seq = 3`,
		"reordered":       `UPDATE audit_log SET seq = 9 WHERE seq = 1; UPDATE audit_log SET seq = 1 WHERE seq = 2; UPDATE audit_log SET seq = 2 WHERE seq = 9`,
		"moved to others": `UPDATE audit_log SET subject = 'recording:r', origin = '110.0.0.7' WHERE seq = 3`,
	} {
		t.Run(name, func(t *testing.T) {
			b, _ := auditedBed(t)
			b.exec(open + sql)
			if _, err := b.VerifyAudit(t.Context(), nil); !errors.Is(err, postgres.ErrTampered) {
				t.Errorf("got %v, want ErrTampered", err)
			}
		})
	}
	// Cut at the end with the head put right: only the anchor knows.
	t.Run("cut behind the head", func(t *testing.T) {
		b, anchor := auditedBed(t)
		b.exec(open + `DELETE FROM audit_log WHERE seq > 1; UPDATE audit_head SET seq = 1, hash = (SELECT hash FROM audit_log WHERE seq = 1)`)
		_, err := b.VerifyAudit(t.Context(), nil)
		b.noError(err)
		if _, err := b.VerifyAudit(t.Context(), []postgres.Anchor{anchor}); !errors.Is(err, postgres.ErrTampered) {
			t.Errorf("got %v, want ErrTampered", err)
		}
	})
}

func TestDecisionIsAudited(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	id := b.inspected(found("a.wav"), 80, finding("threat", 1))
	v, err := b.Review(ctx, id)
	b.noError(err)
	b.noError(b.Decide(ctx, postgres.Decision{RecordingID: id, FindingKey: "threat-key", Verdict: postgres.VerdictOverturned,
		Reason: "misheard", UserID: b.user("li"), Origin: "10.0.0.7", Version: v.Version}, tenEach))
	got := b.query(`SELECT concat_ws(' ', action, name, origin, detail::jsonb ->> 'before', detail::jsonb ->> 'after', detail::jsonb ->> 'score')
		FROM audit_log WHERE subject = $1`, "recording:"+id)
	if want := []string{`"finding.overturned li 10.0.0.7 open overturned 100"`}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
