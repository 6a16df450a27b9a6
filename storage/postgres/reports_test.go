package postgres_test

import (
	"slices"
	"testing"
	"time"

	"github.com/speechqa/speechqa/pipeline"

	"github.com/google/go-cmp/cmp"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/storage/postgres"
)

// reportBed has three recordings of two agents with judged, open, doubtful and shadow findings.
func reportBed(t *testing.T) (b *bed, year postgres.TrendFilter) {
	b = newBed(t)
	put := func(key, agent, team string, kind detectors.Kind, day, score int, fs ...detectors.Finding) string {
		f := found(key)
		f.Metadata.AgentID, f.Metadata.AgentName, f.Metadata.Team, f.Kind = agent, "名"+agent, team, kind
		f.Metadata.StartedAt = time.Date(2026, 3, day, 2, 0, 0, 0, time.UTC)
		return b.inspected(f, score, fs...)
	}
	doubtful, shadow := finding("insult", 3), finding("deception", 1)
	doubtful.Doubtful, shadow.Shadow = true, true
	one := put("1.wav", "a1", "north", detectors.KindCall, 1, 60, finding("threat", 1), doubtful, shadow)
	put("2.wav", "a1", "north", detectors.KindVisit, 2, 90, finding("threat", 1))
	put("3.wav", "a2", "south", detectors.KindVisit, 3, 40, finding("threat", 2), finding("insult", 1))
	li, an := b.user("li"), b.user("an")
	judge := func(key string, v postgres.Verdict, who string, version int64) {
		b.noError(b.Decide(t.Context(), postgres.Decision{RecordingID: one, FindingKey: key, Verdict: v, UserID: who, Version: version}, tenEach))
	}
	judge("threat-key", postgres.VerdictConfirmed, li, 0)
	judge("threat-key", postgres.VerdictOverturned, an, 1)
	judge("insult-key", postgres.VerdictConfirmed, li, 2)
	judge("insult-key", postgres.VerdictConfirmed, an, 3)
	return b, postgres.TrendFilter{From: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)}
}

func TestExamples(t *testing.T) {
	b, year := reportBed(t)
	for name, tc := range map[string]struct {
		sc   postgres.Scope
		f    postgres.ReportFilter
		want []string
	}{
		"newest first":        {postgres.Scope{}, postgres.ReportFilter{Limit: 9}, []string{"a2 insult open", "a2 threat open", "a1 threat open", "a1 threat overturned", "a1 insult confirmed"}},
		"standing":            {postgres.Scope{}, postgres.ReportFilter{Standing: true, Limit: 9}, []string{"a2 insult open", "a2 threat open", "a1 threat open", "a1 insult confirmed"}},
		"worst, one each":     {postgres.Scope{}, postgres.ReportFilter{Standing: true, Worst: true, PerRecord: true, Limit: 9}, []string{"a2 insult open", "a1 threat open", "a1 insult confirmed"}},
		"of a rule, one each": {postgres.Scope{}, postgres.ReportFilter{TrendFilter: postgres.TrendFilter{Rule: "threat"}, PerRecord: true, Limit: 2}, []string{"a2 threat open", "a1 threat open"}},
		"of a team":           {postgres.Scope{}, postgres.ReportFilter{TrendFilter: postgres.TrendFilter{Team: "south", Kind: detectors.KindVisit}, Limit: 1}, []string{"a2 insult open"}},
		"in the scope":        {postgres.Scope{Teams: []string{"north"}}, postgres.ReportFilter{Limit: 9}, []string{"a1 threat open", "a1 threat overturned", "a1 insult confirmed"}},
	} {
		tc.f.From, tc.f.To = year.From, year.To
		got, err := b.ReportExamples(t.Context(), tc.sc, tc.f)
		b.noError(err)
		var seen []string
		for _, e := range got {
			seen = append(seen, e.Metadata.AgentID+" "+e.Rule+" "+string(e.Verdict))
		}
		if diff := cmp.Diff(tc.want, seen); diff != "" {
			t.Errorf("%s (-want +got): %s", name, diff)
		}
	}
}

// Of each recording the last disposition counts, and none where it was taken back.
func TestDispositionCounts(t *testing.T) {
	b, year := reportBed(t)
	b.exec(`INSERT INTO dispositions (recording, kind, due) SELECT r.id, x.kind, x.due FROM recordings r JOIN (VALUES
		(1, '1.wav', 'advice', NULL::date), (2, '1.wav', 'penalty', '2026-01-01'), (3, '2.wav', 'penalty', NULL), (4, '3.wav', 'retrain', NULL),
		(5, '3.wav', 'none', NULL)) x (n, key, kind, due) ON x.key = r.key ORDER BY x.n`)
	got, err := b.DispositionCounts(t.Context(), postgres.Scope{}, year)
	b.noError(err)
	if diff := cmp.Diff([]postgres.DispositionCount{{Kind: postgres.DispositionPenalty, Recordings: 2, Agents: 1, Overdue: 1}}, got); diff != "" {
		t.Errorf("(-want +got): %s", diff)
	}
	if got, err = b.DispositionCounts(t.Context(), postgres.Scope{Teams: []string{"south"}}, year); err != nil || len(got) != 0 {
		t.Errorf("in the south: %+v (%v)", got, err)
	}
	h, err := b.AgentHistory(t.Context(), postgres.Scope{}, "a1", 5)
	b.noError(err)
	if len(h.Dispositions) != 2 || h.Dispositions[0].Kind != postgres.DispositionPenalty {
		t.Errorf("dispositions of the agent: %+v", h.Dispositions)
	}
}

