package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// ImportDay is what arrived on one day, and how far it is.
type ImportDay struct {
	Day        time.Time // midnight UTC
	Arrived    int64
	ToHear     int64 // waits to be transcribed
	ToInspect  int64 // heard, waits to be inspected
	Inspected  int64
	Duplicates int64
	Failed     int64
}

// Done is the share of what arrived that nothing waits for any more, 0 to 1.
func (d ImportDay) Done() float64 {
	if d.Arrived == 0 {
		return 1
	}
	return 1 - float64(d.ToHear+d.ToInspect)/float64(d.Arrived)
}

// Imports counts what arrived from a moment on in the scope, under keys that begin so, by the day in a time zone, the newest day
// first. Days on which nothing arrived are left out.
func (s *Store) Imports(ctx context.Context, sc Scope, since time.Time, prefix string) ([]ImportDay, error) {
	args := []any{since, since.Location().String()}
	where := `r.created_at >= $1 AND ` + sc.sql("r", &args)
	if prefix != "" {
		args = append(args, likePrefix(prefix))
		where += fmt.Sprintf(` AND r.key LIKE $%d`, len(args))
	}
	rows, err := s.pool.Query(ctx, `SELECT (r.created_at AT TIME ZONE $2)::date, count(*),
			count(*) FILTER (WHERE r.state = 'discovered' AND r.score IS NULL), count(*) FILTER (WHERE r.state = 'transcribed' AND r.score IS NULL),
			count(*) FILTER (WHERE r.score IS NOT NULL AND r.state <> 'duplicate'), count(*) FILTER (WHERE r.state = 'duplicate'), count(*) FILTER (WHERE r.state = 'failed' AND r.score IS NULL)
		FROM recordings r WHERE `+where+` GROUP BY 1 ORDER BY 1 DESC`, args...)
	if err != nil {
		return nil, fmt.Errorf("count what arrived: %w", err)
	}
	days, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ImportDay])
	if err != nil {
		return nil, fmt.Errorf("count what arrived: %w", err)
	}
	return days, nil
}

// likePrefix is the LIKE pattern of all that begins so.
func likePrefix(s string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text(s)) + "%"
}
