package postgres_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/storage/postgres"
)

func TestTrends(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	put := func(key, agent, team string, day int, score int, fs ...detectors.Finding) string {
		f := found(key)
		f.Metadata.AgentID, f.Metadata.AgentName, f.Metadata.Team = agent, "名"+agent, team
		f.Metadata.StartedAt = time.Date(2026, 3, day, 17, 0, 0, 0, time.UTC) // after midnight in Shanghai
		return b.inspected(f, score, fs...)
	}
	put("1.wav", "a1", "north", 1, 60, finding("threat", 1), finding("insult", 2)) // Monday 2 March in Shanghai
	over := put("2.wav", "a1", "north", 2, 90, finding("threat", 1))
	put("3.wav", "a2", "south", 9, 100)
	b.noError(b.Decide(ctx, postgres.Decision{RecordingID: over, FindingKey: "threat-key", Verdict: postgres.VerdictOverturned, UserID: b.user("li")}, tenEach))
	march := postgres.TrendFilter{From: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)}
	with := func(change func(*postgres.TrendFilter)) postgres.TrendFilter { f := march; change(&f); return f }
	for name, tc := range map[string]struct {
		f    postgres.TrendFilter
		want []postgres.TrendRow
	}{
		"agents": {with(func(f *postgres.TrendFilter) { f.By = postgres.ByAgent }), []postgres.TrendRow{
			{Key: "a1", Name: "名a1", Team: "north", Received: 2, Recordings: 2, Flagged: 1, Judged: 1, Findings: 2, Open: 2, Overturned: 1, Score: 80, Seconds: 24},
			{Key: "a2", Name: "名a2", Team: "south", Received: 1, Recordings: 1, Score: 100, Seconds: 12}}},
		"weeks": {with(func(f *postgres.TrendFilter) { f.By = postgres.ByWeek }), []postgres.TrendRow{
			{Key: "2026-03-02", Name: "2026-03-02", Received: 2, Recordings: 2, Flagged: 1, Judged: 1, Findings: 2, Open: 2, Overturned: 1, Score: 80, Seconds: 24},
			{Key: "2026-03-09", Name: "2026-03-09", Received: 1, Recordings: 1, Score: 100, Seconds: 12}}},
		"days": {with(func(f *postgres.TrendFilter) { f.By, f.Agent = postgres.ByDay, "a1" }), []postgres.TrendRow{
			{Key: "2026-03-02", Name: "2026-03-02", Received: 1, Recordings: 1, Flagged: 1, Findings: 2, Open: 2, Score: 60, Seconds: 12},
			{Key: "2026-03-03", Name: "2026-03-03", Received: 1, Recordings: 1, Judged: 1, Overturned: 1, Score: 100, Seconds: 12}}},
		"rules": {with(func(f *postgres.TrendFilter) { f.By = postgres.ByRule }), []postgres.TrendRow{
			{Key: "insult", Name: "insult", Received: 3, Recordings: 3, Flagged: 1, Findings: 1, Open: 1, Seconds: 36},
			{Key: "threat", Name: "threat", Received: 3, Recordings: 3, Flagged: 1, Judged: 1, Findings: 1, Open: 1, Overturned: 1, Seconds: 36}}},
		"team, one rule": {with(func(f *postgres.TrendFilter) { f.By, f.Rule = postgres.ByTeam, "insult" }), []postgres.TrendRow{
			{Key: "north", Name: "north", Received: 2, Recordings: 2, Flagged: 1, Findings: 1, Open: 1, Score: 80, Seconds: 24},
			{Key: "south", Name: "south", Received: 1, Recordings: 1, Score: 100, Seconds: 12}}},
		"nothing": {with(func(f *postgres.TrendFilter) { f.By, f.Principal = postgres.ByPrincipal, "?" }), nil},
	} {
		got, err := b.Trends(ctx, postgres.Scope{}, tc.f)
		b.noError(err)
		if diff := cmp.Diff(tc.want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got): %s", name, diff)
		}
	}
	if _, err := b.Trends(ctx, postgres.Scope{}, postgres.TrendFilter{By: "?"}); err == nil {
		t.Error("an unknown grouping was taken")
	}
}

