package postgres

import (
	"context"
	"fmt"
)

// auditAhead is for how many months to come the audit log has its parts made.
const auditAhead = 12

// AuditMonths makes the audit log's parts of the coming months where they are not there yet, and says how many entries lie
// outside every month's part: of a clock that was wrong, or because nobody made parts for a year. None is lost there.
func (s *Store) AuditMonths(ctx context.Context) (outside int64, err error) {
	if _, err := s.pool.Exec(ctx, `SELECT audit_months($1)`, auditAhead); err != nil {
		return 0, fmt.Errorf("make the audit log's months: %w", err)
	}
	if err := s.pool.QueryRow(ctx, `SELECT count(*) FROM audit_log_other`).Scan(&outside); err != nil {
		return 0, fmt.Errorf("look at the audit log's months: %w", err)
	}
	return outside, nil
}
