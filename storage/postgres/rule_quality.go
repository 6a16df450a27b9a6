package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/speechqa/speechqa/rulework"
)

// lastDecisions is the last word on every finding under every version of its rule that made it: a finding that two versions
// make and people judged under both counts for both. Where the rule's number is not known the ruleset stands for it. A word
// that was taken back is none.
const lastDecisions = `SELECT DISTINCT ON (e.recording, e.finding, CASE WHEN e.rule_version > 0 THEN e.rule_version::text ELSE e.ruleset END)
		e.recording, e.finding, e.rule, e.rule_version, e.ruleset, e.term, e.action, e.reason, e.note, e.at
	FROM review_events e JOIN recordings r ON r.id = e.recording
	WHERE e.ruleset <> '' AND e.action IN ('confirmed', 'overturned', 'reopened') AND e.id NOT IN (
		SELECT (u.detail ->> 'undoes')::bigint FROM review_events u WHERE u.action = 'undone' AND u.detail ->> 'undoes' IS NOT NULL) AND %s
	ORDER BY e.recording, e.finding, CASE WHEN e.rule_version > 0 THEN e.rule_version::text ELSE e.ruleset END, e.id DESC`

// RuleQuality gives, for every rule and each of its versions people have judged findings of, how many they confirmed and
// overturned: by rule, the newest version first. An empty rule means all.
func (s *Store) RuleQuality(ctx context.Context, sc Scope, rule string) ([]rulework.Quality, error) {
	args := []any{rule}
	rows, err := s.pool.Query(ctx, fmt.Sprintf(`SELECT d.rule, d.rule_version, coalesce(max(v.id), 0), min(v.published_at), bool_or(coalesce(v.state = 'live', false)),
			count(*) FILTER (WHERE d.action = 'confirmed')::int, count(*) FILTER (WHERE d.action = 'overturned')::int
		FROM (`+lastDecisions+`) d LEFT JOIN ruleset_versions v ON v.hash = d.ruleset
		WHERE d.action <> 'reopened' AND ($1 = '' OR d.rule = $1)
		GROUP BY d.rule, d.rule_version, CASE WHEN d.rule_version = 0 THEN v.id END
		ORDER BY d.rule, max(v.id) DESC NULLS LAST, d.rule_version DESC`, sc.sql("r", &args)), args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (q rulework.Quality, err error) {
		var since *time.Time
		err = row.Scan(&q.Rule, &q.Number, &q.Version, &since, &q.Live, &q.Confirmed, &q.Overturned)
		if since != nil {
			q.Since = *since
		}
		return q, err
	})
}

// lastWords is the last word on every finding that was judged, $1 being the rule or empty, and $2 the numbers of the versions
// that count, by rule: null for all. Where a decision's number is not known it counts.
const lastWords = `SELECT * FROM (SELECT DISTINCT ON (recording, finding) * FROM (` + lastDecisions + `) x
		WHERE ($1 = '' OR rule = $1) AND ($2::jsonb IS NULL OR rule_version = 0 OR ($2::jsonb ->> rule)::int = rule_version)
		ORDER BY recording, finding, at DESC) y
	WHERE action <> 'reopened'`

// TermQuality ranks the terms of a rule, or of all, by precision, the lowest first, with the reasons why findings were
// overturned. What ranks is the lower end of the 95 % interval (Wilson) of the share overturned, so that one overturned
// finding of one does not come before forty of fifty. Terms of which none was overturned are left out. Of are the versions of
// rules that count, by their numbers; nil: all.
func (s *Store) TermQuality(ctx context.Context, sc Scope, rule string, of map[string]int, limit int) ([]rulework.TermQuality, error) {
	args := []any{rule, of, limit}
	rows, err := s.pool.Query(ctx, fmt.Sprintf(`WITH d AS (`+lastWords+`),
		t AS (SELECT rule, term, count(*) AS n, count(*) FILTER (WHERE action = 'overturned') AS k FROM d GROUP BY rule, term)
		SELECT rule, term, (n - k)::int, k::int,
			(SELECT jsonb_agg(jsonb_build_object('Reason', reason, 'Count', c) ORDER BY c DESC, reason) FROM
				(SELECT o.reason, count(*) AS c FROM d o WHERE o.rule = t.rule AND o.term = t.term AND o.action = 'overturned' GROUP BY o.reason) reasons)
		FROM t WHERE k > 0
		ORDER BY (k + 1.92 - 1.96 * sqrt(k::float8 * (n - k) / n + 0.96)) / (n + 3.84) DESC, n DESC, rule, term LIMIT $3`, sc.sql("r", &args)), args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (q rulework.TermQuality, err error) {
		err = row.Scan(&q.Rule, &q.Term, &q.Confirmed, &q.Overturned, &q.Reasons)
		return q, err
	})
}

// OverturnReasons counts why findings of a rule, or of every rule, were overturned: by rule, the most frequent reason first; of
// the versions given, or of all.
func (s *Store) OverturnReasons(ctx context.Context, sc Scope, rule string, of map[string]int) (map[string][]rulework.ReasonCount, error) {
	args := []any{rule, of}
	rows, err := s.pool.Query(ctx, fmt.Sprintf(`SELECT rule, reason, count(*)::int FROM (`+lastWords+`) d
		WHERE action = 'overturned' GROUP BY rule, reason ORDER BY 3 DESC, reason`, sc.sql("r", &args)), args...)
	if err != nil {
		return nil, err
	}
	out := map[string][]rulework.ReasonCount{}
	var id string
	var c rulework.ReasonCount
	_, err = pgx.ForEachRow(rows, []any{&id, &c.Reason, &c.Count}, func() error { out[id] = append(out[id], c); return nil })
	return out, err
}

