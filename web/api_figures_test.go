package web

import (
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/speechqa/speechqa/lexicon"
	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
	"github.com/speechqa/speechqa/storage/storagetest/office"
)

// officeLibrary is a made-up office with the rules of the program, for programs to ask.
func officeLibrary(t *testing.T) *library {
	t.Helper()
	l := &library{matrix: matrix{t: t}}
	l.store, l.database = storagetest.Open(t)
	rs, err := lexicon.LoadDefault()
	if err != nil {
		t.Fatal(err)
	}
	if l.console, err = New(Config{Store: l.store, Sessions: l.store.Sessions(), Audio: struct{ AudioSource }{}, Rules: RulesOf(rs), Log: slog.New(slog.NewTextHandler(io.Discard, nil))}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(l.console)
	t.Cleanup(server.Close)
	l.address = server.URL
	o := office.Office{Recordings: 1200, Agents: 8, Days: 60, Until: time.Date(2026, 6, 30, 0, 0, 0, 0, time.UTC)}
	if err := o.Load(t.Context(), l.database, func(string) {}); err != nil {
		t.Fatal(err)
	}
	return l
}

// items is a list of an answer.
func items(v map[string]any, name string) []map[string]any {
	var out []map[string]any
	list, _ := v[name].([]any)
	for _, x := range list {
		out = append(out, x.(map[string]any))
	}
	return out
}

func TestAPIFigures(t *testing.T) {
	l := officeLibrary(t)
	lead := l.as(RoleLead, postgres.User{})
	count := func(sql string, args ...any) float64 {
		var n float64
		if _, err := fmt.Sscan(storagetest.Query(t, l.database, sql, args...)[0], &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	const span = "?from=2026-06-01&to=2026-06-30"
	v := lead.ok("GET", "/api/v1/trends"+span+"&by=team", "")
	total := 0.0
	for _, row := range items(v, "rows") {
		total += row["recordings"].(float64)
		if low, rate, high := row["low"].(float64), row["rate"].(float64), row["high"].(float64); low > rate || rate > high {
			t.Errorf("the interval does not hold the rate: %v", row)
		}
		if row["change"].(map[string]any)["recordings"].(float64) <= 0 {
			t.Errorf("%v was compared with nothing", row["key"])
		}
	}
	want := count(`SELECT count(*) FROM recordings WHERE score IS NOT NULL AND state <> 'duplicate' AND (started_at AT TIME ZONE 'Asia/Shanghai')::date BETWEEN '2026-06-01' AND '2026-06-30'`)
	if total != want || v["from"] != "2026-06-01" || v["to"] != "2026-06-30" || v["against"].(map[string]any)["to"] != "2026-05-31" {
		t.Errorf("%v recordings of %v, %v to %v", total, want, v["from"], v["to"])
	}
	v = lead.ok("GET", "/api/v1/heat"+span, "")
	agent := items(v, "agents")[0]["key"].(string)
	if len(items(v, "agents")) != 8 || len(items(v, "cells")) == 0 {
		t.Errorf("heat: %v", v)
	}
	v = lead.ok("GET", "/api/v1/coverage"+span+"&by=agent", "")
	if len(items(v, "rows")) != 8 || len(items(v, "reviewers")) == 0 || len(items(v, "rules")) == 0 {
		t.Errorf("coverage: %v", v)
	}
	for _, name := range []string{"trends.csv", "trends.xlsx", "heat.csv", "heat.xlsx", "coverage.csv", "coverage.xlsx", "training.xlsx", "daily.xlsx", "spotcheck.xlsx", "quality.xlsx"} {
		lead.ok("GET", "/api/v1/"+name, "")
	}
	lead.no("GET", "/api/v1/trends?by=mood", "", 400, "bad_request")
	lead.no("GET", "/api/v1/trends?from=2026-06-02&to=2026-06-01", "", 400, "bad_span")
	lead.no("GET", "/api/v1/coverage?by=mood", "", 400, "bad_request")

	one := map[string]string{"agent": agent}
	v = lead.ok("POST", "/api/v1/agents/{agent}/coaching", `{"note": "听了三段录音，语速放慢"}`, one)
	if talk := items(v, "coaching"); len(talk) != 1 || talk[0]["by"] == "" || v["total"] == nil || len(items(v, "weeks")) == 0 || len(items(v, "rules")) == 0 || len(items(v, "findings")) == 0 {
		t.Errorf("agent: %.300v", v)
	}
	lead.no("POST", "/api/v1/agents/{agent}/coaching", `{"note": ""}`, 400, "bad_request", one)
	lead.no("GET", "/api/v1/agents/{agent}", "", 404, "not_found", map[string]string{"agent": "nobody"})
	other := storagetest.Query(t, l.database, `SELECT team FROM recordings WHERE team <> (SELECT team FROM recordings WHERE agent_id = $1 LIMIT 1) LIMIT 1`, agent)[0]
	manager := l.as(RoleManager, postgres.User{Teams: []string{other}})
	manager.no("GET", "/api/v1/agents/{agent}", "", 404, "not_found", one)
	for _, row := range items(manager.ok("GET", "/api/v1/trends"+span+"&by=team", ""), "rows") {
		if row["key"] != other {
			t.Errorf("a manager sees the team %v", row["key"])
		}
	}
	l.as(RoleClerk, postgres.User{}).no("GET", "/api/v1/trends", "", 403, "forbidden")

	v = lead.ok("GET", "/api/v1/training"+span, "")
	if teams := items(v, "teams"); len(teams) == 0 || len(items(teams[0], "needs")) == 0 || len(items(items(teams[0], "needs")[0], "examples")) == 0 {
		t.Errorf("training: %v", v)
	}
	v = lead.ok("GET", "/api/v1/daily?day=2026-06-18", "")
	day := 0.0
	for _, row := range items(v, "principals") {
		day += row["received"].(float64)
	}
	if want := count(`SELECT count(*) FROM recordings WHERE state <> 'duplicate' AND (started_at AT TIME ZONE 'Asia/Shanghai')::date = '2026-06-18'`); day != want || v["day"] != "2026-06-18" {
		t.Errorf("the daily report has %v recordings of %v", day, want)
	}
	first, again := lead.ok("GET", "/api/v1/spotcheck"+span+"&n=3&draw=2", ""), lead.ok("GET", "/api/v1/spotcheck"+span+"&n=3&draw=2", "")
	if len(items(first, "visits")) != 3 || fmt.Sprint(first) != fmt.Sprint(again) {
		t.Errorf("spot check: %v", first)
	}
}

// A sample is drawn, judged by two, and compared, all by programs.
func TestAPISamples(t *testing.T) {
	l := officeLibrary(t)
	storagetest.Exec(t, l.database, `UPDATE findings SET added = false WHERE added`)
	lead, clerk := l.as(RoleLead, postgres.User{}), l.as(RoleClerk, postgres.User{})
	ids := storagetest.Query(t, l.database, `SELECT id FROM users WHERE name IN ('program-lead', 'program-clerk') ORDER BY name`)
	spec := `{"kind": "calibration", "title": "校准", "from": "2026-06-01", "to": "2026-06-30", "period": "month", "size": 2, "reviewers": ["` + strings.Join(ids, `", "`) + `"]}`
	lead.no("POST", "/api/v1/sampling", strings.Replace(spec, ids[0]+`", "`, "", 1), 400, "sample_reviewers")
	clerk.no("POST", "/api/v1/sampling", spec, 403, "forbidden")
	v := lead.ok("POST", "/api/v1/sampling", spec)
	if v["drawn"].(float64) != 2 || v["seats"].(float64) != 4 || v["comparable"] != false || v["items"] != nil {
		t.Fatalf("drawn: %v", v)
	}
	sample := map[string]string{"sample": v["id"].(string)}
	at := "/api/v1/recordings/{id}/blind/{sample}"
	for _, judge := range []asker{lead, clerk} {
		for {
			tasks := items(judge.ok("GET", "/api/v1/sampling", ""), "tasks")
			if len(tasks) == 0 {
				break
			}
			one := map[string]string{"id": tasks[0]["recording"].(string), "sample": sample["sample"]}
			task := judge.ok("GET", at, "", one)
			if len(items(task, "transcript")) == 0 || task["findings"] != nil {
				t.Errorf("blind: %v", task)
			}
			judge.no("POST", at, `{"rules": ["no_such_rule"]}`, 400, "bad_request", one)
			rules := `[]`
			if judge.key == clerk.key {
				rules = fmt.Sprintf(`[%q]`, task["rules"].([]any)[0])
			}
			judge.ok("POST", at, `{"rules": `+rules+`}`, one)
			judge.no("POST", at, `{"rules": []}`, 409, "conflict", one)
		}
	}
	v = lead.ok("GET", "/api/v1/sampling/{sample}", "", sample)
	if rules := items(v, "rules"); v["comparable"] != true || len(rules) != 2 || rules[0]["broken"].(float64) != 2 || items(v, "items")[0]["undecided"] != true {
		t.Errorf("judged: %v", v)
	}
	if v := lead.ok("POST", "/api/v1/sampling/{sample}/close", "", sample); v["closed"] == nil {
		t.Errorf("closed: %v", v)
	}
	quality := lead.ok("GET", "/api/v1/quality?from=2026-06-01&to=2026-06-30", "")
	if len(items(quality, "rules")) == 0 {
		t.Errorf("quality: %v", quality)
	}
}
