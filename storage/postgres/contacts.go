package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline"
)

// Across judges recordings by those before them; detectors.Engine does it.
type Across interface {
	Describe(c *detectors.Conversation) (thirdParty, answered bool)
	Across(all []detectors.Contact, judged []string) map[string][]detectors.Finding
	Reach() time.Duration
	PatternRules() []string
	// AcrossMark changes with everything in the rules that the other methods go by.
	AcrossMark() string
	RescoreOf(principal string, at time.Time, standing []detectors.Finding) (score int, fatal bool)
}

// contactsLead is the advisory lock of whoever follows the contacts: one at a time, so that the order does not matter.
const contactsLead = "speechqa contacts"

// FollowContacts works out what up to limit changes of recordings mean for the rules about several: it brings the
// contacts up to date, judges those that a change can have touched, and stores the findings that differ, with the scores.
// It returns how many changes it saw to; 0 where there were none or somebody else is at it. What is broken off is done
// again.
func (s *Store) FollowContacts(ctx context.Context, rules Across, limit int) (done int, err error) {
	if err := s.contactsByOtherRules(ctx, rules.AcrossMark()); err != nil {
		return 0, err
	}
	var waiting bool
	if err := s.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM contacts_due)`).Scan(&waiting); err != nil || !waiting {
		return 0, err
	}
	_, err = s.Lead(ctx, contactsLead, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, `SELECT id, recording::text FROM contacts_due ORDER BY id LIMIT $1`, limit)
		if err != nil {
			return err
		}
		type change struct {
			ID        int64
			Recording string
		}
		due, err := pgx.CollectRows(rows, pgx.RowToStructByPos[change])
		if err != nil || len(due) == 0 {
			return err
		}
		var ids []int64
		changed := map[string]bool{}
		touched := newReaches()
		for _, d := range due {
			ids = append(ids, d.ID)
			if changed[d.Recording] {
				continue
			}
			changed[d.Recording] = true
			if err := s.renewContact(ctx, rules, d.Recording, touched); err != nil {
				return fmt.Errorf("contact of %s: %w", d.Recording, err)
			}
		}
		if err := s.judgeContacts(ctx, rules, touched); err != nil {
			return err
		}
		if _, err := s.pool.Exec(ctx, `DELETE FROM contacts_due WHERE id = ANY($1)`, ids); err != nil {
			return err
		}
		done = len(due)
		return nil
	})
	return done, err
}

// contactsByOtherRules puts every inspected recording on the list where the contacts were judged by other rules so far: a
// recording that comes out as it was is not put there by its inspection.
func (s *Store) contactsByOtherRules(ctx context.Context, mark string) error {
	var same bool
	err := s.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM contact_rules WHERE mark = $1)`, mark).Scan(&same)
	if err != nil || same {
		return err
	}
	_, err = s.Lead(ctx, contactsLead, func(ctx context.Context) error {
		return s.tx(ctx, func(tx pgx.Tx) error {
			tag, err := tx.Exec(ctx, `INSERT INTO contact_rules (mark) VALUES ($1) ON CONFLICT (one) DO UPDATE SET mark = excluded.mark WHERE contact_rules.mark <> excluded.mark`, mark)
			if err != nil || tag.RowsAffected() == 0 {
				return err
			}
			_, err = tx.Exec(ctx, `INSERT INTO contacts_due (recording) SELECT id FROM recordings WHERE score IS NOT NULL ORDER BY started_at, id`)
			return err
		})
	})
	return err
}

// reaches are stretches of time for cases, numbers and agents.
type reaches struct{ cases, numbers, agents map[string]*stretch }

type stretch struct{ from, to time.Time }

func newReaches() *reaches {
	return &reaches{map[string]*stretch{}, map[string]*stretch{}, map[string]*stretch{}}
}

// add widens the stretches of a contact's case, number and, where it is part of a pattern, agent.
func (r *reaches) add(c *storedContact, from, to time.Time) {
	widen := func(m map[string]*stretch, key string) {
		switch s := m[key]; {
		case key == "":
		case s == nil:
			m[key] = &stretch{from, to}
		default:
			if from.Before(s.from) {
				s.from = from
			}
			if to.After(s.to) {
				s.to = to
			}
		}
	}
	widen(r.cases, c.CaseKey())
	widen(r.numbers, c.NumberKey())
	if c.pattern {
		widen(r.agents, c.Agent)
	}
}

type storedContact struct {
	detectors.Contact
	pattern bool
}

const contactColumns = `c.recording::text, c.at, c.kind, c.principal, c.case_id, c.number, c.agent_id, c.third_party, c.answered, c.duration, c.met, c.pattern`

func scanContact(row pgx.CollectableRow) (c storedContact, err error) {
	err = row.Scan(&c.Recording, &c.At, &c.Kind, &c.Principal, &c.Case, &c.Number, &c.Agent, &c.ThirdParty, &c.Answered, &c.Duration, &c.Met, &c.pattern)
	return c, err
}

