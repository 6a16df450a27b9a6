package postgres_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/speechqa/speechqa/storage/postgres"
)

// claim is ClaimNext without a scope.
func (b *bed) claim(user, after string) string {
	b.t.Helper()
	id, err := b.ClaimNext(b.t.Context(), postgres.Scope{}, user, "", after)
	b.noError(err)
	return id
}

// Whoever asks gets the next recording, worst first, that nobody else has.
func TestClaimNext(t *testing.T) {
	b := newBed(t)
	worst := b.inspected(found("1.wav"), 10, finding("threat", 1))
	b.inspected(found("2.wav"), 100)
	middle := b.inspected(found("3.wav"), 60, finding("threat", 1))
	mildest := b.inspected(found("4.wav"), 70, finding("threat", 1))
	li, an := b.user("li"), b.user("an")

	if got := b.claim(li, ""); got != worst {
		t.Fatalf("the first is %s, want the worst", got)
	}
	if got := b.claim(an, uuid.NewString()); got != middle {
		t.Errorf("the second person gets %s, want the next one", got)
	}
	if got := b.claim(li, worst); got != mildest {
		t.Errorf("after the worst comes %s, want what nobody has", got)
	}
	if got := b.claim(an, middle); got != worst { // li left it unjudged
		t.Errorf("what was left unjudged is not free again: %q", got)
	}
	b.exec(`UPDATE recordings SET assigned_until = now() - interval '1 second' WHERE id = '` + mildest + `'`)
	if got := b.claim(an, worst); got != middle {
		t.Errorf("what one left oneself is %q", got)
	}
	if got := b.claim(an, middle); got != mildest {
		t.Errorf("a claim that has run out holds: %q", got)
	}
	for range 2 {
		b.noError(b.Decide(t.Context(), postgres.Decision{RecordingID: middle, FindingKey: "threat-key", Verdict: postgres.VerdictConfirmed, UserID: li,
			Version: b.version(middle)}, tenEach))
	}
	b.noError(b.Decide(t.Context(), postgres.Decision{RecordingID: worst, FindingKey: "threat-key", Verdict: postgres.VerdictConfirmed, UserID: li}, tenEach))
	if got := b.claim(li, ""); got != "" {
		t.Errorf("nothing is left, but %q is given", got)
	}
}

func (b *bed) version(id string) int64 {
	b.t.Helper()
	v, err := b.Review(b.t.Context(), id)
	b.noError(err)
	return v.Version
}

// Whose claim has run out is told while nobody else has the recording, and told otherwise once somebody has, by claiming it or
// by judging it.
func TestClaimRunsOut(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	first := b.inspected(found("1.wav"), 10, finding("threat", 1))
	second := b.inspected(found("2.wav"), 20, finding("threat", 1))
	li, an := b.user("li"), b.user("an")
	told := func(user string) (out []string) {
		all, err := b.Notices(ctx, postgres.NoticeFor{User: user, Reviews: true, Days: 7})
		b.noError(err)
		for _, n := range all {
			out = append(out, string(n.Kind)+" "+n.Recording+" "+n.By)
		}
		slices.Sort(out)
		return out
	}
	if got := []string{b.claim(li, ""), b.claim(li, uuid.NewString())}; got[0] != first {
		t.Fatalf("claimed %v", got)
	}
	b.exec(`UPDATE recordings SET assignee = '` + li + `', assigned_until = now() + interval '1 minute'`)
	if got := told(li); len(got) != 0 {
		t.Errorf("told before it ran out: %q", got)
	}
	b.exec(`UPDATE recordings SET assigned_until = now() - interval '1 second'`)
	if got := told(li); len(got) != 2 || got[0][:10] != "claim_over" {
		t.Errorf("run out: %q", got)
	}
	v, err := b.Review(ctx, first)
	b.noError(err)
	if v.AssigneeID != li || v.Assignee != "" || v.ClaimUntil.IsZero() || v.ClaimUntil.After(time.Now()) {
		t.Errorf("claim of %q until %v, now %q", v.AssigneeID, v.ClaimUntil, v.Assignee)
	}
	if got := b.claim(an, ""); got != first {
		t.Fatalf("claimed %s", got)
	}
	b.noError(b.Decide(ctx, postgres.Decision{RecordingID: second, FindingKey: "threat-key", Verdict: postgres.VerdictConfirmed, UserID: an}, tenEach))
	want := []string{"claim_passed " + first + " an先生", "claim_passed " + second + " an先生"}
	slices.Sort(want)
	if got := told(li); !slices.Equal(got, want) {
		t.Errorf("passed on: %q, want %q", got, want)
	}
	if got := told(an); len(got) != 0 {
		t.Errorf("who took them is told: %q", got)
	}
	if user, name, err := b.Holder(ctx, first); user != an || name != "an先生" || err != nil {
		t.Errorf("%s has it, called %q (%v)", user, name, err)
	}
	if b.claim(an, first); err != nil {
		t.Fatal(err)
	}
	if user, _, err := b.Holder(ctx, first); user != "" || err != nil {
		t.Errorf("left, but %s has it (%v)", user, err)
	}
	if got := told(li); !slices.Equal(got, want) {
		t.Errorf("a recording left is a claim that ran out: %q", got)
	}
}