// counted is what a group of recordings comes to, counted from the rows themselves.
const countedSQL = `
	WITH per_recording AS (
		SELECT r.agent_id AS key, r.id, (r.score IS NOT NULL)::int AS inspected, coalesce(max(r.score), 0) AS score,
			count(f.key) FILTER (WHERE r.score IS NOT NULL AND (f.verdict = 'confirmed' OR f.verdict = 'open' AND f.current AND NOT f.doubtful)) AS findings,
			count(f.key) FILTER (WHERE r.score IS NOT NULL AND f.verdict = 'confirmed') AS confirmed,
			count(f.key) FILTER (WHERE r.score IS NOT NULL AND f.verdict = 'overturned') AS overturned
		FROM recordings r LEFT JOIN findings f ON f.recording = r.id AND NOT f.shadow AND ($1 = '' OR f.rule = $1)
		WHERE r.state <> 'duplicate' GROUP BY r.id)
	SELECT concat_ws('/', key, count(*), sum(inspected), count(*) FILTER (WHERE findings > 0), sum(findings), sum(confirmed), sum(overturned), sum(score))
	FROM per_recording GROUP BY key ORDER BY key`

// Whatever happens to recordings, in whatever order, the figures are what a count from the rows gives.
func TestFiguresFollowEverything(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed) // shown when the test fails
	random := rand.New(rand.NewPCG(seed, 0))
	conn, err := pgx.Connect(ctx, b.url)
	b.noError(err)
	defer conn.Close(context.WithoutCancel(ctx))
	exec := func(sql string, args ...any) {
		t.Helper()
		_, err := conn.Exec(ctx, sql, args...)
		b.noError(err)
	}
	li := b.user("li")
	b.exec(`ALTER TABLE findings DISABLE TRIGGER findings_kept`) // findings alone are deleted below
	rules := []string{"threat", "insult", "deception"}
	var ids []string
	for step := range 150 {
		what := random.IntN(14)
		if len(ids) == 0 {
			what = 0
		}
		id := ""
		if len(ids) > 0 {
			id = ids[random.IntN(len(ids))]
		}
		switch what {
		case 0, 1, 2: // a new recording
			f := found(fmt.Sprintf("%d.wav", step))
			f.Metadata.AgentID = []string{"a1", "a2", ""}[random.IntN(3)]
			f.Metadata.StartedAt = time.Date(2026, 3, 1+random.IntN(3), 15, 59, 59, 0, time.UTC)
			ids = append(ids, b.transcribed(f, "喂", f.Object.Key))
		case 3, 4, 5, 6: // an inspection, perhaps another one
			exec(`UPDATE recordings SET state = 'transcribed', alive_at = NULL WHERE id = $1`, id)
			var fs []detectors.Finding
			for i := range random.IntN(4) {
				f := finding(rules[random.IntN(len(rules))], float64(i))
				f.Key += fmt.Sprint(i)
				f.Doubtful, f.Shadow = random.IntN(2) == 0, random.IntN(5) == 0
				fs = append(fs, f)
			}
			score, _ := tenEach(fs)
			b.inspectedBy(id, "rules-1", score, fs...)
		case 7, 8: // a decision
			v, err := b.Review(ctx, id)
			b.noError(err)
			v.Findings = slices.DeleteFunc(v.Findings, func(f postgres.JudgedFinding) bool { return f.Shadow }) // nobody judges those
			if len(v.Findings) == 0 || v.Recording.State != pipeline.StateInspected {
				continue
			}
			b.noError(b.Decide(ctx, postgres.Decision{RecordingID: id, FindingKey: v.Findings[random.IntN(len(v.Findings))].Key, UserID: li, Version: v.Version,
				Verdict: []postgres.Verdict{postgres.VerdictConfirmed, postgres.VerdictOverturned, postgres.VerdictOpen}[random.IntN(3)]}, tenEach))
		case 9: // any state to any other
			exec(`UPDATE recordings SET state = $2 WHERE id = $1`, id, []pipeline.State{pipeline.StateFailed, pipeline.StateDuplicate, pipeline.StateTranscribed}[random.IntN(3)])
		case 10: // corrected metadata
			exec(`UPDATE recordings SET agent_id = 'a3', team = 'east', kind = 'visit', started_at = NULL WHERE id = $1`, id)
		case 11: // a finding alone, without its recording's row
			exec(`DELETE FROM findings WHERE ctid = (SELECT ctid FROM findings WHERE recording = $1 LIMIT 1)`, id)
		case 12: // many recordings in one transaction
			exec(`BEGIN`)
			exec(`UPDATE findings SET doubtful = NOT doubtful WHERE random() < 0.5`)
			exec(`UPDATE recordings SET score = score - 1 WHERE random() < 0.5`)
			exec([]string{`COMMIT`, `ROLLBACK`}[random.IntN(2)])
		case 13:
			exec(`SELECT figures_fold()`)
		}
		if step%10 == 0 || what == 9 || what == 10 {
			b.sameFigures(rules)
		}
	}
	b.noError(b.RebuildFigures(ctx, time.UTC))
	b.sameFigures(rules)
	exec(`UPDATE figure_sums SET flagged = flagged + 1 WHERE ctid = (SELECT ctid FROM figure_sums ORDER BY level DESC LIMIT 1)`)
	if drift, err := b.CheckFigures(ctx); err != nil || len(drift) != 1 || drift[0].Parts != 1 {
		t.Errorf("a wrong figure: %v (%v)", drift, err)
	}
}

