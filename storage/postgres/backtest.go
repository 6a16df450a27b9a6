package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/rulework"
)

const backTestColumns = `b.id::text, b.old_version, b.new_version, b.since, b.until, b.sample, b.state, b.total, b.done, coalesce(b.after::text, ''),
	b.tally, b.blocks, b.problem, coalesce(u.display_name, ''), b.created_at, b.ended_at, b.turn`

func scanBackTest(row pgx.CollectableRow) (b rulework.BackTest, err error) {
	var since, until, ended *time.Time
	err = row.Scan(&b.ID, &b.Old, &b.New, &since, &until, &b.Selection.Sample, &b.State, &b.Total, &b.Done, &b.After,
		&b.Tally, &b.Blocks, &b.Problem, &b.By, &b.CreatedAt, &ended, &b.Turn)
	for to, from := range map[*time.Time]*time.Time{&b.Selection.Since: since, &b.Selection.Until: until, &b.EndedAt: ended} {
		if from != nil {
			*to = *from
		}
	}
	return b, err
}

// AskBackTest puts a back-test of two versions in the queue and gives its id.
func (s *Store) AskBackTest(ctx context.Context, old, now int64, sel rulework.Selection, by rulework.Actor) (id string, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `INSERT INTO backtests (old_version, new_version, since, until, sample, asked_by) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id::text`,
			old, now, orNull(sel.Since), orNull(sel.Until), sel.Sample, nullID(by.UserID)).Scan(&id)
		if err != nil {
			return err
		}
		return auditRuleset(ctx, tx, by, "ruleset.backtest", now, map[string]any{"backtest": id, "against": old, "sample": sel.Sample})
	})
	return id, err
}

func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func nullID(id string) *string {
	if id == "" {
		return nil
	}
	return &id
}

// BackTest gives a back-test by its id; ErrNotFound when there is none.
func (s *Store) BackTest(ctx context.Context, id string) (b rulework.BackTest, err error) {
	rows, err := s.pool.Query(ctx, `SELECT `+backTestColumns+` FROM backtests b LEFT JOIN users u ON u.id = b.asked_by WHERE b.id = $1`, id)
	if err != nil {
		return b, err
	}
	b, err = pgx.CollectExactlyOneRow(rows, scanBackTest)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotFound
	}
	return b, err
}

// BackTestsOf lists the back-tests of a version, the newest first, without their differences.
func (s *Store) BackTestsOf(ctx context.Context, version int64) ([]rulework.BackTest, error) {
	rows, err := s.pool.Query(ctx, `SELECT `+backTestColumns+` FROM (SELECT id, old_version, new_version, since, until, sample, state, total, done, after,
			tally - 'differences' AS tally, blocks, problem, asked_by, created_at, ended_at, turn FROM backtests WHERE new_version = $1) b
		LEFT JOIN users u ON u.id = b.asked_by ORDER BY b.created_at DESC LIMIT 20`, version)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanBackTest)
}

// TakeBackTest is described at rulework.BackTests. Whoever took one before and has not saved for a lease is dead.
func (s *Store) TakeBackTest(ctx context.Context) (b rulework.BackTest, ok bool, err error) {
	return s.takeBackTest(ctx, `true`, pipeline.Lease.Seconds())
}

// TakeThisBackTest takes a certain back-test, if nobody works on it.
func (s *Store) TakeThisBackTest(ctx context.Context, id string) (b rulework.BackTest, ok bool, err error) {
	return s.takeBackTest(ctx, `id = $2`, pipeline.Lease.Seconds(), id)
}

func (s *Store) takeBackTest(ctx context.Context, which string, args ...any) (b rulework.BackTest, ok bool, err error) {
	rows, err := s.pool.Query(ctx, `WITH b AS (UPDATE backtests SET alive_at = now(), turn = turn + 1 WHERE id = (
			SELECT id FROM backtests WHERE state = 'waiting' AND (alive_at IS NULL OR alive_at < now() - make_interval(secs => $1)) AND `+which+`
			ORDER BY created_at LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING *)
		SELECT `+backTestColumns+` FROM b LEFT JOIN users u ON u.id = b.asked_by`, args...)
	if err != nil {
		return b, false, err
	}
	b, err = pgx.CollectExactlyOneRow(rows, scanBackTest)
	if errors.Is(err, pgx.ErrNoRows) {
		return b, false, nil
	}
	return b, err == nil, err
}

