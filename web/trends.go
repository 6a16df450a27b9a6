package web

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/speechqa/speechqa/storage/postgres"
)

var (
	trendGroups = []postgres.TrendBy{postgres.ByAgent, postgres.ByTeam, postgres.ByPrincipal, postgres.ByRule, postgres.ByWeek}
	// trendAgainst is which earlier period the trends are compared with; the first is taken unless told otherwise.
	trendAgainst = []string{"previous", "year", "span", "none"}
)

// trendChanges is the largest number of groups listed as rising, and as falling; the table marks them all.
const trendChanges = 8

type trendsData struct {
	figureFrame
	By              postgres.TrendBy
	Groups          []listTabOf[postgres.TrendBy]
	Against         string
	Againsts        []string
	CFrom, CTo      string // the earlier period, both within
	Rows            []trendRow
	Rising, Falling []trendRow
	Chance          float64 // how many changes to expect where nothing changed
	Median          float64 // of the groups' rates, per 100
	Chart           chart
	Line            lineChart // of weeks
	Total           trendRow
	Table           grid
}

// trendsPage shows who and what drifts.
func (c *Console) trendsPage(w http.ResponseWriter, r *http.Request) error {
	d, err := c.trends(r)
	if err != nil {
		return err
	}
	return c.render(w, r, http.StatusOK, "trends", d)
}

func (c *Console) trendsCSV(w http.ResponseWriter, r *http.Request) error {
	d, err := c.trends(r)
	if err != nil {
		return err
	}
	return sendCSV(w, c.trendsDocument(visitorOf(r).lang, d))
}

func (c *Console) trendsXLSX(w http.ResponseWriter, r *http.Request) error {
	d, err := c.trends(r)
	if err != nil {
		return err
	}
	return sendXLSX(w, c.trendsDocument(visitorOf(r).lang, d))
}

func (c *Console) trendsDocument(l Lang, d trendsData) document {
	facts := c.facts(l, d.figureFrame)
	if d.CFrom != "" {
		facts = append(facts, c.messages.text(l, "figures.compared", d.CFrom, d.CTo))
	}
	return document{Name: fmt.Sprintf("trends-%s-%s-%s", d.By, d.From, d.To), Title: c.messages.text(l, "trends.heading"), Facts: facts, Grids: []grid{d.Table}}
}

func (c *Console) trends(r *http.Request) (d trendsData, err error) {
	q := r.URL.Query()
	if d.figureFrame, err = c.frame(r, "trends", true, "team", "principal", "rule", "kind"); err != nil {
		return d, err
	}
	d.By = postgres.TrendBy(cmp.Or(q.Get("by"), string(postgres.ByAgent)))
	d.Against = cmp.Or(q.Get("against"), trendAgainst[0])
	if !slices.Contains(trendGroups, d.By) || !slices.Contains(trendAgainst, d.Against) {
		return d, errBadRequest
	}
	d.Againsts = trendAgainst
	d.Filter.By = d.By
	for _, by := range trendGroups {
		d.Groups = append(d.Groups, listTabOf[postgres.TrendBy]{by, with("/trends", q, "by", string(by)), by == d.By})
	}
	rows, err := c.inspectedTrends(r, d.Filter)
	if err != nil {
		return d, err
	}
	d.Rows, d.Median, d.Total = judgeTrend(rows)
	for i := range d.Rows {
		d.Rows[i].URL = d.behind(d.Rows[i])
	}
	if err := c.compare(r, &d); err != nil {
		return d, err
	}
	if d.By == postgres.ByWeek {
		d.Line = drawLine(weekPoints(d.Rows), 900, 100)
	} else {
		slices.SortStableFunc(d.Rows, func(a, b trendRow) int { return cmp.Compare(b.Rate, a.Rate) })
		d.Chart = drawChart(d.Rows)
	}
	d.Table = c.trendsTable(visitorOf(r).lang, d)
	return d, nil
}

// inspectedTrends are the groups of which anything is inspected.
func (c *Console) inspectedTrends(r *http.Request, f postgres.TrendFilter) ([]postgres.TrendRow, error) {
	rows, err := c.store.Trends(r.Context(), visitorOf(r).scope, f)
	if err != nil {
		return nil, fmt.Errorf("trends: %w", err)
	}
	return slices.DeleteFunc(rows, func(t postgres.TrendRow) bool { return t.Recordings == 0 }), nil
}

