package postgres

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/speechqa/speechqa/detectors"
)

// Why an appeal is not to be had.
var (
	ErrTooLate = errors.New("the time to appeal is over")
	// ErrNotSecond: who judged the finding, or appealed, does not decide the appeal.
	ErrNotSecond = errors.New("somebody else must decide this appeal")
	// ErrUnderAppeal: the finding's verdict now depends on its appeal alone.
	ErrUnderAppeal = errors.New("there is an appeal against this finding")
)

// AppealOutcome is how an appeal ended; empty while it waits.
type AppealOutcome string

// Outcomes.
const (
	OutcomeGranted  AppealOutcome = "granted"  // the finding is overturned
	OutcomeRejected AppealOutcome = "rejected" // the finding stays confirmed
)

// Appeal is an appeal with both decisions.
type Appeal struct {
	ID          string
	Recording   string // id
	Finding     detectors.Finding
	Metadata    detectors.Metadata
	Reason      string
	By          string // display name
	At          time.Time
	FirstBy     string // display name
	FirstAt     time.Time
	FirstNote   string
	ScoreBefore int
	DecidedBy   string // display name; empty while it waits
	DecidedAt   time.Time
	Outcome     AppealOutcome
	Note        string
	ScoreAfter  int
	Barred      bool // the asking user may not decide it, because he judged the finding or appealed
}

// appealColumns needs the asking user as $1.
const appealColumns = `a.id::text, a.recording::text, f.finding, r.metadata, a.reason, u.display_name, a.at, v.display_name, a.first_at, a.first_note, a.score_before,
	coalesce(d.display_name, ''), coalesce(a.decided_at, 'epoch'), coalesce(a.outcome, ''), a.note, coalesce(a.score_after, 0),
	$1::uuid IN (a.by, a.first_by) OR EXISTS (SELECT FROM review_events e WHERE e.recording = a.recording AND e.finding = a.finding AND e.by = $1)`

const appealTables = `appeals a JOIN recordings r ON r.id = a.recording JOIN findings f ON f.recording = a.recording AND f.key = a.finding
	JOIN users u ON u.id = a.by JOIN users v ON v.id = a.first_by LEFT JOIN users d ON d.id = a.decided_by`

func scanAppeal(row pgx.CollectableRow) (a Appeal, err error) {
	err = row.Scan(&a.ID, &a.Recording, &a.Finding, &a.Metadata, &a.Reason, &a.By, &a.At, &a.FirstBy, &a.FirstAt, &a.FirstNote, &a.ScoreBefore,
		&a.DecidedBy, &a.DecidedAt, &a.Outcome, &a.Note, &a.ScoreAfter, &a.Barred)
	if a.Outcome == "" {
		a.DecidedAt = time.Time{}
	}
	return a, err
}

// AppealFilter chooses appeals.
type AppealFilter struct {
	Decided bool   // those decided, the newest first; else those waiting, the oldest first
	After   string // cursor: AppealPage.Next of the page before
	Limit   int    // 1..200
}

// AppealPage is one page of appeals.
type AppealPage struct {
	Appeals []Appeal
	Next    string
}

// Appeals gives a page of the appeals about recordings in the scope, as user sees them.
func (s *Store) Appeals(ctx context.Context, sc Scope, user string, f AppealFilter) (AppealPage, error) {
	c := &conditions{args: []any{user}}
	c.within(sc)
	order, column, further := "a.at, a.id", "a.at", ">"
	if f.Decided {
		c.sql = append(c.sql, "a.decided_by IS NOT NULL")
		order, column, further = "a.decided_at DESC, a.id DESC", "a.decided_at", "<"
	} else {
		c.sql = append(c.sql, "a.decided_by IS NULL")
	}
	if f.After != "" {
		at, err := parseTimePlace(f.After)
		if err != nil {
			return AppealPage{}, err
		}
		c.args = append(c.args, at.At, at.ID)
		c.sql = append(c.sql, fmt.Sprintf(`(%s, a.id) %s ($%d, $%d::uuid)`, column, further, len(c.args)-1, len(c.args)))
	}
	limit := min(max(f.Limit, 1), 200)
	c.args = append(c.args, limit+1)
	rows, err := s.pool.Query(ctx, fmt.Sprintf(`SELECT %s FROM %s WHERE %s ORDER BY %s LIMIT $%d`, appealColumns, appealTables, c.where(), order, len(c.args)), c.args...)
	if err != nil {
		return AppealPage{}, fmt.Errorf("read appeals: %w", err)
	}
	var page AppealPage
	if page.Appeals, err = pgx.CollectRows(rows, scanAppeal); err != nil {
		return AppealPage{}, fmt.Errorf("read appeals: %w", err)
	}
	if len(page.Appeals) > limit {
		page.Appeals = page.Appeals[:limit]
		last := page.Appeals[limit-1]
		at := timePlace{last.At, last.ID}
		if f.Decided {
			at.At = last.DecidedAt
		}
		page.Next = at.String()
	}
	return page, nil
}