func TestReviewers(t *testing.T) {
	b, year := reportBed(t)
	got, err := b.Reviewers(t.Context(), postgres.Scope{}, year)
	b.noError(err)
	want := []postgres.Reviewer{{Name: "an先生", Days: 1, Recordings: 1, Confirmed: 1, Overturned: 1}, {Name: "li先生", Days: 1, Recordings: 1, Confirmed: 2, Again: 2, Agreed: 1}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got): %s", diff)
	}
	for _, sc := range []postgres.Scope{{Teams: []string{"south"}}, {None: true}} {
		if got, err := b.Reviewers(t.Context(), sc, year); err != nil || len(got) != 0 {
			t.Errorf("%+v sees the work on others: %+v (%v)", sc, got, err)
		}
	}
}

func TestVisits(t *testing.T) {
	b, year := reportBed(t)
	draw := func(sc postgres.Scope, n int, seed string) (agents []string) {
		visits, err := b.Visits(t.Context(), sc, year, n, seed)
		b.noError(err)
		for _, v := range visits {
			agents = append(agents, v.Metadata.AgentID)
			if v.Metadata.AgentID == "a2" && (v.Score != 40 || len(v.Findings) != 2 || v.Findings[0].Rule != "insult" || v.Findings[0].Quote != "话") {
				t.Errorf("%+v", v)
			}
		}
		return agents
	}
	if got := draw(postgres.Scope{}, 9, "1"); !slices.Equal(got, []string{"a1", "a2"}) {
		t.Errorf("visits of %v", got)
	}
	if got := draw(postgres.Scope{Agent: "a2"}, 9, "1"); !slices.Equal(got, []string{"a2"}) {
		t.Errorf("within the scope visits of %v", got)
	}
	drawn := map[string]bool{}
	for _, seed := range []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"} {
		one := draw(postgres.Scope{}, 1, seed)
		if again := draw(postgres.Scope{}, 1, seed); !slices.Equal(one, again) {
			t.Errorf("lot %s drew %v, then %v", seed, one, again)
		}
		drawn[one[0]] = true
	}
	if len(drawn) != 2 {
		t.Errorf("twelve lots drew only %v", drawn)
	}
}

func TestHeatAndFacets(t *testing.T) {
	b, year := reportBed(t)
	ctx := t.Context()
	south := postgres.Scope{Teams: []string{"south"}}
	year.By = postgres.ByTeam
	cells, err := b.Heat(ctx, postgres.Scope{}, year)
	b.noError(err)
	want := []postgres.HeatCell{{"north", "insult", 1, 1}, {"north", "threat", 1, 1}, {"south", "insult", 1, 1}, {"south", "threat", 1, 1}}
	if diff := cmp.Diff(want, cells); diff != "" {
		t.Errorf("(-want +got): %s", diff)
	}
	if cells, err = b.Heat(ctx, south, year); err != nil || len(cells) != 2 {
		t.Errorf("within the scope: %v (%v)", cells, err)
	}
	year.By = postgres.ByRule
	if _, err := b.Heat(ctx, postgres.Scope{}, year); err == nil {
		t.Error("rules against rules were taken")
	}
	for range 2 { // what waits in the deltas, and what is folded
		f, err := b.Facets(ctx, postgres.Scope{})
		b.noError(err)
		if diff := cmp.Diff(postgres.Facets{Agents: []string{"a1", "a2"}, Teams: []string{"north", "south"}, Principals: []string{"甲银行"}, Rules: []string{"insult", "threat"}}, f); diff != "" {
			t.Errorf("(-want +got): %s", diff)
		}
		if f, err = b.Facets(ctx, south); err != nil || !slices.Equal(f.Agents, []string{"a2"}) {
			t.Errorf("within the scope: %+v (%v)", f, err)
		}
		for sc, want := range map[*postgres.Scope]string{{}: "2026-03-03", {Agent: "a1"}: "2026-03-02"} {
			if day, err := b.LatestFigure(ctx, *sc); err != nil || day.Format(time.DateOnly) != want {
				t.Errorf("%+v: the last day is %s (%v), want %s", *sc, day, err, want)
			}
		}
		if day, err := b.LatestFigure(ctx, postgres.Scope{None: true}); err != nil || !day.IsZero() {
			t.Errorf("nobody's last day is %s (%v)", day, err)
		}
		b.exec(`SELECT figures_fold()`)
	}
	late := found("late.wav") // that nobody has heard yet
	late.Metadata.StartedAt, late.Metadata.AgentID = time.Date(2026, 4, 1, 2, 0, 0, 0, time.UTC), "a9"
	_, err = b.Discover(ctx, []pipeline.Found{late})
	b.noError(err)
	for range 2 {
		for sc, want := range map[*postgres.Scope]string{{}: "2026-03-03", {Agent: "a9"}: "2026-04-01"} {
			if day, err := b.LatestFigure(ctx, *sc); err != nil || day.Format(time.DateOnly) != want {
				t.Errorf("%+v: the last day is %s (%v), want %s", *sc, day, err, want)
			}
		}
		b.exec(`SELECT figures_fold()`)
	}
	names, err := b.AgentNames(ctx, south, []string{"a1", "a2", "a3"})
	b.noError(err)
	if diff := cmp.Diff(map[string]string{"a2": "名a2"}, names); diff != "" {
		t.Errorf("(-want +got): %s", diff)
	}
}
