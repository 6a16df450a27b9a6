package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/speechqa/speechqa/custody"
)

// BeginVerify is described at custody.VerifyStore. Ids are random, so a stretch of them from a random place on is a
// sample as good as any.
func (s *Store) BeginVerify(ctx context.Context, sample int64, fresh bool) (custody.Run, error) {
	return s.beginVerify(ctx, sample, fresh, false, ` FROM custody WHERE disposed_at IS NULL`)
}

// beginVerify goes on with a run of its kind or begins one; from says what it is over.
func (s *Store) beginVerify(ctx context.Context, sample int64, fresh, copies bool, from string) (r custody.Run, err error) {
	if !fresh {
		err = s.pool.QueryRow(ctx, `SELECT id, total, checked, bad, coalesce(after, first)::text FROM verify_runs
			WHERE finished_at IS NULL AND copies = $1 ORDER BY id DESC LIMIT 1`, copies).Scan(&r.ID, &r.Total, &r.Checked, &r.Bad, &r.After)
		if !errors.Is(err, pgx.ErrNoRows) {
			r.Resumed = err == nil
			return r, err
		}
	}
	first := uuid.Nil
	if sample > 0 {
		first = uuid.New()
	}
	err = s.pool.QueryRow(ctx, `INSERT INTO verify_runs (first, copies, total)
		SELECT $1, $3, CASE WHEN $2 > 0 THEN least($2, count(*)) ELSE count(*) END`+from+` RETURNING id, total, first::text`,
		first, sample, copies).Scan(&r.ID, &r.Total, &r.After)
	return r, err
}

// NextToVerify is described at custody.VerifyStore. Behind the last id it goes on with the first.
func (s *Store) NextToVerify(ctx context.Context, r custody.Run, limit int) ([]custody.Check, error) {
	return s.nextToVerify(ctx, r, limit, `SELECT r.id::text, r.bucket, r.key, r.version_id, r.etag, r.size, c.sha256, coalesce(c.locked_until, '0001-01-01')
		FROM custody c JOIN recordings r ON r.id = c.recording WHERE c.disposed_at IS NULL`)
}

func (s *Store) nextToVerify(ctx context.Context, r custody.Run, limit int, query string) ([]custody.Check, error) {
	limit = int(min(int64(limit), r.Total-r.Checked))
	var out []custody.Check
	for _, where := range []string{`c.recording > $1`, `c.recording <= $1`} {
		rows, err := s.pool.Query(ctx, query+` AND `+where+` ORDER BY c.recording LIMIT $2`, r.After, limit-len(out))
		if err != nil {
			return nil, err
		}
		more, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c custody.Check, err error) {
			err = row.Scan(&c.ID, &c.Object.Bucket, &c.Object.Key, &c.Object.VersionID, &c.Object.ETag, &c.Object.Size, &c.SHA256, &c.LockedUntil)
			if c.LockedUntil.Year() == 1 {
				c.LockedUntil = time.Time{}
			}
			return c, err
		})
		if err != nil {
			return nil, err
		}
		if out = append(out, more...); len(out) >= limit {
			break
		}
	}
	return out, nil
}

// Verified is described at custody.VerifyStore.
func (s *Store) Verified(ctx context.Context, r custody.Run, results []custody.Checked) (custody.Run, error) {
	var b pgx.Batch
	for _, c := range results {
		b.Queue(`UPDATE custody SET checked_at = now(), problem = $2, sha256 = CASE WHEN sha256 = '' THEN $3 ELSE sha256 END,
				due_at = CASE WHEN $4 THEN coalesce(due_at, now()) ELSE due_at END, locked_until = CASE WHEN $4 THEN NULL ELSE locked_until END
			WHERE recording = $1`, c.ID, c.Problem, c.SHA256, c.Relock)
	}
	return s.verified(ctx, r, results, &b, false)
}

// verified moves a run on behind results, which notes writes down.
func (s *Store) verified(ctx context.Context, r custody.Run, results []custody.Checked, notes *pgx.Batch, copies bool) (custody.Run, error) {
	for _, c := range results {
		r.Checked, r.After = r.Checked+1, c.ID
		if c.Problem != "" {
			r.Bad++
		}
	}
	done := r.Checked >= r.Total || len(results) == 0
	return r, s.tx(ctx, func(tx pgx.Tx) error {
		if err := tx.SendBatch(ctx, notes).Close(); err != nil {
			return fmt.Errorf("note what was checked: %w", err)
		}
		if _, err := tx.Exec(ctx, `UPDATE verify_runs SET checked = $2, bad = $3, after = $4, finished_at = CASE WHEN $5 THEN now() END WHERE id = $1`,
			r.ID, r.Checked, r.Bad, r.After, done); err != nil {
			return err
		}
		if !done {
			return nil
		}
		return keptBy(ctx, tx, custody.Actor{Name: "speechqa verify storage"}, "storage.verify", fmt.Sprint("run:", r.ID),
			map[string]any{"checked": r.Checked, "bad": r.Bad, "copies": copies})
	})
}
