package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// AuditEntry is one line of the audit log: who did what, to what, from where, when. Entries are appended only;
// each carries the hash of the one before.
type AuditEntry struct {
	Seq     int64 // from 1, without gaps
	At      time.Time
	Actor   string // user id; empty where nobody known did it
	Name    string // log-in name at that time
	Action  string // what.verb, e.g. recording.view
	Subject string // kind:id, e.g. recording:5f…
	Origin  string // network address; empty for a process
	Detail  string // JSON object; what was before and after
	Prev    [32]byte
	Hash    [32]byte
}

// auditVersion starts every hash, so that a later form of entries cannot be taken for this one.
const auditVersion = "speechqa audit 1"

// sum is the entry's hash: SHA-256 over the version, the hash of the entry before, and every field with its
// length, so that no two different entries have the same bytes.
func (e AuditEntry) sum() [32]byte {
	h := sha256.New()
	field := func(b []byte) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(b)))
		h.Write(n[:])
		h.Write(b)
	}
	field([]byte(auditVersion))
	field(e.Prev[:])
	field(binary.BigEndian.AppendUint64(nil, uint64(e.Seq)))
	field([]byte(e.At.UTC().Format(time.RFC3339Nano)))
	for _, s := range []string{e.Actor, e.Name, e.Action, e.Subject, e.Origin, e.Detail} {
		field([]byte(s))
	}
	return [32]byte(h.Sum(nil))
}

// Audit appends an entry. Seq, At, Prev and Hash are set here; an empty Detail becomes {}.
func (s *Store) Audit(ctx context.Context, e AuditEntry) error {
	return s.tx(ctx, func(tx pgx.Tx) error { return appendAudit(ctx, tx, e) })
}

// appendAudit appends an entry in the transaction of what it tells of, so that neither is there without the
// other. Writers wait for each other from here to the end of the transaction: call it last.
func appendAudit(ctx context.Context, tx pgx.Tx, e AuditEntry) error {
	if e.Detail == "" {
		e.Detail = "{}"
	}
	for _, f := range []*string{&e.Actor, &e.Name, &e.Action, &e.Subject, &e.Origin, &e.Detail} {
		*f = text(*f) // as PostgreSQL will give it back
	}
	var prev []byte
	if err := tx.QueryRow(ctx, `SELECT seq + 1, hash FROM audit_head FOR UPDATE`).Scan(&e.Seq, &prev); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	e.At, e.Prev = time.Now().UTC().Truncate(time.Microsecond), [32]byte(prev)
	e.Hash = e.sum()
	_, err := tx.Exec(ctx, `INSERT INTO audit_log (seq, at, actor, name, action, subject, origin, detail, prev, hash)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		e.Seq, e.At, e.Actor, e.Name, e.Action, e.Subject, e.Origin, e.Detail, e.Prev[:], e.Hash[:])
	if err == nil {
		_, err = tx.Exec(ctx, `UPDATE audit_head SET seq = $1, hash = $2`, e.Seq, e.Hash[:])
	}
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}

const auditColumns = `seq, at, actor, name, action, subject, origin, detail, prev, hash`

func scanAudit(row pgx.CollectableRow) (e AuditEntry, err error) {
	var prev, hash []byte
	if err = row.Scan(&e.Seq, &e.At, &e.Actor, &e.Name, &e.Action, &e.Subject, &e.Origin, &e.Detail, &prev, &hash); err != nil {
		return e, err
	}
	copy(e.Prev[:], prev)
	copy(e.Hash[:], hash)
	return e, nil
}

// ErrTampered says that the audit log is not as it was written; the message names the first entry that is wrong.
var ErrTampered = errors.New("the audit log was changed")

// AuditSummary is the result of VerifyAudit.
type AuditSummary struct {
	Entries int64
	Head    [32]byte
	Anchors int // heads kept outside the database that were compared
}

// Anchor is a head of the chain that was noted outside the database, where its owner cannot change it.
type Anchor struct {
	Seq  int64
	Hash [32]byte
}

// VerifyAudit walks the whole chain and compares it with the anchors; an entry that was removed, altered, added
// or moved is an ErrTampered. What was written after the last anchor can be cut off at the end, and the head put
// right, without a trace in the chain itself.
func (s *Store) VerifyAudit(ctx context.Context, anchors []Anchor) (AuditSummary, error) {
	at := map[int64]Anchor{}
	for _, a := range anchors {
		if b, twice := at[a.Seq]; twice && a.Hash != b.Hash {
			return AuditSummary{}, fmt.Errorf("%w: two different heads were noted of entry %d", ErrTampered, a.Seq)
		}
		at[a.Seq] = a
	}
	var sum AuditSummary
	err := pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		var headSeq int64
		var headHash []byte
		if err := tx.QueryRow(ctx, `SELECT seq, hash FROM audit_head`).Scan(&headSeq, &headHash); err != nil {
			return fmt.Errorf("read the audit log's head: %w", err)
		}
		rows, err := tx.Query(ctx, `SELECT `+auditColumns+` FROM audit_log ORDER BY seq`)
		if err != nil {
			return fmt.Errorf("read the audit log: %w", err)
		}
		defer rows.Close()
		for rows.Next() {
			e, err := scanAudit(rows)
			if err != nil {
				return fmt.Errorf("read the audit log: %w", err)
			}
			switch a, anchored := at[e.Seq]; {
			case e.Seq != sum.Entries+1:
				return fmt.Errorf("%w: entry %d is missing", ErrTampered, sum.Entries+1)
			case e.Prev != sum.Head:
				return fmt.Errorf("%w: entry %d does not follow the one before it", ErrTampered, e.Seq)
			case e.Hash != e.sum():
				return fmt.Errorf("%w: entry %d (%s, %s) is not as it was written", ErrTampered, e.Seq, e.At.Format(time.RFC3339), e.Action)
			case anchored && a.Hash != e.Hash:
				return fmt.Errorf("%w: entry %d differs from what was noted of it", ErrTampered, e.Seq)
			case anchored:
				sum.Anchors++
			}
			sum.Entries, sum.Head = e.Seq, e.Hash
		}
		if err := rows.Err(); err != nil {
			return fmt.Errorf("read the audit log: %w", err)
		}
		if headSeq != sum.Entries || [32]byte(headHash) != sum.Head {
			return fmt.Errorf("%w: it ends at entry %d but its head says %d", ErrTampered, sum.Entries, headSeq)
		}
		return nil
	})
	if err != nil {
		return sum, err
	}
	for _, a := range anchors {
		if a.Seq > sum.Entries {
			return sum, fmt.Errorf("%w: %d entries were noted, only %d are left", ErrTampered, a.Seq, sum.Entries)
		}
	}
	return sum, nil
}
