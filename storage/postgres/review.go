package postgres

import (
	"context"
	"encoding/json"
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
	err = s.pool.QueryRow(ctx, `SELECT r.created_at, coalesce(r.score, 0), r.fatal, r.ruleset_hash, r.engine_version, r.slots, r.reviews,
			coalesce(r.original::text, ''), coalesce(t.audio, '{}'), coalesce(t.peaks, '[]'), coalesce(t.transcript, '{}'), coalesce(t.hash, '')
		FROM recordings r LEFT JOIN transcripts t ON t.recording = r.id WHERE r.id = $1`, id).
		Scan(&v.CreatedAt, &v.Score, &v.Fatal, &v.RulesetHash, &v.EngineVersion, &v.Slots, &v.Version,
			&v.Original, &v.Audio, &v.Peaks, &v.Transcript, &v.TranscriptHash)
	if err != nil {
		return v, fmt.Errorf("read recording: %w", err)
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

// Decide stores a decision and the score that follows from it, in one transaction; rescore gets the findings that
// still stand. ErrConflict when the recording has changed since Decision.Version, ErrNotFound for an unknown
// recording or finding.
func (s *Store) Decide(ctx context.Context, d Decision, rescore func([]detectors.Finding) (score int, fatal bool)) error {
	action, ok := decisionActions[d.Verdict]
	if !ok {
		return fmt.Errorf("no such verdict: %q", d.Verdict)
	}
	return s.tx(ctx, func(tx pgx.Tx) error {
		var version int64
		err := tx.QueryRow(ctx, `SELECT reviews FROM recordings WHERE id = $1 AND state = 'inspected' FOR UPDATE`, d.RecordingID).Scan(&version)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return ErrNotFound
		case err != nil:
			return err
		case version != d.Version:
			return ErrConflict
		}
		var rule, before, name string
		err = tx.QueryRow(ctx, `UPDATE findings f SET verdict = $3, reason = $4, note = $5, judged_by = $6, judged_at = now()
			FROM (SELECT verdict FROM findings WHERE recording = $1 AND key = $2) old
			WHERE recording = $1 AND key = $2 RETURNING f.rule, old.verdict, coalesce((SELECT name FROM users WHERE id = $6), '')`,
			d.RecordingID, d.FindingKey, d.Verdict, d.Reason, d.Note, d.UserID).Scan(&rule, &before, &name)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		stand, err := standing(ctx, tx, d.RecordingID)
		if err != nil {
			return err
		}
		score, fatal := rescore(stand)
		if _, err := tx.Exec(ctx, `UPDATE recordings SET score = $2, fatal = $3, reviews = reviews + 1 WHERE id = $1`, d.RecordingID, score, fatal); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO review_events (recording, by, action, finding, rule, reason, note, score)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, d.RecordingID, d.UserID, action, d.FindingKey, rule, d.Reason, d.Note, score)
		if err != nil {
			return err
		}
		detail, err := json.Marshal(map[string]any{"finding": d.FindingKey, "rule": rule, "before": before, "after": d.Verdict,
			"reason": d.Reason, "note": d.Note, "score": score})
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		return appendAudit(ctx, tx, AuditEntry{Actor: d.UserID, Name: name, Origin: d.Origin,
			Action: "finding." + action, Subject: "recording:" + d.RecordingID, Detail: string(detail)})
	})
}

// standing are the findings that count: found by the present rules or confirmed, and not overturned. What a
// person has confirmed is no longer doubtful.
func standing(ctx context.Context, tx pgx.Tx, id string) ([]detectors.Finding, error) {
	rows, err := tx.Query(ctx, `SELECT finding, verdict = 'confirmed' FROM findings
		WHERE recording = $1 AND (verdict = 'confirmed' OR verdict = 'open' AND current) ORDER BY start, key`, id)
	if err != nil {
		return nil, err
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (f detectors.Finding, err error) {
		var confirmed bool
		err = row.Scan(&f, &confirmed)
		f.Doubtful = f.Doubtful && !confirmed
		return f, err
	})
	return slices.Clip(found), err
}
