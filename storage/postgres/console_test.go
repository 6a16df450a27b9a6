package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/storage/postgres"
)

var errTest = errors.New("of the test")

// keys are the keys of a list's rows.
func (b *bed) keys(f postgres.ListFilter) []string {
	b.t.Helper()
	if f.Limit == 0 {
		f.Limit = 100
	}
	page, err := b.List(b.t.Context(), postgres.Scope{}, f)
	b.noError(err)
	out := []string{}
	for _, r := range page.Rows {
		out = append(out, r.Key)
	}
	return out
}

func TestListFilters(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	doubtful := finding("insult", 1)
	doubtful.Doubtful = true
	shadow := finding("deception", 1)
	shadow.Shadow = true
	threat := finding("threat", 1)
	threat.Severity = detectors.SeverityCritical

	bad := b.inspected(found("bad.wav"), 40, threat, doubtful)
	b.exec(`UPDATE recordings SET fatal = true WHERE id = '` + bad + `'`)
	visit := found("visit.wav")
	visit.Kind, visit.Metadata.AgentID, visit.Metadata.Team, visit.Metadata.Principal = detectors.KindVisit, "a2", "south", "乙银行"
	visit.Metadata.Phone, visit.Metadata.StartedAt = "13999998888", time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	b.inspected(visit, 90, doubtful)
	b.inspected(found("clean.wav"), 100, shadow)
	judged := b.inspected(found("judged.wav"), 90, finding("threat", 2))
	b.noError(b.Decide(ctx, postgres.Decision{RecordingID: judged, FindingKey: "threat-key", Verdict: postgres.VerdictOverturned, UserID: b.user("li")}, tenEach))
	waiting := b.discovered(found("waiting.wav"))
	failed := b.discovered(found("failed_50%.wav"))
	r := b.begin(failed, pipeline.StepTranscribe)
	b.noError(b.Fail(ctx, failed, r.Attempt, pipeline.StepTranscribe, "坏文件", errTest, pipeline.FailFinal))

	for name, tc := range map[string]struct {
		f    postgres.ListFilter
		want []string
	}{
		"all, worst first":    {postgres.ListFilter{}, []string{"bad.wav", "visit.wav", "clean.wav", "judged.wav", "waiting.wav", "failed_50%.wav"}},
		"to judge":            {postgres.ListFilter{Status: postgres.StatusToJudge}, []string{"bad.wav", "visit.wav"}},
		"reviewed":            {postgres.ListFilter{Status: postgres.StatusReviewed}, []string{"judged.wav"}},
		"clean":               {postgres.ListFilter{Status: postgres.StatusClean}, []string{"clean.wav"}},
		"failed":              {postgres.ListFilter{Status: postgres.StatusFailed}, []string{"failed_50%.wav"}},
		"pending":             {postgres.ListFilter{Status: postgres.StatusPending}, []string{"waiting.wav"}},
		"kind":                {postgres.ListFilter{Kind: detectors.KindVisit}, []string{"visit.wav"}},
		"rule":                {postgres.ListFilter{Rule: "threat"}, []string{"bad.wav"}},
		"rule in shadow":      {postgres.ListFilter{Rule: "deception"}, []string{}},
		"severity":            {postgres.ListFilter{Severity: detectors.SeverityCritical}, []string{"bad.wav"}},
		"agent":               {postgres.ListFilter{Agent: "a2"}, []string{"visit.wav"}},
		"team":                {postgres.ListFilter{Team: "south"}, []string{"visit.wav"}},
		"principal":           {postgres.ListFilter{Principal: "乙银行"}, []string{"visit.wav"}},
		"from":                {postgres.ListFilter{From: visit.Metadata.StartedAt}, []string{"visit.wav"}},
		"to is exclusive":     {postgres.ListFilter{Kind: detectors.KindVisit, To: visit.Metadata.StartedAt}, []string{}},
		"score at most":       {postgres.ListFilter{MaxScore: 90}, []string{"bad.wav", "visit.wav"}},
		"doubtful":            {postgres.ListFilter{Doubtful: true}, []string{"bad.wav", "visit.wav"}},
		"file name":           {postgres.ListFilter{Query: "VISIT.W"}, []string{"visit.wav"}},
		"file in a folder":    {postgres.ListFilter{Query: "other/visit.wav"}, []string{}},
		"id":                  {postgres.ListFilter{Query: waiting}, []string{"waiting.wav"}},
		"case":                {postgres.ListFilter{Query: "c-clean.wav"}, []string{"clean.wav"}},
		"phone tail":          {postgres.ListFilter{Query: "8888"}, []string{"visit.wav"}},
		"percent is no joker": {postgres.ListFilter{Query: "Failed_50%"}, []string{"failed_50%.wav"}},
		"joker in a name":     {postgres.ListFilter{Query: "%50%"}, []string{}},
		"joker in a phone":    {postgres.ListFilter{Query: "1%88"}, []string{}},
		"words":               {postgres.ListFilter{Query: "你好\n"}, []string{"bad.wav", "visit.wav", "clean.wav", "judged.wav"}},
		"two at once":         {postgres.ListFilter{Rule: "insult", Team: "north"}, []string{"bad.wav"}},
	} {
		if diff := cmp.Diff(tc.want, b.keys(tc.f)); diff != "" {
			t.Errorf("%s (-want +got): %s", name, diff)
		}
	}
	page, err := b.List(ctx, postgres.Scope{}, postgres.ListFilter{Limit: 1})
	b.noError(err)
	want := postgres.ListRow{ID: bad, Key: "bad.wav", Kind: detectors.KindCall, State: pipeline.StateInspected, Duration: 12.5, Score: 40, Fatal: true, Open: 2,
		Rules: []postgres.RuleCount{{Rule: "threat", Severity: detectors.SeverityCritical, Count: 1}, {Rule: "insult", Severity: detectors.SeverityMajor, Count: 1, Doubtful: true}}}
	if diff := cmp.Diff(want, page.Rows[0], cmpopts.IgnoreFields(postgres.ListRow{}, "CreatedAt", "Metadata")); diff != "" {
		t.Errorf("row (-want +got): %s", diff)
	}
	for _, f := range []postgres.ListFilter{{Status: "?"}, {After: "?"}, {After: "e30"}} {
		if _, err := b.List(ctx, postgres.Scope{}, f); err == nil {
			t.Errorf("%+v gave a page", f)
		}
	}
	facets, err := b.Facets(ctx, postgres.Scope{})
	b.noError(err)
	if diff := cmp.Diff(postgres.Facets{Agents: []string{"a1", "a2"}, Teams: []string{"north", "south"}, Principals: []string{"乙银行", "甲银行"}, Rules: []string{"insult", "threat"}}, facets); diff != "" {
		t.Errorf("facets (-want +got): %s", diff)
	}
}