// Appeal gives one appeal as user sees it; ErrNotFound when there is none in the scope.
func (s *Store) Appeal(ctx context.Context, sc Scope, user, id string) (Appeal, error) {
	args := []any{user, id}
	rows, err := s.pool.Query(ctx, `SELECT `+appealColumns+` FROM `+appealTables+` WHERE a.id = $2 AND `+sc.sql("r", &args), args...)
	if err != nil {
		return Appeal{}, fmt.Errorf("read appeal: %w", err)
	}
	a, err := pgx.CollectExactlyOneRow(rows, scanAppeal)
	if errors.Is(err, pgx.ErrNoRows) {
		return a, ErrNotFound
	}
	if err != nil {
		return a, fmt.Errorf("read appeal: %w", err)
	}
	return a, nil
}

// Appealable is a confirmed finding against which there is no appeal yet.
type Appealable struct {
	Recording string // id
	Metadata  detectors.Metadata
	Finding   detectors.Finding
	By        string // display name of who confirmed it
	At        time.Time
	Note      string
	Until     time.Time // the last moment to appeal
}

// Appealable gives the findings in the scope that may be appealed against within so many days of their confirmation,
// the most urgent first; at most limit.
func (s *Store) Appealable(ctx context.Context, sc Scope, days, limit int) ([]Appealable, error) {
	args := []any{days, limit}
	rows, err := s.pool.Query(ctx, `SELECT r.id::text, r.metadata, f.finding, u.display_name, f.judged_at, f.note, f.judged_at + make_interval(days => $1)
		FROM findings f JOIN recordings r ON r.id = f.recording JOIN users u ON u.id = f.judged_by
		WHERE f.verdict = 'confirmed' AND NOT f.shadow AND f.judged_at > now() - make_interval(days => $1) AND `+sc.sql("r", &args)+`
			AND NOT EXISTS (SELECT FROM appeals a WHERE a.recording = f.recording AND a.finding = f.key)
		ORDER BY f.judged_at, f.key LIMIT $2`, args...)
	if err != nil {
		return nil, fmt.Errorf("read what may be appealed: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (a Appealable, err error) {
		err = row.Scan(&a.Recording, &a.Metadata, &a.Finding, &a.By, &a.At, &a.Note, &a.Until)
		return a, err
	})
	if err != nil {
		return nil, fmt.Errorf("read what may be appealed: %w", err)
	}
	return all, nil
}

// MakeAppeal appeals against a confirmed finding within so many days of its confirmation and returns the appeal's id.
// ErrNotFound when there is no such finding, ErrConflict when it is not confirmed, ErrTooLate, or ErrUnderAppeal.
func (s *Store) MakeAppeal(ctx context.Context, recording, finding, reason string, days int, who AuditEntry) (id string, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		var score int
		err := tx.QueryRow(ctx, `SELECT coalesce(score, 0) FROM recordings WHERE id = $1 FOR UPDATE`, recording).Scan(&score)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return fmt.Errorf("appeal: %w", err)
		}
		var verdict Verdict
		var rule string
		var late, known, appealed bool
		err = tx.QueryRow(ctx, `SELECT verdict, rule, coalesce(judged_at <= now() - make_interval(days => $3), false), judged_by IS NOT NULL,
				EXISTS (SELECT FROM appeals a WHERE a.recording = $1 AND a.finding = $2)
			FROM findings WHERE recording = $1 AND key = $2 AND NOT shadow`, recording, finding, days).Scan(&verdict, &rule, &late, &known, &appealed)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return ErrNotFound
		case err != nil:
			return fmt.Errorf("appeal: %w", err)
		case appealed:
			return ErrUnderAppeal
		case verdict != VerdictConfirmed || !known:
			return ErrConflict
		case late:
			return ErrTooLate
		}
		err = tx.QueryRow(ctx, `INSERT INTO appeals (recording, finding, reason, by, first_by, first_at, first_note, score_before)
			SELECT recording, key, $3, $4, judged_by, judged_at, note, $5 FROM findings WHERE recording = $1 AND key = $2 RETURNING id::text`,
			recording, finding, text(reason), who.Actor, score).Scan(&id)
		if err == nil {
			_, err = tx.Exec(ctx, `INSERT INTO review_events (recording, by, action, finding, rule, note, score) VALUES ($1, $2, 'appealed', $3, $4, $5, $6)`,
				recording, who.Actor, finding, rule, text(reason), score)
		}
		if err != nil {
			return fmt.Errorf("appeal: %w", err)
		}
		return audited(ctx, tx, who, "appeal.made", "recording:"+recording, map[string]any{"appeal": id, "finding": finding, "rule": rule, "reason": text(reason)})
	})
	return id, err
}