// renewContact makes the row of a recording what its inspection and its decisions now say, and notes whom that can touch:
// those after it, and after what it was before.
func (s *Store) renewContact(ctx context.Context, rules Across, id string, touched *reaches) error {
	rows, err := s.pool.Query(ctx, `SELECT `+contactColumns+` FROM contacts c WHERE recording = $1`, id)
	if err != nil {
		return err
	}
	before, err := pgx.CollectRows(rows, scanContact)
	if err != nil {
		return err
	}
	for i := range before {
		touched.add(&before[i], before[i].At, before[i].At.Add(rules.Reach()))
	}
	now, err := s.contactOf(ctx, rules, id)
	if errors.Is(err, errDisposed) {
		return nil // it stays as it was judged; its row goes with what was said in it
	}
	if errors.Is(err, ErrNotFound) || err == nil && now.At.IsZero() {
		_, err = s.pool.Exec(ctx, `DELETE FROM contacts WHERE recording = $1`, id)
		return err
	}
	if err != nil {
		return err
	}
	touched.add(&now, now.At, now.At.Add(rules.Reach()))
	_, err = s.pool.Exec(ctx, `INSERT INTO contacts (recording, at, kind, principal, case_id, number, agent_id, case_key, number_key, third_party,
			answered, duration, met, pattern) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
		ON CONFLICT (recording) DO UPDATE SET at = excluded.at, kind = excluded.kind, principal = excluded.principal, case_id = excluded.case_id,
			number = excluded.number, agent_id = excluded.agent_id, case_key = excluded.case_key, number_key = excluded.number_key,
			third_party = excluded.third_party, answered = excluded.answered, duration = excluded.duration, met = excluded.met, pattern = excluded.pattern`,
		id, now.At, now.Kind, text(now.Principal), text(now.Case), now.Number, text(now.Agent), text(now.CaseKey()), text(now.NumberKey()), now.ThirdParty,
		now.Answered, now.Duration, asJSON(now.Met), now.pattern)
	return err
}

// errDisposed says that a recording is not worked on again.
var errDisposed = errors.New("disposed of")

// contactOf reads a recording as a contact; ErrNotFound for one that was never inspected, errDisposed for one that is
// destroyed.
func (s *Store) contactOf(ctx context.Context, rules Across, id string) (c storedContact, err error) {
	rec, err := s.Recording(ctx, id)
	if err != nil {
		return c, err
	}
	switch rec.State {
	case pipeline.StateDuplicate:
		return c, ErrNotFound
	case pipeline.StateDisposed:
		return c, errDisposed
	}
	heard, err := s.Transcript(ctx, id)
	if err != nil {
		return c, err
	}
	c.Contact = detectors.Contact{Recording: id, Kind: rec.Kind, At: rec.Metadata.StartedAt, Principal: rec.Metadata.Principal, Case: rec.Metadata.CaseID,
		Number: detectors.PhoneKey(rec.Metadata.Phone), Agent: rec.Metadata.AgentID, Duration: rec.Duration, Met: []detectors.Met{}}
	c.ThirdParty, c.Answered = rules.Describe(&detectors.Conversation{ID: id, Kind: rec.Kind, Metadata: rec.Metadata, Utterances: heard.Transcript.Utterances})
	rows, err := s.pool.Query(ctx, `SELECT rule, coalesce(finding ->> 'quote', ''), shadow FROM findings
		WHERE recording = $1 AND NOT across AND (verdict = 'confirmed' OR verdict = 'open' AND current AND NOT doubtful)
		ORDER BY shadow, start, key`, id)
	if err != nil {
		return c, err
	}
	met, err := pgx.CollectRows(rows, pgx.RowToStructByPos[detectors.Met])
	if err != nil {
		return c, err
	}
	for _, m := range met {
		if slices.ContainsFunc(c.Met, func(have detectors.Met) bool { return have.Rule == m.Rule }) {
			continue // the first of a rule is enough
		}
		c.Met = append(c.Met, m)
		c.pattern = c.pattern || !m.Shadow && slices.Contains(rules.PatternRules(), m.Rule)
	}
	return c, nil
}

// contactsIn are the contacts within the stretches.
func (s *Store) contactsIn(ctx context.Context, r *reaches) ([]storedContact, error) {
	args := []any{}
	var parts []byte
	for i, of := range []struct {
		column, only string
		m            map[string]*stretch
	}{{"case_key", "", r.cases}, {"number_key", "", r.numbers}, {"agent_id", " AND c.pattern", r.agents}} {
		var keys []string
		var from, to []time.Time
		for k, s := range of.m {
			keys, from, to = append(keys, text(k)), append(from, s.from), append(to, s.to)
		}
		if i > 0 {
			parts = append(parts, " UNION "...)
		}
		n := len(args)
		args = append(args, keys, from, to)
		parts = fmt.Appendf(parts, `SELECT %s FROM unnest($%d::text[], $%d::timestamptz[], $%d::timestamptz[]) AS k (key, lo, hi)
			JOIN contacts c ON c.%s = k.key AND k.key <> '' AND c.at BETWEEN k.lo AND k.hi%s`, contactColumns, n+1, n+2, n+3, of.column, of.only)
	}
	rows, err := s.pool.Query(ctx, string(parts), args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanContact)
}

