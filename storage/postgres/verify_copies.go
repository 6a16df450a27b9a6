package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/speechqa/speechqa/custody"
)

// CopyChecks has a custody.Verifier read the second copies that count instead of the recordings.
type CopyChecks struct{ *Store }

const copiesToVerify = ` FROM custody c JOIN copies p ON p.recording = c.recording WHERE c.disposed_at IS NULL AND p.due_at IS NULL AND p.copied_at IS NOT NULL`

// BeginVerify is described at custody.VerifyStore.
func (s CopyChecks) BeginVerify(ctx context.Context, sample int64, fresh bool) (custody.Run, error) {
	return s.beginVerify(ctx, sample, fresh, true, copiesToVerify)
}

// NextToVerify is described at custody.VerifyStore.
func (s CopyChecks) NextToVerify(ctx context.Context, r custody.Run, limit int) ([]custody.Check, error) {
	return s.nextToVerify(ctx, r, limit, `SELECT p.recording::text, p.bucket, p.key, p.version_id, p.etag, p.size, c.sha256, coalesce(p.locked_until, '0001-01-01')`+copiesToVerify)
}

// Verified is described at custody.VerifyStore. A copy with a problem counts no more and is made again.
func (s CopyChecks) Verified(ctx context.Context, r custody.Run, results []custody.Checked) (custody.Run, error) {
	var b pgx.Batch
	for _, c := range results {
		b.Queue(copyRead, copyReadArgs(custody.Copy{Recording: c.ID, Object: c.Object}, c.Problem)...)
		if c.Relock {
			b.Queue(`UPDATE copies SET keep_at = now(), locked_until = NULL WHERE recording = $1 AND version_id = $2`, c.ID, c.Object.VersionID)
		}
	}
	return s.verified(ctx, r, results, &b, true)
}