// DecideAppeal is the second decision: granted overturns the finding, rejected leaves it confirmed. The score that
// follows is stored with it. ErrNotFound when there is no such appeal in the scope, ErrConflict when it is decided,
// ErrNotSecond when who had a say before.
func (s *Store) DecideAppeal(ctx context.Context, sc Scope, id string, outcome AppealOutcome, note string, who AuditEntry, rescore func([]detectors.Finding) (score int, fatal bool)) error {
	verdict := VerdictConfirmed
	if outcome == OutcomeGranted {
		verdict = VerdictOverturned
	}
	err := s.tx(ctx, func(tx pgx.Tx) error {
		args := []any{id}
		var recording, finding, rule string
		var decided bool
		var score int
		err := tx.QueryRow(ctx, `SELECT a.recording::text, a.finding, f.rule, coalesce(r.score, 0) FROM appeals a JOIN recordings r ON r.id = a.recording
			JOIN findings f ON f.recording = a.recording AND f.key = a.finding WHERE a.id = $1 AND `+sc.sql("r", &args)+` FOR UPDATE OF r`, args...).
			Scan(&recording, &finding, &rule, &score)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotFound
		}
		if err == nil {
			err = tx.QueryRow(ctx, `SELECT decided_by IS NOT NULL FROM appeals WHERE id = $1 FOR UPDATE`, id).Scan(&decided)
		}
		if err != nil {
			return fmt.Errorf("decide appeal: %w", err)
		}
		if decided {
			return ErrConflict
		}
		// The score after it is known only once the finding has its verdict, and the finding may only change for a decided
		// appeal: what would stand is asked first.
		stand, err := standing(ctx, tx, recording)
		if err != nil {
			return fmt.Errorf("decide appeal: %w", err)
		}
		var left []detectors.Finding
		for _, f := range stand {
			if f.Key != finding || verdict != VerdictOverturned {
				left = append(left, f)
			}
		}
		after, fatal := rescore(left)
		_, err = tx.Exec(ctx, `UPDATE appeals SET decided_by = $2, decided_at = now(), outcome = $3, note = $4, score_after = $5 WHERE id = $1`,
			id, who.Actor, outcome, text(note), after)
		if err == nil {
			_, err = tx.Exec(ctx, `UPDATE findings SET verdict = $3, note = $4, reason = '', judged_by = $5, judged_at = now() WHERE recording = $1 AND key = $2`,
				recording, finding, verdict, text(note), who.Actor)
		}
		if err == nil {
			_, err = tx.Exec(ctx, `UPDATE recordings SET score = $2, fatal = $3, reviews = reviews + 1 WHERE id = $1`, recording, after, fatal)
		}
		if err == nil {
			_, err = tx.Exec(ctx, `INSERT INTO review_events (recording, by, action, finding, rule, note, score) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
				recording, who.Actor, "appeal_"+string(outcome), finding, rule, text(note), after)
		}
		if err != nil {
			return fmt.Errorf("decide appeal: %w", err)
		}
		return audited(ctx, tx, who, "appeal."+string(outcome), "recording:"+recording, map[string]any{"appeal": id, "finding": finding, "rule": rule,
			"note": text(note), "before": score, "score": after})
	})
	if violates(err, "second_reviewer") {
		return ErrNotSecond
	}
	return err
}

// violates says whether an error is PostgreSQL's about a constraint of that name.
func violates(err error, constraint string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.ConstraintName == constraint
}

// timePlace is a place in a list ordered by a time.
type timePlace struct {
	At time.Time
	ID string
}

// String writes a cursor.
func (p timePlace) String() string {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err) // a struct of plain values
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func parseTimePlace(s string) (p timePlace, err error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || json.Unmarshal(b, &p) != nil || uuid.Validate(p.ID) != nil {
		return p, ErrBadCursor
	}
	return p, nil
}
