package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/speechqa/speechqa/custody"
	"github.com/speechqa/speechqa/pipeline"
)

// UseSecondStore is described at custody.CopyStore.
func (s *Store) UseSecondStore(ctx context.Context, store, bucket string) (again int64, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		var was, wasBucket string
		err := tx.QueryRow(ctx, `SELECT store, bucket FROM copy_store FOR UPDATE`).Scan(&was, &wasBucket)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO copy_store (store, bucket, seen_at) VALUES ($1, $2, now())
			ON CONFLICT (one) DO UPDATE SET store = excluded.store, bucket = excluded.bucket, seen_at = now()`, store, bucket); err != nil {
			return err
		}
		if err != nil || was == store && wasBucket == bucket {
			return nil
		}
		tag, err := tx.Exec(ctx, `UPDATE copies SET due_at = now() - interval '1 hour', since = now(), alive_at = NULL, tries = 0,
				problem = 'its copy is in another store, ' || $1 || '/' || $2
			WHERE copied_at IS NOT NULL AND due_at IS NULL`, was, wasBucket)
		again = tag.RowsAffected()
		return err
	})
	return again, err
}

// SecondStoreSeen is described at custody.CopyStore.
func (s *Store) SecondStoreSeen(ctx context.Context, store, bucket, problem string) error {
	_, err := s.pool.Exec(ctx, `UPDATE copy_store SET seen_at = now(), problem = $3, reached_at = CASE WHEN $3 = '' THEN now() ELSE reached_at END
		WHERE store = $1 AND bucket = $2`, store, bucket, text(problem))
	return err
}

// freshCopies is how long what has come in goes before what has waited for longer.
const freshCopies = 10 * time.Minute

// ClaimCopy is described at custody.CopyStore.
func (s *Store) ClaimCopy(ctx context.Context) (t custody.CopyTask, ok bool, err error) {
	for _, age := range []string{`due_at > now() - $2::interval AND due_at <= now()`, `due_at <= now() - $2::interval`} {
		err = s.pool.QueryRow(ctx, `UPDATE copies c SET attempt = c.attempt + 1, tries = c.tries + 1, alive_at = now()
			FROM (SELECT recording FROM copies WHERE `+age+` AND (alive_at IS NULL OR alive_at < now() - $1::interval)
				ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED) due, recordings r, custody k
			WHERE c.recording = due.recording AND r.id = due.recording AND k.recording = due.recording
			RETURNING r.id::text, r.bucket, r.key, r.version_id, r.etag, r.size, k.sha256, c.attempt, c.tries`, custody.CopyLease, freshCopies).
			Scan(&t.ID, &t.Object.Bucket, &t.Object.Key, &t.Object.VersionID, &t.Object.ETag, &t.Object.Size, &t.SHA256, &t.Attempt, &t.Tries)
		if !errors.Is(err, pgx.ErrNoRows) {
			return t, err == nil, err
		}
	}
	return t, false, nil
}

// CopyAlive is described at custody.CopyStore.
func (s *Store) CopyAlive(ctx context.Context, t custody.CopyTask) error {
	tag, err := s.pool.Exec(ctx, `UPDATE copies SET alive_at = now() WHERE recording = $1 AND attempt = $2 AND alive_at IS NOT NULL`, t.ID, t.Attempt)
	return fenced(tag.RowsAffected(), err)
}

func fenced(rows int64, err error) error {
	if err == nil && rows == 0 {
		return custody.ErrFenced
	}
	return err
}

// CopyDone is described at custody.CopyStore.
func (s *Store) CopyDone(ctx context.Context, t custody.CopyTask, to pipeline.Object, sha256 string) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE copies SET due_at = NULL, alive_at = NULL, tries = 0, stuck = false, problem = '', bucket = $3, key = $4,
				version_id = $5, etag = $6, size = $7, sha256 = $8, copied_at = now(), verified_at = now(),
				keep_at = now(), locked_until = NULL, lock_mode = '', held = false, lock_problem = ''
			WHERE recording = $1 AND attempt = $2 AND alive_at IS NOT NULL`,
			t.ID, t.Attempt, to.Bucket, to.Key, to.VersionID, to.ETag, to.Size, sha256)
		if err := fenced(tag.RowsAffected(), err); err != nil {
			return err
		}
		var first string
		if err := tx.QueryRow(ctx, `UPDATE custody SET sha256 = CASE WHEN sha256 = '' THEN $2 ELSE sha256 END WHERE recording = $1 RETURNING sha256`,
			t.ID, sha256).Scan(&first); err != nil {
			return err
		}
		if first != sha256 {
			return custody.ErrBadCopy
		}
		return nil
	})
}

