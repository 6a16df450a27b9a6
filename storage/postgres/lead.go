package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// errLeadLost ends what a leader does once the lock may be somebody else's.
var errLeadLost = errors.New("the lead was lost: the database did not hear of this process for too long")

// Lead is described in package worker. The lock lives as long as the transaction it was taken in, and PostgreSQL ends
// that when it hears nothing for Store.idle: the lead of a process that froze passes on.
func (s *Store) Lead(ctx context.Context, name string, f func(context.Context) error) (bool, error) {
	tx, err := s.pool.Begin(ctx)
	if err != nil {
		return false, err
	}
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_ = tx.Rollback(end) // one that fails closes the connection, and with it the lock
	}()
	var ours bool
	if err := tx.QueryRow(ctx, `SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))`, name).Scan(&ours); err != nil || !ours {
		return false, err
	}
	return true, s.leading(ctx, tx, f)
}

// leading runs f and tells the database all the while that this process lives. f ends when that fails.
func (s *Store) leading(ctx context.Context, tx pgx.Tx, f func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		if err := s.beat(ctx, tx, stop); err != nil {
			cancel(fmt.Errorf("%w: %w", errLeadLost, err))
		}
	}()
	err := f(ctx)
	close(stop)
	<-stopped // the transaction is this goroutine's again
	if lost := context.Cause(ctx); errors.Is(lost, errLeadLost) {
		return errors.Join(err, lost)
	}
	return err
}

// beat runs an empty statement three times as often as PostgreSQL wants to hear one, until stop is closed.
func (s *Store) beat(ctx context.Context, tx pgx.Tx, stop <-chan struct{}) error {
	tick := time.NewTicker(s.idle / 3)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return nil
		case <-tick.C:
		}
		// Not ended by ctx: a statement that is cut off takes the connection with it.
		alive, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.idle)
		_, err := tx.Exec(alive, `SELECT 1`)
		cancel()
		if err != nil {
			return err
		}
	}
}
