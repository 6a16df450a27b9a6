package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// AuditFilter narrows the audit log; zero fields do not narrow.
type AuditFilter struct {
	Name     string    // log-in name, without regard to case
	Action   string    // an action, or with a dot at its end all of a kind: "recording."
	Subject  string    // kind:id; or an id, of whatever kind
	From, To time.Time // From inclusive, To exclusive
	Before   int64     // only entries before this number; 0: from the newest
	Limit    int       // 1..1000
}

// AuditPage is one page of the audit log, the newest first.
type AuditPage struct {
	Entries []AuditEntry
	Next    int64 // AuditFilter.Before of the next page; 0 on the last
}

// subjectKinds are what entries are about, for looking an id up without its kind.
var subjectKinds = []string{"recording", "user", "page", "ruleset", "clip", "hold", "batch"}

func (f AuditFilter) conditions() *conditions {
	c := &conditions{sql: []string{"true"}}
	if f.Name != "" {
		c.add(`lower(name) = lower($?)`, text(f.Name))
	}
	switch {
	case strings.HasSuffix(f.Action, "."):
		c.add(`action ^@ $?`, text(f.Action))
	case f.Action != "":
		c.add(`action = $?`, text(f.Action))
	}
	switch {
	case strings.Contains(f.Subject, ":"):
		c.add(`subject = $?`, text(f.Subject))
	case f.Subject != "":
		var all []string
		for _, kind := range subjectKinds {
			all = append(all, kind+":"+text(f.Subject))
		}
		c.add(`subject = ANY($?)`, all)
	}
	if !f.From.IsZero() {
		c.add(`at >= $?`, f.From)
	}
	if !f.To.IsZero() {
		c.add(`at < $?`, f.To)
	}
	if f.Before > 0 {
		c.add(`seq < $?`, f.Before)
	}
	return c
}

// AuditLog gives one page of the audit log, the newest entry first.
func (s *Store) AuditLog(ctx context.Context, f AuditFilter) (AuditPage, error) {
	c := f.conditions()
	limit := min(max(f.Limit, 1), 1000)
	c.args = append(c.args, limit+1)
	rows, err := s.pool.Query(ctx, fmt.Sprintf(`SELECT %s FROM audit_log WHERE %s ORDER BY seq DESC LIMIT $%d`, auditColumns, c.where(), len(c.args)), c.args...)
	if err != nil {
		return AuditPage{}, err
	}
	var p AuditPage
	if p.Entries, err = pgx.CollectRows(rows, scanAudit); err != nil {
		return AuditPage{}, err
	}
	if len(p.Entries) > limit {
		p.Entries = p.Entries[:limit]
		p.Next = p.Entries[limit-1].Seq
	}
	return p, nil
}

// AuditActions lists the actions that are on record, by name. It walks from one to the next in the index.
func (s *Store) AuditActions(ctx context.Context) ([]string, error) {
	rows, err := s.pool.Query(ctx, `WITH RECURSIVE a AS (
			(SELECT action FROM audit_log ORDER BY action USING ~<~ LIMIT 1)
			UNION ALL SELECT (SELECT action FROM audit_log WHERE action ~>~ a.action ORDER BY action USING ~<~ LIMIT 1) FROM a WHERE a.action IS NOT NULL)
		SELECT action FROM a WHERE action IS NOT NULL ORDER BY 1`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// AuditHead is the chain's head at present: the last entry's number and hash.
func (s *Store) AuditHead(ctx context.Context) (a Anchor, err error) {
	var hash []byte
	err = s.pool.QueryRow(ctx, `SELECT seq, hash FROM audit_head`).Scan(&a.Seq, &hash)
	copy(a.Hash[:], hash)
	return a, err
}
