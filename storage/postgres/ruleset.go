package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/speechqa/speechqa/lexicon"
	"github.com/speechqa/speechqa/rulework"
)

// liveRulesLock orders changes of the live ruleset against inspections: those hold it shared while they commit.
const liveRulesLock = `hashtextextended('speechqa live ruleset', 0)`

const versionColumns = `v.id, v.hash, v.name, v.label, v.state, v.origin, coalesce(v.base, 0), v.why,
	coalesce(a.display_name, ''), coalesce(v.author::text, ''), v.editors::text[], v.created_at,
	coalesce(p.display_name, ''), coalesce(v.approver::text, ''), v.approved_at, coalesce(u.display_name, ''), v.published_at, v.retired_at, v.override`

const versionTables = `ruleset_versions v LEFT JOIN users a ON a.id = v.author LEFT JOIN users p ON p.id = v.approver LEFT JOIN users u ON u.id = v.publisher`

func scanVersion(row pgx.CollectableRow) (v rulework.Version, err error) {
	var approved, published, retired *time.Time
	err = row.Scan(&v.ID, &v.Hash, &v.Name, &v.Label, &v.State, &v.From, &v.Base, &v.Why, &v.Author, &v.AuthorID, &v.Editors, &v.CreatedAt,
		&v.Approver, &v.ApproverID, &approved, &v.Publisher, &published, &retired, &v.Override)
	for _, t := range []struct {
		to   *time.Time
		from *time.Time
	}{{&v.ApprovedAt, approved}, {&v.PublishedAt, published}, {&v.RetiredAt, retired}} {
		if t.from != nil {
			*t.to = *t.from
		}
	}
	return v, err
}

// querier is the pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func oneVersion(ctx context.Context, q querier, where string, args ...any) (v rulework.Version, err error) {
	rows, err := q.Query(ctx, `SELECT `+versionColumns+` FROM `+versionTables+` WHERE `+where, args...)
	if err != nil {
		return v, err
	}
	v, err = pgx.CollectExactlyOneRow(rows, scanVersion)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotFound
	}
	return v, err
}

// RulesetVersions lists all versions, the newest first.
func (s *Store) RulesetVersions(ctx context.Context) ([]rulework.Version, error) {
	rows, err := s.pool.Query(ctx, `SELECT `+versionColumns+` FROM `+versionTables+` ORDER BY v.id DESC`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanVersion)
}

// RulesetVersion gives a version by its number; ErrNotFound when there is none.
func (s *Store) RulesetVersion(ctx context.Context, id int64) (rulework.Version, error) {
	return oneVersion(ctx, s.pool, `v.id = $1`, id)
}

// LiveRuleset gives the version that recordings are inspected by; ErrNotFound before any was recorded.
func (s *Store) LiveRuleset(ctx context.Context) (rulework.Version, error) {
	return oneVersion(ctx, s.pool, `v.state = 'live'`)
}

// RulesetsAtWork gives the live version and those on shadow, the live one first; none before any was recorded.
func (s *Store) RulesetsAtWork(ctx context.Context) ([]rulework.Version, error) {
	rows, err := s.pool.Query(ctx, `SELECT `+versionColumns+` FROM `+versionTables+` WHERE v.state IN ('live', 'shadow') ORDER BY v.state <> 'live', v.id`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanVersion)
}

// RulesetFiles gives a version's files as they were, byte for byte.
func (s *Store) RulesetFiles(ctx context.Context, id int64) (map[string][]byte, error) {
	rows, err := s.pool.Query(ctx, `SELECT f.key, b.content FROM ruleset_versions v, jsonb_each_text(v.files) f
		JOIN ruleset_blobs b ON b.sha256 = f.value WHERE v.id = $1`, id)
	if err != nil {
		return nil, err
	}
	out := map[string][]byte{}
	var path string
	var content []byte
	if _, err := pgx.ForEachRow(rows, []any{&path, &content}, func() error { out[path] = slices.Clone(content); return nil }); err != nil {
		return nil, err
	}
	if len(out) == 0 {
		return nil, ErrNotFound
	}
	return out, nil
}

// RuleNumbers are the highest numbers that any version gave its rules.
func (s *Store) RuleNumbers(ctx context.Context) (map[string]int, error) {
	rows, err := s.pool.Query(ctx, `SELECT DISTINCT f.key, b.content FROM ruleset_versions v, jsonb_each_text(v.files) f
		JOIN ruleset_blobs b ON b.sha256 = f.value WHERE f.key LIKE 'rules/%.yaml'`)
	if err != nil {
		return nil, err
	}
	out := map[string]int{}
	var file string
	var content []byte
	_, err = pgx.ForEachRow(rows, []any{&file, &content}, func() error {
		rule := strings.TrimSuffix(path.Base(file), ".yaml")
		out[rule] = max(out[rule], rulework.NumberOf(content))
		return nil
	})
	return out, err
}

