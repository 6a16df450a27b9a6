package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// lastAct is what Undo takes back.
type lastAct struct {
	ID      int64
	By      string
	Action  string
	Finding string
	Rule    string
	Detail  json.RawMessage
}

// Undo takes back the last act on a recording, where it is the user's own: a decision, an added finding, a
// disposition. Undoing again takes back the one before. Trail and audit log keep both the act and its undoing.
// ErrNothingToUndo where there is none of his.
func (s *Store) Undo(ctx context.Context, a Act, rescore Rescore) error {
	return s.act(ctx, a, rescore, func(tx pgx.Tx) (deed, error) {
		var l lastAct
		err := tx.QueryRow(ctx, `SELECT id, coalesce(by::text, ''), action, finding, rule, detail FROM review_events e
			WHERE recording = $1 AND action <> 'undone' AND NOT EXISTS (SELECT FROM review_events u
				WHERE u.recording = $1 AND u.action = 'undone' AND (u.detail ->> 'undoes')::bigint = e.id)
			ORDER BY id DESC LIMIT 1`, a.RecordingID).Scan(&l.ID, &l.By, &l.Action, &l.Finding, &l.Rule, &l.Detail)
		if errors.Is(err, pgx.ErrNoRows) || err == nil && l.By != a.UserID {
			err = ErrNothingToUndo
		}
		if err != nil {
			return deed{}, err
		}
		return deed{action: "undone", audit: "review.undone", finding: l.Finding, rule: l.Rule, reason: l.Action,
			trail:  map[string]any{"undoes": l.ID},
			detail: map[string]any{"undoes": l.Action, "finding": l.Finding, "rule": l.Rule}}, l.takeBack(ctx, tx, a)
	})
}

func (l lastAct) takeBack(ctx context.Context, tx pgx.Tx, a Act) error {
	switch l.Action {
	case "confirmed", "overturned", "reopened":
		var d struct{ Before *judgement }
		if l.Detail == nil {
			return ErrNothingToUndo // kept before acts could be undone
		}
		if err := json.Unmarshal(l.Detail, &d); err != nil || d.Before == nil {
			return fmt.Errorf("the trail's entry %d does not say what was before: %w", l.ID, errors.Join(err, ErrNothingToUndo))
		}
		b := d.Before
		return touched(tx.Exec(ctx, `UPDATE findings SET verdict = $3, reason = $4, note = $5, judged_by = $6::uuid, judged_at = $7
			WHERE recording = $1 AND key = $2`, a.RecordingID, l.Finding, b.Verdict, b.Reason, b.Note, b.By, b.At))
	case "added":
		var appealed bool
		err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM appeals WHERE recording = $1 AND finding = $2)`, a.RecordingID, l.Finding).Scan(&appealed)
		if err != nil || appealed {
			return errors.Join(err, ErrNothingToUndo)
		}
		return touched(tx.Exec(ctx, `UPDATE findings SET verdict = 'open', current = false, note = '', judged_by = NULL, judged_at = NULL
			WHERE recording = $1 AND key = $2 AND added AND current`, a.RecordingID, l.Finding))
	case "disposition":
		return touched(tx.Exec(ctx, `INSERT INTO dispositions (recording, by, kind, note, due, told)
			SELECT $1, $2, coalesce(d.kind, 'none'), coalesce(d.note, ''), d.due, coalesce(d.told, '')
			FROM (SELECT) one LEFT JOIN LATERAL (
				SELECT kind, note, due, told FROM dispositions WHERE recording = $1 AND id < ($3::jsonb ->> 'disposition')::bigint
				ORDER BY id DESC LIMIT 1) d ON true`, a.RecordingID, a.UserID, l.Detail))
	}
	return ErrNothingToUndo
}

// touched makes an error of a statement that found no row: what was to be taken back is not there any more.
func touched(tag interface{ RowsAffected() int64 }, err error) error {
	if err == nil && tag.RowsAffected() == 0 {
		return ErrNothingToUndo
	}
	return err
}
