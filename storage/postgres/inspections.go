package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline"
)

// CommitInspection is described at pipeline.Store. Decisions stay with their findings; a judged finding that the rules no
// longer make is kept as not current. What is as it was is not written again.
func (s *Store) CommitInspection(ctx context.Context, id string, attempt int64, in pipeline.Inspected) error {
	done := []pipeline.Again{{ID: id, Inspected: in}}
	cols, err := columnsOf(done)
	if err != nil {
		return err
	}
	found, err := findingsOf(done)
	if err != nil {
		return err
	}
	return s.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `WITH same AS (DELETE FROM judged_same WHERE recording = $1 RETURNING times)
			UPDATE recordings SET state = 'inspected', reason = '', detail = '', score = $4, fatal = $5,
				slots = $6, ruleset_hash = $7, engine_version = $8, profile = $9, inspected_at = now(), inspections = inspections + 1 + coalesce((SELECT times FROM same), 0),
				alive_at = NULL, tries = 0, crashed = 0, queued_at = NULL
			WHERE id = $1 AND attempt = $2 AND alive_at IS NOT NULL AND state = 'transcribed' AND transcript_hash = $3`,
			id, attempt, in.TranscriptHash, in.Result.Score, in.Result.Fatal, cols.slots[0], in.Result.RulesetHash, in.Result.EngineVersion, in.Result.Profile)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return pipeline.ErrFenced
		}
		change, err := differences(ctx, tx, cols.ids, found)
		if err != nil {
			return err
		}
		if err := change.apply(ctx, tx); err != nil {
			return err
		}
		return regradeJudged(ctx, tx, done, change.judged)
	})
}

// inspectionColumns are outcomes as columns.
type inspectionColumns struct {
	ids, transcripts, slots, rulesets, engines, profiles []string
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
		c.ids, c.transcripts = append(c.ids, d.ID), append(c.transcripts, d.TranscriptHash)
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

// idsOf are the recordings of outcomes.
func idsOf(done []pipeline.Again) []string {
	ids := make([]string, len(done))
	for i, d := range done {
		ids[i] = d.ID
	}
	return ids
}

// findingsOf collects the findings of outcomes.
func findingsOf(done []pipeline.Again) (c findingColumns, err error) {
	seen := map[findingName]bool{}
	for _, d := range done {
		for _, f := range d.Result.Findings {
			if seen[findingName{d.ID, f.Key}] {
				continue // a key is a finding's own; PostgreSQL would refuse all of them for one that is there twice
			}
			seen[findingName{d.ID, f.Key}] = true
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

// findingName is what a finding is known by.
type findingName struct{ recording, key string }

// difference is what is to be done for recordings to have the findings that they are to have.
type difference struct {
	put     findingColumns  // new ones, and those that are otherwise by now
	gone    []findingName   // no longer made
	differs map[string]bool // recordings that one of these belongs to
	judged  map[string]bool // recordings that people have judged or added findings of, or that have some about several recordings
}

// differences compares the findings that the recordings have of the rules, those people added and those about several
// recordings left out, with those they are to have.
func differences(ctx context.Context, tx pgx.Tx, recordings []string, want findingColumns) (d difference, err error) {
	d.differs, d.judged = map[string]bool{}, map[string]bool{}
	rows, err := tx.Query(ctx, `
		WITH have AS MATERIALIZED (SELECT * FROM findings WHERE recording = ANY($1::uuid[]))
		SELECT n.i, coalesce(n.recording, f.recording)::text, coalesce(n.key, f.key), false
		FROM unnest($2::uuid[], $3::text[], $4::text[], $5::boolean[], $6::boolean[], $7::double precision[], $8::jsonb[]) WITH ORDINALITY
				AS n (recording, key, severity, doubtful, shadow, start, finding, i)
			FULL JOIN (SELECT * FROM have WHERE NOT added AND NOT across) f ON f.recording = n.recording AND f.key = n.key
		WHERE n.i IS NULL AND (f.verdict = 'open' OR f.current) OR f.key IS NULL
			OR (f.severity, f.doubtful, f.shadow, f.start, f.finding, f.current) IS DISTINCT FROM (n.severity, n.doubtful, n.shadow, n.start, n.finding, true)
		UNION ALL
		SELECT DISTINCT NULL::bigint, recording::text, '', true FROM have WHERE verdict <> 'open' OR added OR across`,
		recordings, want.recordings, want.keys, want.severities, want.doubtful, want.shadow, want.starts, want.findings)
	if err != nil {
		return d, err
	}
	var i *int64
	var name findingName
	var judged bool
	_, err = pgx.ForEachRow(rows, []any{&i, &name.recording, &name.key, &judged}, func() error {
		switch {
		case judged:
			d.judged[name.recording] = true
			return nil
		case i == nil:
			d.gone = append(d.gone, name)
		default:
			d.put.add(want, int(*i)-1)
		}
		d.differs[name.recording] = true
		return nil
	})
	return d, err
}

// apply writes the difference. The recordings' rows are the transaction's.
func (d difference) apply(ctx context.Context, tx pgx.Tx) error {
	if len(d.gone) > 0 {
		recordings, keys := make([]string, len(d.gone)), make([]string, len(d.gone))
		for i, g := range d.gone {
			recordings[i], keys[i] = g.recording, g.key
		}
		const those = `FROM unnest($1::uuid[], $2::text[]) AS g (recording, key) WHERE f.recording = g.recording AND f.key = g.key`
		if _, err := tx.Exec(ctx, `DELETE FROM findings f USING `+strings.TrimPrefix(those, `FROM `)+` AND verdict = 'open'`, recordings, keys); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE findings f SET current = false `+those+` AND current`, recordings, keys); err != nil {
			return err
		}
	}
	return putFindings(ctx, tx, d.put)
}

// add appends the i-th of other findings.
func (c *findingColumns) add(o findingColumns, i int) {
	c.recordings, c.keys, c.rules = append(c.recordings, o.recordings[i]), append(c.keys, o.keys[i]), append(c.rules, o.rules[i])
	c.severities, c.findings = append(c.severities, o.severities[i]), append(c.findings, o.findings[i])
	c.doubtful, c.shadow, c.starts = append(c.doubtful, o.doubtful[i]), append(c.shadow, o.shadow[i]), append(c.starts, o.starts[i])
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
