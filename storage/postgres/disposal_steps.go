package postgres

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/speechqa/speechqa/custody"
	"github.com/speechqa/speechqa/pipeline"
)

// disposer is who the audit log says took the steps: people proposed and approved, the program carries it out.
var disposer = custody.Actor{Name: "speechqa disposal"}

// NextDisposals is described at custody.DisposerStore.
func (s *Store) NextDisposals(ctx context.Context, only string, skip []string, limit int) ([]custody.DisposalItem, error) {
	rows, err := s.pool.Query(ctx, `SELECT i.disposal::text, i.recording::text, i.state, d.holds_until <= now(), r.bucket, r.key, r.version_id, r.etag, r.size,
			p.bucket, p.key, p.version_id, p.etag, p.size,
			CASE WHEN EXISTS (SELECT FROM recordings o JOIN custody c ON c.recording = o.id WHERE o.bucket = r.bucket AND o.key = r.key AND o.id <> r.id AND `+isThere+`)
				THEN '' ELSE regexp_replace(r.key, '\.[^./]*$', '') || '.json' END,
			ARRAY(SELECT x.version_id FROM restorations x WHERE x.recording = r.id ORDER BY x.id), ARRAY(SELECT x.etag FROM restorations x WHERE x.recording = r.id ORDER BY x.id)
		FROM disposals d JOIN disposal_items i ON i.disposal = d.id JOIN recordings r ON r.id = i.recording JOIN copies p ON p.recording = r.id
		WHERE d.state = 'approved' AND i.state NOT IN ('done', 'stays') AND ($1 = '' OR d.id::text = $1) AND NOT i.recording::text = ANY($2)
		ORDER BY i.state = 'waiting', d.decided_at, i.recording LIMIT $3`, only, texts(skip), limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (it custody.DisposalItem, err error) {
		o, c := &it.Object, &it.Copy
		var versions, etags []string
		err = row.Scan(&it.Disposal, &it.Recording, &it.State, &it.Lapsed, &o.Bucket, &o.Key, &o.VersionID, &o.ETag, &o.Size,
			&c.Bucket, &c.Key, &c.VersionID, &c.ETag, &c.Size, &it.Sidecar, &versions, &etags)
		for i := range versions {
			it.Former = append(it.Former, pipeline.Object{Bucket: o.Bucket, Key: o.Key, VersionID: versions[i], ETag: etags[i]})
		}
		return it, err
	})
}

// SetAside is described at custody.DisposerStore.
func (s *Store) SetAside(ctx context.Context, it custody.DisposalItem, reasons custody.Objections) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE disposal_items SET state = 'stays', reasons = $3, problem = '' WHERE disposal = $1 AND recording = $2 AND state = 'waiting'`,
			it.Disposal, it.Recording, []string(reasons))
		if err != nil {
			return err
		}
		return keptBy(ctx, tx, disposer, "disposal.stays", "recording:"+it.Recording, map[string]any{"disposal": it.Disposal, "reasons": reasons})
	})
}

// step moves an item on and clears what went wrong before.
func step(ctx context.Context, tx pgx.Tx, it custody.DisposalItem, to custody.ItemState) error {
	_, err := tx.Exec(ctx, `UPDATE disposal_items SET state = $3, reasons = '{}', problem = '' WHERE disposal = $1 AND recording = $2`,
		it.Disposal, it.Recording, to)
	return err
}

// Tombstone is described at custody.DisposerStore. The conditions are asked by the database's own trigger.
func (s *Store) Tombstone(ctx context.Context, it custody.DisposalItem) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		var sum string
		err := tx.QueryRow(ctx, `INSERT INTO tombstones (recording, disposal, bucket, key_sha256, version, size, sha256, transcript_hash, recorded_at, retain_until,
				copy_at, copy_sha256, copy_verified_at)
			SELECT r.id, $1, r.bucket, encode(sha256(convert_to(r.key, 'UTF8')), 'hex'), r.version, r.size, c.sha256, coalesce(t.hash, ''), c.recorded_at, c.retain_until,
				p.bucket, p.sha256, p.verified_at
			FROM recordings r JOIN custody c ON c.recording = r.id JOIN copies p ON p.recording = r.id LEFT JOIN transcripts t ON t.recording = r.id
			WHERE r.id = $2 RETURNING sha256`, it.Disposal, it.Recording).Scan(&sum)
		if err != nil {
			return err
		}
		for _, q := range []string{`UPDATE custody SET disposed_at = now(), due_at = NULL WHERE recording = $1`,
			`UPDATE recordings SET state = 'disposed' WHERE id = $1 AND state = 'inspected'`} {
			if _, err := tx.Exec(ctx, q, it.Recording); err != nil {
				return err
			}
		}
		if err := step(ctx, tx, it, custody.ItemTombstoned); err != nil {
			return err
		}
		return keptBy(ctx, tx, disposer, "disposal.tombstone", "recording:"+it.Recording, map[string]any{"disposal": it.Disposal, "sha256": sum})
	})
	var refusal *pgconn.PgError
	if errors.As(err, &refusal) && refusal.ConstraintName == "disposal_objections" {
		return custody.Objections(strings.Split(refusal.Detail, ","))
	}
	return err
}

// destroyWithin bounds what a store may take to destroy one object: rows are locked meanwhile.
const destroyWithin = 10 * time.Second

// keepsOthersOut locks what placing a hold and extending wait for, and says whether the recording is to be kept.
func keepsOthersOut(ctx context.Context, tx pgx.Tx, recording string) (kept bool, err error) {
	if _, err := tx.Exec(ctx, `SELECT FROM custody WHERE recording = $1 FOR UPDATE`, recording); err != nil {
		return false, err
	}
	err = tx.QueryRow(ctx, `SELECT c.retain_until > clock_timestamp() OR `+inForce+` FROM custody c JOIN recordings r ON r.id = c.recording WHERE r.id = $1`, recording).
		Scan(&kept)
	return kept, err
}

// DestroyObject is described at custody.DisposerStore.
func (s *Store) DestroyObject(ctx context.Context, it custody.DisposalItem, there func(context.Context) (bool, error), destroy func(context.Context) error) error {
	void := false
	err := s.tx(ctx, func(tx pgx.Tx) error {
		kept, err := keepsOthersOut(ctx, tx, it.Recording)
		if err != nil {
			return err
		}
		quick, cancel := context.WithTimeout(ctx, destroyWithin)
		defer cancel()
		if kept {
			// An earlier attempt may have destroyed it and ended before it could say so.
			if void, err = there(quick); err != nil {
				return err
			}
			if void {
				return voidTombstone(ctx, tx, it)
			}
		} else if err := destroy(quick); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE tombstones SET object_gone_at = clock_timestamp() WHERE recording = $1 AND voided_at IS NULL`, it.Recording); err != nil {
			return err
		}
		if err := step(ctx, tx, it, custody.ItemObjectGone); err != nil {
			return err
		}
		return keptBy(ctx, tx, disposer, "disposal.object", "recording:"+it.Recording, map[string]any{"disposal": it.Disposal})
	})
	if err == nil && void {
		return custody.ErrHeld
	}
	return err
}

