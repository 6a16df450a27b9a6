package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/speechqa/speechqa/pipeline"
)

// BeginAgain is described at pipeline.Store.
func (s *Store) BeginAgain(ctx context.Context, limit int, worker string) (b pipeline.Batch, err error) {
	err = s.pool.QueryRow(ctx, `
		WITH due AS (
			DELETE FROM stale WHERE recording IN (SELECT recording FROM stale ORDER BY created_at DESC, recording LIMIT $1 FOR UPDATE SKIP LOCKED)
			RETURNING recording)
		INSERT INTO rescan_batches (worker, recordings) SELECT $2, array_agg(recording) FROM due HAVING count(*) > 0
		RETURNING id, cardinality(recordings)`, limit, worker).Scan(&b.ID, &b.Taken)
	if errors.Is(err, pgx.ErrNoRows) {
		return b, nil
	}
	if err != nil {
		return b, err
	}
	// Few recordings have corrected speakers: to ask once for all is quicker than to ask for each.
	rows, err := s.pool.Query(ctx, `
		SELECT r.id::text, r.kind, r.metadata, t.sha256, t.audio, t.hash,
			CASE WHEN t.recording IN (SELECT recording FROM speaker_corrections) THEN as_corrected(t.recording, t.hash, t.transcript) ELSE t.transcript END
		FROM rescan_batches b, unnest(b.recordings) AS d (recording) JOIN recordings r ON r.id = d.recording JOIN transcripts t ON t.recording = r.id
		WHERE b.id = $1 AND r.state = 'inspected'`, b.ID)
	if err != nil {
		return b, err
	}
	b.Begun, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (g pipeline.Begun, err error) {
		err = row.Scan(&g.ID, &g.Kind, &g.Metadata, &g.Heard.SHA256, &g.Heard.Audio, &g.Heard.TranscriptHash, &g.Heard.Transcript)
		return g, err
	})
	return b, err
}

// leaseOver is the condition on a batch whose worker has died.
const leaseOver = `began_at < now() - make_interval(secs => $1)`

// GiveBack is described at pipeline.Store.
func (s *Store) GiveBack(ctx context.Context, batch int64) error {
	_, err := s.pool.Exec(ctx, giveBackSQL(`id = $1`, 0), batch)
	return err
}

// reapBatches gives back what is in the hands of workers that died, which the condition on $1, a lease in seconds, says.
func (s *Store) reapBatches(ctx context.Context, dead string) error {
	_, err := s.pool.Exec(ctx, giveBackSQL(dead, 1), pipeline.Lease.Seconds())
	return err
}

// giveBackSQL ends batches without an outcome. Their recordings go one by one from now on, as having been tried and
// having ended their worker so many times.
func giveBackSQL(which string, crashed int) string {
	return fmt.Sprintf(`
		WITH old AS (SELECT id, recordings FROM rescan_batches WHERE ended_at IS NULL AND %s FOR UPDATE SKIP LOCKED),
		ended AS (UPDATE rescan_batches b SET ended_at = now(), recordings = '{}' FROM old WHERE b.id = old.id)
		UPDATE recordings r SET state = 'transcribed', priority = -1, queued_at = NULL, tries = 1, crashed = %d
		FROM old, unnest(old.recordings) AS d (recording) WHERE r.id = d.recording AND r.state = 'inspected'`, which, crashed)
}

