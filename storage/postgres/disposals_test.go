package postgres_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/speechqa/speechqa/custody"
	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/storage/postgres"
)

// disposalBed is a bed with somebody who proposes and somebody who approves.
type disposalBed struct {
	*bed
	lead, manager custody.Person
}

func newDisposalBed(t *testing.T) *disposalBed {
	b := &disposalBed{bed: newBed(t)}
	person := func(name, role string) custody.Person {
		id, err := b.CreateUser(t.Context(), postgres.User{Name: name, DisplayName: name, PasswordHash: "x", Role: role})
		b.noError(err)
		return custody.Person{Actor: custody.Actor{ID: id, Name: name, Origin: "10.0.0.9"}, Role: role}
	}
	b.lead, b.manager = person("li", "lead"), person("wang", "manager")
	return b
}

// old makes an inspected recording of years ago whose second copy was read well just now.
func (b *disposalBed) old(key string, years int, rules ...string) string {
	b.t.Helper()
	f := found(key)
	f.Metadata.StartedAt = time.Now().AddDate(-years, 0, -1)
	f.Metadata.CaseID = "case-" + key
	id := b.discovered(f)
	r := b.begin(id, pipeline.StepTranscribe)
	heard := transcript("我是张三", key)
	heard.SHA256, heard.TranscriptHash = fmt.Sprintf("%x", sha256.Sum256([]byte(key))), fmt.Sprintf("%x", sha256.Sum256([]byte("t"+key)))
	b.noError(b.CommitTranscript(b.t.Context(), id, r.Attempt, heard))
	b.inspectedBy(id, "rules-1", 80)
	for i, rule := range rules {
		b.exec(fmt.Sprintf(`INSERT INTO findings (recording, key, rule, severity, doubtful, shadow, start, finding, verdict) VALUES
			('%s', '%s-%d', '%[2]s', 'major', false, false, 1, '{"key":"k","rule":"%[2]s","quote":"张三欠钱","term":"欠钱","why":"因为","turn":0,"start":1}', 'confirmed')`, id, rule, i))
	}
	b.copied(id)
	return id
}

// copied notes a second copy that is the recording.
func (b *disposalBed) copied(id string) {
	b.t.Helper()
	b.exec(fmt.Sprintf(`UPDATE copies p SET due_at = NULL, bucket = 'second', key = 'recordings/a', version_id = 'v', sha256 = c.sha256, copied_at = now(), verified_at = now()
		FROM custody c WHERE c.recording = p.recording AND p.recording = '%s'`, id))
}

func (b *disposalBed) propose(p custody.Proposal) string {
	b.t.Helper()
	if p.Why == "" {
		p.Why = "期满销毁"
	}
	p.HoldsUntil = time.Now().AddDate(0, 0, 30)
	id, err := b.ProposeDisposal(b.t.Context(), b.lead, postgres.Scope{}, p)
	b.noError(err)
	return id
}

func (b *disposalBed) approved() string {
	b.t.Helper()
	id := b.propose(custody.Proposal{})
	b.noError(b.ApproveDisposal(b.t.Context(), b.manager, postgres.Scope{}, id, "同意"))
	return id
}

func (b *disposalBed) items(disposal string) []custody.DisposalItem {
	b.t.Helper()
	items, err := b.NextDisposals(b.t.Context(), disposal, nil, 100)
	b.noError(err)
	return items
}

// gone stands for a store that does as it is told.
func gone(context.Context) error          { return nil }
func there(context.Context) (bool, error) { return true, nil }

