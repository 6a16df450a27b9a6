package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// SavedFilter is a user's own filter of the list.
type SavedFilter struct {
	ID    int64
	Name  string
	Query string // of the list's address
}

// maxSavedFilters is how many filters of a user are kept and counted: the newest.
const maxSavedFilters = 20

// SavedFilters are the user's filters, by name.
func (s *Store) SavedFilters(ctx context.Context, user string) ([]SavedFilter, error) {
	rows, err := s.pool.Query(ctx, `SELECT id, name, query FROM saved_filters WHERE user_id = $1 ORDER BY name, id`, user)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[SavedFilter])
}

// SaveFilter keeps a filter under a name; one of that name is replaced. ErrConflict when the user has too many.
func (s *Store) SaveFilter(ctx context.Context, user, origin, name, query string) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `INSERT INTO saved_filters (user_id, name, query) SELECT $1, $2, $3
			WHERE (SELECT count(*) FROM saved_filters WHERE user_id = $1 AND name <> $2) < $4
			ON CONFLICT (user_id, name) DO UPDATE SET query = excluded.query`, user, name, query, maxSavedFilters)
		if err == nil && tag.RowsAffected() == 0 {
			err = ErrConflict
		}
		if err != nil {
			return err
		}
		return auditAs(ctx, tx, user, origin, "filter.saved", "user:"+user, map[string]any{"name": name, "query": query})
	})
}

// DropFilter removes one of the user's filters; ErrNotFound when there is none of that id.
func (s *Store) DropFilter(ctx context.Context, user, origin string, id int64) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `DELETE FROM saved_filters WHERE user_id = $1 AND id = $2`, user, id)
		if err == nil && tag.RowsAffected() == 0 {
			err = ErrNotFound
		}
		if err != nil {
			return err
		}
		return auditAs(ctx, tx, user, origin, "filter.dropped", "user:"+user, map[string]any{"filter": id})
	})
}
