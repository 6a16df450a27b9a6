package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/speechqa/speechqa/custody"
)

// keptBy appends to the audit log what an actor did about how recordings are kept.
func keptBy(ctx context.Context, tx pgx.Tx, by custody.Actor, action, subject string, detail map[string]any) error {
	return audited(ctx, tx, AuditEntry{Actor: by.ID, Name: by.Name, Origin: by.Origin}, action, subject, detail)
}

// Terms lists how long recordings are kept, the general term first.
func (s *Store) Terms(ctx context.Context) ([]custody.Term, error) {
	rows, err := s.pool.Query(ctx, `SELECT principal, years FROM retention_terms ORDER BY principal`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[custody.Term])
}

// SetTerm says how long a principal's recordings are kept and extends those that are kept for less; what is kept for
// longer stays so. It returns how many were extended.
func (s *Store) SetTerm(ctx context.Context, by custody.Actor, t custody.Term) (extended int64, err error) {
	if t.Years < custody.MinYears || t.Years > custody.MaxYears {
		return 0, custody.ErrTerm
	}
	err = s.tx(ctx, func(tx pgx.Tx) error {
		var before *int
		if err := tx.QueryRow(ctx, `SELECT (SELECT years FROM retention_terms WHERE principal = $1)`, t.Principal).Scan(&before); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO retention_terms VALUES ($1, $2) ON CONFLICT (principal) DO UPDATE SET years = excluded.years`,
			t.Principal, t.Years); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `UPDATE custody c SET retain_until = after_years(c.recorded_at, $2) FROM recordings r
			WHERE r.id = c.recording AND `+isThere+` AND c.retain_until < after_years(c.recorded_at, $2)
				AND (r.principal = $1 OR $1 = '' AND NOT EXISTS (SELECT FROM retention_terms t WHERE t.principal = r.principal))`, t.Principal, t.Years)
		if err != nil {
			return err
		}
		extended = tag.RowsAffected()
		return keptBy(ctx, tx, by, "retention.term", "principal:"+t.Principal, map[string]any{"before": before, "after": t.Years, "extended": extended})
	})
	return extended, err
}

// ExtendRetention keeps a recording until a later day; ErrShorter for an earlier one, ErrNotFound for an unknown id and
// for a recording that is destroyed.
func (s *Store) ExtendRetention(ctx context.Context, by custody.Actor, id string, until time.Time, reason string) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		var before time.Time
		err := tx.QueryRow(ctx, `SELECT c.retain_until FROM custody c WHERE c.recording = $1 AND `+isThere+` FOR UPDATE`, id).Scan(&before)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return ErrNotFound
		case err != nil:
			return err
		case until.Before(before):
			return fmt.Errorf("%w: it is kept until %s", custody.ErrShorter, before.Format(time.DateOnly))
		}
		if _, err := tx.Exec(ctx, `UPDATE custody SET retain_until = $2 WHERE recording = $1`, id, until); err != nil {
			return err
		}
		return keptBy(ctx, tx, by, "retention.extend", "recording:"+id, map[string]any{"before": before.UTC(), "after": until.UTC(), "reason": reason})
	})
}

// isThere says in SQL that the object of custody c is not destroyed.
const isThere = `NOT EXISTS (SELECT FROM tombstones d WHERE d.recording = c.recording AND d.voided_at IS NULL AND d.object_gone_at IS NOT NULL)`

// inForce says in SQL whether a hold keeps recording r with its custody c.
const inForce = `EXISTS (SELECT FROM legal_holds h WHERE h.released_at IS NULL AND hold_keeps(h, r, c.recorded_at))`

// Custody is how a recording is kept; ErrNotFound when there is none.
func (s *Store) Custody(ctx context.Context, id string) (c custody.Custody, err error) {
	var locked, checked *time.Time
	err = s.pool.QueryRow(ctx, `SELECT c.recorded_at, c.retain_until, c.locked_until, c.lock_mode, `+inForce+`, c.sha256, c.checked_at,
			concat_ws('; ', nullif(c.problem, ''), nullif(c.lock_problem, ''))
		FROM custody c JOIN recordings r ON r.id = c.recording WHERE c.recording = $1`, id).
		Scan(&c.RecordedAt, &c.RetainUntil, &locked, &c.Mode, &c.Held, &c.SHA256, &checked, &c.Problem)
	if errors.Is(err, pgx.ErrNoRows) {
		return c, ErrNotFound
	}
	if locked != nil {
		c.LockedUntil = *locked
	}
	if checked != nil {
		c.CheckedAt = *checked
	}
	return c, err
}

// DueCustody returns up to limit recordings of the buckets whose protection the store is to be told of.
func (s *Store) DueCustody(ctx context.Context, buckets []string, limit int) ([]custody.Due, error) {
	rows, err := s.pool.Query(ctx, `SELECT r.id::text, r.bucket, r.key, r.version_id, r.etag, r.size, c.retain_until,
			coalesce(c.locked_until, '0001-01-01'), `+inForce+`, c.held, c.due_at
		FROM custody c JOIN recordings r ON r.id = c.recording
		WHERE c.due_at <= now() AND c.disposed_at IS NULL AND r.bucket = ANY($1) ORDER BY c.due_at LIMIT $2`, buckets, limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanDue)
}

func scanDue(row pgx.CollectableRow) (d custody.Due, err error) {
	err = row.Scan(&d.ID, &d.Object.Bucket, &d.Object.Key, &d.Object.VersionID, &d.Object.ETag, &d.Object.Size, &d.RetainUntil,
		&d.LockedUntil, &d.Held, &d.HeldThere, &d.Token)
	return d, err
}

// custodyPause is how long a recording waits whose protection failed.
const custodyPause = 5 * time.Minute

// DoneCustody notes what the store was told. A wish that changed meanwhile stays due.
func (s *Store) DoneCustody(ctx context.Context, done []custody.Done) error {
	var b pgx.Batch
	for _, d := range done {
		b.Queue(`UPDATE custody SET locked_until = $3, lock_mode = $4, held = $5, lock_problem = $6,
				due_at = CASE WHEN due_at IS DISTINCT FROM $2 THEN due_at WHEN $7 THEN now() + $8 END
			WHERE recording = $1`, d.ID, d.Token, orNull(d.LockedUntil), d.Mode, d.HeldThere, text(d.Problem), d.Again, custodyPause)
	}
	return s.tx(ctx, func(tx pgx.Tx) error { return tx.SendBatch(ctx, &b).Close() })
}

// NoteBuckets keeps what was found out about the buckets' protection.
func (s *Store) NoteBuckets(ctx context.Context, found []custody.Bucket) error {
	var b pgx.Batch
	for _, f := range found {
		b.Queue(`INSERT INTO custody_buckets (name, versions, locks, checked_at) VALUES ($1, $2, $3, now())
			ON CONFLICT (name) DO UPDATE SET versions = excluded.versions, locks = excluded.locks, checked_at = now()`, f.Name, f.Versions, f.Locks)
	}
	return s.tx(ctx, func(tx pgx.Tx) error { return tx.SendBatch(ctx, &b).Close() })
}

// Buckets lists what is known of the buckets' protection.
func (s *Store) Buckets(ctx context.Context) ([]custody.Bucket, error) {
	rows, err := s.pool.Query(ctx, `SELECT name, versions, locks, checked_at FROM custody_buckets ORDER BY name`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (b custody.Bucket, err error) {
		err = row.Scan(&b.Name, &b.Versions, &b.Locks, &b.CheckedAt)
		return b, err
	})
}
