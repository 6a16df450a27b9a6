package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/speechqa/speechqa/custody"
)

// disposalSubject names a batch in the audit log.
func disposalSubject(id string) string { return "disposal:" + id }

// pastDate are the recordings of the scope, r with custody c, that are past their date and in no batch under way.
func pastDate(sc Scope, p custody.Proposal, args *[]any) string {
	sql := `FROM custody c JOIN recordings r ON r.id = c.recording
		WHERE c.retain_until <= now() AND c.disposed_at IS NULL AND ` + sc.sql("r", args) + `
			AND NOT EXISTS (SELECT FROM disposal_items i WHERE i.recording = r.id AND i.state <> 'stays')`
	if !p.Before.IsZero() {
		*args = append(*args, p.Before)
		sql += fmt.Sprintf(" AND c.recorded_at < $%d", len(*args))
	}
	if p.Principal != "" {
		*args = append(*args, p.Principal)
		sql += fmt.Sprintf(" AND r.principal = $%d", len(*args))
	}
	return sql
}

// DisposalOutlook is what could be proposed, and what stands against the rest.
type DisposalOutlook struct {
	Due     int64            // past their date, not destroyed, in no batch under way
	Ready   int64            // of these, nothing stands against
	Against map[string]int64 // by code; one recording may have several
}

// DisposalOutlook counts what could be proposed in the scope. It asks of everything that is past its date.
func (s *Store) DisposalOutlook(ctx context.Context, sc Scope) (o DisposalOutlook, err error) {
	var args []any
	err = s.pool.QueryRow(ctx, `WITH due AS MATERIALIZED (SELECT s.against FROM disposal_stands s JOIN (SELECT r.id `+pastDate(sc, custody.Proposal{}, &args)+`) x ON x.id = s.recording)
		SELECT (SELECT count(*) FROM due), (SELECT count(*) FROM due WHERE against = '{}'),
			(SELECT coalesce(jsonb_object_agg(code, n), '{}') FROM (SELECT code, count(*) AS n FROM due, unnest(against) code GROUP BY code) x)`, args...).
		Scan(&o.Due, &o.Ready, &o.Against)
	return o, err
}

// maxStaying is how many recordings that stay are listed with a batch, for the reader's sake.
const maxStaying = 1000

// ProposeDisposal makes a batch of what is past its date in the scope, the longest past first, and of what is too, but
// stays for reasons. custody.ErrProposal for a proposal that lacks something, custody.ErrNothingDue where nothing could
// be destroyed, ErrConflict where somebody else proposed the same at this moment.
func (s *Store) ProposeDisposal(ctx context.Context, by custody.Person, sc Scope, p custody.Proposal) (id string, err error) {
	p.Why = strings.TrimSpace(text(p.Why))
	if left := time.Until(p.HoldsUntil); p.Why == "" || left <= 0 || left > custody.MaxProposalDays*24*time.Hour || p.Limit < 0 || p.Limit > custody.MaxBatch {
		return "", custody.ErrProposal
	}
	if p.Limit == 0 {
		p.Limit = custody.MaxBatch
	}
	err = s.tx(ctx, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `INSERT INTO disposals (why, holds_until, proposed_by, proposed_role) VALUES ($1, $2, $3, $4) RETURNING id::text`,
			p.Why, p.HoldsUntil, by.ID, by.Role).Scan(&id)
		if err != nil {
			return err
		}
		args := []any{id, p.Limit}
		due := pastDate(sc, p, &args)
		tag, err := tx.Exec(ctx, `INSERT INTO disposal_items (disposal, recording)
			SELECT $1, x.id FROM (SELECT r.id, c.retain_until `+due+` ORDER BY c.retain_until, r.id OFFSET 0) x
			WHERE disposal_objections(x.id) = '{}' ORDER BY x.retain_until, x.id LIMIT $2`, args...) // asked in their order, of no more than are needed
		if err != nil {
			return err
		}
		n := tag.RowsAffected()
		if n == 0 {
			return custody.ErrNothingDue
		}
		// Of what stays: all, or where the batch is full, what is past its date for as long as the batch.
		args[1], args = maxStaying, append(args, n < int64(p.Limit))
		tag, err = tx.Exec(ctx, `INSERT INTO disposal_items (disposal, recording, state, reasons)
			SELECT $1, r.id, 'stays', s.against FROM (SELECT r.id, c.retain_until `+due+`
					AND ($`+fmt.Sprint(len(args))+` OR c.retain_until <= (SELECT max(c.retain_until) FROM disposal_items i JOIN custody c ON c.recording = i.recording WHERE i.disposal = $1))
					AND NOT EXISTS (SELECT FROM disposal_items i WHERE i.disposal = $1 AND i.recording = r.id)) r JOIN disposal_stands s ON s.recording = r.id
			WHERE s.against <> '{}' ORDER BY r.retain_until, r.id LIMIT $2`, args...)
		if err != nil {
			return err
		}
		return keptBy(ctx, tx, by.Actor, "disposal.propose", disposalSubject(id), map[string]any{"why": p.Why, "holds_until": p.HoldsUntil.UTC(),
			"before": orNull(p.Before), "principal": p.Principal, "recordings": n, "staying": tag.RowsAffected(), "role": by.Role})
	})
	if violates(err, "disposal_items_once") { // somebody else proposed the same meanwhile
		return "", ErrConflict
	}
	return id, err
}

