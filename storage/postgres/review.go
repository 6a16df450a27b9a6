package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/speechqa/speechqa/detectors"
)

// Review gives everything about one recording; ErrNotFound when there is none. What is not there yet is empty.
func (s *Store) Review(ctx context.Context, id string) (v Review, err error) {
	if v.Recording, err = s.Recording(ctx, id); err != nil {
		return v, err
	}
	err = s.pool.QueryRow(ctx, `SELECT r.created_at, coalesce(r.score, 0), r.fatal, b.ruleset_hash, b.engine_version, r.profile, r.slots, r.reviews,
			coalesce(r.original::text, ''), coalesce(t.audio, '{}'), coalesce(t.peaks, '[]'), coalesce(as_corrected(r.id, t.hash, t.transcript), '{}'), coalesce(t.hash, ''),
			roles_in_force(r.id, t.hash), b.inspections, EXISTS (SELECT FROM stale WHERE recording = r.id), coalesce(r.assignee::text, ''),
			coalesce((SELECT display_name FROM users u WHERE u.id = r.assignee AND NOT `+free+`), ''), coalesce(r.assigned_until, 'epoch')
		FROM recordings r JOIN by_rules b ON b.recording = r.id LEFT JOIN transcripts t ON t.recording = r.id WHERE r.id = $1`, id).
		Scan(&v.CreatedAt, &v.Score, &v.Fatal, &v.RulesetHash, &v.EngineVersion, &v.Profile, &v.Slots, &v.Version,
			&v.Original, &v.Audio, &v.Peaks, &v.Transcript, &v.TranscriptHash, &v.Roles, &v.Inspections, &v.Stale, &v.AssigneeID, &v.Assignee, &v.ClaimUntil)
	if err != nil {
		return v, fmt.Errorf("read recording: %w", err)
	}
	if v.ClaimUntil.Unix() == 0 {
		v.ClaimUntil = time.Time{}
	}
	if v.Dispositions, err = s.dispositions(ctx, id); err != nil {
		return v, fmt.Errorf("read dispositions: %w", err)
	}
	if v.Corrections, err = s.corrections(ctx, id); err != nil {
		return v, fmt.Errorf("read corrections of speakers: %w", err)
	}
	rows, err := s.pool.Query(ctx, `SELECT f.finding, f.verdict, f.reason, f.note, coalesce(u.display_name, ''), coalesce(f.judged_at, 'epoch'), f.added
		FROM findings f LEFT JOIN users u ON u.id = f.judged_by
		WHERE f.recording = $1 AND (f.current OR f.verdict <> 'open') ORDER BY f.start, f.key`, id)
	if err != nil {
		return v, err
	}
	v.Findings, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (f JudgedFinding, err error) {
		err = row.Scan(&f.Finding, &f.Verdict, &f.Reason, &f.Note, &f.By, &f.At, &f.Added)
		if f.Verdict == VerdictOpen {
			f.At = time.Time{}
		}
		return f, err
	})
	if err != nil {
		return v, fmt.Errorf("read findings: %w", err)
	}
	rows, err = s.pool.Query(ctx, `SELECT e.at, coalesce(u.display_name, ''), e.action, e.finding, e.rule, e.reason, e.note, e.score, e.detail
		FROM review_events e LEFT JOIN users u ON u.id = e.by WHERE e.recording = $1 ORDER BY e.id DESC`, id)
	if err != nil {
		return v, err
	}
	v.Trail, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (e ReviewEvent, err error) {
		err = row.Scan(&e.At, &e.By, &e.Action, &e.FindingKey, &e.Rule, &e.Reason, &e.Note, &e.Score, &e.Detail)
		return e, err
	})
	if err != nil {
		return v, fmt.Errorf("read the review's trail: %w", err)
	}
	return v, nil
}

// decisionActions name decisions in the trail.
var decisionActions = map[Verdict]string{VerdictConfirmed: "confirmed", VerdictOverturned: "overturned", VerdictOpen: "reopened"}

// judgement is what a finding's row says of its decision.
type judgement struct {
	Verdict Verdict    `json:"verdict"`
	Reason  string     `json:"reason,omitempty"`
	Note    string     `json:"note,omitempty"`
	By      *string    `json:"by,omitempty"`
	At      *time.Time `json:"at,omitempty"`
}

// Decide stores a decision and the score that follows from it, in one transaction. ErrConflict when the recording
// has changed since Decision.Version, ErrNotFound for an unknown recording or finding, or one of a rule on shadow.
func (s *Store) Decide(ctx context.Context, d Decision, rescore func([]detectors.Finding) (score int, fatal bool)) error {
	action, ok := decisionActions[d.Verdict]
	if !ok {
		return fmt.Errorf("no such verdict: %q", d.Verdict)
	}
	a := Act{RecordingID: d.RecordingID, UserID: d.UserID, Origin: d.Origin, Version: d.Version}
	return s.act(ctx, a, rescore, func(tx pgx.Tx) (deed, error) {
		var rule string
		var before judgement
		err := tx.QueryRow(ctx, `UPDATE findings f SET verdict = $3, reason = $4, note = $5, judged_by = $6, judged_at = now()
			FROM (SELECT verdict, reason, note, judged_by, judged_at FROM findings WHERE recording = $1 AND key = $2) old
			WHERE recording = $1 AND key = $2 AND NOT shadow RETURNING f.rule, old.verdict, old.reason, old.note, old.judged_by::text, old.judged_at`,
			d.RecordingID, d.FindingKey, d.Verdict, d.Reason, d.Note, d.UserID).
			Scan(&rule, &before.Verdict, &before.Reason, &before.Note, &before.By, &before.At)
		if errors.Is(err, pgx.ErrNoRows) {
			err = ErrNotFound
		}
		return deed{action: action, audit: "finding." + action, finding: d.FindingKey, rule: rule, reason: d.Reason, note: d.Note,
			trail: map[string]any{"before": before},
			detail: map[string]any{"finding": d.FindingKey, "rule": rule, "before": before.Verdict, "after": d.Verdict,
				"reason": d.Reason, "note": d.Note}}, err
	})
}

// standing are the findings that count: found by the present rules or confirmed, and not overturned. What a
// person has confirmed is no longer doubtful.
func standing(ctx context.Context, tx pgx.Tx, id string) ([]detectors.Finding, error) {
	of, err := standingOf(ctx, tx, []string{id})
	return slices.Clip(of[id]), err
}

// standingOf is standing for several recordings.
func standingOf(ctx context.Context, tx pgx.Tx, ids []string) (map[string][]detectors.Finding, error) {
	stand := map[string][]detectors.Finding{}
	if len(ids) == 0 {
		return stand, nil
	}
	rows, err := tx.Query(ctx, `SELECT recording::text, finding, verdict = 'confirmed' FROM findings
		WHERE recording = ANY($1::uuid[]) AND (verdict = 'confirmed' OR verdict = 'open' AND current) ORDER BY recording, start, key`, ids)
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		var id string
		var f detectors.Finding
		var confirmed bool
		if err := rows.Scan(&id, &f, &confirmed); err != nil {
			rows.Close()
			return nil, err
		}
		f.Doubtful = f.Doubtful && !confirmed
		stand[id] = append(stand[id], f)
	}
	return stand, rows.Err()
}
