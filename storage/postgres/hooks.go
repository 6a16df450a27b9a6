package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Hook is an address that is told when a recording becomes fatal.
type Hook struct {
	ID        string
	URL       string
	By        string // display name
	CreatedAt time.Time
}

// HookDelivery is one thing to tell one hook.
type HookDelivery struct {
	ID        string
	URL       string
	Recording string // id; empty for a trial
	CreatedAt time.Time
	NextAt    time.Time // of the next try; zero when delivered or given up
	Tries     int
	DoneAt    time.Time // when it was delivered; zero: not
	Problem   string    // of the last try
}

// HookJob is a delivery whose turn it is, with what to send. No quotes, names or numbers of people are in it.
type HookJob struct {
	ID     string
	URL    string
	Secret string
	Tries  int // before this one
	Body   []byte
}

// CreateHook makes a hook and returns its id.
func (s *Store) CreateHook(ctx context.Context, url, secret string, who AuditEntry) (id string, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `INSERT INTO hooks (url, secret, created_by) VALUES ($1, $2, $3) RETURNING id::text`, text(url), secret, who.Actor).Scan(&id)
		if err != nil {
			return fmt.Errorf("make hook: %w", err)
		}
		return audited(ctx, tx, who, "hook.made", "hook:"+id, map[string]any{"url": text(url)})
	})
	return id, err
}

// Hooks lists the hooks that are not removed.
func (s *Store) Hooks(ctx context.Context) ([]Hook, error) {
	rows, err := s.pool.Query(ctx, `SELECT h.id::text, h.url, u.display_name, h.created_at FROM hooks h JOIN users u ON u.id = h.created_by WHERE removed_at IS NULL ORDER BY h.created_at`)
	if err != nil {
		return nil, fmt.Errorf("read hooks: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Hook])
}

// HookSecret is a hook's secret as the database has it.
type HookSecret struct{ ID, URL, Secret string }

// HookSecrets lists the secrets of the hooks that are not removed.
func (s *Store) HookSecrets(ctx context.Context) ([]HookSecret, error) {
	rows, err := s.pool.Query(ctx, `SELECT id::text, url, secret FROM hooks WHERE removed_at IS NULL ORDER BY created_at`)
	if err != nil {
		return nil, fmt.Errorf("read hooks: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[HookSecret])
}

// ReplaceHookSecret writes a hook's secret, the same one, encrypted anew; nothing where it is another by now.
func (s *Store) ReplaceHookSecret(ctx context.Context, id, old, fresh string) error {
	_, err := s.pool.Exec(ctx, `UPDATE hooks SET secret = $3 WHERE id = $1 AND secret = $2`, id, old, fresh)
	return err
}

// RemoveHook ends a hook with what it has not been told yet; ErrNotFound when there is none.
func (s *Store) RemoveHook(ctx context.Context, id string, who AuditEntry) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		var url string
		err := tx.QueryRow(ctx, `UPDATE hooks SET removed_at = now() WHERE id = $1 AND removed_at IS NULL RETURNING url`, id).Scan(&url)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotFound
		}
		if err == nil {
			_, err = tx.Exec(ctx, `UPDATE hook_deliveries SET next_at = NULL, problem = 'removed' WHERE hook = $1 AND next_at IS NOT NULL`, id)
		}
		if err != nil {
			return fmt.Errorf("remove hook: %w", err)
		}
		return audited(ctx, tx, who, "hook.removed", "hook:"+id, map[string]any{"url": url})
	})
}

// TryHook puts a trial in a hook's queue; ErrNotFound when there is no such hook.
func (s *Store) TryHook(ctx context.Context, id string, who AuditEntry) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `INSERT INTO hook_deliveries (hook) SELECT id FROM hooks WHERE id = $1 AND removed_at IS NULL`, id)
		if err != nil {
			return fmt.Errorf("try hook: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return ErrNotFound
		}
		return audited(ctx, tx, who, "hook.tried", "hook:"+id, map[string]any{})
	})
}

