package postgres_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/speechqa/speechqa/custody"
	"github.com/speechqa/speechqa/storage/postgres"
)

var keeper = custody.Actor{Name: "keeper", Origin: "10.0.0.9"}

func (b *bed) retained(id string) time.Time {
	b.t.Helper()
	var at time.Time
	if err := at.UnmarshalText([]byte(b.query(`SELECT to_char(retain_until AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') FROM custody WHERE recording = $1`, id)[0])); err != nil {
		b.t.Fatal(err)
	}
	return at
}

// refuses runs statements as somebody with the tables before him would, and wants each refused.
func (b *bed) refuses(sentence string, sql ...string) {
	b.t.Helper()
	conn, err := pgx.Connect(b.t.Context(), b.url)
	b.noError(err)
	defer conn.Close(b.t.Context())
	for _, q := range sql {
		if _, err := conn.Exec(b.t.Context(), q); err == nil || !strings.Contains(err.Error(), sentence) {
			b.t.Errorf("%s: got %v, want a refusal with %q", q, err, sentence)
		}
	}
}

func TestRetentionBegins(t *testing.T) {
	b := newBed(t)
	started := found("a.wav").Metadata.StartedAt
	_, err := b.SetTerm(t.Context(), keeper, custody.Term{Principal: "乙银行", Years: 7})
	b.noError(err)
	a := b.discovered(found("a.wav"))
	long := found("b.wav")
	long.Metadata.Principal = "乙银行"
	other := b.discovered(long)
	odd := found("c.wav") // a clock that was never set
	odd.Metadata.StartedAt = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	unset := b.discovered(odd)
	odd = found("d.wav") // nor one that runs ahead of the times
	odd.Metadata.StartedAt = time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC)
	ahead := b.discovered(odd)
	for id, want := range map[string]time.Time{
		a: started.AddDate(5, 0, 0), other: started.AddDate(7, 0, 0),
		unset: odd.Object.LastModified.AddDate(5, 0, 0), ahead: odd.Object.LastModified.AddDate(5, 0, 0),
	} {
		if got := b.retained(id); !got.Equal(want) {
			t.Errorf("kept until %s, want %s", got, want)
		}
	}
}

func TestTermsExtendOnly(t *testing.T) {
	b := newBed(t)
	id := b.discovered(found("a.wav")) // of 甲银行
	started := found("a.wav").Metadata.StartedAt
	for _, years := range []int{2, 0, -1, 101} {
		if _, err := b.SetTerm(t.Context(), keeper, custody.Term{Years: years}); !errors.Is(err, custody.ErrTerm) {
			t.Errorf("%d years: %v", years, err)
		}
	}
	for _, step := range []struct {
		principal string
		years     int
		extended  int64
		until     int
	}{{"", 6, 1, 6}, {"甲银行", 8, 1, 8}, {"甲银行", 3, 0, 8}, {"", 20, 0, 8}} {
		n, err := b.SetTerm(t.Context(), keeper, custody.Term{Principal: step.principal, Years: step.years})
		b.noError(err)
		if got := b.retained(id); n != step.extended || !got.Equal(started.AddDate(step.until, 0, 0)) {
			t.Errorf("%+v: %d extended, kept until %s", step, n, got)
		}
	}
	b.noError(b.ExtendRetention(t.Context(), keeper, id, started.AddDate(9, 0, 0), "complaint 7"))
	if err := b.ExtendRetention(t.Context(), keeper, id, started.AddDate(8, 0, 0), "x"); !errors.Is(err, custody.ErrShorter) {
		t.Errorf("shortened: %v", err)
	}
	if got := b.query(`SELECT action FROM audit_log ORDER BY seq`); len(got) != 5 || got[4] != "retention.extend" {
		t.Errorf("on record: %v", got)
	}
}

