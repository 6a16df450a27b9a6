package web

import (
	"cmp"
	"fmt"
	"net/http"
	"time"

	"github.com/speechqa/speechqa/storage/postgres"
)

// dailyExamples is how many recordings a daily report shows.
const dailyExamples = 10

type dailyData struct {
	figureFrame
	Day        string
	Before     string // address of the day before, and of the next
	After      string
	Principal  string
	Rows       map[postgres.TrendBy][]postgres.TrendRow
	Counts     []postgres.DispositionCount
	Principals grid
	Rules      grid
	Teams      grid
	Disposed   grid // dispositions in force
	Table      grid // examples
	Examples   []postgres.ReportExample
	MadeAt     time.Time
}

// dailyPage is the daily report for a principal: what came in, what was found, what people said of it, examples.
func (c *Console) dailyPage(w http.ResponseWriter, r *http.Request) error {
	d, err := c.daily(r)
	if err != nil {
		return err
	}
	return c.render(w, r, http.StatusOK, "daily", d)
}

func (c *Console) dailyXLSX(w http.ResponseWriter, r *http.Request) error {
	d, err := c.daily(r)
	if err != nil {
		return err
	}
	l := visitorOf(r).lang
	return sendXLSX(w, document{Name: "daily-" + d.Day, Title: c.messages.text(l, "figures.page.daily") + " " + cmp.Or(d.Principal, c.messages.text(l, "daily.all")),
		Facts: []string{c.messages.text(l, "daily.day", d.Day)}, Grids: []grid{d.Principals, d.Rules, d.Teams, d.Disposed, d.Table}})
}

func (c *Console) daily(r *http.Request) (d dailyData, err error) {
	q := r.URL.Query()
	if q.Get("day") != "" {
		q.Set("from", q.Get("day"))
		q.Set("to", q.Get("day"))
	} else {
		q.Del("from")
	}
	r = r.Clone(r.Context())
	r.URL.RawQuery = q.Encode()
	if d.figureFrame, err = c.frame(r, "daily", true, "principal"); err != nil {
		return d, err
	}
	d.CSV, d.MadeAt = "", time.Now()
	d.Rows = map[postgres.TrendBy][]postgres.TrendRow{}
	d.Filter.From = d.Filter.To.AddDate(0, 0, -1)
	d.From = d.To
	d.Day, d.Principal = d.To, d.Filter.Principal
	d.Filter.Rule, d.Filter.Agent, d.Filter.Team, d.Filter.Kind = "", "", "", ""
	day := func(n int) string {
		v := with("/daily", q, "day", d.Filter.From.AddDate(0, 0, n).Format(time.DateOnly))
		return v
	}
	d.Before, d.After = day(-1), day(1)
	d.XLSX = with("/daily.xlsx", q, "day", d.Day)
	l := visitorOf(r).lang

	get := func(by postgres.TrendBy) ([]postgres.TrendRow, error) {
		f := d.Filter
		f.By = by
		rows, err := c.store.Trends(r.Context(), visitorOf(r).scope, f)
		if err != nil {
			return nil, fmt.Errorf("daily report: %w", err)
		}
		d.Rows[by] = rows
		return rows, nil
	}
	rows, err := get(postgres.ByPrincipal)
	if err != nil {
		return d, err
	}
	d.Principals = c.dailyTable(l, d, postgres.ByPrincipal, rows, c.messages.text(l, "daily.principals"))
	if rows, err = get(postgres.ByTeam); err != nil {
		return d, err
	}
	d.Teams = c.dailyTable(l, d, postgres.ByTeam, rows, c.messages.text(l, "daily.teams"))
	if rows, err = get(postgres.ByRule); err != nil {
		return d, err
	}
	d.Rules = c.dailyRules(l, d.figureFrame, rows)
	disposed, err := c.store.DispositionCounts(r.Context(), visitorOf(r).scope, d.Filter)
	if err != nil {
		return d, fmt.Errorf("daily report: %w", err)
	}
	d.Counts = disposed
	d.Disposed = c.dispositionTable(l, disposed)
	d.Examples, err = c.examples(r, postgres.ReportFilter{TrendFilter: d.Filter, Standing: true, Worst: true, PerRecord: true, Limit: dailyExamples})
	if err != nil {
		return d, fmt.Errorf("daily report: %w", err)
	}
	d.Table = c.examplesTable(l, c.messages.text(l, "daily.examples"), d.Examples)
	return d, nil
}