// HookDeliveries gives the last deliveries, the newest first.
func (s *Store) HookDeliveries(ctx context.Context, limit int) ([]HookDelivery, error) {
	rows, err := s.pool.Query(ctx, `SELECT d.id::text, h.url, coalesce(d.recording::text, ''), d.created_at, coalesce(d.next_at, '0001-01-01'), d.tries, coalesce(d.done_at, '0001-01-01'), d.problem
		FROM hook_deliveries d JOIN hooks h ON h.id = d.hook ORDER BY d.created_at DESC, d.id LIMIT $1`, limit)
	if err != nil {
		return nil, fmt.Errorf("read deliveries: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[HookDelivery])
}

// DueHooks takes up to limit deliveries whose turn it is. Each is this process's for the lease; one that is not reported
// within it, because the process died, is taken again.
func (s *Store) DueHooks(ctx context.Context, limit int, lease time.Duration) ([]HookJob, error) {
	rows, err := s.pool.Query(ctx, `UPDATE hook_deliveries d SET next_at = now() + make_interval(secs => $2), tries = d.tries + 1
		FROM (SELECT id FROM hook_deliveries WHERE next_at <= now() ORDER BY next_at LIMIT $1 FOR UPDATE SKIP LOCKED) due, hooks h
		WHERE d.id = due.id AND h.id = d.hook
		RETURNING d.id::text, h.url, h.secret, d.tries - 1, d.created_at, coalesce(d.recording::text, '')`, limit, lease.Seconds())
	if err != nil {
		return nil, fmt.Errorf("take what hooks are to be told: %w", err)
	}
	type taken struct {
		HookJob
		at        time.Time
		recording string
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t taken, err error) {
		err = row.Scan(&t.ID, &t.URL, &t.Secret, &t.Tries, &t.at, &t.recording)
		return t, err
	})
	if err != nil {
		return nil, fmt.Errorf("take what hooks are to be told: %w", err)
	}
	var jobs []HookJob
	for _, t := range all {
		if t.Body, err = s.hookBody(ctx, t.ID, t.recording, t.at); err != nil {
			return nil, err
		}
		jobs = append(jobs, t.HookJob)
	}
	return jobs, nil
}

// hookBody is what a hook is told.
func (s *Store) hookBody(ctx context.Context, id, recording string, at time.Time) ([]byte, error) {
	body := map[string]any{"id": id, "event": "trial", "at": at.UTC()}
	if recording != "" {
		var r json.RawMessage
		err := s.pool.QueryRow(ctx, `SELECT jsonb_build_object('id', r.id, 'kind', r.kind, 'agent_id', r.agent_id, 'team', r.team, 'principal', r.principal,
				'started_at', r.started_at, 'score', r.score, 'fatal', r.fatal,
				'findings', coalesce((SELECT jsonb_agg(jsonb_build_object('key', f.key, 'rule', f.rule, 'severity', f.severity, 'start', f.start, 'verdict', f.verdict) ORDER BY f.start, f.key)
					FROM findings f WHERE f.recording = r.id AND NOT f.shadow AND (f.verdict = 'confirmed' OR f.verdict = 'open' AND f.current)), '[]'))
			FROM recordings r WHERE r.id = $1`, recording).Scan(&r)
		if err != nil {
			return nil, fmt.Errorf("what to tell of recording %s: %w", recording, err)
		}
		body["event"], body["recording"] = "recording.fatal", r
	}
	b, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("what to tell: %w", err)
	}
	return b, nil
}

// HookDelivered reports a delivery as done.
func (s *Store) HookDelivered(ctx context.Context, id string) error {
	_, err := s.pool.Exec(ctx, `UPDATE hook_deliveries SET next_at = NULL, done_at = now(), problem = '' WHERE id = $1`, id)
	if err != nil {
		return fmt.Errorf("report delivery: %w", err)
	}
	return nil
}

// HookFailed reports that a try failed; the next is after wait, or never where wait is zero.
func (s *Store) HookFailed(ctx context.Context, id, problem string, wait time.Duration) error {
	_, err := s.pool.Exec(ctx, `UPDATE hook_deliveries SET problem = $2, next_at = CASE WHEN $3 > 0 THEN now() + make_interval(secs => $3) END
		WHERE id = $1 AND next_at IS NOT NULL`, id, text(problem), wait.Seconds())
	if err != nil {
		return fmt.Errorf("report delivery: %w", err)
	}
	return nil
}