// Before the date the database refuses, whoever asks: the triggers hold for the tables' owner, too.
func TestDatabaseRefusesRemoval(t *testing.T) {
	b := newBed(t)
	id := b.inspected(found("a.wav"), 80, finding("threat", 1))
	hold, _, err := b.PlaceHold(t.Context(), keeper, custody.Hold{CaseID: "c-a.wav", Reason: "诉讼", Owner: "法务"})
	b.noError(err)
	b.refuses("are kept", `DELETE FROM recordings`, `TRUNCATE recordings CASCADE`, `DELETE FROM transcripts`, `TRUNCATE transcripts CASCADE`,
		`DELETE FROM findings`, `TRUNCATE findings CASCADE`, `DELETE FROM custody`, `TRUNCATE custody CASCADE`, `DELETE FROM legal_holds`)
	b.refuses("not shortened", `UPDATE custody SET retain_until = retain_until - interval '1 day'`,
		`UPDATE custody SET recorded_at = recorded_at - interval '1 day'`, `UPDATE custody SET sha256 = 'x'`)
	b.refuses("kept_three_years", fmt.Sprintf(`ALTER TABLE custody DISABLE TRIGGER USER; UPDATE custody SET retain_until = recorded_at + interval '2 years' WHERE recording = '%s'`, id))
	b.refuses("retention_terms_years_check", `UPDATE retention_terms SET years = 2`)
	b.refuses("not removed", `DELETE FROM retention_terms`)
	b.refuses("stays as it was", `UPDATE recordings SET key = 'other.wav'`, `UPDATE recordings SET version_id = 'v'`)
	b.refuses("released, not changed", `UPDATE legal_holds SET case_id = 'other', released_at = now(), released_by = 'x', release_reason = 'x'`)
	if _, err := b.Review(t.Context(), id); err != nil || hold == "" {
		t.Error(err)
	}
}

// Hearing a recording again keeps what was heard before; judged findings stay whatever the rules say later.
func TestHistoryStays(t *testing.T) {
	b := newBed(t)
	id := b.inspected(found("a.wav"), 80, finding("threat", 1), finding("insult", 2))
	v, err := b.Review(t.Context(), id)
	b.noError(err)
	b.noError(b.Decide(t.Context(), postgres.Decision{RecordingID: id, FindingKey: "threat-key", Verdict: postgres.VerdictConfirmed, UserID: b.user("li"), Version: v.Version}, tenEach))
	b.exec(`UPDATE recordings SET state = 'transcribed'`)
	b.inspectedBy(id, "rules-2", 100)
	if got := b.query(`SELECT rule FROM findings`); len(got) != 1 || got[0] != "threat" {
		t.Errorf("left: %v", got)
	}
	b.refuses("never once judged", `UPDATE recordings SET inspected_at = now(); DELETE FROM findings`)
	if n := b.query(`SELECT count(*) FROM transcript_versions`)[0]; n != "0" {
		t.Errorf("%s versions of a transcript heard once", n)
	}
	b.exec(`UPDATE recordings SET state = 'discovered'`)
	r := b.begin(id, "transcribe")
	heard := transcript("别的话")
	heard.SHA256 = "another"
	b.noError(b.CommitTranscript(t.Context(), id, r.Attempt, heard))
	if got := b.query(`SELECT hash FROM transcript_versions`); len(got) != 1 || strings.Contains(got[0], "别的话") {
		t.Errorf("earlier versions: %v", got)
	}
	if got := b.query(`SELECT problem <> '' AND sha256 <> 'another' FROM custody`); got[0] != "t" {
		t.Error("that the object changed goes unnoticed")
	}
}