// CommitInspections is described at pipeline.Store.
func (s *Store) CommitInspections(ctx context.Context, batch int64, done []pipeline.Again) error {
	// In one order, so that two who hold some of the same recordings never wait for each other in a circle.
	done = slices.SortedFunc(slices.Values(done), func(a, b pipeline.Again) int { return strings.Compare(a.ID, b.ID) })
	return s.tx(ctx, func(tx pgx.Tx) error {
		rules, err := rulesOf(done)
		if err != nil {
			return err
		}
		old, err := takeBack(ctx, tx, batch, rules.hash)
		if err != nil || old {
			return err
		}
		judged, same, err := commitAgain(ctx, tx, batch, done)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE rescan_batches SET ended_at = now(), recordings = '{}', ruleset_hash = $2, engine_version = $3, judged = $4, same = $5
			WHERE id = $1`, batch, rules.hash, rules.engine, judged, same)
		return err
	})
}

// ruleStamp is what judged a batch.
type ruleStamp struct{ hash, engine string }

func rulesOf(done []pipeline.Again) (r ruleStamp, err error) {
	for i, d := range done {
		of := ruleStamp{d.Result.RulesetHash, d.Result.EngineVersion}
		if i > 0 && of != r {
			return r, errors.New("a batch was judged by different rules")
		}
		r = of
	}
	return r, nil
}

// takeBack makes sure that a batch is still the worker's. Where other rules are live by now than those that judged it, it
// puts its recordings back to where they wait and returns true. Until the transaction ends the live rules stay.
func takeBack(ctx context.Context, tx pgx.Tx, batch int64, hash string) (old bool, err error) {
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock_shared(`+liveRulesLock+`)`); err != nil {
		return false, err
	}
	err = tx.QueryRow(ctx, `SELECT cardinality(recordings) > 0 AND $2 <> '' AND EXISTS (SELECT FROM ruleset_versions WHERE state = 'live' AND hash <> $2)
		FROM rescan_batches WHERE id = $1 AND ended_at IS NULL FOR UPDATE`, batch, hash).Scan(&old)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, pipeline.ErrFenced
	}
	if err != nil || !old {
		return false, err
	}
	_, err = tx.Exec(ctx, `INSERT INTO stale (recording, created_at, rescan)
		SELECT r.id, r.created_at, (SELECT max(id) FROM rescans) FROM rescan_batches b, unnest(b.recordings) AS d (recording) JOIN recordings r ON r.id = d.recording
		WHERE b.id = $1 AND r.state = 'inspected' ON CONFLICT DO NOTHING`, batch)
	if err != nil {
		return false, err
	}
	_, err = tx.Exec(ctx, `UPDATE rescan_batches SET ended_at = now(), recordings = '{}' WHERE id = $1`, batch)
	return true, err
}

// commitAgain stores outcomes and says of how many recordings, and how many of those came out as they were. Whoever
// changed a recording's state or transcript meanwhile has it judged by other ways.
func commitAgain(ctx context.Context, tx pgx.Tx, batch int64, done []pipeline.Again) (judged, same int, err error) {
	cols, err := columnsOf(done)
	if err != nil {
		return 0, 0, err
	}
	held, err := hold(ctx, tx, cols)
	if err != nil || len(held) == 0 {
		return 0, 0, err
	}
	done = slices.DeleteFunc(done, func(d pipeline.Again) bool { _, ok := held[d.ID]; return !ok })
	ids := idsOf(done)
	found, err := findingsOf(done)
	if err != nil {
		return 0, 0, err
	}
	change, err := differences(ctx, tx, ids, found)
	if err != nil {
		return 0, 0, err
	}
	steady := idsOf(slices.DeleteFunc(slices.Clone(done), func(d pipeline.Again) bool { return change.differs[d.ID] || !change.judged[d.ID] }))
	stand, err := standingOf(ctx, tx, steady)
	if err != nil {
		return 0, 0, err
	}
	var changed []pipeline.Again
	var unchanged []string
	for _, d := range done {
		h, score, fatal := held[d.ID], d.Result.Score, d.Result.Fatal
		if change.judged[d.ID] && !change.differs[d.ID] {
			score, fatal = d.Rescore(stand[d.ID])
		}
		if change.differs[d.ID] || h.facts || h.score != score || h.fatal != fatal {
			changed = append(changed, d)
		} else {
			unchanged = append(unchanged, d.ID)
		}
	}
	if err := putSame(ctx, tx, batch, unchanged); err != nil {
		return 0, 0, err
	}
	if err := putChanged(ctx, tx, changed, found, change); err != nil {
		return 0, 0, err
	}
	// What was marked again by a rescan for these very rules while it was being judged.
	_, err = tx.Exec(ctx, `DELETE FROM stale s USING unnest($1::uuid[]) AS d (recording), rescans x
		WHERE s.recording = d.recording AND x.id = s.rescan AND x.ruleset_hash = $2`, ids, done[0].Result.RulesetHash)
	return len(done), len(unchanged), err
}

// heldRecording is how a recording stands before an outcome is stored.
type heldRecording struct {
	score int
	fatal bool
	facts bool // slots or the principal's policy are otherwise than the outcome has them
}

// hold locks the recordings that are as they were when their inspection began.
func hold(ctx context.Context, tx pgx.Tx, cols inspectionColumns) (map[string]heldRecording, error) {
	rows, err := tx.Query(ctx, `SELECT r.id::text, coalesce(r.score, -1), r.fatal, (r.slots, r.profile) IS DISTINCT FROM (n.slots, n.profile)
		FROM unnest($1::uuid[], $2::text[], $3::jsonb[], $4::text[]) AS n (id, transcript, slots, profile)
		JOIN recordings r ON r.id = n.id WHERE r.state = 'inspected' AND r.transcript_hash = n.transcript FOR NO KEY UPDATE OF r`,
		cols.ids, cols.transcripts, cols.slots, cols.profiles)
	if err != nil {
		return nil, err
	}
	held := map[string]heldRecording{}
	var id string
	var h heldRecording
	_, err = pgx.ForEachRow(rows, []any{&id, &h.score, &h.fatal, &h.facts}, func() error { held[id] = h; return nil })
	return held, err
}

