package web

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/speechqa/speechqa/storage/postgres"
)

// The trends look back four weeks unless told otherwise, and at most two years.
const (
	trendDays    = 28
	trendMaxDays = 731
)

var trendGroups = []postgres.TrendBy{postgres.ByAgent, postgres.ByTeam, postgres.ByPrincipal, postgres.ByRule, postgres.ByWeek}

type trendsData struct {
	By       postgres.TrendBy
	Groups   []listTabOf[postgres.TrendBy]
	From, To string
	Filter   postgres.TrendFilter
	Facets   postgres.Facets
	Rows     []trendRow
	Median   float64 // of the groups' rates, per 100
	Chart    chart
	Total    trendRow
	CSV      string // address of the same figures as a file
}

type listTabOf[T any] struct {
	Value   T
	URL     string
	Current bool
}

// trendRow is a group with its rate of flagged recordings per 100 and the rate's 95 % interval.
type trendRow struct {
	postgres.TrendRow
	Rate, Low, High float64
	// Verdict compares the interval with the median: "above", "below", or "unclear" where it holds the median,
	// which small numbers nearly always do.
	Verdict string
	URL     string // the recordings behind the figure
}

// trendsPage shows who and what drifts.
func (c *Console) trendsPage(w http.ResponseWriter, r *http.Request) error {
	f, err := c.trendFilter(r.URL.Query())
	if err != nil {
		return err
	}
	d, err := c.trends(r, f)
	if err != nil {
		return err
	}
	return c.render(w, r, http.StatusOK, "trends", d)
}

func (c *Console) trends(r *http.Request, f postgres.TrendFilter) (trendsData, error) {
	q := r.URL.Query()
	rows, err := c.store.Trends(r.Context(), visitorOf(r).scope, f)
	if err != nil {
		return trendsData{}, fmt.Errorf("trends: %w", err)
	}
	rows = slices.DeleteFunc(rows, func(t postgres.TrendRow) bool { return t.Recordings == 0 }) // came in, but not inspected yet
	facets, err := c.store.Facets(r.Context(), visitorOf(r).scope)
	if err != nil {
		return trendsData{}, fmt.Errorf("trends: %w", err)
	}
	d := trendsData{By: f.By, Filter: f, Facets: facets,
		From: f.From.In(c.loc).Format(time.DateOnly), To: f.To.In(c.loc).AddDate(0, 0, -1).Format(time.DateOnly)}
	for _, by := range trendGroups {
		d.Groups = append(d.Groups, listTabOf[postgres.TrendBy]{by, with("/trends", q, "by", string(by)), by == f.By})
	}
	d.CSV = with("/trends.csv", q, "by", string(f.By))
	d.Rows, d.Median, d.Total = judgeTrend(rows)
	for i := range d.Rows {
		d.Rows[i].URL = d.recordings(d.Rows[i])
	}
	if f.By != postgres.ByWeek {
		slices.SortStableFunc(d.Rows, func(a, b trendRow) int { return cmp.Compare(b.Rate, a.Rate) })
	}
	d.Chart = drawChart(d.Rows, d.Median)
	return d, nil
}

// judgeTrend adds rates, intervals and their place against the median of all groups.
func judgeTrend(rows []postgres.TrendRow) (out []trendRow, median float64, total trendRow) {
	var rates []float64
	for _, r := range rows {
		t := trendRow{TrendRow: r}
		if r.Recordings > 0 {
			t.Rate = 100 * float64(r.Flagged) / float64(r.Recordings)
			rates = append(rates, t.Rate)
		}
		low, high := wilson(r.Flagged, r.Recordings)
		t.Low, t.High = 100*low, 100*high
		out = append(out, t)
		total.Recordings += r.Recordings
		total.Flagged += r.Flagged
		total.Findings += r.Findings
		total.Confirmed += r.Confirmed
		total.Overturned += r.Overturned
	}
	slices.Sort(rates)
	if n := len(rates); n > 0 {
		median = (rates[(n-1)/2] + rates[n/2]) / 2
	}
	for i := range out {
		switch {
		case out[i].Low > median:
			out[i].Verdict = "above"
		case out[i].High < median:
			out[i].Verdict = "below"
		default:
			out[i].Verdict = "unclear"
		}
	}
	return out, median, total
}

func (c *Console) trendFilter(q url.Values) (postgres.TrendFilter, error) {
	f := postgres.TrendFilter{By: postgres.TrendBy(q.Get("by")), Team: q.Get("team"), Principal: q.Get("principal"),
		Rule: q.Get("rule")}
	if f.By == "" {
		f.By = postgres.ByAgent
	}
	if !slices.Contains(trendGroups, f.By) {
		return f, errBadRequest
	}
	var err error
	if f.From, err = c.day(q.Get("from")); err != nil {
		return f, err
	}
	if f.To, err = c.day(q.Get("to")); err != nil {
		return f, err
	}
	if f.To.IsZero() {
		y, m, d := time.Now().In(c.loc).Date()
		f.To = time.Date(y, m, d, 0, 0, 0, 0, c.loc)
	}
	f.To = f.To.AddDate(0, 0, 1)
	if f.From.IsZero() {
		f.From = f.To.AddDate(0, 0, -trendDays)
	}
	if !f.From.Before(f.To) || f.To.Sub(f.From) > trendMaxDays*24*time.Hour {
		return f, errBadSpan
	}
	return f, nil
}

// recordings is the address of the list behind one row.
func (d trendsData) recordings(r trendRow) string {
	u := url.Values{"status": {"all"}, "from": {d.From}, "to": {d.To}}
	set := func(k, v string) {
		if v != "" {
			u.Set(k, v)
		}
	}
	set("team", d.Filter.Team)
	set("principal", d.Filter.Principal)
	set("rule", d.Filter.Rule)
	switch d.By {
	case postgres.ByAgent:
		set("agent", r.Key)
	case postgres.ByTeam:
		set("team", r.Key)
	case postgres.ByPrincipal:
		set("principal", r.Key)
	case postgres.ByRule:
		set("rule", r.Key)
	case postgres.ByWeek:
		if monday, err := time.Parse(time.DateOnly, r.Key); err == nil {
			u.Set("from", max(r.Key, d.From))
			u.Set("to", min(monday.AddDate(0, 0, 6).Format(time.DateOnly), d.To))
		}
	}
	return "/?" + u.Encode()
}
