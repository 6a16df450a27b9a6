package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/speechqa/speechqa/detectors"
)

// Example says what a clip teaches.
type Example string

// The two kinds of examples.
const (
	ExampleGood Example = "good"
	ExampleBad  Example = "bad"
)

// Clip is a piece of a recording for training. It copies nothing of the recording: what is heard and read is made
// when asked for.
type Clip struct {
	ID        string
	Recording string  // id
	From, To  float64 // seconds from the start of the recording
	Title     string
	Note      string
	Tags      []string
	Example   Example
	Rule      string
	Finding   string      // key of the finding it was cut for
	Plain     []string    // keys of found personal data that is to be heard all the same
	Bleeped   []TimeRange // bleeped besides what is found
	By        string      // display name of who made it
	CreatedAt time.Time
	ChangedAt time.Time
	Version   int64 // optimistic lock

	// Of its recording.
	Kind      detectors.Kind
	StartedAt time.Time // of the contact; zero where unknown
	Team      string
}

// TimeRange is a stretch of a recording, in seconds.
type TimeRange struct {
	From float64 `json:"from"`
	To   float64 `json:"to"`
}

// ClipFilter narrows the library; zero fields do not narrow.
type ClipFilter struct {
	Query    string // in title, note and tags
	Tag      string
	Rule     string
	Example  Example
	Playlist string // id
	After    string // cursor: ClipPage.Next of the page before
	Limit    int    // 1..200
}

// ClipPage is one page of the library, the newest first.
type ClipPage struct {
	Clips []Clip
	Next  string // cursor of the next page; empty on the last
}

// ClipsOf gives the newest clip of each of some findings, by their recordings and keys, where the scope holds any.
func (s *Store) ClipsOf(ctx context.Context, sc Scope, recordings, findings []string) (map[[2]string]Clip, error) {
	args := []any{recordings, findings}
	rows, err := s.pool.Query(ctx, `SELECT DISTINCT ON (c.recording, c.finding) `+clipColumns+` FROM `+clipTables+`
		JOIN unnest($1::uuid[], $2::text[]) w (recording, finding) ON c.recording = w.recording AND c.finding = w.finding
		WHERE `+sc.sql("r", &args)+` ORDER BY c.recording, c.finding, c.created_at DESC, c.id DESC`, args...)
	if err != nil {
		return nil, fmt.Errorf("read clips of findings: %w", err)
	}
	all, err := pgx.CollectRows(rows, scanClip)
	if err != nil {
		return nil, fmt.Errorf("read clips of findings: %w", err)
	}
	out := map[[2]string]Clip{}
	for _, c := range all {
		out[[2]string{c.Recording, c.Finding}] = c
	}
	return out, nil
}

const clipColumns = `c.id::text, c.recording::text, c.from_at, c.to_at, c.title, c.note, c.tags, c.example, c.rule, c.finding, c.plain, c.bleeped,
	u.display_name, c.created_at, c.changed_at, c.version, r.kind, coalesce(r.started_at, '0001-01-01'), r.team`

const clipTables = `clips c JOIN recordings r ON r.id = c.recording JOIN users u ON u.id = c.created_by`

func scanClip(row pgx.CollectableRow) (c Clip, err error) {
	err = row.Scan(&c.ID, &c.Recording, &c.From, &c.To, &c.Title, &c.Note, &c.Tags, &c.Example, &c.Rule, &c.Finding, &c.Plain, &c.Bleeped,
		&c.By, &c.CreatedAt, &c.ChangedAt, &c.Version, &c.Kind, &c.StartedAt, &c.Team)
	return c, err
}

// Clips gives a page of the clips whose recordings lie in the scope.
func (s *Store) Clips(ctx context.Context, sc Scope, f ClipFilter) (ClipPage, error) {
	c := &conditions{}
	c.within(sc)
	for _, x := range []struct{ sql, value string }{
		{`$? = ANY(c.tags)`, f.Tag}, {`c.rule = $?`, f.Rule}, {`c.example = $?`, string(f.Example)},
		{`EXISTS (SELECT FROM playlist_clips p WHERE p.clip = c.id AND p.playlist = $?::uuid)`, f.Playlist},
		{`strpos(lower(c.title || E'\n' || c.note || E'\n' || array_to_string(c.tags, E'\n')), lower($?)) > 0`, text(f.Query)},
	} {
		if x.value != "" {
			c.add(x.sql, x.value)
		}
	}
	if f.After != "" {
		at, err := parseTimePlace(f.After)
		if err != nil {
			return ClipPage{}, err
		}
		c.args = append(c.args, at.At, at.ID)
		c.sql = append(c.sql, fmt.Sprintf(`(c.created_at, c.id) < ($%d, $%d::uuid)`, len(c.args)-1, len(c.args)))
	}
	limit := min(max(f.Limit, 1), 200)
	c.args = append(c.args, limit+1)
	rows, err := s.pool.Query(ctx, fmt.Sprintf(`SELECT %s FROM %s WHERE %s ORDER BY c.created_at DESC, c.id DESC LIMIT $%d`,
		clipColumns, clipTables, c.where(), len(c.args)), c.args...)
	if err != nil {
		return ClipPage{}, fmt.Errorf("read clips: %w", err)
	}
	var page ClipPage
	if page.Clips, err = pgx.CollectRows(rows, scanClip); err != nil {
		return ClipPage{}, fmt.Errorf("read clips: %w", err)
	}
	if len(page.Clips) > limit {
		page.Clips = page.Clips[:limit]
		last := page.Clips[limit-1]
		page.Next = timePlace{last.CreatedAt, last.ID}.String()
	}
	return page, nil
}

