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

// Act says who does something to which recording, and what of it he saw when he did.
type Act struct {
	RecordingID string
	UserID      string
	Origin      string // network address, for the audit log
	Version     int64  // Review.Version the reviewer saw; an older one than the present gives ErrConflict
}

// Rescore grades the findings that still stand.
type Rescore func([]detectors.Finding) (score int, fatal bool)

// ErrNothingToUndo is returned where the last act is somebody else's, or of a kind that stays.
var ErrNothingToUndo = errors.New("nothing to undo")

// ClaimLasts is how long a recording stays with whoever has claimed it and does nothing to it.
const ClaimLasts = 30 * time.Minute

// deed is an act as the trail and the audit log keep it.
type deed struct {
	action  string // in the trail
	audit   string // in the audit log, what.verb
	finding string
	rule    string
	reason  string
	note    string
	trail   any            // detail of the trail's entry; nil for none
	detail  map[string]any // of the audit log's entry
}

// act does something to an inspected recording and all that follows from it, in one transaction: the score of what
// stands, a claim of the recording where it is free, a line in the trail, an entry in the audit log.
func (s *Store) act(ctx context.Context, a Act, rescore Rescore, do func(pgx.Tx) (deed, error)) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		if err := lockReview(ctx, tx, a); err != nil {
			return err
		}
		d, err := do(tx)
		if err != nil {
			return err
		}
		stand, err := standing(ctx, tx, a.RecordingID)
		if err != nil {
			return err
		}
		score, fatal := rescore(stand)
		var had string // whose claim had run out
		if err := tx.QueryRow(ctx, `WITH had AS (SELECT id, CASE WHEN `+free+` THEN coalesce(r.assignee::text, '') ELSE '' END AS assignee FROM recordings r WHERE id = $1)
			UPDATE recordings r SET score = $2, fatal = $3, reviews = reviews + 1,
				assignee = CASE WHEN `+free+` THEN $4 ELSE r.assignee END,
				assigned_until = CASE WHEN `+free+` OR r.assignee = $4 AND r.assigned_until IS NOT NULL
					THEN now() + make_interval(secs => $5) ELSE r.assigned_until END
			FROM had WHERE r.id = had.id RETURNING had.assignee`, a.RecordingID, score, fatal, a.UserID, ClaimLasts.Seconds()).Scan(&had); err != nil {
			return err
		}
		if err := tellOfClaim(ctx, tx, had, a.UserID, a.RecordingID); err != nil {
			return err
		}
		return putOnRecord(ctx, tx, a, d, score)
	})
}

// free is the condition on recordings r that nobody has it, or not any more; never null.
const free = `(r.assignee IS NULL OR coalesce(r.assigned_until, 'infinity') < now())`

// lockReview locks the recording's row and makes sure that it is as the reviewer saw it.
func lockReview(ctx context.Context, tx pgx.Tx, a Act) error {
	var version int64
	var inspected bool
	err := tx.QueryRow(ctx, `SELECT reviews, state = 'inspected' FROM recordings WHERE id = $1 FOR UPDATE`, a.RecordingID).Scan(&version, &inspected)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return ErrNotFound
	case err != nil:
		return err
	case version != a.Version || !inspected: // not inspected: it is being inspected again
		return ErrConflict
	}
	return nil
}

// putOnRecord appends a deed to the trail and the audit log. It is the last thing a transaction does.
func putOnRecord(ctx context.Context, tx pgx.Tx, a Act, d deed, score int) error {
	var trail any
	if d.trail != nil {
		trail = asJSON(d.trail)
	}
	_, err := tx.Exec(ctx, `INSERT INTO review_events (recording, by, action, finding, rule, reason, note, score, detail)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, a.RecordingID, a.UserID, d.action, d.finding, d.rule, d.reason, d.note, score, trail)
	if err != nil {
		return err
	}
	d.detail["score"] = score
	return auditAs(ctx, tx, a.UserID, a.Origin, d.audit, "recording:"+a.RecordingID, d.detail)
}

// auditAs appends to the audit log what a user does.
func auditAs(ctx context.Context, tx pgx.Tx, user, origin, action, subject string, detail map[string]any) error {
	if detail == nil {
		detail = map[string]any{}
	}
	b, err := json.Marshal(detail)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	var name string
	if err := tx.QueryRow(ctx, `SELECT name FROM users WHERE id = $1`, user).Scan(&name); err != nil {
		return fmt.Errorf("audit: who did it: %w", err)
	}
	return appendAudit(ctx, tx, AuditEntry{Actor: user, Name: name, Origin: origin, Action: action, Subject: subject, Detail: string(b)})
}