// compare sets the trends against the earlier period and finds what rises and what falls.
func (c *Console) compare(r *http.Request, d *trendsData) error {
	f := d.Filter
	var err error
	switch d.Against {
	case "previous":
		days := int(f.To.Sub(f.From).Hours()/24 + .5)
		f.From, f.To = f.From.AddDate(0, 0, -days), f.From
	case "year": // whole weeks, so that weekdays fall together
		f.From, f.To = f.From.AddDate(0, 0, -364), f.To.AddDate(0, 0, -364)
	case "span":
		q := r.URL.Query()
		if f.From, err = c.day(q.Get("cfrom")); err != nil {
			return err
		}
		if f.To, err = c.day(q.Get("cto")); err != nil {
			return err
		}
		if f.From.IsZero() || f.To.IsZero() { // not chosen yet
			days := int(d.Filter.To.Sub(d.Filter.From).Hours()/24 + .5)
			f.From, f.To = d.Filter.From.AddDate(0, 0, -days), d.Filter.From.AddDate(0, 0, -1)
		}
		f.To = f.To.AddDate(0, 0, 1)
		if err := checkSpan(f.From, f.To); err != nil {
			return err
		}
	}
	if d.Against == "none" || d.By == postgres.ByWeek {
		return nil
	}
	d.CFrom, d.CTo = f.From.Format(time.DateOnly), f.To.AddDate(0, 0, -1).Format(time.DateOnly)
	earlier, err := c.inspectedTrends(r, f)
	if err != nil {
		return err
	}
	compareTrend(d.Rows, earlier)
	compared := 0
	for _, row := range d.Rows {
		if row.Change.Recordings > 0 {
			compared++
		}
		switch row.Change.Verdict {
		case "rising":
			d.Rising = append(d.Rising, row)
		case "falling":
			d.Falling = append(d.Falling, row)
		}
	}
	d.Chance = .05 * float64(compared)
	slices.SortStableFunc(d.Rising, func(a, b trendRow) int { return cmp.Compare(b.Change.Diff, a.Change.Diff) })
	slices.SortStableFunc(d.Falling, func(a, b trendRow) int { return cmp.Compare(a.Change.Diff, b.Change.Diff) })
	d.Rising, d.Falling = d.Rising[:min(len(d.Rising), trendChanges)], d.Falling[:min(len(d.Falling), trendChanges)]
	return nil
}

// behind is the address of what lies behind one row: an agent's page, otherwise the recordings.
func (d trendsData) behind(r trendRow) string {
	switch d.By {
	case postgres.ByAgent:
		if r.Key == "" {
			return d.recordings()
		}
		return d.agentPage(r.Key)
	case postgres.ByWeek:
		monday, err := time.Parse(time.DateOnly, r.Key)
		if err != nil {
			return d.recordings()
		}
		return d.recordings("from", max(r.Key, d.From), "to", min(monday.AddDate(0, 0, 6).Format(time.DateOnly), d.To))
	}
	return d.recordings(string(d.By), r.Key)
}

// trendsTable is the table behind the chart.
func (c *Console) trendsTable(l Lang, d trendsData) grid {
	text := func(key string) string { return c.messages.text(l, key) }
	g := grid{Caption: text("trends.table") + " " + text("by."+string(d.By))}
	g.column(text("by."+string(d.By)), false)
	if d.By == postgres.ByAgent {
		g.column(text("filter.team"), false)
	}
	for _, key := range []string{"recordings", "flagged", "rate", "low", "high"} {
		g.column(text("trends."+key), true)
	}
	week := d.By == postgres.ByWeek
	if !week {
		g.column(text("trends.median_column"), true)
		g.column(text("trends.against"), false)
	}
	if d.CFrom != "" {
		g.column(text("trends.then"), true)
		g.column(text("trends.diff"), true)
		g.column(text("trends.change"), false)
	}
	for _, key := range []string{"findings", "confirmed", "overturned"} {
		g.column(text("trends."+key), true)
	}
	if d.By != postgres.ByRule {
		g.column(text("trends.score"), true)
	}
	for _, r := range d.Rows {
		row := []gridCell{linked(c.groupName(l, d.By, r.TrendRow), r.URL)}
		if d.By == postgres.ByAgent {
			row = append(row, words(r.Team))
		}
		flagged := countCell(r.Flagged)
		if flagged.URL = r.URL; d.By == postgres.ByAgent && r.Key != "" {
			flagged.URL = d.recordings("agent", r.Key)
		}
		row = append(row, countCell(r.Recordings), flagged, decimalCell(r.Rate), decimalCell(r.Low), decimalCell(r.High))
		if !week {
			row = append(row, decimalCell(r.Median), gridCell{Text: text("trends." + r.Verdict), Class: "against " + r.Verdict})
		}
		if d.CFrom != "" {
			then, diff := words("–"), words("–")
			if r.Change.Recordings > 0 {
				then, diff = decimalCell(r.Change.Rate), decimalCell(r.Change.Diff)
			}
			row = append(row, then, diff, gridCell{Text: text("trends." + r.Change.Verdict), Class: "change " + r.Change.Verdict})
		}
		row = append(row, countCell(r.Findings), countCell(r.Confirmed), countCell(r.Overturned))
		if d.By != postgres.ByRule {
			row = append(row, decimalCell(r.Score))
		}
		g.Rows = append(g.Rows, row)
	}
	return g
}

// groupName is a group for people.
func (c *Console) groupName(l Lang, by postgres.TrendBy, r postgres.TrendRow) string {
	switch {
	case by == postgres.ByRule:
		return c.rules.Title(r.Key, string(l))
	case r.Name == "":
		return c.messages.text(l, "figures.unknown")
	case by == postgres.ByAgent && r.Name != r.Key:
		return r.Name + " " + r.Key
	}
	return r.Name
}