func TestHolds(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	f := found("a.wav")
	a := b.discovered(f)
	other := found("b.wav")
	other.Metadata.AgentID, other.Metadata.StartedAt = "a2", f.Metadata.StartedAt.AddDate(0, 0, 7)
	b.discovered(other)
	day := f.Metadata.StartedAt.Truncate(24 * time.Hour)
	for want, h := range map[int64]custody.Hold{
		1: {Recording: a}, 2: {From: day}, 0: {From: day.AddDate(0, 0, 1), To: day.AddDate(0, 0, 2)},
	} {
		h.Reason, h.Owner = "监管调查", "法务部"
		if _, n, err := b.PlaceHold(ctx, keeper, h); err != nil || n != want {
			t.Errorf("%+v keeps %d, want %d: %v", h, n, want, err)
		}
	}
	byAgent, n, err := b.PlaceHold(ctx, keeper, custody.Hold{AgentID: "a2", To: day.AddDate(0, 1, 0), Reason: "r", Owner: "o"})
	if err != nil || n != 1 {
		t.Error(n, err)
	}
	for _, h := range []custody.Hold{{Reason: "r", Owner: "o"}, {CaseID: "c", Owner: "o"}, {CaseID: "c", Reason: " ", Owner: "o"}, {CaseID: "c", Reason: "r"}} {
		if _, _, err := b.PlaceHold(ctx, keeper, h); !errors.Is(err, custody.ErrScope) {
			t.Errorf("%+v: %v", h, err)
		}
	}
	if _, _, err := b.PlaceHold(ctx, keeper, custody.Hold{Recording: "00000000-0000-0000-0000-000000000000", Reason: "r", Owner: "o"}); !errors.Is(err, postgres.ErrNotFound) {
		t.Error(err)
	}
	b.noError(b.ReleaseHold(ctx, keeper, byAgent, "结案"))
	if err := b.ReleaseHold(ctx, keeper, byAgent, "again"); !errors.Is(err, postgres.ErrNotFound) {
		t.Errorf("released twice: %v", err)
	}
	holds, err := b.Holds(ctx, postgres.Scope{})
	b.noError(err)
	if len(holds) != 4 || holds[3].ID != byAgent || holds[3].ReleaseReason != "结案" || holds[0].ReleasedAt != (time.Time{}) || holds[3].Matches != 1 {
		t.Errorf("%+v", holds)
	}
	rep, err := b.RetentionReport(ctx, postgres.Scope{})
	b.noError(err)
	if rep.Kept != 2 || rep.Held != 2 || rep.Unlocked != 2 || rep.Expired != 0 || rep.Unhashed != 2 || len(rep.Years) != 1 || rep.Years[0].Year != 2031 {
		t.Errorf("%+v", rep)
	}
}

// A wish that changes while the store is told of the earlier one is not lost.
func TestDueCustody(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	id := b.discovered(found("a.wav"))
	due, err := b.DueCustody(ctx, []string{"recordings"}, 10)
	b.noError(err)
	if len(due) != 1 || due[0].ID != id || due[0].Held || !due[0].LockedUntil.IsZero() || due[0].Object.ETag != "etag-a.wav" {
		t.Fatalf("%+v", due)
	}
	if none, err := b.DueCustody(ctx, []string{"elsewhere"}, 10); len(none) != 0 || err != nil {
		t.Error(none, err)
	}
	_, _, err = b.PlaceHold(ctx, keeper, custody.Hold{Recording: id, Reason: "r", Owner: "o"})
	b.noError(err)
	b.noError(b.DoneCustody(ctx, []custody.Done{{Due: due[0], LockedUntil: due[0].RetainUntil, Mode: custody.Compliance}}))
	due, err = b.DueCustody(ctx, []string{"recordings"}, 10)
	b.noError(err)
	if len(due) != 1 || !due[0].Held || due[0].HeldThere || !due[0].LockedUntil.Equal(due[0].RetainUntil) {
		t.Fatalf("after a hold: %+v", due)
	}
	b.noError(b.DoneCustody(ctx, []custody.Done{{Due: due[0], LockedUntil: due[0].RetainUntil, HeldThere: true, Problem: "no answer", Again: true}}))
	if due, err = b.DueCustody(ctx, []string{"recordings"}, 10); len(due) != 0 || err != nil {
		t.Errorf("tried again at once: %+v %v", due, err)
	}
	if got := b.query(`SELECT lock_problem || (due_at > now())::text FROM custody`)[0]; got != `no answertrue` && got != `"no answertrue"` {
		t.Error(got)
	}
}