// sameFigures compares the figures with their definition, and with a count that knows nothing of either.
func (b *bed) sameFigures(rules []string) {
	b.t.Helper()
	drift, err := b.CheckFigures(b.t.Context())
	if err != nil || len(drift) > 0 {
		b.t.Fatalf("figures differ from their definition: %v (%v)", drift, err)
	}
	for _, rule := range append(rules, "") {
		rows, err := b.Trends(b.t.Context(), postgres.Scope{}, postgres.TrendFilter{By: postgres.ByAgent, Rule: rule,
			From: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)})
		b.noError(err)
		var got []string
		for _, r := range rows {
			got = append(got, fmt.Sprintf("%s/%d/%d/%d/%d/%d/%d/%.0f", r.Key, r.Received, r.Recordings, r.Flagged, r.Findings, r.Confirmed, r.Overturned, r.Score*float64(r.Recordings)))
		}
		slices.Sort(got)
		want := b.query(countedSQL, rule)
		slices.Sort(want)
		if !slices.Equal(want, got) {
			b.t.Fatalf("rule %q: figures %q, counted %q", rule, got, want)
		}
	}
}

// Two that change one recording at once, one of them only a finding, are both counted.
func TestFiguresOfTwoAtOnce(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	id := b.inspected(found("1.wav"), 80, finding("threat", 1), finding("insult", 2))
	var conns [2]*pgx.Conn
	for i := range conns {
		var err error
		conns[i], err = pgx.Connect(ctx, b.url)
		b.noError(err)
		defer conns[i].Close(context.WithoutCancel(ctx))
		_, err = conns[i].Exec(ctx, `BEGIN`)
		b.noError(err)
	}
	overturn := func(i int, rule string) {
		_, err := conns[i].Exec(ctx, `UPDATE findings SET verdict = 'overturned' WHERE recording = $1 AND rule = $2`, id, rule)
		if err != nil {
			t.Error(err)
		}
	}
	overturn(0, "threat")
	done := make(chan error)
	go func() {
		overturn(1, "insult") // waits for the first: the list's columns of the recording follow at once
		_, err := conns[1].Exec(ctx, `COMMIT`)
		done <- err
	}()
	_, err := conns[0].Exec(ctx, `COMMIT`)
	b.noError(err)
	b.noError(<-done)
	b.sameFigures([]string{"threat", "insult"})
}

// Figures are kept by days of the zone the console shows.
func TestFigureZone(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	f := found("1.wav")
	f.Metadata.StartedAt = time.Date(2026, 3, 1, 17, 0, 0, 0, time.UTC) // the second of March in Shanghai
	b.inspected(f, 100)
	day := func() string {
		rows, err := b.Trends(ctx, postgres.Scope{}, postgres.TrendFilter{By: postgres.ByDay, From: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)})
		b.noError(err)
		return rows[0].Key
	}
	shanghai, err := time.LoadLocation("Asia/Shanghai")
	b.noError(err)
	for _, c := range []struct {
		zone    *time.Location
		rebuilt bool
		day     string
	}{{shanghai, false, "2026-03-02"}, {time.UTC, true, "2026-03-01"}, {time.UTC, false, "2026-03-01"}} {
		if rebuilt, err := b.UseFigureZone(ctx, c.zone); err != nil || rebuilt != c.rebuilt || day() != c.day {
			t.Errorf("%s: rebuilt %v (%v), day %s", c.zone, rebuilt, err, day())
		}
	}
}
