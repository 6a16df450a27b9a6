package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/speechqa/speechqa/rulework"
)

// changeRuleset does one step of a version's life under the lock of the live ruleset, with its entry in the audit log.
func (s *Store) changeRuleset(ctx context.Context, id int64, by rulework.Actor, action string, detail map[string]any,
	change func(tx pgx.Tx, v rulework.Version) error) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(`+liveRulesLock+`)`); err != nil {
			return err
		}
		v, err := oneVersion(ctx, tx, `v.id = $1`, id)
		if err != nil {
			return err
		}
		if err := change(tx, v); err != nil {
			return err
		}
		return auditRuleset(ctx, tx, by, action, id, detail)
	})
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.ConstraintName == "second_person_approves" {
		return rulework.ErrSecondPerson
	}
	return err
}

// ApproveRuleset is the second person's word. rulework.ErrSecondPerson for anybody who wrote in the version.
func (s *Store) ApproveRuleset(ctx context.Context, id int64, by rulework.Actor) error {
	return s.changeRuleset(ctx, id, by, "ruleset.approve", nil, func(tx pgx.Tx, v rulework.Version) error {
		if v.State != rulework.StateDraft && v.State != rulework.StateShadow {
			return rulework.ErrWrongState
		}
		_, err := tx.Exec(ctx, `UPDATE ruleset_versions SET approver = $2, approved_at = now() WHERE id = $1`, id, by.UserID)
		return err
	})
}

// ShadowRuleset puts a draft on shadow, or takes it back.
func (s *Store) ShadowRuleset(ctx context.Context, id int64, by rulework.Actor, on bool) error {
	from, to, action := rulework.StateDraft, rulework.StateShadow, "ruleset.shadow"
	if !on {
		from, to, action = to, from, "ruleset.unshadow"
	}
	return s.changeRuleset(ctx, id, by, action, nil, func(tx pgx.Tx, v rulework.Version) error {
		if v.State != from {
			return rulework.ErrWrongState
		}
		_, err := tx.Exec(ctx, `UPDATE ruleset_versions SET state = $2 WHERE id = $1`, id, to)
		return err
	})
}

// WithdrawRuleset retires a version that was never live.
func (s *Store) WithdrawRuleset(ctx context.Context, id int64, by rulework.Actor, why string) error {
	return s.changeRuleset(ctx, id, by, "ruleset.withdraw", map[string]any{"why": why}, func(tx pgx.Tx, v rulework.Version) error {
		if v.State != rulework.StateDraft && v.State != rulework.StateShadow {
			return rulework.ErrWrongState
		}
		_, err := tx.Exec(ctx, `UPDATE ruleset_versions SET state = 'retired', retired_at = now() WHERE id = $1`, id)
		return err
	})
}

// PublishRuleset makes an approved version live and marks every recording that other rules inspected. A
// *rulework.BlockedError says what the last back-test against the live version forbids; a reason overrides it, and is in
// the audit log.
func (s *Store) PublishRuleset(ctx context.Context, id int64, by rulework.Actor, override string) error {
	detail := map[string]any{}
	err := s.changeRuleset(ctx, id, by, "ruleset.publish", detail, func(tx pgx.Tx, v rulework.Version) error {
		if v.State != rulework.StateDraft && v.State != rulework.StateShadow {
			return rulework.ErrWrongState
		}
		if v.ApproverID == "" {
			return rulework.ErrNotApproved
		}
		blocks, live, err := publishBlocks(ctx, tx, id)
		if err != nil {
			return err
		}
		if len(blocks) > 0 && override == "" {
			return &rulework.BlockedError{Blocks: blocks}
		}
		detail["before"], detail["hash"] = live, v.Hash
		if len(blocks) > 0 {
			detail["override"], detail["blocks"] = override, blocks
		} else {
			override = ""
		}
		return setLive(ctx, tx, id, by, override, true)
	})
	if err != nil {
		return err
	}
	return s.MarkStale(ctx)
}

// RollbackRuleset makes a version live that was so before: at once, without a back-test.
func (s *Store) RollbackRuleset(ctx context.Context, id int64, by rulework.Actor, why string) error {
	detail := map[string]any{"why": why}
	err := s.changeRuleset(ctx, id, by, "ruleset.rollback", detail, func(tx pgx.Tx, v rulework.Version) error {
		if v.State != rulework.StateRetired || !v.Published() {
			return rulework.ErrWrongState
		}
		live, err := oneVersion(ctx, tx, `v.state = 'live'`)
		if err != nil {
			return err
		}
		detail["before"], detail["hash"] = live.ID, v.Hash
		return setLive(ctx, tx, id, by, "", true)
	})
	if err != nil {
		return err
	}
	return s.MarkStale(ctx)
}

// backTestHolds is how long a back-test is worth something: people go on confirming findings that it knows nothing of.
const backTestHolds = 24 * time.Hour

// publishBlocks is what forbids publishing a version in place of the live one, which it gives as well. Only a back-test
// over all recordings counts: a sample may leave out just those findings that are lost; and none that was begun longer
// than backTestHolds ago.
func publishBlocks(ctx context.Context, tx pgx.Tx, id int64) (blocks []rulework.Block, live int64, err error) {
	err = tx.QueryRow(ctx, `SELECT id FROM ruleset_versions WHERE state = 'live'`).Scan(&live)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	err = tx.QueryRow(ctx, `SELECT blocks FROM backtests WHERE new_version = $1 AND old_version = $2 AND state = 'done'
			AND sample = 0 AND since IS NULL AND until IS NULL AND created_at > now() - make_interval(secs => $3)
		ORDER BY ended_at DESC LIMIT 1`, id, live, backTestHolds.Seconds()).Scan(&blocks)
	if errors.Is(err, pgx.ErrNoRows) {
		return []rulework.Block{{Code: rulework.BlockNoBackTest}}, live, nil
	}
	return blocks, live, err
}

// PublishBlocks is what forbids publishing a version now.
func (s *Store) PublishBlocks(ctx context.Context, id int64) (blocks []rulework.Block, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		blocks, _, err = publishBlocks(ctx, tx, id)
		return err
	})
	return blocks, err
}

// MarkStale finishes what publishing began: recordings that other rules than the live ones inspected wait for inspection.
// Where that is done already it does nothing.
func (s *Store) MarkStale(ctx context.Context) error {
	var hash string
	var by AuditEntry
	err := s.pool.QueryRow(ctx, `SELECT v.hash, coalesce(u.id::text, ''), coalesce(u.name, '') FROM ruleset_versions v LEFT JOIN users u ON u.id = v.publisher
		WHERE v.state = 'live' AND NOT v.stale_marked`).Scan(&hash, &by.Actor, &by.Name)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := s.Rescan(ctx, by, hash); err != nil {
		return fmt.Errorf("mark what other rules inspected: %w", err)
	}
	_, err = s.pool.Exec(ctx, `UPDATE ruleset_versions SET stale_marked = true WHERE hash = $1`, hash)
	return err
}