// What stands against a disposal, each alone, is said by name, keeps the recording out of the batch, and is refused
// by the database at the last moment, too.
func TestObjections(t *testing.T) {
	b := newDisposalBed(t)
	ctx := t.Context()
	user := b.user("clerk")
	free := b.old("free.wav", 6)
	against := map[string]string{ // code → what brings it about
		"date":   `UPDATE custody SET retain_until = now() + interval '1 day' WHERE recording = $1`,
		"hold":   `INSERT INTO legal_holds (recording, reason, owner, placed_by) VALUES ($1, 'r', 'o', 'p')`,
		"lock":   `UPDATE custody SET locked_until = now() + interval '1 hour' WHERE recording = $1`,
		"work":   `UPDATE recordings SET state = 'transcribed' WHERE id = $1`,
		"review": `INSERT INTO findings (recording, key, rule, severity, doubtful, shadow, start, finding) VALUES ($1, 'k', 'threat', 'major', false, false, 1, '{}')`,
		"appeal": `WITH f AS (INSERT INTO findings (recording, key, rule, severity, doubtful, shadow, start, finding, verdict) VALUES ($1, 'k', 'threat', 'major', false, false, 1, '{}', 'confirmed') RETURNING recording)
			INSERT INTO appeals (recording, finding, reason, by, first_by, first_at, score_before) SELECT recording, 'k', 'r', '` + user + `', '` + user + `', now(), 1 FROM f`,
		"disposition": `INSERT INTO dispositions (recording, kind, due) VALUES ($1, 'rectify', current_date + 1)`,
		"damaged":     `UPDATE custody SET problem = 'gone' WHERE recording = $1`,
		"copy":        `UPDATE copies SET due_at = now() WHERE recording = $1`,
		"sample": `WITH s AS (INSERT INTO samples (kind, title, since, until, period, team, principal, half, prior, doubled, seed, population, created_by)
				VALUES ('unflagged', 't', now(), now(), 'week', '', '', 0, 0, 0, 's', 1, '` + user + `') RETURNING id),
			i AS (INSERT INTO sample_items SELECT id, $1, 'a', current_date, 1 FROM s RETURNING sample, recording)
			INSERT INTO sample_seats (sample, recording, reviewer, seat) SELECT sample, recording, '` + user + `', 1 FROM i`,
	}
	ids := map[string]string{}
	for code, sql := range against {
		ids[code] = b.old(code+".wav", 6)
		b.exec(strings.ReplaceAll(sql, "$1", "'"+ids[code]+"'"))
	}
	for code, id := range ids {
		if got := b.query(`SELECT array_to_string(disposal_objections($1), ',')`, id)[0]; got != code {
			t.Errorf("%s: %q stands against it", code, got)
		}
	}
	for code := range against { // the console has words for each
		if !slices.Contains(custody.ObjectionCodes, code) {
			t.Errorf("%s is not in the list of codes", code)
		}
	}
	o, err := b.DisposalOutlook(ctx, postgres.Scope{})
	b.noError(err)
	if o.Due != 10 || o.Ready != 1 || o.Against["hold"] != 1 || o.Against["copy"] != 1 { // but for the one whose date was extended
		t.Errorf("%+v", o)
	}
	id := b.approved()
	d, err := b.Disposal(ctx, postgres.Scope{}, id)
	b.noError(err)
	if d.Counts[custody.ItemWaiting] != 1 || d.Counts[custody.ItemStays] != int64(len(against)-1) || d.Reasons["sample"] != 1 {
		t.Errorf("%+v", d)
	}
	rows, err := b.DisposalRows(ctx, id, custody.ItemWaiting, "", 10)
	b.noError(err)
	if len(rows) != 1 || rows[0].Recording != free || rows[0].CopyAt.IsZero() || rows[0].Key != "recordings/free.wav" {
		t.Errorf("%+v", rows)
	}
	it := b.items(id)[0]
	for code, sql := range against { // and at the last moment
		tx := b.old("late-"+code+".wav", 6)
		late := b.approvedOnly(tx)
		b.exec(strings.ReplaceAll(sql, "$1", "'"+tx+"'"))
		var no custody.Objections
		if err := b.Tombstone(ctx, late); !errors.As(err, &no) || !slices.Equal(no, []string{code}) {
			t.Errorf("%s comes after the approval: %v", code, err)
		}
	}
	b.noError(b.Tombstone(ctx, it))
}