// Clip gives one clip; ErrNotFound when there is none in the scope.
func (s *Store) Clip(ctx context.Context, sc Scope, id string) (Clip, error) {
	args := []any{id}
	rows, err := s.pool.Query(ctx, `SELECT `+clipColumns+` FROM `+clipTables+` WHERE c.id = $1 AND `+sc.sql("r", &args), args...)
	if err != nil {
		return Clip{}, fmt.Errorf("read clip: %w", err)
	}
	c, err := pgx.CollectExactlyOneRow(rows, scanClip)
	if errors.Is(err, pgx.ErrNoRows) {
		return c, ErrNotFound
	}
	if err != nil {
		return c, fmt.Errorf("read clip: %w", err)
	}
	return c, nil
}

// ClipFacets are the values that the library's filters offer.
type ClipFacets struct {
	Tags  []string
	Rules []string
}

// ClipFacets gives the tags and rules of the clips in the scope.
func (s *Store) ClipFacets(ctx context.Context, sc Scope) (f ClipFacets, err error) {
	var args []any
	in := sc.sql("r", &args)
	err = s.pool.QueryRow(ctx, `WITH seen AS (SELECT c.tags, c.rule FROM `+clipTables+` WHERE `+in+`) SELECT
		ARRAY(SELECT DISTINCT unnest(tags) FROM seen ORDER BY 1), ARRAY(SELECT DISTINCT rule FROM seen WHERE rule <> '' ORDER BY 1)`, args...).
		Scan(&f.Tags, &f.Rules)
	return f, err
}

// CreateClip makes a clip and returns its id; who is the user's part of the audit entry. ErrNotFound when there is no
// such recording.
func (s *Store) CreateClip(ctx context.Context, c Clip, who AuditEntry) (id string, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `INSERT INTO clips (recording, from_at, to_at, title, note, tags, example, rule, finding, plain, bleeped, created_by)
			SELECT id, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12 FROM recordings WHERE id = $1 RETURNING id::text`,
			c.Recording, c.From, c.To, text(c.Title), text(c.Note), texts(c.Tags), c.Example, c.Rule, c.Finding, texts(c.Plain), asJSON(ranges(c.Bleeped)), who.Actor).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return fmt.Errorf("make clip: %w", err)
		}
		return audited(ctx, tx, who, "clip.made", "clip:"+id, map[string]any{"recording": c.Recording, "from": c.From, "to": c.To})
	})
	return id, err
}

// ChangeClip writes everything of a clip that can change. ErrConflict when it has changed since Version, ErrNotFound
// when there is none in the scope.
func (s *Store) ChangeClip(ctx context.Context, sc Scope, c Clip, who AuditEntry) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		args := []any{c.ID}
		var version int64
		var recording string
		var before TimeRange
		var plain []string
		err := tx.QueryRow(ctx, `SELECT c.version, c.recording::text, c.from_at, c.to_at, c.plain FROM clips c JOIN recordings r ON r.id = c.recording
			WHERE c.id = $1 AND `+sc.sql("r", &args)+` FOR UPDATE OF c`, args...).Scan(&version, &recording, &before.From, &before.To, &plain)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return ErrNotFound
		case err != nil:
			return fmt.Errorf("change clip: %w", err)
		case version != c.Version:
			return ErrConflict
		}
		_, err = tx.Exec(ctx, `UPDATE clips SET from_at = $2, to_at = $3, title = $4, note = $5, tags = $6, example = $7, rule = $8,
				plain = $9, bleeped = $10, changed_at = now(), version = version + 1 WHERE id = $1`,
			c.ID, c.From, c.To, text(c.Title), text(c.Note), texts(c.Tags), c.Example, c.Rule, texts(c.Plain), asJSON(ranges(c.Bleeped)))
		if err != nil {
			return fmt.Errorf("change clip: %w", err)
		}
		return audited(ctx, tx, who, "clip.changed", "clip:"+c.ID, map[string]any{"recording": recording,
			"before": map[string]any{"from": before.From, "to": before.To, "plain": plain}, "after": map[string]any{"from": c.From, "to": c.To, "plain": texts(c.Plain)}})
	})
}

// DeleteClip removes a clip; ErrNotFound when there is none in the scope.
func (s *Store) DeleteClip(ctx context.Context, sc Scope, id string, who AuditEntry) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		args := []any{id}
		var recording string
		err := tx.QueryRow(ctx, `DELETE FROM clips c USING recordings r WHERE c.id = $1 AND r.id = c.recording AND `+sc.sql("r", &args)+
			` RETURNING c.recording::text`, args...).Scan(&recording)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return fmt.Errorf("delete clip: %w", err)
		}
		return audited(ctx, tx, who, "clip.deleted", "clip:"+id, map[string]any{"recording": recording})
	})
}

// audited appends who's entry about an action in the transaction of what it tells of.
func audited(ctx context.Context, tx pgx.Tx, who AuditEntry, action, subject string, detail map[string]any) error {
	b, err := json.Marshal(detail)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	who.Action, who.Subject, who.Detail = action, subject, string(b)
	return appendAudit(ctx, tx, who)
}

// texts is a text[] that is never NULL.
func texts(in []string) []string {
	out := make([]string, 0, len(in))
	for _, s := range in {
		out = append(out, text(s))
	}
	return out
}

func ranges(in []TimeRange) []TimeRange {
	if in == nil {
		return []TimeRange{}
	}
	return in
}
