package web

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
	"github.com/speechqa/speechqa/web/browsertest"
)

// A lead draws a sample, judges blind, sees nothing of others until all have judged, has the last word, and finds recall,
// precision and agreement on the page of quality and in its workbook.
func TestSamplingInBrowser(t *testing.T) {
	d := smallOffice(t, RoleLead)
	store := storagetest.OpenURL(t, d.database)
	second, err := store.CreateUser(t.Context(), postgres.User{Name: "zhou", DisplayName: "周质检", PasswordHash: "x", Role: string(RoleClerk)})
	if err != nil {
		t.Fatal(err)
	}
	storagetest.Exec(t, d.database, `UPDATE findings SET added = false WHERE added`)
	b := browsertest.Open(t, d.address, d.session())
	look := func(picture string) {
		t.Helper()
		b.Accessible("node_modules")
		b.Picture(pictures, picture)
		if wide := browsertest.Ask[float64](b, `document.documentElement.scrollWidth - innerWidth`); wide > 0 {
			t.Errorf("%s is %v pixels wider than the screen", picture, wide)
		}
	}
	b.Go("/sampling")
	if hint := browsertest.Ask[string](b, `document.querySelector("main").innerText`); !strings.Contains(hint, "没有等您评判的录音") {
		t.Errorf("nothing to judge reads %.80s", hint)
	}
	if option := browsertest.Ask[string](b, `document.querySelector("form[data-draw=unflagged] [name=half]").selectedOptions[0].text`); option != "± 5 个百分点（至多 139 段）" { // 1.96² · 0.1 · 0.9 / 0.05²
		t.Errorf("the margin is offered as %q", option)
	}
	b.Type(`form[data-draw=unflagged] input[name=title]`, "六月漏检")
	browsertest.Ask[bool](b, `(f => { f.half.value = "10"; f.doubled.value = "50"; f.period.value = "month";
		for (const r of f.querySelectorAll("[name=reviewer]")) r.checked = ["李", "周质检"].includes(r.parentElement.textContent.trim());
		return true })(document.querySelector("form[data-draw=unflagged]"))`)
	look("sampling")
	b.Click(`form[data-draw=unflagged] button.primary`)
	b.Becomes(`location.pathname.startsWith("/sampling/") && document.readyState === "complete"`)
	sample := browsertest.Ask[string](b, `location.pathname`)
	if text := browsertest.Ask[string](b, `document.querySelector("main").innerText`); !strings.Contains(text, "全部评完或结束抽样后才显示评判") || strings.Contains(text, "逐段对照") {
		t.Errorf("an open sample shows %.200s", text)
	}

	// Blind: no finding, no evidence, neither link nor word of another.
	b.Go("/sampling")
	b.Click(`.tasks a.button`)
	b.Becomes(`document.querySelector("form.verdict") && document.readyState === "complete"`)
	if n := browsertest.Ask[int](b, `document.querySelectorAll("[data-finding], mark, .score, .chip").length`); n != 0 {
		t.Errorf("the blind page shows %d things of the system", n)
	}
	look("blind")
	first := browsertest.Ask[string](b, `location.pathname`)
	b.Click(`form.verdict button.primary`)
	b.Becomes(`!document.querySelector(".problem").hidden`)
	b.Click(`input[name=rule][value=threat]`)
	b.Click(`form.verdict button.primary`)
	b.Becomes(`location.pathname !== "` + first + `" && document.querySelector("form.verdict") && document.readyState === "complete"`)
	b.Go(first)
	b.Becomes(`location.pathname === "/sampling" && document.readyState === "complete"`) // judged is judged

	id := strings.TrimPrefix(sample, "/sampling/")
	judged := 1
	for _, who := range []string{storagetest.Query(t, d.database, `SELECT id FROM users WHERE name = 'li'`)[0], second} {
		for {
			tasks, err := store.SampleTasks(t.Context(), postgres.Scope{}, who)
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(tasks, func(task postgres.SampleTask) bool { return task.Sample == id })
			if i < 0 {
				break
			}
			var rules []string
			if judged%7 == 0 {
				rules = []string{"threat"}
			}
			if err := store.JudgeSample(t.Context(), id, tasks[i].Recording, rules, "", false, postgres.Actor{ID: who}); err != nil {
				t.Fatal(err)
			}
			judged++
		}
	}
	if judged < 30 {
		t.Fatalf("only %d judgements", judged)
	}
	b.Go(sample)
	b.Becomes(`document.querySelector("table.compare") && document.querySelector("table.figures")`)
	if differ := browsertest.Ask[int](b, `document.querySelectorAll("tr.differ").length`); differ == 0 {
		t.Error("nobody differs")
	}
	look("sample")

	storagetest.Exec(t, d.database, `INSERT INTO findings (recording, key, rule, severity, doubtful, shadow, start, finding)
		SELECT id, 'formula', '=SUM(1)', 'minor', false, false, 0, '{"rule": "=SUM(1)", "rule_version": 1}' FROM recordings WHERE state = 'inspected' ORDER BY started_at DESC LIMIT 1`)
	storagetest.Exec(t, d.database, `UPDATE findings SET finding = jsonb_set(finding, '{rule_version}', (SELECT rules -> 'threat' FROM samples LIMIT 1)) WHERE rule = 'threat'`)
	b.Go("/quality")
	b.Becomes(`document.querySelector("table.figures tbody tr")`)
	text := browsertest.Ask[string](b, `document.querySelector("main").innerText`)
	if !strings.Contains(text, "六月漏检") {
		t.Errorf("the page of quality does not name the sample: %.200s", text)
	}
	if row := browsertest.Ask[string](b, `[...document.querySelectorAll("table.figures tbody tr")].find(r => r.cells[0].innerText === "威胁恐吓").innerText`); strings.Count(row, "[") < 3 {
		t.Errorf("precision, recall and agreement of threat: %q", row)
	}
	if row := browsertest.Ask[string](b, `[...document.querySelectorAll("table.figures tbody tr")].find(r => r.cells[0].innerText === "=SUM(1)").cells[7].innerText`); row != "–" {
		t.Errorf("recall of a rule that nobody can judge by ear: %q", row)
	}
	look("quality")
	storagetest.Exec(t, d.database, `UPDATE samples SET rules = jsonb_set(rules, '{threat}', '1')`)
	b.Go("/quality")
	if row := browsertest.Ask[string](b, `[...document.querySelectorAll("table.figures tbody tr")].find(r => r.cells[0].innerText === "威胁恐吓").cells[7].innerText`); row != "规则已改，请重新抽样" {
		t.Errorf("recall from a sample that was drawn before the rule changed: %q", row)
	}
	b.Click(`button[name=lang][value=en]`)
	b.Becomes(`document.documentElement.lang === "en" && document.readyState === "complete"`)
	if h := browsertest.Ask[string](b, `document.querySelector("h1").textContent`); h != "Quality of the rules" {
		t.Errorf("in English the page is headed %q", h)
	}
	for _, path := range []string{"/sampling", sample, "/quality"} {
		status, page := d.get(path)
		if status != http.StatusOK {
			t.Errorf("%s: status %d", path, status)
		}
		parsePage(t, bytes.NewReader(page))
	}
	status, file := d.get("/quality.xlsx")
	if status != http.StatusOK {
		t.Fatalf("the workbook: status %d", status)
	}
	book, err := excelize.OpenReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	quoted := false
	for _, sheet := range book.GetSheetList() {
		rows, err := book.GetRows(sheet)
		if err != nil {
			t.Fatal(err)
		}
		for y, row := range rows {
			for x, cell := range row {
				at, err := excelize.CoordinatesToCellName(x+1, y+1)
				if err != nil {
					t.Fatal(err)
				}
				if f, err := book.GetCellFormula(sheet, at); err != nil || f != "" || strings.HasPrefix(cell, "=") {
					t.Errorf("%s %s may be a formula: %q %q %v", sheet, at, cell, f, err)
				}
				quoted = quoted || cell == "'=SUM(1)"
			}
		}
	}
	if !quoted {
		t.Error("the hostile name is not in the workbook")
	}
}