// voidTombstone takes back what was begun with a recording of which nothing is destroyed yet.
func voidTombstone(ctx context.Context, tx pgx.Tx, it custody.DisposalItem) error {
	for _, q := range []string{`UPDATE tombstones SET voided_at = clock_timestamp(), void_reason = 'hold' WHERE recording = $1 AND voided_at IS NULL`,
		`UPDATE custody SET disposed_at = NULL, due_at = clock_timestamp() WHERE recording = $1`,
		`UPDATE recordings SET state = 'inspected' WHERE id = $1 AND state = 'disposed'`,
		`UPDATE disposal_items SET state = 'stays', reasons = '{hold}', problem = '' WHERE recording = $1 AND state = 'tombstoned'`} {
		if _, err := tx.Exec(ctx, q, it.Recording); err != nil {
			return err
		}
	}
	return keptBy(ctx, tx, disposer, "disposal.void", "recording:"+it.Recording, map[string]any{"disposal": it.Disposal, "reasons": []string{"hold"}})
}

// DestroyCopy is described at custody.DisposerStore.
func (s *Store) DestroyCopy(ctx context.Context, it custody.DisposalItem, destroy func(context.Context) error) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		kept, err := keepsOthersOut(ctx, tx, it.Recording)
		if err != nil {
			return err
		}
		if kept {
			return custody.ErrHeld
		}
		quick, cancel := context.WithTimeout(ctx, destroyWithin)
		defer cancel()
		if err := destroy(quick); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE tombstones SET copy_gone_at = clock_timestamp() WHERE recording = $1 AND voided_at IS NULL`, it.Recording); err != nil {
			return err
		}
		if err := step(ctx, tx, it, custody.ItemCopyGone); err != nil {
			return err
		}
		return keptBy(ctx, tx, disposer, "disposal.copy", "recording:"+it.Recording, map[string]any{"disposal": it.Disposal})
	})
}

// Erase is described at custody.DisposerStore.
func (s *Store) Erase(ctx context.Context, it custody.DisposalItem) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT erase_recording($1)`, it.Recording); err != nil {
			return err
		}
		if err := step(ctx, tx, it, custody.ItemDone); err != nil {
			return err
		}
		return keptBy(ctx, tx, disposer, "disposal.erase", "recording:"+it.Recording, map[string]any{"disposal": it.Disposal})
	})
	if violates(err, "disposal_held") {
		return custody.ErrHeld
	}
	return err
}

