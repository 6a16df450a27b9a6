package postgres

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// makeRole makes sure that the role of the application's address is there, and returns its name; "" when the owner's
// address is the same role's.
func makeRole(ctx context.Context, conn *pgx.Conn, application string) (string, error) {
	cfg, err := pgx.ParseConfig(application)
	if err != nil {
		return "", fmt.Errorf("address of the database: %w", err)
	}
	role := cfg.User
	if role == conn.Config().User {
		return "", nil
	}
	var super, owner bool
	err = conn.QueryRow(ctx, `SELECT rolsuper, pg_has_role(oid, current_user, 'MEMBER') FROM pg_roles WHERE rolname = $1`, role).Scan(&super, &owner)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return role, createRole(ctx, conn, role, cfg.Password)
	case err != nil:
		return "", fmt.Errorf("look for the role %s: %w", role, err)
	case super || owner:
		return "", fmt.Errorf("%s is a superuser or a member of %s, which owns the tables, so nothing could be kept from it: give the programs a role of their own in SPEECHQA_DATABASE_URL", role, conn.Config().User)
	}
	return role, nil
}

func createRole(ctx context.Context, conn *pgx.Conn, role, password string) error {
	if password == "" {
		return fmt.Errorf("there is no role %s in the database and SPEECHQA_DATABASE_URL has no password to make it with: name one, or make the role yourself", role)
	}
	verifier, err := scram(password)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, fmt.Sprintf(`CREATE ROLE %s LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT PASSWORD '%s'`, pgx.Identifier{role}.Sanitize(), verifier))
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &pg) && pg.Code == "42710": // another migration was quicker
		return nil
	case errors.As(err, &pg) && pg.Code == "42501":
		return fmt.Errorf("there is no role %s in the database, and %s may not make roles: have a superuser run CREATE ROLE %[1]s LOGIN PASSWORD '…' once, then run `speechqa migrate` again", role, conn.Config().User)
	case err != nil:
		return fmt.Errorf("make the role %s: %w", role, err)
	}
	return nil
}

// scram is a password as PostgreSQL keeps it (RFC 5802), so that the password itself is in no statement and no log.
func scram(password string) (string, error) {
	for _, r := range password {
		if r < 0x20 || r > 0x7e { // others would have to be prepared as in RFC 4013
			return "", errors.New("the application's password in SPEECHQA_DATABASE_URL has characters beyond ASCII: choose another, or make the role yourself")
		}
	}
	const rounds = 4096 // PostgreSQL's own number
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	salted, err := pbkdf2.Key(sha256.New, password, salt, rounds, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("derive from the password: %w", err)
	}
	mac := func(text string) []byte {
		m := hmac.New(sha256.New, salted)
		m.Write([]byte(text))
		return m.Sum(nil)
	}
	stored := sha256.Sum256(mac("Client Key"))
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", rounds, b64(salt), b64(stored[:]), b64(mac("Server Key"))), nil
}
