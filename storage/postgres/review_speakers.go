package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/speechqa/speechqa/detectors"
)

// Roles are who speaks which utterance, by its index.
type Roles map[int]detectors.Speaker

// SpeakerCorrection is a person's word on who speaks.
type SpeakerCorrection struct {
	At     time.Time
	By     string // display name
	Roles  Roles  // all that differ from what was heard, also by earlier corrections
	Note   string
	Before Standing
}

// Standing is how a recording stood at some time.
type Standing struct {
	Score    int               `json:"score"`
	Fatal    bool              `json:"fatal"`
	Roles    Roles             `json:"roles"`
	Findings []StandingFinding `json:"findings"` // along the talk
}

// StandingFinding is a finding of that time.
type StandingFinding struct {
	Rule    string  `json:"rule"`
	Turn    int     `json:"turn"`
	Quote   string  `json:"quote"`
	Verdict Verdict `json:"verdict"`
}

// CorrectSpeakers keeps who really speaks and has the recording inspected again at once, with how it stood until now
// on record. transcriptHash names the transcript that was seen; ErrConflict where it or the review has changed since.
func (s *Store) CorrectSpeakers(ctx context.Context, a Act, transcriptHash string, change Roles, note string) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		if err := lockReview(ctx, tx, a); err != nil {
			return err
		}
		before := Standing{}
		var turns int
		err := tx.QueryRow(ctx, `SELECT coalesce(r.score, 0), r.fatal, roles_in_force(r.id, t.hash),
				coalesce(jsonb_array_length(nullif(t.transcript -> 'utterances', 'null')), 0),
				coalesce((SELECT jsonb_agg(jsonb_build_object('rule', f.rule, 'turn', f.finding -> 'turn', 'quote', f.finding ->> 'quote',
						'verdict', f.verdict) ORDER BY f.start, f.key)
					FROM findings f WHERE f.recording = r.id AND (f.current OR f.verdict <> 'open') AND NOT f.shadow), '[]')
			FROM recordings r JOIN transcripts t ON t.recording = r.id WHERE r.id = $1 AND t.hash = $2`, a.RecordingID, transcriptHash).
			Scan(&before.Score, &before.Fatal, &before.Roles, &turns, &before.Findings)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrConflict
		}
		if err != nil {
			return fmt.Errorf("how the recording stands: %w", err)
		}
		for turn := range change {
			if turn < 0 || turn >= turns {
				return ErrNotFound
			}
		}
		roles := maps.Clone(before.Roles)
		if roles == nil {
			roles = Roles{}
		}
		maps.Copy(roles, change)
		if _, err := tx.Exec(ctx, `INSERT INTO speaker_corrections (recording, by, transcript_hash, roles, note, before)
			VALUES ($1, $2, $3, $4, $5, $6)`, a.RecordingID, a.UserID, transcriptHash, asJSON(roles), note, asJSON(before)); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE recordings SET state = 'transcribed', priority = 1, queued_at = NULL, tries = 0, crashed = 0,
				reviews = reviews + 1 WHERE id = $1`, a.RecordingID); err != nil {
			return err
		}
		return putOnRecord(ctx, tx, a, deed{action: "speakers", audit: "recording.speakers", note: note,
			trail: map[string]any{"turns": len(change)}, detail: map[string]any{"change": change, "note": note}}, before.Score)
	})
}

// corrections of a recording's speakers, newest first.
func (s *Store) corrections(ctx context.Context, id string) ([]SpeakerCorrection, error) {
	rows, err := s.pool.Query(ctx, `SELECT c.at, coalesce(u.display_name, ''), c.roles, c.note, c.before
		FROM speaker_corrections c LEFT JOIN users u ON u.id = c.by WHERE c.recording = $1 ORDER BY c.id DESC`, id)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[SpeakerCorrection])
}
