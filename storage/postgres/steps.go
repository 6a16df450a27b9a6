package postgres

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline"
)

var _ pipeline.Store = (*Store)(nil)

// waits is the state in which a recording waits for a step.
var waits = map[pipeline.Step]pipeline.State{
	pipeline.StepTranscribe: pipeline.StateDiscovered,
	pipeline.StepInspect:    pipeline.StateTranscribed,
}

const recordingColumns = `id::text, bucket, key, version_id, etag, size, coalesce(last_modified, 'epoch'), user_metadata,
	kind, metadata, state, reason, sha256, attempt, tries, crashed, duration`

// scanRecording reads recordingColumns, and what the query has after them into more.
func scanRecording(row pgx.Row, more ...any) (r pipeline.Recording, err error) {
	err = row.Scan(append([]any{&r.ID, &r.Object.Bucket, &r.Object.Key, &r.Object.VersionID, &r.Object.ETag, &r.Object.Size,
		&r.Object.LastModified, &r.Object.UserMetadata, &r.Kind, &r.Metadata, &r.State, &r.Reason, &r.SHA256,
		&r.Attempt, &r.Tries, &r.Crashed, &r.Duration}, more...)...)
	return r, err
}

// Recording returns a recording's row; ErrNotFound when there is none.
func (s *Store) Recording(ctx context.Context, id string) (pipeline.Recording, error) {
	r, err := scanRecording(s.pool.QueryRow(ctx, `SELECT `+recordingColumns+` FROM recordings WHERE id = $1`, id))
	if errors.Is(err, pgx.ErrNoRows) {
		return r, ErrNotFound
	}
	return r, err
}

// Begin is described at pipeline.Store. An attempt that was alive until its lease ran out has crashed.
func (s *Store) Begin(ctx context.Context, id string, step pipeline.Step, worker string) (pipeline.Recording, error) {
	r, err := scanRecording(s.pool.QueryRow(ctx, `
		UPDATE recordings SET attempt = attempt + 1, tries = tries + 1, worker = $3,
			crashed = crashed + (alive_at IS NOT NULL)::int, alive_at = now()
		WHERE id = $1 AND state = $2 AND (alive_at IS NULL OR alive_at < now() - make_interval(secs => $4))
		RETURNING `+recordingColumns, id, waits[step], worker, pipeline.Lease.Seconds()))
	if !errors.Is(err, pgx.ErrNoRows) {
		return r, err
	}
	var due bool
	err = s.pool.QueryRow(ctx, `SELECT state = $2 FROM recordings WHERE id = $1`, id, waits[step]).Scan(&due)
	switch {
	case errors.Is(err, pgx.ErrNoRows), err == nil && !due:
		return r, pipeline.ErrNotDue
	case err != nil:
		return r, err
	}
	return r, pipeline.ErrBusy
}

// Heartbeat is described at pipeline.Store.
func (s *Store) Heartbeat(ctx context.Context, id string, attempt int64) error {
	return s.fenced(ctx, `UPDATE recordings SET alive_at = now() WHERE id = $1 AND attempt = $2 AND alive_at IS NOT NULL`, id, attempt)
}

// Release is described at pipeline.Store.
func (s *Store) Release(ctx context.Context, id string, attempt int64) error {
	return s.fenced(ctx, `UPDATE recordings SET alive_at = NULL, tries = greatest(tries - 1, 0)
		WHERE id = $1 AND attempt = $2 AND alive_at IS NOT NULL`, id, attempt)
}

// Fail is described at pipeline.Store.
func (s *Store) Fail(ctx context.Context, id string, attempt int64, _ pipeline.Step, reason string, detail error, how pipeline.Failing) error {
	return s.fenced(ctx, `UPDATE recordings SET alive_at = NULL, reason = $3, detail = $4,
			tries = greatest(tries - CASE WHEN $5 THEN 1 ELSE 0 END, 0),
			state = CASE WHEN $6 THEN 'failed' ELSE state END
		WHERE id = $1 AND attempt = $2 AND alive_at IS NOT NULL`,
		id, attempt, text(reason), text(detail.Error()), how == pipeline.FailFree, how == pipeline.FailFinal)
}

