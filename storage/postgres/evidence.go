package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
)

// Intact says whether the entry is as it was written: its hash is of what it says.
func (e AuditEntry) Intact() bool { return e.Hash == e.sum() }

// AuditOf gives what the audit log has about a subject, in order.
func (s *Store) AuditOf(ctx context.Context, subject string) ([]AuditEntry, error) {
	rows, err := s.pool.Query(ctx, `SELECT `+auditColumns+` FROM audit_log WHERE subject = $1 ORDER BY seq`, subject)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanAudit)
}

// RulesetByHash gives the files of the ruleset with that hash; ErrNotFound when it is not stored.
func (s *Store) RulesetByHash(ctx context.Context, hash string) (map[string][]byte, error) {
	var id int64
	err := s.pool.QueryRow(ctx, `SELECT id FROM ruleset_versions WHERE hash = $1`, hash).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return s.RulesetFiles(ctx, id)
}
