package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/speechqa/speechqa/rulework"
)

// JudgedCases gives the recordings in which people decided about findings that are not on shadow, the latest contacts
// first, at most so many as the selection's sample says (0 is all).
func (s *Store) JudgedCases(ctx context.Context, sel rulework.Selection) ([]rulework.Case, error) {
	limit := sel.Sample
	if limit <= 0 {
		limit = 1 << 30
	}
	rows, err := s.pool.Query(ctx, `SELECT r.id::text`+caseWhere+`
			AND EXISTS (SELECT FROM findings f WHERE f.recording = r.id AND f.verdict <> 'open' AND NOT f.shadow)
		ORDER BY coalesce(r.started_at, r.created_at) DESC, r.id LIMIT $3`,
		orNull(sel.Since), orNull(sel.Until), limit)
	if err != nil {
		return nil, err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	var out []rulework.Case
	for len(ids) > 0 {
		n := min(len(ids), 500)
		part, err := s.Cases(ctx, ids[:n], rulework.WithWords)
		if err != nil {
			return nil, fmt.Errorf("read judged recordings: %w", err)
		}
		out, ids = append(out, part...), ids[n:]
	}
	return out, nil
}
