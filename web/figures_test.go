package web

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"
	"golang.org/x/net/html"

	"github.com/speechqa/speechqa/lexicon"
	"github.com/speechqa/speechqa/storage/storagetest"
	"github.com/speechqa/speechqa/storage/storagetest/office"
)

// desk is somebody at work before a made-up office on a real database.
type desk struct {
	t                 *testing.T
	client            *http.Client
	address, database string
}

// smallOffice is an office in which li is logged in.
func smallOffice(t *testing.T, role Role) *desk {
	t.Helper()
	d := &desk{t: t}
	rules, err := lexicon.LoadDefault()
	if err != nil {
		t.Fatal(err)
	}
	d.client, d.address, d.database = visitorUnder(t, role, RulesOf(rules))
	o := office.Office{Recordings: 3000, Agents: 16, Days: 70, Until: time.Date(2026, 6, 30, 0, 0, 0, 0, time.UTC)}
	if err := o.Load(t.Context(), d.database, func(string) {}); err != nil {
		t.Fatal(err)
	}
	storagetest.Exec(t, d.database, `UPDATE users SET teams = '{`+EveryTeam+`}' WHERE name = 'li' AND role = 'manager'`)
	visit(t, d.client, d.address+"/login", url.Values{"name": {"li"}, "password": {"correct horse battery"}})
	return d
}

func (d *desk) get(path string) (int, []byte) {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, d.address+path, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	res, err := d.client.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return res.StatusCode, b
}

// session is the cookie that li is logged in by.
func (d *desk) session() *http.Cookie {
	d.t.Helper()
	u, err := url.Parse(d.address)
	if err != nil {
		d.t.Fatal(err)
	}
	cookies := d.client.Jar.Cookies(u)
	if len(cookies) == 0 {
		d.t.Fatal("li is not logged in")
	}
	return cookies[0]
}

// tableOf is a page's table as rows of text.
func tableOf(table *html.Node) (rows [][]string) {
	for _, tr := range all(table, "tr") {
		var row []string
		for _, c := range all(tr, "th, td") {
			row = append(row, textOf(c))
		}
		rows = append(rows, row)
	}
	return rows
}