// SaveBackTest is described at rulework.BackTests.
func (s *Store) SaveBackTest(ctx context.Context, b rulework.BackTest) error {
	blocks := b.Blocks
	if blocks == nil {
		blocks = []rulework.Block{}
	}
	tag, err := s.pool.Exec(ctx, `UPDATE backtests SET state = $3, total = $4, done = $5, after = $6, tally = $7, blocks = $8, problem = $9, engine = $10,
			alive_at = now(), ended_at = CASE WHEN $3 = 'waiting' THEN NULL ELSE now() END
		WHERE id = $1 AND turn = $2 AND state = 'waiting'`,
		b.ID, b.Turn, b.State, b.Total, b.Done, nullID(b.After), asJSON(b.Tally), asJSON(blocks), text(b.Problem), detectors.EngineVersion)
	if err == nil && tag.RowsAffected() == 0 {
		return rulework.ErrLost
	}
	return err
}

// CancelBackTest ends one that waits or is under way.
func (s *Store) CancelBackTest(ctx context.Context, id string, by rulework.Actor) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		var version int64
		err := tx.QueryRow(ctx, `UPDATE backtests SET state = 'cancelled', ended_at = now() WHERE id = $1 AND state = 'waiting' RETURNING new_version`, id).Scan(&version)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		return auditRuleset(ctx, tx, by, "ruleset.backtest_cancel", version, map[string]any{"backtest": id})
	})
}

// ResumeBackTest lets a cancelled or failed one go on where it was.
func (s *Store) ResumeBackTest(ctx context.Context, id string, by rulework.Actor) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		var version int64
		err := tx.QueryRow(ctx, `UPDATE backtests SET state = 'waiting', problem = '', ended_at = NULL, alive_at = NULL
			WHERE id = $1 AND state IN ('cancelled', 'failed') RETURNING new_version`, id).Scan(&version)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		return auditRuleset(ctx, tx, by, "ruleset.backtest_resume", version, map[string]any{"backtest": id})
	})
}

const caseWhere = ` FROM recordings r JOIN transcripts t ON t.recording = r.id
	WHERE r.state IN ('transcribed', 'inspected') AND ($1::timestamptz IS NULL OR coalesce(r.started_at, r.created_at) >= $1)
		AND ($2::timestamptz IS NULL OR coalesce(r.started_at, r.created_at) < $2)`

// CountCases is described at rulework.BackTests.
func (s *Store) CountCases(ctx context.Context, sel rulework.Selection) (n int, err error) {
	err = s.pool.QueryRow(ctx, `SELECT count(*)`+caseWhere, orNull(sel.Since), orNull(sel.Until)).Scan(&n)
	if sel.Sample > 0 {
		n = min(n, sel.Sample)
	}
	return n, err
}

// CaseIDs is described at rulework.BackTests.
func (s *Store) CaseIDs(ctx context.Context, sel rulework.Selection, after string, limit int) ([]string, error) {
	rows, err := s.pool.Query(ctx, `SELECT r.id::text`+caseWhere+` AND ($3::uuid IS NULL OR r.id > $3) ORDER BY r.id LIMIT $4`,
		orNull(sel.Since), orNull(sel.Until), nullID(after), limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// Cases is described at rulework.BackTests.
func (s *Store) Cases(ctx context.Context, ids []string, detail rulework.Detail) ([]rulework.Case, error) {
	// Few recordings have corrected speakers: to ask once for all is quicker than to ask for each.
	utterances := `CASE WHEN t.recording IN (SELECT recording FROM speaker_corrections) THEN as_corrected(r.id, t.hash, t.transcript) ELSE t.transcript END -> 'utterances'`
	if detail == rulework.WithoutWords {
		utterances = `(SELECT jsonb_agg(u - 'words' ORDER BY n) FROM jsonb_array_elements(` + utterances + `) WITH ORDINALITY AS x (u, n))`
	}
	rows, err := s.pool.Query(ctx, `SELECT r.id::text, r.kind, r.metadata, coalesce((t.audio ->> 'duration')::float8, 0), coalesce(t.audio -> 'gaps', 'null'),
			coalesce(`+utterances+`, 'null')::text,
			(SELECT jsonb_agg(jsonb_build_object('Key', f.key, 'Rule', f.rule, 'Turn', f.finding -> 'turn', 'Confirmed', f.verdict = 'confirmed'))
				FROM findings f WHERE f.recording = r.id AND f.verdict <> 'open' AND NOT f.shadow)
		FROM recordings r JOIN transcripts t ON t.recording = r.id WHERE r.id = ANY($1::text[]::uuid[]) ORDER BY r.id`, ids)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (rulework.Case, error) {
		c := &detectors.Conversation{}
		out := rulework.Case{Conversation: c}
		var utterances []byte
		if err := row.Scan(&c.ID, &c.Kind, &c.Metadata, &c.Facts.Duration, &c.Facts.Gaps, &utterances, &out.Judged); err != nil {
			return out, err
		}
		if err := json.Unmarshal(utterances, &c.Utterances); err != nil {
			return out, fmt.Errorf("transcript of %s: %w", c.ID, err)
		}
		return out, nil
	})
}

var _ rulework.BackTests = (*Store)(nil)
