package postgres

import (
	"context"
	"crypto/sha256"

	"github.com/jackc/pgx/v5"
)

// SetTOTP turns the second factor on: secret is the key, as it is to be kept, step that of the code that proved it, codes the
// recovery codes, each of which works once.
func (s *Store) SetTOTP(ctx context.Context, by Actor, user, secret string, step int64, codes []string) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE users SET totp_secret = $2, totp_step = $3 WHERE id = $1`, user, secret, step)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return ErrNotFound
		}
		if _, err := tx.Exec(ctx, `DELETE FROM recovery_codes WHERE user_id = $1`, user); err != nil {
			return err
		}
		for _, c := range codes {
			if _, err := tx.Exec(ctx, `INSERT INTO recovery_codes (user_id, hash) VALUES ($1, $2)`, user, codeHash(c)); err != nil {
				return err
			}
		}
		return by.audit(ctx, tx, "user.second_factor", "user:"+user, map[string]any{"on": true})
	})
}

// ClearTOTP turns the second factor off, such as for a user whose telephone is lost.
func (s *Store) ClearTOTP(ctx context.Context, by Actor, user string) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE users SET totp_secret = '', totp_step = 0 WHERE id = $1`, user)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return ErrNotFound
		}
		if _, err := tx.Exec(ctx, `DELETE FROM recovery_codes WHERE user_id = $1`, user); err != nil {
			return err
		}
		return by.audit(ctx, tx, "user.second_factor", "user:"+user, map[string]any{"on": false})
	})
}

// ReplaceTOTPKey writes the second factor's key, the same one, encrypted anew; nothing where it is another by now.
func (s *Store) ReplaceTOTPKey(ctx context.Context, user, old, fresh string) error {
	_, err := s.pool.Exec(ctx, `UPDATE users SET totp_secret = $3 WHERE id = $1 AND totp_secret = $2`, user, old, fresh)
	return err
}

// UseTOTPStep says whether a code of this step may be used: none is used twice, nor one older than the last.
func (s *Store) UseTOTPStep(ctx context.Context, user string, step int64) (bool, error) {
	tag, err := s.pool.Exec(ctx, `UPDATE users SET totp_step = $2 WHERE id = $1 AND totp_step < $2`, user, step)
	return tag.RowsAffected() == 1, err
}

// UseRecoveryCode uses a recovery code up; false when the user has no such code.
func (s *Store) UseRecoveryCode(ctx context.Context, by Actor, code string) (ok bool, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `DELETE FROM recovery_codes WHERE user_id = $1 AND hash = $2`, by.ID, codeHash(code))
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		ok = true
		return by.audit(ctx, tx, "access.recovery_code", "user:"+by.ID, nil)
	})
	return ok, err
}

// RecoveryCodesLeft counts a user's unused recovery codes.
func (s *Store) RecoveryCodesLeft(ctx context.Context, user string) (n int, err error) {
	err = s.pool.QueryRow(ctx, `SELECT count(*) FROM recovery_codes WHERE user_id = $1`, user).Scan(&n)
	return n, err
}

func codeHash(code string) []byte {
	h := sha256.Sum256([]byte(code))
	return h[:]
}