// DecidedFinding is a finding of a rule that people have judged.
type DecidedFinding struct {
	Recording string
	JudgedFinding
	Proposed bool // as an example already
}

// DecidedFindings lists judged findings of a rule: what was overturned, then what was confirmed, the last judged first.
func (s *Store) DecidedFindings(ctx context.Context, sc Scope, rule string, limit int) ([]DecidedFinding, error) {
	args := []any{rule, limit}
	rows, err := s.pool.Query(ctx, fmt.Sprintf(`SELECT f.recording::text, f.finding, f.verdict, f.reason, f.note, coalesce(u.display_name, ''), coalesce(f.judged_at, 'epoch'),
			EXISTS (SELECT FROM rule_proposals p WHERE p.recording = f.recording AND p.finding = f.key)
		FROM findings f JOIN recordings r ON r.id = f.recording LEFT JOIN users u ON u.id = f.judged_by
		WHERE f.rule = $1 AND f.verdict <> 'open' AND NOT f.shadow AND NOT f.added AND %s ORDER BY f.verdict <> 'overturned', f.judged_at DESC NULLS LAST LIMIT $2`, sc.sql("r", &args)), args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (d DecidedFinding, err error) {
		err = row.Scan(&d.Recording, &d.Finding, &d.Verdict, &d.Reason, &d.Note, &d.By, &d.At, &d.Proposed)
		return d, err
	})
}

// ProposeExample keeps a proposal; ErrConflict when the finding was proposed already.
func (s *Store) ProposeExample(ctx context.Context, p rulework.Proposal, by rulework.Actor) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `INSERT INTO rule_proposals (rule, kind, said, quote, reason, recording, finding, proposer)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
			p.Rule, p.Kind, text(p.Text), text(p.Quote), p.Reason, p.Recording, p.Finding, by.UserID)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return ErrConflict
		}
		return appendAudit(ctx, tx, AuditEntry{Actor: by.UserID, Name: by.Name, Origin: by.Origin, Action: "rule.propose", Subject: "recording:" + p.Recording,
			Detail: fmt.Sprintf(`{"finding":%q,"rule":%q,"kind":%q}`, p.Finding, p.Rule, p.Kind)})
	})
}

// Proposals lists what waits to become an example, of recordings in the scope, the newest first.
func (s *Store) Proposals(ctx context.Context, sc Scope) ([]rulework.Proposal, error) {
	var args []any
	rows, err := s.pool.Query(ctx, `SELECT p.id, p.rule, p.kind, p.said, p.quote, p.reason, coalesce(p.recording::text, ''), p.finding, coalesce(u.display_name, ''), p.at
		FROM rule_proposals p LEFT JOIN users u ON u.id = p.proposer LEFT JOIN recordings r ON r.id = p.recording
		WHERE p.state = 'open' AND (r.id IS NULL OR `+sc.sql("r", &args)+`) ORDER BY p.id DESC LIMIT 200`, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[rulework.Proposal])
}

// CloseProposal takes a proposal off the list: it is used, or dismissed. ErrNotFound when it is not on it.
func (s *Store) CloseProposal(ctx context.Context, id int64, used bool, by rulework.Actor) error {
	state := "dismissed"
	if used {
		state = "used"
	}
	return s.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE rule_proposals SET state = $2 WHERE id = $1 AND state = 'open'`, id, state)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return ErrNotFound
		}
		return appendAudit(ctx, tx, AuditEntry{Actor: by.UserID, Name: by.Name, Origin: by.Origin, Action: "rule.proposal_" + state, Subject: fmt.Sprintf("proposal:%d", id)})
	})
}

// SaidWith gives what was said in the newest recordings of the scope in which a term occurs, of the last SearchDays days.
// A search that takes longer than searchPatience ends with what was found by then.
func (s *Store) SaidWith(ctx context.Context, sc Scope, term string, limit int) ([]string, error) {
	w := walk{words: []string{term}, limit: limit, patience: searchPatience / 2}
	err := s.tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT set_config('enable_seqscan', 'off', true), set_config('statement_timeout', $1, true)`, fmt.Sprint(searchPatience.Milliseconds())); err != nil {
			return err
		}
		return w.run(ctx, tx, sc)
	})
	var refused *pgconn.PgError
	if err != nil && (!errors.As(err, &refused) || refused.Code != "57014" || ctx.Err() != nil) { // query_canceled
		return nil, err
	}
	rows, err := s.pool.Query(ctx, `SELECT t.said FROM unnest($1::text[]::uuid[]) WITH ORDINALITY found (id, n) JOIN transcripts t ON t.recording = found.id
		ORDER BY n LIMIT $2`, w.ids, limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// InScopeOf gives those of the recordings that lie in the scope.
func (s *Store) InScopeOf(ctx context.Context, sc Scope, ids []string) (map[string]bool, error) {
	args := []any{ids}
	rows, err := s.pool.Query(ctx, `SELECT r.id::text FROM recordings r WHERE r.id = ANY($1::text[]::uuid[]) AND `+sc.sql("r", &args), args...)
	if err != nil {
		return nil, err
	}
	in := map[string]bool{}
	var id string
	_, err = pgx.ForEachRow(rows, []any{&id}, func() error { in[id] = true; return nil })
	return in, err
}
