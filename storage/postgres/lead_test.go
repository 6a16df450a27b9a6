package postgres_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
)

// idling is the bed's address with a time after which PostgreSQL ends transactions without a word.
func (b *bed) idling(idle string) string {
	b.t.Helper()
	u, err := url.Parse(b.url)
	b.noError(err)
	q := u.Query()
	q.Set("idle_in_transaction_session_timeout", idle)
	u.RawQuery = q.Encode()
	return u.String()
}

// with returns another store with such an address.
func (b *bed) with(idle string) *postgres.Store {
	b.t.Helper()
	return storagetest.OpenURL(b.t, b.idling(idle))
}

// A process that freezes, or whose host is cut off, in the middle of a transaction holds a recording no longer than a
// lease: another worker can begin.
func TestFrozenTransactionLetsGo(t *testing.T) {
	b := newBed(t)
	id := b.discovered(found("1.wav"))
	end, err := b.with("1s").Freeze(t.Context(), `UPDATE recordings SET sha256 = 'x' WHERE id = $1`, id)
	b.noError(err)
	defer end()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := b.Begin(ctx, id, pipeline.StepTranscribe, "other"); err != nil {
		t.Errorf("the frozen process still holds the recording: %v", err)
	}
}

// The lead of a process that froze passes on; whoever lives keeps it for as long as it takes.
func TestLeadPassesOnOnlyFromTheFrozen(t *testing.T) {
	b := newBed(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	end, err := b.with("1s").Freeze(t.Context(), `SELECT pg_advisory_xact_lock(hashtextextended('lead', 0))`)
	b.noError(err)
	defer end()
	living := b.with("300ms")
	for led := false; !led; {
		led, err = living.Lead(ctx, "lead", func(ctx context.Context) error {
			for range 5 { // five times as long as PostgreSQL waits for a word
				if other, err := b.Lead(ctx, "lead", func(context.Context) error { return nil }); err != nil || other {
					return errors.Join(err, errors.New("somebody else leads as well"))
				}
				time.Sleep(300 * time.Millisecond)
			}
			return nil
		})
		if err != nil {
			t.Fatalf("the lead of the frozen process does not pass on, or is lost: %v", err)
		}
	}
	if free, err := b.Lead(ctx, "lead", func(context.Context) error { return nil }); err != nil || !free {
		t.Errorf("the lead was not given back: %v %v", free, err)
	}
}

// A leader whose connection breaks is told so and stops.
func TestLeaderStopsWhenTheLeadIsLost(t *testing.T) {
	b := newBed(t)
	_, err := b.with("300ms").Lead(t.Context(), "lead", func(ctx context.Context) error {
		b.exec(`SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
		<-ctx.Done()
		return ctx.Err()
	})
	if err == nil || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the lost lead", err)
	}
}

func TestOpenRefusesTransactionsWithoutEnd(t *testing.T) {
	b := newBed(t)
	s, err := postgres.Open(t.Context(), b.idling("0s"))
	if err == nil {
		s.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "must be a time above zero") {
		t.Errorf("got %v, want a refusal of transactions that may hold their locks for ever", err)
	}
}

// Nobody need set it: what PostgreSQL was told without a word in the address is the length of a lease.
func TestTransactionsEndWithTheLease(t *testing.T) {
	b := newBed(t)
	if got, err := b.Setting(t.Context(), "idle_in_transaction_session_timeout"); err != nil || got != pipeline.Lease.String() {
		t.Errorf("got %q, %v, want %v", got, err, pipeline.Lease)
	}
}
