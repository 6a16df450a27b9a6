package postgres

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// searchCap is how many recordings a search puts in order. A word that is said in every call fits millions; putting
// them in order would take seconds, and nobody reads them.
const searchCap = 300

// SearchDays is how far back of the last day asked for words are looked for, unless a first day is asked for.
const SearchDays = 90

// searchPatience is how long words are looked for; what was found by then is shown, with the day the search came to.
const searchPatience = 2 * time.Second

// found is what a search gave.
type found struct {
	ids     []string  // one more than asked for where there are more
	capped  bool      // more fit than asked for, of which these are some: of words, the newest
	back    time.Time // words were looked for back to this day only (midnight in UTC); zero: in all that was asked for
	hurried bool      // back is where patience ended
}

// find looks for ListFilter.Query among the recordings in the scope that fit the rest of the filter: numbers and names
// each by its index, whatever their age; words day by day, newest first. A recording fits by any of them.
func (s *Store) find(ctx context.Context, sc Scope, f ListFilter, limit int, patience time.Duration) (out found, err error) {
	// look runs one part in a transaction of its own and says whether it was ended for taking too long.
	look := func(part func(pgx.Tx) error) (tooLong bool, err error) {
		err = s.tx(ctx, func(tx pgx.Tx) error {
			// The planner cannot know how few fit; no way of answering begins with reading a whole table.
			if _, err := tx.Exec(ctx, `SELECT set_config('enable_seqscan', 'off', true), set_config('statement_timeout', $1, true)`, fmt.Sprint(patience.Milliseconds())); err != nil {
				return err
			}
			return part(tx)
		})
		var refused *pgconn.PgError
		if errors.As(err, &refused) && refused.Code == "57014" && ctx.Err() == nil { // query_canceled
			return true, nil
		}
		return false, err
	}
	tooMany, err := look(func(tx pgx.Tx) (err error) {
		out.ids, err = f.findNamed(ctx, tx, sc, limit)
		return err
	})
	if err != nil {
		return out, fmt.Errorf("search by name: %w", err)
	}
	if _, err := uuid.Parse(f.Query); err != nil || len(out.ids) == 0 {
		w := walk{ListFilter: f, words: strings.Fields(f.Query), limit: limit, patience: patience / 2}
		tooLong, err := look(func(tx pgx.Tx) error { return w.run(ctx, tx, sc) })
		if err != nil {
			return out, fmt.Errorf("search for words: %w", err)
		}
		if tooLong {
			w.back, w.hurried = w.last.AddDate(0, 0, 1), true
		}
		out.back, out.hurried = w.back, w.hurried
		for _, id := range w.ids {
			if !slices.Contains(out.ids, id) {
				out.ids = append(out.ids, id)
			}
		}
	}
	out.capped = tooMany || len(out.ids) > limit
	return out, nil
}

