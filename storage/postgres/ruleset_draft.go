package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/speechqa/speechqa/rulework"
)

const draftColumns = `d.id::text, d.title, d.base, d.files, coalesce(u.display_name, ''), d.editors::text[], d.changes, d.created_at, d.changed_at`

func scanDraft(row pgx.CollectableRow) (d rulework.Draft, err error) {
	err = row.Scan(&d.ID, &d.Title, &d.Base, &d.Files, &d.Author, &d.Editors, &d.Changes, &d.CreatedAt, &d.ChangedAt)
	return d, err
}

// Drafts lists the editor's working copies, the last changed first.
func (s *Store) Drafts(ctx context.Context) ([]rulework.Draft, error) {
	rows, err := s.pool.Query(ctx, `SELECT `+draftColumns+` FROM ruleset_drafts d LEFT JOIN users u ON u.id = d.author ORDER BY d.changed_at DESC`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanDraft)
}

// Draft gives a working copy by its id; ErrNotFound when there is none.
func (s *Store) Draft(ctx context.Context, id string) (d rulework.Draft, err error) {
	rows, err := s.pool.Query(ctx, `SELECT `+draftColumns+` FROM ruleset_drafts d LEFT JOIN users u ON u.id = d.author WHERE d.id = $1`, id)
	if err != nil {
		return d, err
	}
	d, err = pgx.CollectExactlyOneRow(rows, scanDraft)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotFound
	}
	return d, err
}

// CreateDraft makes a working copy of a version. Whoever wrote in a version that was never live is an author of what is
// made from it, too: none of them may approve it.
func (s *Store) CreateDraft(ctx context.Context, title string, base int64, by rulework.Actor) (id string, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		v, err := oneVersion(ctx, tx, `v.id = $1`, base)
		if err != nil {
			return err
		}
		editors := []string{by.UserID}
		if !v.Published() {
			editors = append(editors, v.Editors...)
			if v.AuthorID != "" {
				editors = append(editors, v.AuthorID)
			}
		}
		err = tx.QueryRow(ctx, `INSERT INTO ruleset_drafts (title, base, author, editors)
			VALUES ($1, $2, $3, ARRAY(SELECT DISTINCT unnest($4::text[]::uuid[]))) RETURNING id::text`, text(title), base, by.UserID, editors).Scan(&id)
		if err != nil {
			return err
		}
		return auditRuleset(ctx, tx, by, "ruleset.draft", base, map[string]any{"draft": id, "title": title})
	})
	return id, err
}

// SaveDraft replaces a file of a working copy; nil takes the change of the file back. ErrConflict when somebody else has
// saved since the given number of changes.
func (s *Store) SaveDraft(ctx context.Context, id, path string, content *string, changes int64, by rulework.Actor) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		var have, base int64
		err := tx.QueryRow(ctx, `SELECT changes, base FROM ruleset_drafts WHERE id = $1 FOR UPDATE`, id).Scan(&have, &base)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return ErrNotFound
		case err != nil:
			return err
		case have != changes:
			return ErrConflict
		}
		sql := `files - $2::text`
		args := []any{id, path, by.UserID}
		if content != nil {
			sql = `files || jsonb_build_object($2::text, $4::text)`
			args = append(args, text(*content))
		}
		_, err = tx.Exec(ctx, `UPDATE ruleset_drafts SET files = `+sql+`, changes = changes + 1, changed_at = now(),
			editors = CASE WHEN $3::uuid = ANY (editors) THEN editors ELSE editors || $3::uuid END WHERE id = $1`, args...)
		if err != nil {
			return err
		}
		return auditRuleset(ctx, tx, by, "ruleset.draft_save", base, map[string]any{"draft": id, "file": path})
	})
}

// DropDraft removes a working copy.
func (s *Store) DropDraft(ctx context.Context, id string, by rulework.Actor) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		base, err := takeDraft(ctx, tx, id, nil)
		if err != nil {
			return err
		}
		return auditRuleset(ctx, tx, by, "ruleset.draft_drop", base, map[string]any{"draft": id})
	})
}

// takeDraft removes a draft, if it is as the caller saw it where that is said, and gives its base.
func takeDraft(ctx context.Context, tx pgx.Tx, id string, changes *int64) (base int64, err error) {
	err = tx.QueryRow(ctx, `DELETE FROM ruleset_drafts WHERE id = $1 AND ($2::bigint IS NULL OR changes = $2) RETURNING base`, id, changes).Scan(&base)
	if errors.Is(err, pgx.ErrNoRows) {
		if changes != nil {
			return 0, ErrConflict
		}
		return 0, ErrNotFound
	}
	return base, err
}

// SubmitDraft makes a version of a working copy, which is gone then. ErrConflict when the copy is not as the caller saw it.
func (s *Store) SubmitDraft(ctx context.Context, id string, changes int64, n rulework.NewVersion) (v rulework.Version, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		if _, err := takeDraft(ctx, tx, id, &changes); err != nil {
			return err
		}
		if v, err = addRuleset(ctx, tx, n); err != nil {
			return err
		}
		return auditRuleset(ctx, tx, n.Author, "ruleset.submit", v.ID, map[string]any{"hash": v.Hash, "why": n.Why, "base": n.Base, "origin": n.From})
	})
	return v, err
}
