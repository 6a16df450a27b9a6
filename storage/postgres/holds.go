package postgres

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/speechqa/speechqa/custody"
)

// PlaceHold puts a legal hold in force, for recordings that are there and for those to come. It returns the hold's id
// and how many recordings it keeps now.
func (s *Store) PlaceHold(ctx context.Context, by custody.Actor, h custody.Hold) (id string, matches int64, err error) {
	h.Reason, h.Owner = strings.TrimSpace(text(h.Reason)), strings.TrimSpace(text(h.Owner))
	if h.Reason == "" || h.Owner == "" || h.Recording == "" && h.CaseID == "" && h.AgentID == "" && h.From.IsZero() && h.To.IsZero() {
		return "", 0, custody.ErrScope
	}
	err = s.tx(ctx, func(tx pgx.Tx) error {
		if h.Recording != "" {
			var there bool
			if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM recordings WHERE id = $1)`, h.Recording).Scan(&there); err != nil {
				return err
			}
			if !there {
				return ErrNotFound
			}
		}
		err := tx.QueryRow(ctx, `INSERT INTO legal_holds (recording, case_id, agent_id, recorded_from, recorded_to, reason, owner, placed_by)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id::text`,
			nullID(h.Recording), text(h.CaseID), text(h.AgentID), orNull(h.From), orNull(h.To), h.Reason, h.Owner, text(by.Name)).Scan(&id)
		if err != nil {
			return err
		}
		if matches, err = holdChanged(ctx, tx, id); err != nil {
			return err
		}
		return keptBy(ctx, tx, by, "hold.place", "hold:"+id, map[string]any{"recording": h.Recording, "case": h.CaseID, "agent": h.AgentID,
			"from": orNull(h.From), "to": orNull(h.To), "reason": h.Reason, "owner": h.Owner, "recordings": matches})
	})
	return id, matches, err
}

// holdChanged has the store told of a hold, or of its end.
func holdChanged(ctx context.Context, tx pgx.Tx, id string) (int64, error) {
	tag, err := tx.Exec(ctx, `UPDATE custody c SET due_at = clock_timestamp() FROM legal_holds h, recordings r
		WHERE h.id = $1 AND r.id = c.recording AND `+isThere+` AND hold_keeps(h, r, c.recorded_at)`, id)
	return tag.RowsAffected(), err
}

// ReleaseHold ends a hold; ErrNotFound when there is none in force with that id.
func (s *Store) ReleaseHold(ctx context.Context, by custody.Actor, id, reason string) error {
	if reason = strings.TrimSpace(text(reason)); reason == "" {
		return custody.ErrScope
	}
	return s.tx(ctx, func(tx pgx.Tx) error {
		var got string
		err := tx.QueryRow(ctx, `UPDATE legal_holds SET released_at = now(), released_by = $2, release_reason = $3
			WHERE id = $1 AND released_at IS NULL RETURNING id::text`, id, text(by.Name), reason).Scan(&got)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		n, err := holdChanged(ctx, tx, id)
		if err != nil {
			return err
		}
		return keptBy(ctx, tx, by, "hold.release", "hold:"+id, map[string]any{"reason": reason, "recordings": n})
	})
}

// Holds lists legal holds, newest first; those in force before those released. Matches counts recordings within the
// scope; a hold that keeps none of them shows only to who sees everything.
func (s *Store) Holds(ctx context.Context, sc Scope) ([]custody.Hold, error) {
	args := []any{sc.Everything()}
	rows, err := s.pool.Query(ctx, `SELECT h.id::text, coalesce(h.recording::text, ''), h.case_id, h.agent_id, coalesce(h.recorded_from, '0001-01-01'),
			coalesce(h.recorded_to, '0001-01-01'), h.reason, h.owner, h.placed_by, h.placed_at, coalesce(h.released_at, '0001-01-01'), h.released_by, h.release_reason,
			x.matches
		FROM legal_holds h, LATERAL (SELECT count(*) AS matches FROM custody c JOIN recordings r ON r.id = c.recording
			WHERE hold_keeps(h, r, c.recorded_at) AND `+isThere+` AND `+sc.sql("r", &args)+`) x
		WHERE $1 OR x.matches > 0 ORDER BY h.released_at IS NOT NULL, h.placed_at DESC LIMIT 500`, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (h custody.Hold, err error) {
		err = row.Scan(&h.ID, &h.Recording, &h.CaseID, &h.AgentID, &h.From, &h.To, &h.Reason, &h.Owner, &h.By, &h.At,
			&h.ReleasedAt, &h.ReleasedBy, &h.ReleaseReason, &h.Matches)
		for _, t := range []*time.Time{&h.From, &h.To, &h.ReleasedAt} {
			if t.Year() == 1 {
				*t = time.Time{}
			}
		}
		return h, err
	})
}
