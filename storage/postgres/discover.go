package postgres

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/speechqa/speechqa/pipeline"
)

// version tells the objects that were under one key apart.
func version(o pipeline.Object) string {
	if o.VersionID != "" {
		return o.VersionID
	}
	return o.ETag
}

// Discover is described in worker/discovery.
func (s *Store) Discover(ctx context.Context, found []pipeline.Found) (int, error) {
	if len(found) == 0 {
		return 0, nil
	}
	// In one order, so that two who find the same objects never wait for each other's rows in a circle.
	found = slices.SortedFunc(slices.Values(found), func(a, b pipeline.Found) int {
		return cmp.Or(cmp.Compare(a.Object.Bucket, b.Object.Bucket), cmp.Compare(a.Object.Key, b.Object.Key), cmp.Compare(version(a.Object), version(b.Object)))
	})
	var b pgx.Batch
	for _, f := range found {
		m, o := f.Metadata, f.Object
		var started *time.Time
		if !m.StartedAt.IsZero() {
			started = &m.StartedAt
		}
		user := o.UserMetadata
		if user == nil {
			user = map[string]string{}
		}
		notes := make([]string, len(f.Notes))
		for i, n := range f.Notes {
			notes[i] = text(n)
		}
		b.Queue(`INSERT INTO recordings (bucket, key, version, version_id, etag, size, last_modified, user_metadata, kind, metadata,
				notes, agent_id, team, principal, case_id, started_at, priority)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
			ON CONFLICT (bucket, key, version) DO NOTHING RETURNING id::text`,
			o.Bucket, text(o.Key), version(o), o.VersionID, o.ETag, o.Size, o.LastModified, asJSON(user), f.Kind, asJSON(m),
			notes, text(m.AgentID), text(m.Team), text(m.Principal), text(m.CaseID), started, f.Priority)
	}
	var fresh []string
	err := s.tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT set_config('speechqa.many', 'on', true)`); err != nil {
			return err
		}
		res := tx.SendBatch(ctx, &b)
		for range found {
			var id string
			if err := res.QueryRow().Scan(&id); err == nil {
				fresh = append(fresh, id)
			} else if !errors.Is(err, pgx.ErrNoRows) {
				return errors.Join(err, res.Close())
			}
		}
		if err := res.Close(); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `SELECT figures_follow_many($1::uuid[])`, fresh)
		return err
	})
	if err != nil {
		return 0, err
	}
	return len(fresh), nil
}

// Known is described in worker/discovery. A listing may lack version ids; then the ETag decides.
func (s *Store) Known(ctx context.Context, objects []pipeline.Object) ([]bool, error) {
	known := make([]bool, len(objects))
	if len(objects) == 0 {
		return known, nil
	}
	buckets, keys := make([]string, len(objects)), make([]string, len(objects))
	versions, etags := make([]string, len(objects)), make([]string, len(objects))
	for i, o := range objects {
		buckets[i], keys[i], versions[i], etags[i] = o.Bucket, text(o.Key), o.VersionID, o.ETag
	}
	rows, err := s.pool.Query(ctx, `SELECT EXISTS (SELECT FROM recordings r WHERE r.bucket = o.bucket AND r.key = o.key
				AND (r.version_id = o.version OR o.version = '') AND r.etag = o.etag)
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS o (bucket, key, version, etag, n) ORDER BY n`,
		buckets, keys, versions, etags)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[bool])
}

// Cursor is described in worker/discovery.
func (s *Store) Cursor(ctx context.Context, bucket, prefix string) (after string, err error) {
	err = s.pool.QueryRow(ctx, `SELECT after FROM listings WHERE bucket = $1 AND prefix = $2`, bucket, prefix).Scan(&after)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	return after, err
}

// SetCursor is described in worker/discovery.
func (s *Store) SetCursor(ctx context.Context, bucket, prefix, after string) error {
	_, err := s.pool.Exec(ctx, `INSERT INTO listings (bucket, prefix, after) VALUES ($1, $2, $3)
		ON CONFLICT (bucket, prefix) DO UPDATE SET after = excluded.after, updated_at = now()`, bucket, prefix, after)
	return err
}
