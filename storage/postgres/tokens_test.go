package postgres_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/speechqa/speechqa/storage/postgres"
)

func TestTokens(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	li, an := b.user("li"), b.user("an")
	who := postgres.AuditEntry{Actor: li, Name: "li"}
	id, err := b.CreateToken(ctx, postgres.Token{Name: "报表", Hint: "sqa_AB", ReadOnly: true, ExpiresAt: time.Now().Add(time.Hour)}, "sqa_secret", who)
	b.noError(err)
	expired, err := b.CreateToken(ctx, postgres.Token{Name: "old", ExpiresAt: time.Now().Add(-time.Second)}, "sqa_old", who)
	b.noError(err)
	u, tok, err := b.UserOfToken(ctx, "sqa_secret")
	b.noError(err)
	if u.ID != li || tok.ID != id || !tok.ReadOnly {
		t.Errorf("%+v %+v", u, tok)
	}
	for _, key := range []string{"sqa_old", "sqa_", "", "SQA_SECRET"} {
		if _, _, err := b.UserOfToken(ctx, key); !errors.Is(err, postgres.ErrNotFound) {
			t.Errorf("%q: %v", key, err)
		}
	}
	if all := strings.Join(b.query(`SELECT * FROM tokens`), "\n"); strings.Contains(all, "secret") {
		t.Errorf("the key is in the table: %s", all)
	}
	all, err := b.Tokens(ctx, li)
	b.noError(err)
	if len(all) != 2 || all[0].ID != expired || all[1].UsedAt.IsZero() || !all[1].RevokedAt.IsZero() {
		t.Errorf("%+v", all)
	}
	for name, err := range map[string]error{"somebody else's": b.RevokeToken(ctx, id, postgres.AuditEntry{Actor: an}), "none": b.RevokeToken(ctx, uuid.NewString(), who)} {
		if !errors.Is(err, postgres.ErrNotFound) {
			t.Errorf("revoke %s: %v", name, err)
		}
	}
	b.exec(`UPDATE users SET disabled = true WHERE name = 'li'`)
	if _, _, err := b.UserOfToken(ctx, "sqa_secret"); !errors.Is(err, postgres.ErrNotFound) {
		t.Errorf("of a blocked user: %v", err)
	}
	b.exec(`UPDATE users SET disabled = false`)
	b.noError(b.RevokeToken(ctx, id, who))
	if _, _, err := b.UserOfToken(ctx, "sqa_secret"); !errors.Is(err, postgres.ErrNotFound) {
		t.Errorf("revoked: %v", err)
	}
	if acts := b.query(`SELECT action FROM audit_log WHERE subject = $1 ORDER BY seq`, "token:"+id); !slices.Equal(acts, []string{"token.made", "token.revoked"}) {
		t.Errorf("on record: %v", acts)
	}
}
