package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/speechqa/speechqa/custody"
)

// CopyKeeping is what a custody.Keeper needs to lock second copies as the recordings themselves are.
type CopyKeeping struct{ *Store }

// DueCustody returns up to limit copies whose protection the second store is to be told of.
func (s CopyKeeping) DueCustody(ctx context.Context, buckets []string, limit int) ([]custody.Due, error) {
	rows, err := s.pool.Query(ctx, `SELECT r.id::text, k.bucket, k.key, k.version_id, k.etag, k.size, c.retain_until,
			coalesce(k.locked_until, '0001-01-01'), `+inForce+`, k.held, k.keep_at
		FROM copies k JOIN custody c ON c.recording = k.recording JOIN recordings r ON r.id = k.recording
		WHERE k.keep_at <= now() AND k.due_at IS NULL AND k.bucket = ANY($1) ORDER BY k.keep_at LIMIT $2`, buckets, limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanDue)
}

// DoneCustody notes what the second store was told.
func (s CopyKeeping) DoneCustody(ctx context.Context, done []custody.Done) error {
	var b pgx.Batch
	for _, d := range done {
		b.Queue(`UPDATE copies SET locked_until = $3, lock_mode = $4, held = $5, lock_problem = $6,
				keep_at = CASE WHEN keep_at IS DISTINCT FROM $2 THEN keep_at WHEN $7 THEN now() + $8 END
			WHERE recording = $1 AND version_id = $9`, d.ID, d.Token, orNull(d.LockedUntil), d.Mode, d.HeldThere, text(d.Problem), d.Again, custodyPause,
			d.Object.VersionID)
	}
	return s.tx(ctx, func(tx pgx.Tx) error { return tx.SendBatch(ctx, &b).Close() })
}

// NoteBuckets keeps what was found out about the second store's bucket.
func (s CopyKeeping) NoteBuckets(ctx context.Context, found []custody.Bucket) error {
	for _, f := range found {
		if _, err := s.pool.Exec(ctx, `UPDATE copy_store SET versions = $2, locks = $3, checked_at = now() WHERE bucket = $1`, f.Name, f.Versions, f.Locks); err != nil {
			return err
		}
	}
	return nil
}

// CopyStanding is how the second copies stand.
type CopyStanding struct {
	Store     string // address or directory of the second store; empty: nobody ever had one
	Bucket    string
	SeenAt    time.Time // when a worker last was there that copies
	ReachedAt time.Time // when the second store last answered; zero: never
	Checked   bool      // whether its bucket locks is known
	Versions  bool
	Locks     bool
	Problem   string    // why the second store is of no use now; empty where it is
	Waiting   int64     // recordings whose copy is to be made
	Stuck     int64     // recordings that cannot be copied: gone, or not what was taken in
	Oldest    time.Time // since when the one that waits for longest has no copy; zero where none waits
}

// copierSilent is after how long without a sign a copier counts as not there.
const copierSilent = 3 * time.Minute

// On says whether a worker is there that makes copies.
func (c CopyStanding) On() bool { return c.Store != "" && time.Since(c.SeenAt) < copierSilent }

// What may be wrong with the second copies as a whole; CopyStanding.Alarm.
const (
	CopiesNone     = "none"     // no worker is there that copies
	CopiesAway     = "away"     // the second store does not answer
	CopiesUnlocked = "unlocked" // its bucket has no object lock
)

// Alarm is what is wrong with the second copies as a whole; empty where nothing is.
func (c CopyStanding) Alarm() string {
	switch {
	case !c.On():
		return CopiesNone
	case c.Problem != "":
		return CopiesAway
	case c.Checked && !c.Locks:
		return CopiesUnlocked
	}
	return ""
}

// Lag is for how long the recording that waits for longest has had no copy.
func (c CopyStanding) Lag() time.Duration {
	if c.Oldest.IsZero() {
		return 0
	}
	return max(time.Since(c.Oldest), 0)
}

// CopyStanding tells how the second copies stand. It counts only what waits.
func (s *Store) CopyStanding(ctx context.Context) (out CopyStanding, err error) {
	err = s.pool.QueryRow(ctx, `SELECT store, bucket, seen_at, coalesce(reached_at, '0001-01-01'), versions, locks, checked_at IS NOT NULL, problem FROM copy_store`).
		Scan(&out.Store, &out.Bucket, &out.SeenAt, &out.ReachedAt, &out.Versions, &out.Locks, &out.Checked, &out.Problem)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return out, err
	}
	if out.ReachedAt.Year() == 1 {
		out.ReachedAt = time.Time{}
	}
	var oldest *time.Time
	err = s.pool.QueryRow(ctx, `SELECT count(*) FILTER (WHERE NOT stuck), count(*) FILTER (WHERE stuck), min(since) FILTER (WHERE NOT stuck)
		FROM copies WHERE due_at IS NOT NULL`).Scan(&out.Waiting, &out.Stuck, &oldest)
	if oldest != nil {
		out.Oldest = *oldest
	}
	return out, err
}