// putSame notes by which batch recordings were judged with the outcome they had.
func putSame(ctx context.Context, tx pgx.Tx, batch int64, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `INSERT INTO judged_same AS s (recording, batch, times) SELECT recording, $2, 1 FROM unnest($1::uuid[]) AS d (recording)
		ON CONFLICT (recording) DO UPDATE SET batch = excluded.batch, times = s.times + 1`, ids, batch)
	return err
}

// putChanged stores the outcomes that are not as they were. The score of what people have judged is of what stands.
func putChanged(ctx context.Context, tx pgx.Tx, changed []pipeline.Again, found findingColumns, change difference) error {
	if len(changed) == 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, `SELECT set_config('speechqa.many', 'on', true)`); err != nil {
		return err
	}
	cols, err := columnsOf(changed)
	if err != nil {
		return err
	}
	judged := make([]bool, len(changed))
	for i, d := range changed {
		judged[i] = change.judged[d.ID]
	}
	// What the list asks (list_truth) is written here at once where it follows from the new findings alone.
	_, err = tx.Exec(ctx, `WITH same AS (DELETE FROM judged_same WHERE recording = ANY($1::uuid[]) RETURNING recording, times),
		listed AS (
			SELECT recording, count(*) FILTER (WHERE NOT shadow)::int AS live,
				coalesce(array_agg(DISTINCT 'rule:' || rule) FILTER (WHERE NOT shadow), '{}')
				|| coalesce(array_agg(DISTINCT 'severity:' || severity) FILTER (WHERE NOT shadow), '{}')
				|| CASE WHEN bool_or(doubtful AND NOT shadow) THEN ARRAY['doubtful'] ELSE '{}' END AS marks
			FROM unnest($9::uuid[], $10::text[], $11::text[], $12::boolean[], $13::boolean[]) AS f (recording, rule, severity, doubtful, shadow) GROUP BY recording)
		UPDATE recordings r SET score = CASE WHEN n.judged THEN r.score ELSE n.score END, fatal = CASE WHEN n.judged THEN r.fatal ELSE n.fatal END,
			slots = n.slots, ruleset_hash = n.ruleset, engine_version = n.engine, profile = n.profile, inspected_at = now(),
			inspections = r.inspections + 1 + coalesce(same.times, 0),
			to_judge = CASE WHEN n.judged THEN r.to_judge ELSE coalesce(listed.live, 0) END, live = CASE WHEN n.judged THEN r.live ELSE coalesce(listed.live, 0) END,
			marks = CASE WHEN n.judged THEN r.marks ELSE coalesce(listed.marks, '{}') END
		FROM unnest($1::uuid[], $2::int[], $3::boolean[], $4::jsonb[], $5::text[], $6::text[], $7::text[], $8::boolean[])
				AS n (id, score, fatal, slots, ruleset, engine, profile, judged)
			LEFT JOIN same ON same.recording = n.id LEFT JOIN listed ON listed.recording = n.id
		WHERE r.id = n.id`, cols.ids, cols.scores, cols.fatal, cols.slots, cols.rulesets, cols.engines, cols.profiles, judged,
		found.recordings, found.rules, found.severities, found.doubtful, found.shadow)
	if err != nil {
		return err
	}
	if err := change.apply(ctx, tx); err != nil {
		return err
	}
	if err := regradeJudged(ctx, tx, changed, change.judged); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `SELECT recordings_changed($1::uuid[])`, cols.ids)
	return err
}

// regradeJudged corrects the scores of recordings of which more is known than their inspection found: by what stands.
func regradeJudged(ctx context.Context, tx pgx.Tx, done []pipeline.Again, judged map[string]bool) error {
	done = slices.DeleteFunc(slices.Clone(done), func(d pipeline.Again) bool { return !judged[d.ID] })
	ids := idsOf(done)
	stand, err := standingOf(ctx, tx, ids)
	if err != nil || len(ids) == 0 {
		return err
	}
	scores, fatals := make([]int, len(done)), make([]bool, len(done))
	for i, d := range done {
		scores[i], fatals[i] = d.Rescore(stand[d.ID])
	}
	_, err = tx.Exec(ctx, `UPDATE recordings r SET score = n.score, fatal = n.fatal FROM unnest($1::uuid[], $2::int[], $3::boolean[]) AS n (id, score, fatal)
		WHERE r.id = n.id AND (r.score, r.fatal) IS DISTINCT FROM (n.score, n.fatal)`, ids, scores, fatals)
	return err
}