// ApproveDisposal lets a batch be destroyed. What has come to stand against a recording since leaves it where it is.
// custody.ErrSamePerson for who proposed it, custody.ErrDecided where it waits no more, custody.ErrNothingDue where
// nothing is left of it, ErrNotFound for a batch that is not wholly in the scope.
func (s *Store) ApproveDisposal(ctx context.Context, by custody.Person, sc Scope, id, note string) error {
	return s.decideDisposal(ctx, by, sc, id, custody.DisposalApproved, note)
}

// RefuseDisposal ends a proposal; errors are as for ApproveDisposal, and custody.ErrProposal without a reason.
func (s *Store) RefuseDisposal(ctx context.Context, by custody.Person, sc Scope, id, note string) error {
	if strings.TrimSpace(note) == "" {
		return custody.ErrProposal
	}
	return s.decideDisposal(ctx, by, sc, id, custody.DisposalRefused, note)
}

func (s *Store) decideDisposal(ctx context.Context, by custody.Person, sc Scope, id string, to custody.DisposalState, note string) error {
	note = strings.TrimSpace(text(note))
	return s.tx(ctx, func(tx pgx.Tx) error {
		proposer, state, until, err := lockDisposal(ctx, tx, sc, id)
		switch {
		case err != nil:
			return err
		case state != custody.DisposalProposed || !time.Now().Before(until):
			return custody.ErrDecided
		case proposer == by.ID:
			return custody.ErrSamePerson
		}
		left := int64(0)
		if to == custody.DisposalApproved {
			if _, err := tx.Exec(ctx, `UPDATE disposal_items i SET state = 'stays', reasons = x.against
				FROM disposal_stands x WHERE i.disposal = $1 AND i.state = 'waiting' AND x.recording = i.recording AND x.against <> '{}'`, id); err != nil {
				return err
			}
			if err := tx.QueryRow(ctx, `SELECT count(*) FROM disposal_items WHERE disposal = $1 AND state = 'waiting'`, id).Scan(&left); err != nil {
				return err
			}
			if left == 0 {
				return custody.ErrNothingDue
			}
		} else if err := setAllAside(ctx, tx, id, string(to)); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE disposals SET state = $2, decided_by = $3, decided_role = $4, decided_at = now(), note = $5 WHERE id = $1`,
			id, to, by.ID, by.Role, note); err != nil {
			return err
		}
		action := "disposal.approve"
		if to == custody.DisposalRefused {
			action = "disposal.refuse"
		}
		return keptBy(ctx, tx, by.Actor, action, disposalSubject(id), map[string]any{"note": note, "proposed_by": proposer, "recordings": left, "role": by.Role})
	})
}

// WithdrawDisposal takes a proposal back, or stops one that was approved: what is not begun stays. custody.ErrDecided
// where it has ended, ErrNotFound for a batch that is not wholly in the scope.
func (s *Store) WithdrawDisposal(ctx context.Context, by custody.Person, sc Scope, id string) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		_, state, _, err := lockDisposal(ctx, tx, sc, id)
		if err != nil {
			return err
		}
		switch state {
		case custody.DisposalProposed:
			_, err = tx.Exec(ctx, `UPDATE disposals SET state = 'withdrawn', decided_by = $2, decided_role = $3, decided_at = now() WHERE id = $1`, id, by.ID, by.Role)
		case custody.DisposalApproved:
		default:
			return custody.ErrDecided
		}
		if err == nil {
			err = setAllAside(ctx, tx, id, string(custody.DisposalWithdrawn))
		}
		if err != nil {
			return err
		}
		return keptBy(ctx, tx, by.Actor, "disposal.withdraw", disposalSubject(id), map[string]any{"state": state})
	})
}

func setAllAside(ctx context.Context, tx pgx.Tx, id, reason string) error {
	_, err := tx.Exec(ctx, `UPDATE disposal_items SET state = 'stays', reasons = ARRAY[$2] WHERE disposal = $1 AND state = 'waiting'`, id, reason)
	return err
}

// ofDisposal says in SQL that every recording of the batch d lies in the scope.
func (sc Scope) ofDisposal(args *[]any) string {
	if sc.Everything() {
		return "true"
	}
	return `NOT EXISTS (SELECT FROM disposal_items i JOIN recordings r ON r.id = i.recording WHERE i.disposal = d.id AND NOT (` + sc.sql("r", args) + `))`
}

func lockDisposal(ctx context.Context, tx pgx.Tx, sc Scope, id string) (proposer string, state custody.DisposalState, until time.Time, err error) {
	args := []any{id}
	err = tx.QueryRow(ctx, `SELECT d.proposed_by::text, d.state, d.holds_until FROM disposals d WHERE d.id = $1 AND `+sc.ofDisposal(&args)+` FOR UPDATE`, args...).
		Scan(&proposer, &state, &until)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotFound
	}
	return proposer, state, until, err
}

const disposalColumns = `d.id::text, d.why, d.holds_until, d.state, p.name, d.proposed_at, d.proposed_by::text, coalesce(a.name, ''),
	coalesce(d.decided_at, '0001-01-01'), d.note, coalesce(d.ended_at, '0001-01-01'), x.recordings, x.bytes, x.problems, x.counts, y.reasons
	FROM disposals d JOIN users p ON p.id = d.proposed_by LEFT JOIN users a ON a.id = d.decided_by,
	LATERAL (SELECT coalesce(sum(n), 0)::bigint AS recordings, coalesce(sum(bytes), 0)::bigint AS bytes, coalesce(sum(problems), 0)::bigint AS problems, coalesce(jsonb_object_agg(state, n), '{}') AS counts
		FROM (SELECT i.state, count(*) AS n, sum(r.size) AS bytes, count(*) FILTER (WHERE i.problem <> '') AS problems
			FROM disposal_items i JOIN recordings r ON r.id = i.recording WHERE i.disposal = d.id GROUP BY i.state) s) x,
	LATERAL (SELECT coalesce(jsonb_object_agg(code, n), '{}') AS reasons FROM (SELECT code, count(*) AS n FROM disposal_items i, unnest(i.reasons) code
		WHERE i.disposal = d.id AND i.state = 'stays' GROUP BY code) s) y`

func scanDisposal(row pgx.CollectableRow) (d custody.Disposal, err error) {
	err = row.Scan(&d.ID, &d.Why, &d.HoldsUntil, &d.State, &d.ProposedBy, &d.ProposedAt, &d.Proposer, &d.DecidedBy, &d.DecidedAt, &d.Note, &d.EndedAt,
		&d.Recordings, &d.Bytes, &d.Problems, &d.Counts, &d.Reasons)
	for _, t := range []*time.Time{&d.DecidedAt, &d.EndedAt} {
		if t.Year() == 1 {
			*t = time.Time{}
		}
	}
	return d, err
}

// Disposals lists the batches that are wholly in the scope: those not ended first, then the newest, at most limit.
func (s *Store) Disposals(ctx context.Context, sc Scope, limit int) ([]custody.Disposal, error) {
	args := []any{limit}
	rows, err := s.pool.Query(ctx, `SELECT `+disposalColumns+` WHERE `+sc.ofDisposal(&args)+`
		ORDER BY d.state NOT IN ('proposed', 'approved'), d.proposed_at DESC LIMIT $1`, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanDisposal)
}

// Disposal gives a batch; ErrNotFound where it is not wholly in the scope.
func (s *Store) Disposal(ctx context.Context, sc Scope, id string) (custody.Disposal, error) {
	args := []any{id}
	rows, err := s.pool.Query(ctx, `SELECT `+disposalColumns+` WHERE d.id = $1 AND `+sc.ofDisposal(&args), args...)
	if err != nil {
		return custody.Disposal{}, err
	}
	d, err := pgx.CollectExactlyOneRow(rows, scanDisposal)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotFound
	}
	return d, err
}

// DisposalRows lists recordings of a batch with ids after the given one, of one state where it is not empty, at most
// limit.
func (s *Store) DisposalRows(ctx context.Context, id string, state custody.ItemState, after string, limit int) ([]custody.DisposalRow, error) {
	rows, err := s.pool.Query(ctx, `SELECT r.id::text, r.bucket || '/' || r.key, c.recorded_at, c.retain_until, r.size,
			CASE WHEN copy_verified(r.id) THEN p.verified_at ELSE '0001-01-01' END, i.state, i.reasons, i.problem
		FROM disposal_items i JOIN recordings r ON r.id = i.recording JOIN custody c ON c.recording = r.id LEFT JOIN copies p ON p.recording = r.id
		WHERE i.disposal = $1 AND ($2 = '' OR i.state = $2) AND i.recording > coalesce(nullif($3, '')::uuid, '00000000-0000-0000-0000-000000000000')
		ORDER BY i.recording LIMIT $4`, id, string(state), after, limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (d custody.DisposalRow, err error) {
		err = row.Scan(&d.Recording, &d.Key, &d.RecordedAt, &d.RetainUntil, &d.Size, &d.CopyAt, &d.State, &d.Reasons, &d.Problem)
		if d.CopyAt.Year() == 1 {
			d.CopyAt = time.Time{}
		}
		return d, err
	})
}

// DisposalRecord gives a batch's record and the signature over it; ErrNotFound where it is not wholly in the scope or
// has not ended.
func (s *Store) DisposalRecord(ctx context.Context, sc Scope, id string) (record, signature string, err error) {
	args := []any{id}
	err = s.pool.QueryRow(ctx, `SELECT d.record, d.signature FROM disposals d WHERE d.id = $1 AND d.state = 'done' AND `+sc.ofDisposal(&args), args...).
		Scan(&record, &signature)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotFound
	}
	return record, signature, err
}