// judgeContacts judges what was touched by all that it can be judged by.
func (s *Store) judgeContacts(ctx context.Context, rules Across, touched *reaches) error {
	targets, err := s.contactsIn(ctx, touched)
	if err != nil || len(targets) == 0 {
		return err
	}
	back := newReaches()
	ids := make([]string, len(targets))
	for i := range targets {
		ids[i] = targets[i].Recording
		back.add(&targets[i], targets[i].At.Add(-rules.Reach()), targets[i].At)
	}
	around, err := s.contactsIn(ctx, back)
	if err != nil {
		return err
	}
	// A contact without case and number is nobody's neighbour and is judged alone.
	known := map[string]bool{}
	all := make([]detectors.Contact, 0, len(around))
	for _, c := range append(around, targets...) {
		if !known[c.Recording] {
			known[c.Recording] = true
			all = append(all, c.Contact)
		}
	}
	findings := rules.Across(all, ids)
	have, err := s.foundAcross(ctx, ids)
	if err != nil {
		return err
	}
	slices.SortFunc(targets, func(a, b storedContact) int { return a.At.Compare(b.At) })
	for _, c := range targets {
		if sameFound(have[c.Recording], findings[c.Recording]) {
			continue
		}
		if err := s.storeAcross(ctx, c.Contact, findings[c.Recording], rules); err != nil {
			return fmt.Errorf("findings about several recordings on %s: %w", c.Recording, err)
		}
	}
	return nil
}

// foundAcross are the findings about several recordings as they are stored, by recording and key.
func (s *Store) foundAcross(ctx context.Context, ids []string) (map[string]map[string][]byte, error) {
	rows, err := s.pool.Query(ctx, `SELECT recording::text, key, CASE WHEN current THEN finding ELSE 'null' END FROM findings
		WHERE recording = ANY($1) AND across`, ids)
	if err != nil {
		return nil, err
	}
	out := map[string]map[string][]byte{}
	var recording, key string
	var finding []byte
	_, err = pgx.ForEachRow(rows, []any{&recording, &key, &finding}, func() error {
		if out[recording] == nil {
			out[recording] = map[string][]byte{}
		}
		out[recording][key] = slices.Clone(finding)
		return nil
	})
	return out, err
}

// sameFound says whether exactly these findings are stored. Those kept only for their decision don't count.
func sameFound(have map[string][]byte, want []detectors.Finding) bool {
	current := 0
	for _, b := range have {
		if string(b) != "null" {
			current++
		}
	}
	if current != len(want) {
		return false
	}
	for _, f := range want {
		var old detectors.Finding
		if b := have[f.Key]; b == nil || json.Unmarshal(b, &old) != nil || !reflect.DeepEqual(old, f) {
			return false
		}
	}
	return true
}

// storeAcross replaces the findings about several recordings on one of them. Decisions stay with their findings, as in
// CommitInspection.
func (s *Store) storeAcross(ctx context.Context, c detectors.Contact, found []detectors.Finding, rules Across) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		var inspected bool
		err := tx.QueryRow(ctx, `SELECT score IS NOT NULL AND state <> 'disposed' FROM recordings WHERE id = $1 FOR UPDATE`, c.Recording).Scan(&inspected)
		if errors.Is(err, pgx.ErrNoRows) || err == nil && !inspected {
			return nil // disposed of meanwhile
		}
		if err != nil {
			return err
		}
		keys := make([]string, len(found))
		for i, f := range found {
			keys[i] = f.Key
		}
		if _, err := tx.Exec(ctx, `DELETE FROM findings WHERE recording = $1 AND across AND verdict = 'open' AND NOT key = ANY($2)`, c.Recording, keys); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE findings SET current = false WHERE recording = $1 AND across AND NOT key = ANY($2)`, c.Recording, keys); err != nil {
			return err
		}
		for _, f := range found {
			_, err := tx.Exec(ctx, `INSERT INTO findings (recording, key, rule, severity, doubtful, shadow, start, finding, across)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, true)
				ON CONFLICT (recording, key) DO UPDATE SET severity = excluded.severity, doubtful = excluded.doubtful,
					shadow = excluded.shadow, start = excluded.start, finding = excluded.finding, current = true`,
				c.Recording, f.Key, f.Rule, f.Severity, f.Doubtful, f.Shadow, f.Start, asJSON(f))
			if err != nil {
				return err
			}
		}
		return regrade(ctx, tx, c.Recording, func(standing []detectors.Finding) (int, bool) { return rules.RescoreOf(c.Principal, c.At, standing) })
	})
}