// Every page of figures is there in both languages, leads on, and its files hold exactly what it shows.
func TestFigurePages(t *testing.T) {
	d := smallOffice(t, RoleManager)
	get, database := d.get, d.database
	storagetest.Exec(t, database,
		`UPDATE recordings SET team = '=HYPERLINK("http://evil.example")', metadata = metadata || '{"team": "=HYPERLINK(\"http://evil.example\")", "agent_name": "+<b>王"}' WHERE agent_id = '1003'`,
		`UPDATE users SET display_name = '@SUM(A1)' WHERE name = 'reviewer1'`,
		`INSERT INTO dispositions (recording, kind, note) SELECT r.id, 'retrain', '再听一遍' FROM recordings r
			WHERE r.score IS NOT NULL AND (r.agent_id = '1001' OR r.started_at >= '2026-06-30') ORDER BY r.started_at DESC LIMIT 300`)
	const span = "from=2026-05-01&to=2026-06-30"
	for _, page := range []struct {
		path, file string
		tables     int
	}{
		{"/trends?by=agent&" + span, "csv xlsx", 3}, {"/trends?by=team&against=none&" + span, "csv xlsx", 1}, {"/trends?by=principal&against=year&" + span, "csv xlsx", 3},
		{"/trends?by=rule&against=span&cfrom=2026-04-21&cto=2026-04-30&" + span, "csv xlsx", 3}, {"/trends?by=week&rule=threat&" + span, "csv xlsx", 1}, {"/trends", "csv xlsx", 3},
		{"/heat?" + span, "csv xlsx", 1}, {"/agents/1003?" + span, "", 2}, {"/coverage?by=day&" + span, "csv xlsx", 3}, {"/coverage?by=agent&" + span, "csv xlsx", 3},
		{"/training?" + span, "xlsx", 1}, {"/daily?day=2026-06-30", "xlsx", 5}, {"/daily", "xlsx", 5}, {"/spotcheck?n=12&draw=7&" + span, "xlsx", 1},
	} {
		status, body := get(page.path)
		if status != http.StatusOK {
			t.Errorf("%s: status %d", page.path, status)
			continue
		}
		doc := parsePage(t, bytes.NewReader(body))
		var tables [][][]string
		for _, n := range all(doc, ".tablewrap table.figures") {
			tables = append(tables, tableOf(n))
		}
		if n := len(all(doc, "table.figures")); n != page.tables {
			t.Errorf("%s: %d tables, want %d", page.path, n, page.tables)
		}
		for _, a := range all(doc, "main a[href]") {
			if h := attr(a, "href"); !strings.HasPrefix(h, "/") {
				t.Errorf("%s leads to %s", page.path, h)
			}
		}
		one(t, doc, `.nav a[href="/trends"][aria-current]`)
		for kind := range strings.FieldsSeq(page.file) {
			link := attr(one(t, doc, `a[download][href*=".`+kind+`"]`), "href")
			status, file := get(link)
			if status != http.StatusOK {
				t.Errorf("%s: status %d", link, status)
				continue
			}
			var got [][][]string
			if kind == "xlsx" {
				got = sheets(t, file)
			} else {
				got = csvTables(t, file, len(tables))
			}
			if page.path[:5] == "/trai" { // the file has the examples too, which the page shows as a list
				got = got[:1]
			}
			if len(got) != len(tables) {
				t.Errorf("%s has %d tables, the page %d", link, len(got), len(tables))
				continue
			}
			for i := range tables {
				if want, have := fmt.Sprintf("%q", tables[i]), strings.ReplaceAll(fmt.Sprintf("%q", got[i]), `"'`, `"`); want != have {
					t.Errorf("%s, table %d: the file holds\n%.600s\nthe page shows\n%.600s", link, i, have, want)
				}
			}
		}
	}
	get2 := func(path string) *html.Node {
		_, b := get(path)
		return parsePage(t, bytes.NewReader(b))
	}
	// The address restores the view.
	doc := get2("/trends?by=team&rule=threat&principal=" + url.QueryEscape("华远银行信用卡") + "&kind=call&against=year&" + span)
	for _, selected := range []string{"by team", "rule threat", "principal 华远银行信用卡", "kind call", "against year"} {
		name, value, _ := strings.Cut(selected, " ")
		if got := attr(one(t, doc, "select[name="+name+"] option[selected]"), "value"); got != value {
			t.Errorf("%s is %q", name, got)
		}
	}
	if got := attr(one(t, doc, "input[name=from]"), "value"); got != "2026-05-01" {
		t.Errorf("from is %q", got)
	}
	// What is behind a figure is what it counts.
	row := all(doc, ".tablewrap table.figures tbody tr")[0]
	count, link := textOf(all(row, "td")[1]), attr(all(row, "td a")[0], "href")
	if n := fmt.Sprint(len(all(get2(link), "table.list tbody tr"))); n != count && n != "50" {
		t.Errorf("%s lists %s recordings, the figure is %s", link, n, count)
	}
	for path, want := range map[string]int{"/agents/none": 404, "/trends?by=shoe": 400, "/trends?from=2026-05-01&to=2026-04-01": 400, "/trends?from=1990-01-01&to=2026-01-01": 400,
		"/trends?against=x": 400, "/coverage?by=rule": 400, "/daily?day=tomorrow": 400, "/spotcheck?n=0": 400, "/spotcheck?draw=x": 400, "/heat?kind=x": 400} {
		if status, _ := get(path); status != want {
			t.Errorf("%s: status %d, want %d", path, status, want)
		}
	}
	for _, form := range []struct {
		values url.Values
		want   int
	}{{url.Values{"note": {"听了三条录音"}, "rule": {"threat"}}, 200}, {url.Values{"note": {" "}}, 400}, {url.Values{"note": {"x"}, "rule": {"none"}}, 400}} {
		if got := visit(t, d.client, d.address+"/agents/1001/coaching", form.values); got != form.want {
			t.Errorf("coaching %v: status %d, want %d", form.values, got, form.want)
		}
	}
	if n := len(all(get2("/agents/1001"), ".dispositions li")); n == 0 {
		t.Error("the agent's page shows no disposition")
	}
	if got := textOf(one(t, get2("/agents/1001"), ".coaching li")); !strings.Contains(got, "听了三条录音") || !strings.Contains(got, "威胁") {
		t.Errorf("the coaching on record reads %q", got)
	}
	if rows := storagetest.Query(t, database, `SELECT count(*) FROM audit_log WHERE action = 'agent.view' AND subject = 'page:/agents/1003'`); rows[0] != "1" {
		t.Errorf("%s views of an agent's page on record", rows[0])
	}
}

func csvTables(t *testing.T, b []byte, tables int) (out [][][]string) {
	t.Helper()
	parts := strings.Split(strings.TrimPrefix(string(b), "\ufeff"), "\n\n")
	for _, part := range parts {
		r := csv.NewReader(strings.NewReader(part))
		r.FieldsPerRecord = -1
		rows, err := r.ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if tables > 1 {
			rows = rows[1:] // the caption
		}
		for _, row := range rows {
			for _, c := range row {
				if strings.ContainsAny(firstRune(c), "=+@") || len(c) > 1 && c[0] == '-' && !strings.ContainsAny(c[1:2], "0123456789") {
					t.Errorf("a cell is a formula: %q", c)
				}
			}
		}
		out = append(out, rows)
	}
	return out
}

// sheets are the tables of a workbook: what is below the title and the facts.
func sheets(t *testing.T, b []byte) (out [][][]string) {
	t.Helper()
	f, err := excelize.OpenReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, name := range f.GetSheetList() {
		rows, err := f.GetRows(name)
		if err != nil {
			t.Fatal(err)
		}
		panes, err := f.GetPanes(name)
		if err != nil {
			t.Fatal(err)
		}
		rows = rows[panes.YSplit-1:]
		width := len(rows[0])
		for y := range rows {
			for len(rows[y]) < width { // empty cells at the end are not read
				rows[y] = append(rows[y], "")
			}
			for x, c := range rows[y] {
				at, err := excelize.CoordinatesToCellName(x+1, y+panes.YSplit)
				if err != nil {
					t.Fatal(err)
				}
				formula, err := f.GetCellFormula(name, at)
				if err != nil || formula != "" || strings.ContainsAny(firstRune(c), "=+@") {
					t.Errorf("%s!%s is a formula: %q %q (%v)", name, at, formula, c, err)
				}
			}
		}
		out = append(out, rows)
	}
	return out
}