// fenced runs an UPDATE of one attempt's row; ErrFenced when the attempt is no longer the current one.
func (s *Store) fenced(ctx context.Context, sql string, args ...any) error {
	tag, err := s.pool.Exec(ctx, sql, args...)
	if err == nil && tag.RowsAffected() == 0 {
		return pipeline.ErrFenced
	}
	return err
}

// CommitTranscript is described at pipeline.Store.
func (s *Store) CommitTranscript(ctx context.Context, id string, attempt int64, t pipeline.Transcribed) error {
	var said strings.Builder
	for _, u := range t.Transcript.Utterances {
		said.WriteString(u.Text)
		said.WriteByte('\n')
	}
	return s.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE recordings SET state = 'transcribed', reason = '', detail = '', sha256 = $3, duration = $4,
				transcript_hash = $5, alive_at = NULL, tries = 0, crashed = 0, queued_at = NULL
			WHERE id = $1 AND attempt = $2 AND alive_at IS NOT NULL AND state = 'discovered'`,
			id, attempt, t.SHA256, t.Audio.Duration, t.TranscriptHash)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return pipeline.ErrFenced
		}
		_, err = tx.Exec(ctx, `INSERT INTO transcripts (recording, sha256, audio, peaks, transcript, hash, said)
			VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (recording) DO UPDATE SET sha256 = excluded.sha256, audio = excluded.audio, peaks = excluded.peaks,
				transcript = excluded.transcript, hash = excluded.hash, said = excluded.said, heard_at = now()`,
			id, t.SHA256, asJSON(t.Audio), asJSON(t.Peaks), asJSON(t.Transcript), t.TranscriptHash, text(said.String()))
		return err
	})
}

// Transcript is described at pipeline.Store; ErrNotFound when the recording was never transcribed.
func (s *Store) Transcript(ctx context.Context, id string) (t pipeline.Transcribed, err error) {
	err = s.pool.QueryRow(ctx, `SELECT sha256, audio, peaks, as_corrected(recording, hash, transcript), hash FROM transcripts WHERE recording = $1`, id).
		Scan(&t.SHA256, &t.Audio, &t.Peaks, &t.Transcript, &t.TranscriptHash)
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotFound
	}
	return t, err
}

// regrade corrects the score of a recording for which others count too: by what stands.
func regrade(ctx context.Context, tx pgx.Tx, id string, rescore func([]detectors.Finding) (int, bool)) error {
	stand, err := standing(ctx, tx, id)
	if err != nil {
		return err
	}
	score, fatal := rescore(stand)
	_, err = tx.Exec(ctx, `UPDATE recordings SET score = $2, fatal = $3 WHERE id = $1`, id, score, fatal)
	return err
}

// Duplicate is described at pipeline.Store. Whoever asks first for an audio has claimed it, so that of several
// copies that arrive together one is transcribed; a claim ends with the life of its attempt.
func (s *Store) Duplicate(ctx context.Context, id, sha256 string) (original string, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, sha256); err != nil {
			return err
		}
		var heard bool
		err := tx.QueryRow(ctx, `SELECT id::text, state <> 'discovered' FROM recordings
			WHERE sha256 = $2 AND id <> $1 AND (state IN ('transcribed', 'inspected')
				OR state = 'discovered' AND alive_at >= now() - make_interval(secs => $3))
			ORDER BY state <> 'discovered' DESC, created_at, id LIMIT 1`, id, sha256, pipeline.Lease.Seconds()).Scan(&original, &heard)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			_, err = tx.Exec(ctx, `UPDATE recordings SET sha256 = $2 WHERE id = $1`, id, sha256)
			return err
		case err == nil && !heard:
			return pipeline.ErrBusy
		}
		return err
	})
	if err != nil {
		return "", err
	}
	return original, nil
}

// CommitDuplicate is described at pipeline.Store.
func (s *Store) CommitDuplicate(ctx context.Context, id string, attempt int64, sha256, original string) error {
	return s.fenced(ctx, `UPDATE recordings r SET state = 'duplicate', reason = '', detail = '', sha256 = $3, original = $4,
			duration = o.duration, alive_at = NULL, tries = 0, crashed = 0, queued_at = NULL
		FROM recordings o WHERE o.id = $4 AND r.id = $1 AND r.attempt = $2 AND r.alive_at IS NOT NULL AND r.state = 'discovered'`,
		id, attempt, sha256, original)
}
