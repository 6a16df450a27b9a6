package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// CountCap is up to how many recordings are counted: 999, and more are "999+".
const CountCap = 999

// CountUnknown is the count of what cannot be counted quickly.
const CountUnknown = -1

// countPatience is how long one count may take. Counts are a help beside the list, not worth a wait.
const countPatience = 300 * time.Millisecond

// Counts says for each filter how many recordings in the scope fit: CountCap+1 stands for any number above CountCap, CountUnknown
// for a count that would take too long.
func (s *Store) Counts(ctx context.Context, sc Scope, filters []ListFilter) ([]int, error) {
	out := make([]int, len(filters))
	for i, f := range filters {
		if f.Query != "" {
			found, err := s.find(ctx, sc, f, CountCap, countPatience)
			if err != nil {
				return nil, err
			}
			switch out[i] = len(found.ids); {
			case found.capped:
				out[i] = CountCap + 1
			case found.hurried:
				out[i] = CountUnknown
			}
			continue
		}
		c, err := f.conditions()
		if err != nil {
			return nil, err
		}
		c.within(sc)
		err = s.tx(ctx, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, fmt.Sprintf(`SET LOCAL statement_timeout = %d`, countPatience.Milliseconds())); err != nil {
				return err
			}
			return tx.QueryRow(ctx, fmt.Sprintf(`SELECT count(*) FROM (SELECT FROM recordings r WHERE %s LIMIT %d) x`, c.where(), CountCap+1), c.args...).Scan(&out[i])
		})
		var refused *pgconn.PgError
		if errors.As(err, &refused) && refused.Code == "57014" { // query_canceled
			out[i], err = CountUnknown, nil
		}
		if err != nil {
			return nil, fmt.Errorf("count: %w", err)
		}
	}
	return out, nil
}
