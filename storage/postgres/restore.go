package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/speechqa/speechqa/custody"
)

// Broken is described at custody.RestoreStore.
func (s *Store) Broken(ctx context.Context, ids []string, after string, limit int) ([]custody.Broken, error) {
	if len(ids) > 0 {
		after, limit = "", len(ids)
	}
	rows, err := s.pool.Query(ctx, `SELECT r.id::text, r.bucket, r.key, r.version_id, r.etag, r.size, r.user_metadata, c.sha256, c.held,
			concat_ws('; ', nullif(c.problem, ''), nullif(c.lock_problem, '')),
			r.version_id = '' AND EXISTS (SELECT FROM recordings o WHERE o.bucket = r.bucket AND o.key = r.key AND o.id <> r.id)
		FROM custody c JOIN recordings r ON r.id = c.recording
		WHERE c.disposed_at IS NULL AND CASE WHEN $1::text[] = '{}' THEN (c.problem <> '' OR c.lock_problem = $4) ELSE c.recording::text = ANY($1) END
			AND c.recording > coalesce(nullif($2, ''), '00000000-0000-0000-0000-000000000000')::uuid
		ORDER BY c.recording LIMIT $3`, texts(ids), after, limit, custody.ProblemGone)
	if err != nil {
		return nil, fmt.Errorf("read what is to be put back: %w", err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (b custody.Broken, err error) {
		o := &b.Object
		err = row.Scan(&b.ID, &o.Bucket, &o.Key, &o.VersionID, &o.ETag, &o.Size, &o.UserMetadata, &b.SHA256, &b.Held, &b.Problem, &b.Occupied)
		return b, err
	})
	if err != nil {
		return nil, fmt.Errorf("read what is to be put back: %w", err)
	}
	if len(out) < len(ids) {
		return nil, custody.ErrNotKept
	}
	return out, nil
}

// BeginRestore is described at custody.RestoreStore.
func (s *Store) BeginRestore(ctx context.Context, by custody.Actor, b custody.Broken) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `INSERT INTO restorations (recording, by, problem, sha256, version, version_id, etag)
			SELECT r.id, $2, $3, c.sha256, r.version, r.version_id, r.etag FROM recordings r JOIN custody c ON c.recording = r.id
				WHERE r.id = $1 AND c.disposed_at IS NULL FOR UPDATE OF c
			ON CONFLICT (recording) WHERE ended_at IS NULL DO UPDATE SET ended_at = NULL`, b.ID, text(by.Name), text(b.Problem))
		if err != nil {
			return fmt.Errorf("note that it is being put back: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return custody.ErrNotKept
		}
		return nil
	})
}

// Restored is described at custody.RestoreStore. A recording that failed is queued again:
// it may have been its object's fault.
func (s *Store) Restored(ctx context.Context, by custody.Actor, r custody.Restoration) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE restorations SET ended_at = now(), to_version = $2, to_version_id = $3, to_etag = $4 WHERE recording = $1 AND ended_at IS NULL`,
			r.ID, version(r.To), r.To.VersionID, r.To.ETag)
		if err != nil {
			return fmt.Errorf("note what was put back: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return fmt.Errorf("note what was put back: %w", ErrConflict)
		}
		if _, err := tx.Exec(ctx, `UPDATE recordings SET version = $2, version_id = $3, etag = $4 WHERE id = $1`, r.ID, version(r.To), r.To.VersionID, r.To.ETag); err != nil {
			return fmt.Errorf("note which version the recording is: %w", err)
		}
		if _, err := tx.Exec(ctx, `UPDATE recordings SET state = CASE WHEN transcript_hash = '' THEN 'discovered' ELSE 'transcribed' END,
				reason = '', detail = '', tries = 0, crashed = 0, queued_at = NULL WHERE id = $1 AND state = 'failed'`, r.ID); err != nil {
			return fmt.Errorf("queue it again: %w", err)
		}
		if _, err := tx.Exec(ctx, `UPDATE custody SET problem = '', lock_problem = '', checked_at = now(), due_at = now(), locked_until = NULL, lock_mode = '', held = false
			WHERE recording = $1`, r.ID); err != nil {
			return fmt.Errorf("note how it is kept: %w", err)
		}
		return keptBy(ctx, tx, by, "storage.restore", "recording:"+r.ID, map[string]any{"problem": r.Problem, "sha256": r.SHA256,
			"before": map[string]any{"version": r.Object.VersionID, "etag": r.Object.ETag}, "after": map[string]any{"version": r.To.VersionID, "etag": r.To.ETag}})
	})
}