// samplingPlaces are the addresses of samples in the matrix: of one that holds its own recording, judged by nobody.
func (m *matrix) samplingPlaces() map[string]func(*http.Cookie) place {
	const id = "0191d7a0-0000-7000-8000-0000000000aa"
	if len(storagetest.Query(m.t, m.database, `SELECT 1 FROM samples WHERE id = $1`, id)) == 0 {
		storagetest.Exec(m.t, m.database, `
			INSERT INTO samples (id, kind, title, since, until, period, team, principal, half, prior, doubled, seed, population, created_by)
				VALUES ('`+id+`', 'unflagged', 't', now(), now(), 'week', '', '', 0, 0, 0, 's', 2, '`+m.target+`');
			INSERT INTO sample_items SELECT '`+id+`', id, agent_id, '2026-03-02', 1 FROM recordings;
			INSERT INTO sample_seats (sample, recording, reviewer, seat) SELECT '`+id+`', id, '`+m.target+`', 1 FROM recordings`)
	}
	return map[string]func(*http.Cookie) place{
		"GET /sampling/{sample}": func(*http.Cookie) place { return place{own: "/sampling/" + id} },
		// Ended by the first who may; it is a conflict for the next.
		"POST /sampling/{sample}/close": func(*http.Cookie) place { return place{own: "/sampling/" + id + "/close"} },
		"GET /recordings/{id}/blind/{sample}": func(*http.Cookie) place {
			return place{"/recordings/" + m.own + "/blind/" + id, "/recordings/" + m.foreign + "/blind/" + id}
		},
		"POST /recordings/{id}/blind/{sample}": func(*http.Cookie) place {
			return place{"/recordings/" + m.own + "/blind/" + id, "/recordings/" + m.foreign + "/blind/" + id}
		},
	}
}