// Pages neither repeat nor skip, also where many rows are alike.
func TestListPages(t *testing.T) {
	b := newBed(t)
	for i := range 7 {
		b.inspected(found(fmt.Sprintf("%d.wav", i)), 50+i/4)
	}
	b.discovered(found("unscored.wav"))
	b.exec(`UPDATE recordings SET created_at = '2026-01-01'`)
	whole := b.keys(postgres.ListFilter{})
	var pages []string
	f := postgres.ListFilter{Limit: 2}
	for {
		page, err := b.List(t.Context(), postgres.Scope{}, f)
		b.noError(err)
		for _, r := range page.Rows {
			pages = append(pages, r.Key)
		}
		if f.After = page.Next; f.After == "" {
			break
		}
	}
	if len(whole) != 8 || !slices.Equal(whole, pages) {
		t.Errorf("by pages %v, whole %v", pages, whole)
	}
}

func TestDecide(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	id := b.inspected(found("1.wav"), 80, finding("threat", 1), finding("insult", 2))
	li := b.user("li")
	d := postgres.Decision{RecordingID: id, FindingKey: "threat-key", Verdict: postgres.VerdictOverturned, Reason: "misheard", Note: "听错了", UserID: li}
	b.noError(b.Decide(ctx, d, tenEach))
	v, err := b.Review(ctx, id)
	b.noError(err)
	if f := v.Findings[0]; v.Score != 90 || v.Version != 1 || f.Verdict != postgres.VerdictOverturned || f.Reason != "misheard" || f.Note != "听错了" || f.By != "li先生" || f.At.IsZero() {
		t.Errorf("%+v", v)
	}
	if e := v.Trail; len(e) != 1 || e[0].Action != "overturned" || e[0].Rule != "threat" || e[0].By != "li先生" || e[0].Score != 90 {
		t.Errorf("trail: %+v", e)
	}
	if err := b.Decide(ctx, d, tenEach); !errors.Is(err, postgres.ErrConflict) {
		t.Errorf("with the version of before: %v", err)
	}
	d.Version, d.Verdict = 1, postgres.VerdictOpen
	b.noError(b.Decide(ctx, d, tenEach))
	if v, err = b.Review(ctx, id); err != nil || v.Score != 80 || len(v.Trail) != 2 || v.Trail[0].Action != "reopened" || !v.Findings[0].At.IsZero() {
		t.Errorf("taken back: %+v (%v)", v, err)
	}
	for name, d := range map[string]postgres.Decision{
		"recording": {RecordingID: uuid.NewString(), FindingKey: "threat-key", Verdict: postgres.VerdictConfirmed, UserID: li},
		"finding":   {RecordingID: id, FindingKey: "?", Verdict: postgres.VerdictConfirmed, UserID: li, Version: 2},
	} {
		if err := b.Decide(ctx, d, tenEach); !errors.Is(err, postgres.ErrNotFound) {
			t.Errorf("unknown %s: %v", name, err)
		}
	}
	if err := b.Decide(ctx, postgres.Decision{RecordingID: id, Verdict: "?"}, tenEach); err == nil {
		t.Error("an unknown verdict was taken")
	}
	if _, err := b.Review(ctx, uuid.NewString()); !errors.Is(err, postgres.ErrNotFound) {
		t.Errorf("review of nothing: %v", err)
	}
}