// AddRuleset stores a new version as a draft; *rulework.ExistsError when its files are one already.
func (s *Store) AddRuleset(ctx context.Context, n rulework.NewVersion) (v rulework.Version, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		v, err = addRuleset(ctx, tx, n)
		if err != nil {
			return err
		}
		return auditRuleset(ctx, tx, n.Author, "ruleset.submit", v.ID, map[string]any{"hash": v.Hash, "why": n.Why, "base": n.Base, "origin": n.From})
	})
	return v, err
}

func addRuleset(ctx context.Context, tx pgx.Tx, n rulework.NewVersion) (v rulework.Version, err error) {
	hash := lexicon.HashFiles(n.Files)
	switch v, err = oneVersion(ctx, tx, `v.hash = $1`, hash); {
	case err == nil:
		return v, &rulework.ExistsError{Version: v}
	case !errors.Is(err, ErrNotFound):
		return v, err
	}
	files := map[string]string{}
	for _, p := range slices.Sorted(maps.Keys(n.Files)) {
		sum := sha256.Sum256(n.Files[p])
		files[p] = hex.EncodeToString(sum[:])
		if _, err := tx.Exec(ctx, `INSERT INTO ruleset_blobs (sha256, content) VALUES ($1, $2) ON CONFLICT DO NOTHING`, files[p], n.Files[p]); err != nil {
			return v, fmt.Errorf("store %s: %w", p, err)
		}
	}
	var author *string
	if n.Author.UserID != "" {
		author = &n.Author.UserID
	}
	var base *int64
	if n.Base != 0 {
		base = &n.Base
	}
	editors := n.Editors
	if editors == nil {
		editors = []string{}
	}
	var id int64
	err = tx.QueryRow(ctx, `INSERT INTO ruleset_versions (hash, name, label, files, base, origin, why, author, editors, state)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::text[]::uuid[], 'draft') RETURNING id`,
		hash, text(n.Name), text(n.Label), asJSON(files), base, n.From, text(n.Why), author, editors).Scan(&id)
	if err != nil {
		return v, err
	}
	return oneVersion(ctx, tx, `v.id = $1`, id)
}

func auditRuleset(ctx context.Context, tx pgx.Tx, by rulework.Actor, action string, id int64, detail map[string]any) error {
	b, err := json.Marshal(detail)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return appendAudit(ctx, tx, AuditEntry{Actor: by.UserID, Name: by.Name, Origin: by.Origin, Action: action,
		Subject: fmt.Sprintf("ruleset:%d", id), Detail: string(b)})
}

// RecordProgramRuleset makes sure that the rules a process was started with are on record, and gives the live version.
// They become live when there is no other, or when they are new and the live ones came with a program, too: an update of
// the program brings its rules, until people have published their own.
func (s *Store) RecordProgramRuleset(ctx context.Context, n rulework.NewVersion) (live rulework.Version, err error) {
	n.From = rulework.OriginProgram
	err = s.tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(`+liveRulesLock+`)`); err != nil {
			return err
		}
		live, err = oneVersion(ctx, tx, `v.state = 'live'`)
		switch {
		case errors.Is(err, ErrNotFound):
		case err != nil:
			return err
		case live.From != rulework.OriginProgram:
			return nil
		}
		var exists *rulework.ExistsError
		v, err := addRuleset(ctx, tx, n)
		switch {
		case errors.As(err, &exists) && live.ID != 0:
			return nil // seen before: whoever rolled back from it wanted that
		case errors.As(err, &exists):
			v = exists.Version
		case err != nil:
			return err
		}
		if err := setLive(ctx, tx, v.ID, rulework.Actor{}, "", false); err != nil {
			return err
		}
		if live, err = oneVersion(ctx, tx, `v.id = $1`, v.ID); err != nil {
			return err
		}
		return auditRuleset(ctx, tx, rulework.Actor{}, "ruleset.record", v.ID, map[string]any{"hash": v.Hash, "why": n.Why})
	})
	return live, err
}

// setLive makes a version live and retires the one that was. The caller holds liveRulesLock.
func setLive(ctx context.Context, tx pgx.Tx, id int64, by rulework.Actor, override string, stale bool) error {
	if _, err := tx.Exec(ctx, `UPDATE ruleset_versions SET state = 'retired', retired_at = now() WHERE state = 'live'`); err != nil {
		return err
	}
	var user *string
	if by.UserID != "" {
		user = &by.UserID
	}
	_, err := tx.Exec(ctx, `UPDATE ruleset_versions SET state = 'live', published_at = now(), retired_at = NULL, publisher = $2, override = $3,
		stale_marked = NOT $4 WHERE id = $1`, id, user, text(override), stale)
	return err
}