// Many people at once: everything is given, and nothing twice.
func TestClaimNextAtOnce(t *testing.T) {
	b := newBed(t)
	const recordings, people = 40, 8
	for i := range recordings {
		b.inspected(found(fmt.Sprintf("%d.wav", i)), 50, finding("threat", 1))
	}
	users := make([]string, people)
	for i := range users {
		users[i] = b.user(fmt.Sprint("u", i))
	}
	var mu sync.Mutex
	given := map[string]string{}
	var all sync.WaitGroup
	for _, u := range users {
		all.Go(func() {
			for {
				id, err := b.ClaimNext(t.Context(), postgres.Scope{}, u, "", "")
				if err == nil && id == "" {
					return
				}
				if err == nil { // judged, so that the next is another
					err = b.Decide(t.Context(), postgres.Decision{RecordingID: id, FindingKey: "threat-key", Verdict: postgres.VerdictConfirmed, UserID: u}, tenEach)
				}
				mu.Lock()
				if err != nil || given[id] != "" {
					t.Errorf("%s was given to %s and to %s (%v)", id, given[id], u, err)
				}
				given[id] = u
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if len(given) != recordings {
		t.Errorf("%d of %d recordings were given", len(given), recordings)
	}
}

// A lead's assignment stays until it is taken back, and only whose it is gets it.
func TestAssign(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	first, second := b.inspected(found("1.wav"), 10, finding("threat", 1)), b.inspected(found("2.wav"), 20, finding("threat", 1))
	lead, li, an := b.user("lead"), b.user("li"), b.user("an")
	if n, err := b.Assign(ctx, postgres.Scope{}, lead, "", li, []string{first, second, uuid.NewString()}); err != nil || n != 2 {
		t.Fatalf("%d assigned (%v)", n, err)
	}
	if got := b.claim(an, ""); got != "" {
		t.Errorf("another person got %q", got)
	}
	if got := b.claim(li, ""); got != first {
		t.Errorf("whose it is got %q", got)
	}
	b.claim(li, first)
	for who, want := range map[string][]string{li: {"1.wav", "2.wav"}, an: {}, postgres.AssigneeNobody: {}} {
		if got := b.keys(postgres.ListFilter{Assignee: who}); !slices.Equal(got, want) {
			t.Errorf("assigned to %s: %v", who, got)
		}
	}
	if v, err := b.Review(ctx, first); err != nil || v.Assignee != "li先生" || v.AssigneeID != li {
		t.Errorf("the recording's assignee: %+v (%v)", v.Assignee, err)
	}
	if n, err := b.Assign(ctx, postgres.Scope{Teams: []string{"south"}}, lead, "", an, []string{first}); err != nil || n != 0 {
		t.Errorf("outside the scope %d are assigned (%v)", n, err)
	}
	if n, err := b.Assign(ctx, postgres.Scope{}, lead, "", "", []string{first}); err != nil || n != 1 {
		t.Fatalf("%d taken back (%v)", n, err)
	}
	if got := b.keys(postgres.ListFilter{Assignee: postgres.AssigneeNobody}); !slices.Equal(got, []string{"1.wav"}) {
		t.Errorf("nobody's: %v", got)
	}
	if _, err := b.Assign(ctx, postgres.Scope{}, lead, "", uuid.NewString(), []string{first}); !errors.Is(err, postgres.ErrNotFound) {
		t.Errorf("to somebody unknown: %v", err)
	}
	if got := b.query(`SELECT count(*) FROM audit_log WHERE action = 'recording.assign'`); got[0] != "2" {
		t.Errorf("%s assignments in the audit log", got[0])
	}
}

func TestSavedFilters(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	li, an := b.user("li"), b.user("an")
	b.noError(b.SaveFilter(ctx, li, "", "我的", "rule=threat"))
	b.noError(b.SaveFilter(ctx, li, "", "我的", "rule=insult"))
	mine, err := b.SavedFilters(ctx, li)
	b.noError(err)
	if len(mine) != 1 || mine[0].Name != "我的" || mine[0].Query != "rule=insult" {
		t.Fatalf("%+v", mine)
	}
	if theirs, err := b.SavedFilters(ctx, an); err != nil || len(theirs) != 0 {
		t.Errorf("another person sees %+v (%v)", theirs, err)
	}
	if err := b.DropFilter(ctx, an, "", mine[0].ID); !errors.Is(err, postgres.ErrNotFound) {
		t.Errorf("another person's filter was dropped: %v", err)
	}
	for i := range 19 {
		b.noError(b.SaveFilter(ctx, li, "", fmt.Sprint(i), "a=b"))
	}
	if err := b.SaveFilter(ctx, li, "", "one too many", "a=b"); !errors.Is(err, postgres.ErrConflict) {
		t.Errorf("one filter too many: %v", err)
	}
	b.noError(b.DropFilter(ctx, li, "", mine[0].ID))
}

func TestCounts(t *testing.T) {
	b := newBed(t)
	for i := range 3 {
		b.inspected(found(fmt.Sprintf("%d.wav", i)), 50, finding("threat", 1))
	}
	b.exec(`INSERT INTO recordings (bucket, key, version, size, kind, state) SELECT 'b', 'k' || i, '1', 1, 'call', 'failed' FROM generate_series(1, 1200) i`)
	got, err := b.Counts(t.Context(), postgres.Scope{}, []postgres.ListFilter{{Rule: "threat"}, {Rule: "insult"}, {Status: postgres.StatusFailed}, {Query: "k1199"}})
	b.noError(err)
	if want := []int{3, 0, postgres.CountCap + 1, 1}; !slices.Equal(got, want) {
		t.Errorf("counts %v, want %v", got, want)
	}
	if got, err := b.Counts(t.Context(), postgres.Scope{None: true}, []postgres.ListFilter{{}}); err != nil || got[0] != 0 {
		t.Errorf("outside the scope: %v (%v)", got, err)
	}
}

func TestClerkDay(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	li := b.user("li")
	first, second := b.inspected(found("1.wav"), 10, finding("threat", 1), finding("insult", 2)), b.inspected(found("2.wav"), 20, finding("threat", 1))
	for i, d := range []postgres.Decision{{RecordingID: first, FindingKey: "threat-key"}, {RecordingID: first, FindingKey: "insult-key", Version: 1}, {RecordingID: second, FindingKey: "threat-key"}} {
		d.Verdict, d.UserID = postgres.VerdictConfirmed, li
		if err := b.Decide(ctx, d, tenEach); err != nil {
			t.Fatalf("decision %d: %v", i, err)
		}
	}
	b.inspected(found("3.wav"), 20, finding("threat", 1))
	b.claim(li, "")
	b.noError(b.SetQuota(ctx, li, "", li, 90))
	now := time.Now()
	want := postgres.ClerkDay{UserID: li, Name: "li先生", Quota: 90, Recordings: 2, Findings: 3, Held: 1}
	if got, err := b.ClerkDay(ctx, li, now.AddDate(0, 0, -1)); err != nil || got != want {
		t.Errorf("%+v (%v), want %+v", got, err, want)
	}
	all, err := b.ClerkDays(ctx, now.AddDate(0, 0, 1), []string{"clerk"})
	want.Recordings, want.Findings = 0, 0
	if err != nil || len(all) != 1 || all[0] != want {
		t.Errorf("from tomorrow on: %+v (%v)", all, err)
	}
}