func TestReviewBeforeTranscription(t *testing.T) {
	b := newBed(t)
	id := b.discovered(found("1.wav"))
	v, err := b.Review(t.Context(), id)
	b.noError(err)
	if v.Recording.ID != id || len(v.Findings)+len(v.Trail)+len(v.Transcript.Utterances) != 0 {
		t.Errorf("%+v", v)
	}
}

func TestUsers(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	id := b.user("Li")
	b.user("an")
	if _, err := b.CreateUser(ctx, postgres.User{Name: "LI", Role: "clerk"}); !errors.Is(err, postgres.ErrConflict) {
		t.Errorf("the same name in capitals: %v", err)
	}
	u, err := b.UserByName(ctx, "lI")
	b.noError(err)
	want := postgres.User{ID: id, Name: "Li", DisplayName: "Li先生", PasswordHash: "x", Role: "clerk", Principals: []string{}, Teams: []string{}}
	if diff := cmp.Diff(want, u, cmpopts.IgnoreFields(u, "CreatedAt", "PasswordSetAt")); diff != "" || u.CreatedAt.IsZero() {
		t.Errorf("by name (-want +got): %s", diff)
	}
	b.noError(b.SetPassword(ctx, "li", "y"))
	if u, err = b.User(ctx, id); err != nil || u.PasswordHash != "y" {
		t.Errorf("password: %+v %v", u, err)
	}
	for what, err := range map[string]error{
		"name":     func() error { _, err := b.UserByName(ctx, "nobody"); return err }(),
		"id":       func() error { _, err := b.User(ctx, uuid.NewString()); return err }(),
		"password": b.SetPassword(ctx, "nobody", "z"),
	} {
		if !errors.Is(err, postgres.ErrNotFound) {
			t.Errorf("%s of nobody: %v", what, err)
		}
	}
	users, err := b.Users(ctx)
	b.noError(err)
	if len(users) != 2 || users[0].Name != "an" {
		t.Errorf("users: %+v", users)
	}
}

func TestSessions(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	s := b.Sessions()
	b.noError(s.CommitCtx(ctx, "a", []byte("1"), time.Now().Add(time.Hour)))
	b.noError(s.CommitCtx(ctx, "a", []byte("2"), time.Now().Add(time.Hour)))
	b.noError(s.CommitCtx(ctx, "old", []byte("3"), time.Now().Add(-time.Hour)))
	if data, ok, err := s.FindCtx(ctx, "a"); string(data) != "2" || !ok || err != nil {
		t.Errorf("%q %v %v", data, ok, err)
	}
	for _, token := range []string{"old", "none"} {
		if _, ok, err := s.FindCtx(ctx, token); ok || err != nil {
			t.Errorf("%s: %v %v", token, ok, err)
		}
	}
	b.noError(s.CommitCtx(ctx, "b", []byte("4"), time.Now().Add(time.Hour))) // clears what has expired
	if n := b.query(`SELECT count(*) FROM sessions`); n[0] != "2" {
		t.Errorf("%s sessions are kept", n[0])
	}
	b.noError(s.DeleteCtx(ctx, "a"))
	if _, ok, err := s.FindCtx(ctx, "a"); ok || err != nil {
		t.Errorf("deleted: %v %v", ok, err)
	}
	// A store that is asked without a context answers too.
	b.noError(s.Commit("c", []byte("x"), time.Now().Add(time.Hour)))
	if data, ok, err := s.Find("c"); string(data) != "x" || !ok || err != nil {
		t.Errorf("%q %v %v", data, ok, err)
	}
	b.noError(s.Delete("c"))
}

func TestOutcomes(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	old := found("1.wav")
	old.Object.ETag = "old"
	b.inspected(old, 50, finding("threat", 2), finding("insult", 1))
	newest := found("1.wav")
	b.inspected(newest, 80, finding("insult", 1), finding("threat", 2))
	b.discovered(found("2.wav"))
	got, err := b.Outcomes(ctx, "recordings", []string{"1.wav", "2.wav", "3.wav"})
	b.noError(err)
	if len(got) != 2 || got[0].Score != 80 || got[0].Utterances != 2 || len(got[0].Findings) != 2 || got[0].Findings[0].Rule != "insult" ||
		got[1].State != pipeline.StateDiscovered || got[1].Findings == nil {
		t.Errorf("%+v", got)
	}
}

func TestStoppedContext(t *testing.T) {
	b := newBed(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Discover(ctx, []pipeline.Found{found("1.wav")}); !errors.Is(err, context.Canceled) {
		t.Errorf("Discover: %v", err)
	}
	if _, err := b.Begin(ctx, uuid.NewString(), pipeline.StepInspect, "w"); !errors.Is(err, context.Canceled) {
		t.Errorf("Begin: %v", err)
	}
}