// DisposalProblem is described at custody.DisposerStore.
func (s *Store) DisposalProblem(ctx context.Context, it custody.DisposalItem, problem string) error {
	_, err := s.pool.Exec(ctx, `UPDATE disposal_items SET problem = $3 WHERE disposal = $1 AND recording = $2 AND state NOT IN ('done', 'stays')`,
		it.Disposal, it.Recording, text(problem))
	return err
}

// LapseDisposals is described at custody.DisposerStore.
func (s *Store) LapseDisposals(ctx context.Context) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `UPDATE disposals SET state = 'lapsed' WHERE state = 'proposed' AND holds_until <= now() RETURNING id::text`)
		if err != nil {
			return err
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := setAllAside(ctx, tx, id, custody.ObjectionLapsed); err != nil {
				return err
			}
			if err := keptBy(ctx, tx, disposer, "disposal.lapse", disposalSubject(id), map[string]any{}); err != nil {
				return err
			}
		}
		return nil
	})
}

// EndDisposals is described at custody.DisposerStore.
func (s *Store) EndDisposals(ctx context.Context, sign func(custody.DisposalRecord) (record, signature string, err error)) (ended int, err error) {
	rows, err := s.pool.Query(ctx, `SELECT d.id::text FROM disposals d WHERE d.state = 'approved'
		AND NOT EXISTS (SELECT FROM disposal_items i WHERE i.disposal = d.id AND i.state NOT IN ('done', 'stays')) ORDER BY d.decided_at`)
	if err != nil {
		return 0, err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	for _, id := range ids {
		if err := s.endDisposal(ctx, id, sign); err != nil {
			return ended, err
		}
		ended++
	}
	return ended, err
}

func (s *Store) endDisposal(ctx context.Context, id string, sign func(custody.DisposalRecord) (record, signature string, err error)) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		r, err := recordOf(ctx, tx, id)
		if err != nil {
			return err
		}
		record, signature, err := sign(r)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE disposals SET state = 'done', ended_at = $2, record = $3, signature = $4 WHERE id = $1 AND state = 'approved'`,
			id, r.EndedAt, record, signature); err != nil {
			return err
		}
		return keptBy(ctx, tx, disposer, "disposal.end", disposalSubject(id), map[string]any{"destroyed": len(r.Destroyed), "kept": len(r.Kept)})
	})
}

// recordOf collects what a batch's record says.
func recordOf(ctx context.Context, tx pgx.Tx, id string) (r custody.DisposalRecord, err error) {
	r = custody.DisposalRecord{Format: custody.RecordFormat, Disposal: id}
	p, a := &r.Proposed, &r.Approved
	var head []byte
	err = tx.QueryRow(ctx, `SELECT d.why, d.holds_until, d.proposed_by::text, p.name, d.proposed_role, d.proposed_at, d.decided_by::text, a.name, d.decided_role, d.decided_at,
			d.note, clock_timestamp(), h.seq, h.hash
		FROM disposals d JOIN users p ON p.id = d.proposed_by JOIN users a ON a.id = d.decided_by, audit_head h WHERE d.id = $1`, id).
		Scan(&r.Why, &r.HoldsUntil, &p.User, &p.Name, &p.Role, &p.At, &a.User, &a.Name, &a.Role, &a.At, &r.Note, &r.EndedAt, &r.AuditSeq, &head)
	if err != nil {
		return r, err
	}
	r.AuditHash = hex.EncodeToString(head)
	rows, err := tx.Query(ctx, `SELECT t.recording::text, t.bucket, t.key_sha256, t.version, t.size, t.sha256, t.transcript_hash, t.recorded_at, t.retain_until, t.copy_sha256,
			t.copy_verified_at, t.at, t.object_gone_at, t.copy_gone_at, t.erased_at
		FROM tombstones t WHERE t.disposal = $1 AND t.voided_at IS NULL ORDER BY t.recording`, id)
	if err != nil {
		return r, err
	}
	if r.Destroyed, err = pgx.CollectRows(rows, pgx.RowToStructByPos[custody.RecordDeath]); err != nil {
		return r, err
	}
	rows, err = tx.Query(ctx, `SELECT recording::text, reasons FROM disposal_items WHERE disposal = $1 AND state = 'stays' ORDER BY recording`, id)
	if err != nil {
		return r, err
	}
	r.Kept, err = pgx.CollectRows(rows, pgx.RowToStructByPos[custody.RecordStaying])
	for _, at := range []*time.Time{&r.HoldsUntil, &p.At, &a.At, &r.EndedAt} {
		*at = at.UTC()
	}
	for i := range r.Destroyed {
		d := &r.Destroyed[i]
		for _, at := range []*time.Time{&d.RecordedAt, &d.RetainUntil, &d.CopyVerifiedAt, &d.TombstoneAt, &d.ObjectGoneAt, &d.CopyGoneAt, &d.ErasedAt} {
			*at = at.UTC()
		}
	}
	return r, err
}