func (c *Console) dailyTable(l Lang, d dailyData, by postgres.TrendBy, rows []postgres.TrendRow, caption string) grid {
	text := func(key string) string { return c.messages.text(l, key) }
	g := grid{Caption: caption}
	g.column(text("by."+string(by)), false)
	for _, key := range []string{"coverage.received", "coverage.inspected", "coverage.inspected_share", "trends.flagged", "trends.rate", "trends.fatal", "trends.findings", "trends.confirmed", "trends.overturned", "trends.open", "trends.score"} {
		g.column(text(key), true)
	}
	for _, r := range rows {
		name := words(c.groupName(l, by, r))
		if by == postgres.ByPrincipal && r.Key != "" {
			name.URL = with("/daily", map[string][]string{"day": {d.Day}}, "principal", r.Key)
		}
		score := words("–")
		if r.Recordings > 0 {
			score = decimalCell(r.Score)
		}
		g.Rows = append(g.Rows, []gridCell{name, countCell(r.Received), countCell(r.Recordings), shareCell(r.Recordings, r.Received), countCell(r.Flagged), shareCell(r.Flagged, r.Recordings),
			countCell(r.Fatal), countCell(r.Findings), countCell(r.Confirmed), countCell(r.Overturned), countCell(r.Open), score})
	}
	return g
}

func (c *Console) dailyRules(l Lang, f figureFrame, rows []postgres.TrendRow) grid {
	text := func(key string) string { return c.messages.text(l, key) }
	g := grid{Caption: text("daily.rules")}
	g.column(text("by.rule"), false)
	for _, key := range []string{"flagged", "findings", "confirmed", "overturned", "open"} {
		g.column(text("trends."+key), true)
	}
	for _, r := range rows {
		g.Rows = append(g.Rows, []gridCell{linked(c.rules.Title(r.Key, string(l)), f.recordings("rule", r.Key)), countCell(r.Flagged), countCell(r.Findings), countCell(r.Confirmed),
			countCell(r.Overturned), countCell(r.Open)})
	}
	return g
}

func (c *Console) dispositionTable(l Lang, rows []postgres.DispositionCount) grid {
	text := func(key string) string { return c.messages.text(l, key) }
	g := grid{Caption: text("report.dispositions")}
	g.column(text("report.disposition"), false)
	g.column(text("trends.recordings"), true)
	g.column(text("report.agents"), true)
	g.column(text("report.overdue"), true)
	for _, r := range rows {
		g.Rows = append(g.Rows, []gridCell{words(text("report.disposition_" + string(r.Kind))), countCell(r.Recordings), countCell(r.Agents), countCell(r.Overdue)})
	}
	return g
}

// examplesTable lists findings as a file and a printed page hold them.
func (c *Console) examplesTable(l Lang, caption string, examples []postgres.ReportExample) grid {
	text := func(key string) string { return c.messages.text(l, key) }
	g := grid{Caption: caption}
	for _, key := range []string{"list.when", "list.agent", "filter.team", "list.principal", "report.case"} {
		g.column(text(key), false)
	}
	g.column(text("list.score"), true)
	for _, key := range []string{"by.rule", "report.quote", "list.state"} {
		g.column(text(key), false)
	}
	for _, e := range examples {
		score := countCell(e.Score)
		if e.Fatal {
			score.Class = "veto-cell"
		}
		g.Rows = append(g.Rows, []gridCell{linked(e.At.In(c.loc).Format("2006-01-02 15:04"), "/recordings/"+e.Recording), words(cmp.Or(e.Metadata.AgentName, e.Metadata.AgentID, "–")), words(e.Metadata.Team),
			words(e.Metadata.Principal), words(e.Metadata.CaseID), score, words(c.rules.Title(e.Rule, string(l))), words(short(200, e.Quote)), words(text("verdict." + string(e.Verdict)))})
	}
	return g
}
