package postgres

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline"
)

// CommitInspection is described at pipeline.Store.
func (s *Store) CommitInspection(ctx context.Context, id string, attempt int64, in pipeline.Inspected) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		n, err := commitInspections(ctx, tx, []pipeline.Again{{ID: id, Attempt: attempt, Inspected: in}})
		if err == nil && n == 0 {
			return pipeline.ErrFenced
		}
		return err
	})
}

// CommitInspections is described at pipeline.Store.
func (s *Store) CommitInspections(ctx context.Context, done []pipeline.Again) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		_, err := commitInspections(ctx, tx, done)
		return err
	})
}

// commitInspections is the one way in which findings are stored, for one recording or many; it returns how many of the
// attempts were the current ones. Decisions stay with their findings; a judged finding that the rules no longer make
// is kept as not current. What is as it was is not written again.
func commitInspections(ctx context.Context, tx pgx.Tx, done []pipeline.Again) (int, error) {
	cols, err := columnsOf(done)
	if err != nil {
		return 0, err
	}
	rows, err := tx.Query(ctx, `UPDATE recordings r SET state = 'inspected', reason = '', detail = '', score = n.score, fatal = n.fatal,
			slots = n.slots, ruleset_hash = n.ruleset, engine_version = n.engine, profile = n.profile, inspected_at = now(), inspections = inspections + 1,
			alive_at = NULL, tries = 0, crashed = 0, queued_at = NULL
		FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::int[], $5::boolean[], $6::jsonb[], $7::text[], $8::text[], $9::text[])
			AS n (id, attempt, transcript, score, fatal, slots, ruleset, engine, profile)
		WHERE r.id = n.id AND r.attempt = n.attempt AND alive_at IS NOT NULL AND state = 'transcribed' AND transcript_hash = n.transcript
		RETURNING r.id::text`, cols.ids, cols.attempts, cols.transcripts, cols.scores, cols.fatal, cols.slots, cols.rulesets, cols.engines, cols.profiles)
	if err != nil {
		return 0, err
	}
	committed, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(committed) == 0 {
		return 0, err
	}
	rescore := map[string]func([]detectors.Finding) (int, bool){}
	for _, id := range committed {
		rescore[id] = nil
	}
	found, err := findingsOf(done, rescore)
	if err != nil {
		return 0, err
	}
	if err := replaceFindings(ctx, tx, committed, found); err != nil {
		return 0, err
	}
	rows, err = tx.Query(ctx, `SELECT DISTINCT recording::text FROM findings WHERE recording = ANY($1::uuid[]) AND (verdict <> 'open' OR added OR across)`, committed)
	if err != nil {
		return 0, err
	}
	judged, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return 0, err
	}
	for _, id := range judged {
		if err := regrade(ctx, tx, id, rescore[id], false); err != nil {
			return 0, err
		}
	}
	return len(committed), nil
}

// inspectionColumns are outcomes as columns.
type inspectionColumns struct {
	ids, transcripts, slots, rulesets, engines, profiles []string
	attempts                                             []int64
	scores                                               []int
	fatal                                                []bool
}

func columnsOf(done []pipeline.Again) (c inspectionColumns, err error) {
	for _, d := range done {
		slots := d.Result.Slots
		if slots == nil {
			slots = map[string][]detectors.Slot{}
		}
		b, err := json.Marshal(slots)
		if err != nil {
			return c, fmt.Errorf("encode the slots of %s: %w", d.ID, err)
		}
		c.ids, c.attempts, c.transcripts = append(c.ids, d.ID), append(c.attempts, d.Attempt), append(c.transcripts, d.TranscriptHash)
		c.scores, c.fatal, c.slots = append(c.scores, d.Result.Score), append(c.fatal, d.Result.Fatal), append(c.slots, string(withoutNUL(b)))
		c.rulesets, c.engines = append(c.rulesets, d.Result.RulesetHash), append(c.engines, d.Result.EngineVersion)
		c.profiles = append(c.profiles, d.Result.Profile)
	}
	return c, nil
}

// findingColumns are findings as columns.
type findingColumns struct {
	recordings, keys, rules, severities, findings []string
	doubtful, shadow                              []bool
	starts                                        []float64
}

// findingsOf collects the findings of the recordings that rescore has, and fills in how those are graded.
func findingsOf(done []pipeline.Again, rescore map[string]func([]detectors.Finding) (int, bool)) (c findingColumns, err error) {
	type name struct{ recording, key string }
	seen := map[name]bool{}
	for _, d := range done {
		if _, ours := rescore[d.ID]; !ours {
			continue
		}
		rescore[d.ID] = d.Rescore
		for _, f := range d.Result.Findings {
			if seen[name{d.ID, f.Key}] {
				continue // a key is a finding's own; PostgreSQL would refuse all of them for one that is there twice
			}
			seen[name{d.ID, f.Key}] = true
			b, err := json.Marshal(f)
			if err != nil {
				return c, fmt.Errorf("encode a finding of %s: %w", d.ID, err)
			}
			c.recordings, c.keys, c.rules = append(c.recordings, d.ID), append(c.keys, f.Key), append(c.rules, f.Rule)
			c.severities, c.findings = append(c.severities, string(f.Severity)), append(c.findings, string(withoutNUL(b)))
			c.doubtful, c.shadow, c.starts = append(c.doubtful, f.Doubtful), append(c.shadow, f.Shadow), append(c.starts, f.Start)
		}
	}
	return c, nil
}

// replaceFindings puts the findings in the place of those that the recordings have.
func replaceFindings(ctx context.Context, tx pgx.Tx, recordings []string, c findingColumns) error {
	const others = `recording = ANY($1::uuid[]) AND NOT added AND NOT across AND NOT EXISTS (
		SELECT FROM unnest($2::uuid[], $3::text[]) AS n (recording, key) WHERE n.recording = f.recording AND n.key = f.key)`
	if _, err := tx.Exec(ctx, `DELETE FROM findings f WHERE verdict = 'open' AND `+others, recordings, c.recordings, c.keys); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `UPDATE findings f SET current = false WHERE current AND `+others, recordings, c.recordings, c.keys); err != nil {
		return err
	}
	return putFindings(ctx, tx, c)
}

// putFindings adds findings, or writes them over those with the same keys; decisions about them stay.
func putFindings(ctx context.Context, tx pgx.Tx, c findingColumns) error {
	if len(c.keys) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `INSERT INTO findings AS f (recording, key, rule, severity, doubtful, shadow, start, finding)
		SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::boolean[], $6::boolean[], $7::double precision[], $8::jsonb[])
		ON CONFLICT (recording, key) DO UPDATE SET severity = excluded.severity, doubtful = excluded.doubtful,
			shadow = excluded.shadow, start = excluded.start, finding = excluded.finding, current = true
		WHERE (f.severity, f.doubtful, f.shadow, f.start, f.finding, f.current)
			IS DISTINCT FROM (excluded.severity, excluded.doubtful, excluded.shadow, excluded.start, excluded.finding, true)`,
		c.recordings, c.keys, c.rules, c.severities, c.doubtful, c.shadow, c.starts, c.findings)
	return err
}
