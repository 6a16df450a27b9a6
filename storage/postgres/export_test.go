package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Freeze runs a statement in a transaction in which nothing more happens, as in a process that froze. end ends it.
func (s *Store) Freeze(ctx context.Context, sql string, args ...any) (end func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	began, done := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(done)
		_ = s.tx(ctx, func(tx pgx.Tx) error { // PostgreSQL or end breaks it off
			_, err := tx.Exec(ctx, sql, args...)
			began <- err
			<-ctx.Done()
			return ctx.Err()
		})
	}()
	return func() { cancel(); <-done }, <-began
}

// Setting is what PostgreSQL goes by in the store's sessions.
func (s *Store) Setting(ctx context.Context, name string) (value string, err error) {
	err = s.pool.QueryRow(ctx, `SELECT current_setting($1)`, name).Scan(&value)
	return value, err
}

// Exec runs a statement that may be refused.
func (s *Store) Exec(ctx context.Context, sql string) error {
	_, err := s.pool.Exec(ctx, sql)
	return err
}

// AppRights are the application's by table.
var AppRights = rights