// approvedOnly proposes and approves what is free now, and gives the item of one recording.
func (b *disposalBed) approvedOnly(recording string) custody.DisposalItem {
	b.t.Helper()
	id := b.approved()
	for _, it := range b.items(id) {
		if it.Recording == recording {
			return it
		}
	}
	b.t.Fatalf("%s is not in the batch", recording)
	return custody.DisposalItem{}
}

// Two persons; the batch is decided once, in its time, and by whom and for whose recordings it is.
func TestDisposalNeedsTwo(t *testing.T) {
	b := newDisposalBed(t)
	ctx := t.Context()
	for _, bad := range []custody.Proposal{{HoldsUntil: time.Now().AddDate(0, 0, 1)}, {Why: "w"}, {Why: "w", HoldsUntil: time.Now().AddDate(0, 0, 91)}} {
		if _, err := b.ProposeDisposal(ctx, b.lead, postgres.Scope{}, bad); !errors.Is(err, custody.ErrProposal) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if _, err := b.ProposeDisposal(ctx, b.lead, postgres.Scope{}, custody.Proposal{Why: "w", HoldsUntil: time.Now().AddDate(0, 0, 1)}); !errors.Is(err, custody.ErrNothingDue) {
		t.Errorf("an empty proposal: %v", err)
	}
	recording := b.old("a.wav", 6)
	id := b.propose(custody.Proposal{Principal: "甲银行", Before: time.Now()})
	if err := b.ApproveDisposal(ctx, b.lead, postgres.Scope{}, id, ""); !errors.Is(err, custody.ErrSamePerson) {
		t.Errorf("approved by the proposer: %v", err)
	}
	b.exec(`UPDATE users SET role = 'manager' WHERE name = 'li'`)
	other := b.lead
	other.Role = "manager"
	if err := b.ApproveDisposal(ctx, other, postgres.Scope{}, id, ""); !errors.Is(err, custody.ErrSamePerson) {
		t.Errorf("approved by the proposer in another role: %v", err)
	}
	b.refuses("second_person_approves", fmt.Sprintf(`UPDATE disposals SET state = 'approved', decided_by = proposed_by, decided_role = 'manager', decided_at = now() WHERE id = '%s'`, id))
	b.refuses("with the role that is noted", fmt.Sprintf(`UPDATE disposals SET state = 'approved', decided_by = '%s', decided_role = 'admin', decided_at = now() WHERE id = '%s'`, b.manager.ID, id))
	for _, sc := range []postgres.Scope{{Teams: []string{"south"}}, {None: true}} {
		if err := b.ApproveDisposal(ctx, b.manager, sc, id, ""); !errors.Is(err, postgres.ErrNotFound) {
			t.Errorf("approved beyond the scope: %v", err)
		}
		if list, err := b.Disposals(ctx, sc, 10); len(list) != 0 || err != nil {
			t.Errorf("seen beyond the scope: %+v %v", list, err)
		}
	}
	if err := b.RefuseDisposal(ctx, b.manager, postgres.Scope{}, id, " "); !errors.Is(err, custody.ErrProposal) {
		t.Errorf("refused without a reason: %v", err)
	}
	b.noError(b.RefuseDisposal(ctx, b.manager, postgres.Scope{Principals: []string{"甲银行"}}, id, "还要用"))
	if err := b.ApproveDisposal(ctx, b.manager, postgres.Scope{}, id, ""); !errors.Is(err, custody.ErrDecided) {
		t.Errorf("decided twice: %v", err)
	}
	second := b.propose(custody.Proposal{}) // what was refused can be proposed again
	b.noError(b.ApproveDisposal(ctx, b.manager, postgres.Scope{}, second, ""))
	b.noError(b.WithdrawDisposal(ctx, b.lead, postgres.Scope{}, second))
	if n := len(b.items(second)); n != 0 {
		t.Errorf("%d items after it was stopped", n)
	}
	third := b.propose(custody.Proposal{})
	b.exec(`ALTER TABLE disposals DISABLE TRIGGER disposals_guard; UPDATE disposals SET holds_until = now() - interval '1 minute' WHERE state = 'proposed'; ALTER TABLE disposals ENABLE TRIGGER disposals_guard`)
	if err := b.ApproveDisposal(ctx, b.manager, postgres.Scope{}, third, ""); !errors.Is(err, custody.ErrDecided) {
		t.Errorf("approved after its time: %v", err)
	}
	b.noError(b.LapseDisposals(ctx))
	list, err := b.Disposals(ctx, postgres.Scope{}, 10)
	b.noError(err)
	var states []custody.DisposalState
	for _, d := range list {
		states = append(states, d.State)
	}
	slices.Sort(states)
	if !slices.Equal(states, []custody.DisposalState{custody.DisposalApproved, custody.DisposalLapsed, custody.DisposalRefused}) {
		t.Errorf("%v", states)
	}
	if got := b.query(`SELECT state FROM recordings WHERE id = $1`, recording)[0]; got != "inspected" {
		t.Errorf("state %s though nothing was destroyed", got)
	}
	var actions []string
	for _, a := range b.query(`SELECT action FROM audit_log WHERE action LIKE 'disposal.%' ORDER BY seq`) {
		actions = append(actions, strings.TrimPrefix(a, "disposal."))
	}
	if diff := cmp.Diff([]string{"propose", "refuse", "propose", "approve", "withdraw", "propose", "lapse"}, actions); diff != "" {
		t.Error(diff)
	}
}

// From approval to the record: the database holds the order, words go, counts stay, nothing of it can be undone.
func TestDisposalSteps(t *testing.T) {
	b := newDisposalBed(t)
	ctx := t.Context()
	id := b.old("a.wav", 6, "threat")
	for _, sql := range []string{`INSERT INTO review_events (recording, action, note, score, detail) VALUES ($1, 'confirmed', '张三', 80, '{"q":"张三"}')`,
		`INSERT INTO dispositions (recording, kind, note, told) VALUES ($1, 'advice', '张三', '张三')`,
		`INSERT INTO speaker_corrections (recording, transcript_hash, roles, note, before) VALUES ($1, 'h', '{}', '张三', '{"q":"张三"}')`,
		`INSERT INTO transcript_versions (recording, hash, transcript, heard_at) VALUES ($1, 'h', '{"said":"张三"}', now())`,
		`UPDATE recordings SET detail = '张三', slots = '{"opening":[{"name":"n","heard":true,"quote":"张三"}]}' WHERE id = $1`} {
		b.exec(strings.ReplaceAll(sql, "$1", "'"+id+"'"))
	}
	counts := func() []string {
		return b.query(`SELECT rule || sum(received) || '/' || sum(inspected) || '/' || sum(confirmed) || '/' || sum(score) FROM figures WHERE level = 0 GROUP BY rule ORDER BY rule`)
	}
	before := counts()
	it := b.approvedOnly(id)
	b.refuses("goes step by step", fmt.Sprintf(`UPDATE disposal_items SET state = 'object_gone' WHERE recording = '%s'`, id))
	b.refuses("without its tombstone", fmt.Sprintf(`UPDATE disposal_items SET state = 'tombstoned' WHERE recording = '%s'`, id))
	b.refuses("by its tombstone", fmt.Sprintf(`UPDATE recordings SET state = 'disposed' WHERE id = '%s'`, id), fmt.Sprintf(`UPDATE custody SET disposed_at = now() WHERE recording = '%s'`, id))
	b.refuses("has come so far", fmt.Sprintf(`SELECT erase_recording('%s')`, id))
	erase := []string{`SELECT set_config('speechqa.erasing', '` + id + `', false); DELETE FROM transcripts`, `SELECT set_config('speechqa.erasing', '` + id + `', false); UPDATE review_events SET note = ''`}
	b.refuses("are kept", erase[0])
	b.refuses("is history", erase[1])
	b.noError(b.Tombstone(ctx, it))
	b.refuses("are kept", erase[0])
	b.refuses("has come so far", fmt.Sprintf(`SELECT erase_recording('%s')`, id))
	b.refuses("for ever", `DELETE FROM tombstones`, `UPDATE tombstones SET sha256 = 'x'`)
	b.refuses("is history", `TRUNCATE tombstones`, `TRUNCATE disposals CASCADE`, `TRUNCATE disposal_items`)
	b.refuses("they stay", `DELETE FROM disposals`, `DELETE FROM disposal_items`)
	b.refuses("one_after_the_other", `UPDATE tombstones SET copy_gone_at = now()`)
	failed := errors.New("no answer")
	if err := b.DestroyObject(ctx, it, there, func(context.Context) error { return failed }); !errors.Is(err, failed) {
		t.Errorf("a store that fails: %v", err)
	}
	b.noError(b.DestroyObject(ctx, it, there, gone))
	b.refuses("void_while_all_is_there", `UPDATE tombstones SET voided_at = now(), void_reason = 'x'`)
	if due, err := b.DueCustody(ctx, []string{"recordings"}, 10); len(due) != 0 || err != nil {
		t.Errorf("the keeper is told of it: %+v %v", due, err)
	}
	// A hold now keeps what is left: the copy, and the words.
	hold, _, err := b.PlaceHold(ctx, keeper, custody.Hold{Recording: id, Reason: "r", Owner: "o"})
	b.noError(err)
	if err := b.DestroyCopy(ctx, it, gone); !errors.Is(err, custody.ErrHeld) {
		t.Errorf("copy destroyed in spite of a hold: %v", err)
	}
	b.noError(b.ReleaseHold(ctx, keeper, hold, "结案"))
	b.noError(b.DestroyCopy(ctx, it, gone))
	hold, _, err = b.PlaceHold(ctx, keeper, custody.Hold{CaseID: "case-a.wav", Reason: "r", Owner: "o"})
	b.noError(err)
	if err := b.Erase(ctx, it); !errors.Is(err, custody.ErrHeld) {
		t.Errorf("erased in spite of a hold: %v", err)
	}
	b.noError(b.ReleaseHold(ctx, keeper, hold, "结案"))
	b.noError(b.Erase(ctx, it))
	if err := b.Erase(ctx, it); err == nil {
		t.Error("erased twice")
	}
	if diff := cmp.Diff(before, counts()); diff != "" || len(before) != 2 {
		t.Errorf("figures change by a disposal: %s", diff)
	}
	b.exec(`SELECT figures_rebuild(zone) FROM figure_zone`)
	if diff := cmp.Diff(before, counts()); diff != "" {
		t.Errorf("figures counted anew: %s", diff)
	}
	// Nowhere but in the audit log is anything of what was said, written or called left.
	for _, table := range b.query(`SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace`) {
		if table = strings.Trim(table, `"`); table == "audit_log" || table == "legal_holds" {
			continue
		}
		for _, word := range []string{"张三", "13800001234", "case-a.wav", "欠钱"} {
			if n := b.query(`SELECT count(*) FROM "` + table + `" x WHERE x::text LIKE '%` + word + `%'`)[0]; n != "0" {
				t.Errorf("%s is still in %s", word, table)
			}
		}
	}
	if got := b.query(`SELECT rule || verdict FROM findings`); len(got) != 1 || got[0] != "threatconfirmed" {
		t.Errorf("findings: %v", got)
	}
	sign := func(r custody.DisposalRecord) (string, string, error) {
		if len(r.Destroyed) != 1 || r.Destroyed[0].Recording != id || r.Proposed.Name != "li" || r.Approved.Role != "manager" {
			t.Errorf("%+v", r)
		}
		return "record", "signature", r.Check()
	}
	if n, err := b.EndDisposals(ctx, sign); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if rec, sig, err := b.DisposalRecord(ctx, postgres.Scope{}, it.Disposal); rec != "record" || sig != "signature" || err != nil {
		t.Error(rec, sig, err)
	}
	b.refuses("ends once", `UPDATE disposals SET record = 'x'`, `UPDATE disposals SET state = 'approved'`)
	b.exec(`UPDATE copies SET due_at = now(), problem = 'gone', stuck = true`) // as if a second store were to be filled anew
	if got := b.query(`SELECT (due_at IS NULL)::text || problem || stuck::text FROM copies`)[0]; got != "truefalse" {
		t.Errorf("the copy of a destroyed recording: %s", got)
	}
	rep, err := b.RetentionReport(ctx, postgres.Scope{})
	b.noError(err)
	if rep.Kept != 0 || rep.Destroyed != 1 || rep.Expired != 0 {
		t.Errorf("%+v", rep)
	}
	if err := b.ExtendRetention(ctx, keeper, id, time.Now().AddDate(9, 0, 0), "x"); !errors.Is(err, postgres.ErrNotFound) {
		t.Errorf("a destroyed recording is extended: %v", err)
	}
	if v, err := b.Review(ctx, id); err != nil || v.Recording.State != pipeline.StateDisposed || v.Recording.Object.Key != "disposed/"+id {
		t.Errorf("%+v %v", v.Recording, err)
	}
	if sum, err := b.VerifyAudit(ctx, nil); err != nil || sum.Entries == 0 {
		t.Error(sum, err)
	}
}

// A hold that comes between tombstone and destruction wins while the object is there; the tombstone is void, and stays.
func TestHoldBeatsDisposal(t *testing.T) {
	b := newDisposalBed(t)
	ctx := t.Context()
	id := b.old("a.wav", 6)
	it := b.approvedOnly(id)
	b.noError(b.Tombstone(ctx, it))
	_, _, err := b.PlaceHold(ctx, keeper, custody.Hold{Recording: id, Reason: "r", Owner: "o"})
	b.noError(err)
	never := func(context.Context) error { t.Error("destroyed in spite of a hold"); return nil }
	if err := b.DestroyObject(ctx, it, there, never); !errors.Is(err, custody.ErrHeld) {
		t.Fatal(err)
	}
	if got := b.query(`SELECT r.state || (c.disposed_at IS NULL)::text || (t.voided_at IS NOT NULL)::text || i.state FROM recordings r JOIN custody c ON c.recording = r.id JOIN tombstones t ON t.recording = r.id JOIN disposal_items i ON i.recording = r.id`); got[0] != "inspectedtruetruestays" {
		t.Errorf("%v", got)
	}
	due, err := b.DueCustody(ctx, []string{"recordings"}, 10)
	b.noError(err)
	if len(due) != 1 || !due[0].Held {
		t.Errorf("the keeper does not know of the hold: %+v", due)
	}
	// Where the object was gone already when the process died, the tombstone holds whatever came later.
	second := b.old("b.wav", 6)
	it = b.approvedOnly(second)
	b.noError(b.Tombstone(ctx, it))
	_, _, err = b.PlaceHold(ctx, keeper, custody.Hold{Recording: second, Reason: "r", Owner: "o"})
	b.noError(err)
	b.noError(b.DestroyObject(ctx, it, func(context.Context) (bool, error) { return false, nil }, never))
	if got := b.query(`SELECT i.state FROM disposal_items i WHERE i.recording = $1`, second)[0]; got != "object_gone" {
		t.Error(got)
	}
}

// Who places a hold while an object is being destroyed waits until that is noted.
func TestHoldWaitsForDestruction(t *testing.T) {
	b := newDisposalBed(t)
	ctx := t.Context()
	id := b.old("a.wav", 6)
	it := b.approvedOnly(id)
	b.noError(b.Tombstone(ctx, it))
	placed := make(chan error, 1)
	b.noError(b.DestroyObject(ctx, it, there, func(context.Context) error {
		go func() {
			_, _, err := b.PlaceHold(ctx, keeper, custody.Hold{Recording: id, Reason: "r", Owner: "o"})
			placed <- err
		}()
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			if b.query(`SELECT count(*) FROM pg_locks WHERE NOT granted`)[0] != "0" {
				break
			}
			if time.Now().After(deadline) {
				t.Error("the hold does not wait")
				break
			}
		}
		select {
		case err := <-placed:
			t.Errorf("placed meanwhile: %v", err)
			placed <- err
		default:
		}
		return nil
	}))
	b.noError(<-placed)
}