// CopyFailed is described at custody.CopyStore. The pause doubles from five seconds to five minutes; what is stuck is
// tried again once a day.
func (s *Store) CopyFailed(ctx context.Context, t custody.CopyTask, problem string, stuck bool) error {
	tag, err := s.pool.Exec(ctx, `UPDATE copies SET alive_at = NULL, problem = $3, stuck = $4,
			due_at = now() + CASE WHEN $4 THEN interval '1 day' ELSE least(interval '5 minutes', interval '5 seconds' * (1 << least(tries, 10) - 1)) END
		WHERE recording = $1 AND attempt = $2 AND alive_at IS NOT NULL`, t.ID, t.Attempt, text(problem), stuck)
	return fenced(tag.RowsAffected(), err)
}

const copyColumns = `c.recording::text, c.bucket, c.key, c.version_id, c.etag, c.size, k.sha256, c.sha256, coalesce(c.copied_at, '0001-01-01'),
	coalesce(c.verified_at, '0001-01-01'), coalesce(c.locked_until, '0001-01-01'), c.held, c.due_at IS NOT NULL,
	concat_ws('; ', nullif(c.problem, ''), nullif(c.lock_problem, ''))`

func scanCopy(row pgx.Row) (c custody.Copy, err error) {
	err = row.Scan(&c.Recording, &c.Object.Bucket, &c.Object.Key, &c.Object.VersionID, &c.Object.ETag, &c.Object.Size, &c.First, &c.SHA256,
		&c.CopiedAt, &c.VerifiedAt, &c.LockedUntil, &c.Held, &c.Due, &c.Problem)
	for _, t := range []*time.Time{&c.CopiedAt, &c.VerifiedAt, &c.LockedUntil} {
		if t.Year() == 1 {
			*t = time.Time{}
		}
	}
	return c, err
}

// CopyOf gives a recording's second copy; custody.ErrNoCopy where the recording is unknown or there never was one.
func (s *Store) CopyOf(ctx context.Context, recording string) (custody.Copy, error) {
	c, err := scanCopy(s.pool.QueryRow(ctx, `SELECT `+copyColumns+` FROM copies c JOIN custody k ON k.recording = c.recording WHERE c.recording = $1`, recording))
	if errors.Is(err, pgx.ErrNoRows) || err == nil && c.Object.Key == "" {
		return c, custody.ErrNoCopy
	}
	return c, err
}

// CopyRead is described at custody.CopyLookup.
func (s *Store) CopyRead(ctx context.Context, c custody.Copy, problem string) error {
	_, err := s.pool.Exec(ctx, copyRead, copyReadArgs(c, problem)...)
	return err
}

// copyRead notes what reading a copy brought, unless it is another copy by now.
const copyRead = `UPDATE copies SET problem = $5, verified_at = CASE WHEN $5 = '' THEN now() ELSE verified_at END,
		since = CASE WHEN $5 = '' OR due_at IS NOT NULL THEN since ELSE now() END, due_at = CASE WHEN $5 = '' THEN due_at ELSE coalesce(due_at, now()) END
	WHERE recording = $1 AND bucket = $2 AND key = $3 AND version_id = $4 AND due_at IS NULL`

func copyReadArgs(c custody.Copy, problem string) []any {
	return []any{c.Recording, c.Object.Bucket, c.Object.Key, c.Object.VersionID, text(problem)}
}