// findNamed gives recordings by what people call them: id, agent, case, phone or its last digits, file name or its beginning.
func (f ListFilter) findNamed(ctx context.Context, tx pgx.Tx, sc Scope, limit int) ([]string, error) {
	c, err := f.conditions()
	if err != nil {
		return nil, err
	}
	c.within(sc)
	arg := func(v any) string {
		c.args = append(c.args, v)
		return fmt.Sprintf("$%d", len(c.args))
	}
	q, most := arg(f.Query), arg(limit+1)
	ways := []string{ // the newest of an agent's, who may have very many
		`r.agent_id = ` + q + ` ORDER BY r.started_at DESC`,
		`r.case_id = ` + q + ` AND r.case_id <> ''`,
	}
	name := arg(strings.ToLower(path.Base(f.Query)))
	ways = append(ways, `(`+nameSQL+`) >= `+name+` AND (`+nameSQL+`) < `+name+` || chr(1114111) AND strpos(lower(r.key), lower(`+q+`)) > 0`)
	if id, err := uuid.Parse(f.Query); err == nil {
		ways = append(ways, `r.id = `+arg(id.String())+`::uuid`)
	}
	if len([]rune(f.Query)) >= 4 {
		ways = append(ways, `r.metadata ->> 'phone' <> ''
			AND right(r.metadata ->> 'phone', 4) = right(`+q+`, 4) AND right(r.metadata ->> 'phone', length(`+q+`)) = `+q)
	}
	for i, way := range ways {
		where, order, _ := strings.Cut(way, ` ORDER BY `)
		if order != "" {
			order = ` ORDER BY ` + order
		}
		ways[i] = `(SELECT r.id FROM recordings r WHERE ` + where + ` AND ` + c.where() + order + ` LIMIT ` + most + `)`
	}
	rows, err := tx.Query(ctx, `SELECT id::text FROM (`+strings.Join(ways, ` UNION `)+`) x LIMIT `+most, c.args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// nameSQL is the expression of the index recordings_name: a file's name without its folders.
const nameSQL = `lower(regexp_replace(r.key, '^.*/', '')) COLLATE "C"`

// walk goes back day by day in search of words.
type walk struct {
	ListFilter
	words    []string
	limit    int           // how many are wanted; one more is found where there are more
	patience time.Duration // when it takes no further step

	last, first time.Time // the days left, both within; midnights in UTC
	ids         []string
	back        time.Time // as in found
	hurried     bool
}

// stepTime is what one step of a walk should take: few enough steps, and a stop soon after patience has ended.
const stepTime = 25 * time.Millisecond

// run finds recordings in which all of the words are said, each within one utterance.
func (w *walk) run(ctx context.Context, tx pgx.Tx, sc Scope) error {
	partly, err := w.span(ctx, tx)
	if err != nil || len(w.words) == 0 {
		return err
	}
	began := time.Now()
	for days := 1; len(w.ids) <= w.limit && !w.last.Before(w.first); {
		if time.Since(began) > w.patience {
			w.back, w.hurried = w.last.AddDate(0, 0, 1), true
			return nil
		}
		from := w.last.AddDate(0, 0, 1-days)
		if from.Before(w.first) {
			from = w.first
		}
		stepped := time.Now()
		if err := w.step(ctx, tx, sc, from); err != nil {
			return err
		}
		w.last = from.AddDate(0, 0, -1)
		days = min(2*days, max(1, int(time.Duration(days)*stepTime/max(time.Since(stepped), 1))))
	}
	if partly && len(w.ids) <= w.limit {
		w.back = w.first
	}
	return nil
}

// span sets the days to walk, and says whether there are older ones that nobody excluded.
func (w *walk) span(ctx context.Context, tx pgx.Tx) (partly bool, err error) {
	const contact = `coalesce(started_at, created_at)`
	var newest, oldest *time.Time
	if err := tx.QueryRow(ctx, `SELECT (SELECT max(`+contact+`) FROM recordings), (SELECT min(`+contact+`) FROM recordings)`).Scan(&newest, &oldest); err != nil {
		return false, err
	}
	w.first, w.last = time.Unix(1, 0), time.Unix(0, 0)
	if newest == nil {
		return false, nil
	}
	day := func(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }
	w.last, w.first = day(*newest), day(*oldest)
	if now := time.Now(); w.To.IsZero() && newest.After(now) && oldest.Before(now) { // of a clock that is wrong
		w.last = day(now)
	}
	if to := day(w.To.Add(-1)); !w.To.IsZero() && to.Before(w.last) {
		w.last = to
	}
	switch from := day(w.From); {
	case w.From.IsZero():
		if from = w.last.AddDate(0, 0, 1-SearchDays); from.After(w.first) {
			w.first, partly = from, true
		}
	case from.After(w.first):
		w.first = from
	}
	return partly, nil
}

// step looks through the days from, at the earliest, to last, the newest first.
func (w *walk) step(ctx context.Context, tx pgx.Tx, sc Scope, from time.Time) error {
	f := w.ListFilter
	f.Query = ""
	c, err := f.conditions()
	if err != nil {
		return err
	}
	c.within(sc)
	arg := func(v any) string {
		c.args = append(c.args, v)
		return fmt.Sprintf("$%d", len(c.args))
	}
	var pairs, said []string
	for _, word := range w.words {
		n := arg(word)
		pairs = append(pairs, `ARRAY(SELECT p FROM unnest(character_pairs(`+n+`)) p WHERE length(p) = 2)`)
		said = append(said, `strpos(lower(t.said), lower(`+n+`)) > 0`)
	}
	// OFFSET 0 keeps the planner from turning the walk round.
	rows, err := tx.Query(ctx, `SELECT r.id::text
		FROM generate_series(0, `+arg(int(w.last.Sub(from)/(24*time.Hour)))+`::int) ago,
			LATERAL (SELECT t.recording FROM transcripts t
				WHERE (ARRAY[contact_day_key(t.contact_day)] || character_pairs(t.said))
					@> (ARRAY[contact_day_key(`+arg(w.last)+`::date - ago)] || (SELECT `+strings.Join(pairs, ` || `)+`))
				AND `+strings.Join(said, ` AND `)+` OFFSET 0) t,
			LATERAL (SELECT r.id FROM recordings r WHERE r.id = t.recording AND `+c.where()+` OFFSET 0) r
		LIMIT `+arg(w.limit+1-len(w.ids)), c.args...)
	if err != nil {
		return err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	w.ids = append(w.ids, ids...)
	return err
}
