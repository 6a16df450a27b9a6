package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// DispositionKind is what the company does about a recording.
type DispositionKind string

// Dispositions of the company's practice.
const (
	DispositionAdvice  DispositionKind = "advice"  // 建议
	DispositionRectify DispositionKind = "rectify" // 责令整改
	DispositionPenalty DispositionKind = "penalty" // 处罚
	DispositionRetrain DispositionKind = "retrain" // 话术整改 + 再培训
	DispositionNone    DispositionKind = "none"    // an earlier one is taken back
)

// Disposition is what was done about a recording. The newest is in force; earlier ones stay on record.
type Disposition struct {
	At   time.Time
	By   string // display name
	Kind DispositionKind
	Note string
	Due  time.Time // day by which it must be done, midnight UTC; zero: none
	Told string    // who was told, as the reviewer wrote it
	// Done is when somebody said that it was done, zero: not yet; DoneBy his display name. Waits: it has a date, is in
	// force and is not done.
	Done   time.Time
	DoneBy string
	Waits  bool
}

// Overdue says whether it should have been done before a day.
func (d Disposition) Overdue(today time.Time) bool { return d.Waits && d.Due.Before(today) }

// Dispose puts a disposition on record. ErrConflict when the recording has changed since Act.Version.
func (s *Store) Dispose(ctx context.Context, a Act, d Disposition, rescore Rescore) error {
	return s.act(ctx, a, rescore, func(tx pgx.Tx) (deed, error) {
		var due *time.Time
		if !d.Due.IsZero() {
			due = &d.Due
		}
		var id int64
		err := tx.QueryRow(ctx, `INSERT INTO dispositions (recording, by, kind, note, due, told) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id`,
			a.RecordingID, a.UserID, d.Kind, d.Note, due, d.Told).Scan(&id)
		detail := map[string]any{"disposition": id, "kind": d.Kind, "told": d.Told, "note": d.Note}
		if due != nil {
			detail["due"] = due.Format(time.DateOnly)
		}
		return deed{action: "disposition", audit: "recording.disposition", reason: string(d.Kind), note: d.Note,
			trail: map[string]any{"disposition": id}, detail: detail}, err
	})
}

// DispositionDone puts on record that what is in force about a recording was done. ErrConflict when nothing waits there.
func (s *Store) DispositionDone(ctx context.Context, recording, user, origin string) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		var id int64
		err := tx.QueryRow(ctx, `UPDATE disposition_follow_ups SET closed_at = now(), done_by = $2
			WHERE recording = $1 AND closed_at IS NULL RETURNING disposition`, recording, user).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrConflict
		}
		if err != nil {
			return err
		}
		return auditAs(ctx, tx, user, origin, "recording.disposition_done", "recording:"+recording, map[string]any{"disposition": id})
	})
}

// dispositions of a recording, newest first.
func (s *Store) dispositions(ctx context.Context, id string) ([]Disposition, error) {
	rows, err := s.pool.Query(ctx, `SELECT d.at, coalesce(u.display_name, ''), d.kind, d.note, coalesce(d.due, '0001-01-01'), d.told,
			CASE WHEN f.done_by IS NULL THEN '0001-01-01' ELSE f.closed_at END, coalesce(w.display_name, ''), f.disposition IS NOT NULL AND f.closed_at IS NULL
		FROM dispositions d LEFT JOIN users u ON u.id = d.by
			LEFT JOIN disposition_follow_ups f ON f.disposition = d.id LEFT JOIN users w ON w.id = f.done_by WHERE d.recording = $1 ORDER BY d.id DESC`, id)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Disposition])
}
