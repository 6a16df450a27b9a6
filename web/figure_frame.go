package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/storage/postgres"
)

// Figures look back four weeks unless told otherwise, and at most some two years.
const (
	trendDays    = 28
	trendMaxDays = 800
)

// figurePages are the pages of figures, in the order of their tabs.
var figurePages = []string{"trends", "heat", "coverage", "training", "daily", "spotcheck"}

// figureFrame is what every page of figures has: its tabs, its filter, its files. The address holds all of it.
type figureFrame struct {
	Page     string
	Path     string
	Tabs     []listTabOf[string]
	Filter   postgres.TrendFilter
	From, To string // dates as the form has them, both within the span
	Hidden   map[string]string
	Facets   postgres.Facets
	Offers   []string // fields of the filter beside the span
	CSV      string   // the same as files; empty: none
	XLSX     string
}

type listTabOf[T any] struct {
	Value   T
	URL     string
	Current bool
}

// Offers says whether the page's filter has a field.
func (f figureFrame) Has(field string) bool { return slices.Contains(f.Offers, field) }

// frame reads the filter of a page of figures.
func (c *Console) frame(r *http.Request, page string, files bool, offers ...string) (figureFrame, error) {
	q := r.URL.Query()
	f, err := c.figureFilter(r, q)
	if err != nil {
		return figureFrame{}, err
	}
	d := figureFrame{Page: page, Path: "/" + page, Filter: f, From: f.From.Format(time.DateOnly), To: f.To.AddDate(0, 0, -1).Format(time.DateOnly), Offers: offers}
	if d.Facets, err = c.store.FacetsLately(r.Context(), visitorOf(r).scope); err != nil {
		return d, fmt.Errorf("%s: %w", page, err)
	}
	kept := url.Values{}
	for _, k := range []string{"from", "to", "team", "principal"} {
		if v := q.Get(k); v != "" {
			kept.Set(k, v)
		}
	}
	for _, p := range figurePages {
		d.Tabs = append(d.Tabs, listTabOf[string]{p, with("/"+p, kept, "", ""), p == page})
	}
	if files {
		d.CSV, d.XLSX = with(d.Path+".csv", q, "", ""), with(d.Path+".xlsx", q, "", "")
	}
	return d, nil
}

// figureFilter reads what figures are asked for. Without dates it is the four weeks up to today, or up to the last day
// there is anything of.
func (c *Console) figureFilter(r *http.Request, q url.Values) (postgres.TrendFilter, error) {
	f := postgres.TrendFilter{Team: q.Get("team"), Principal: q.Get("principal"), Rule: q.Get("rule"), Agent: q.Get("agent"), Kind: detectors.Kind(q.Get("kind"))}
	if f.Kind != "" && !slices.Contains(listKinds, f.Kind) {
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
		if f.To, err = c.lastDay(r); err != nil {
			return f, err
		}
	}
	f.To = f.To.AddDate(0, 0, 1)
	if f.From.IsZero() {
		f.From = f.To.AddDate(0, 0, -trendDays)
	}
	return f, checkSpan(f.From, f.To)
}

func checkSpan(from, to time.Time) error {
	if !from.Before(to) || to.Sub(from) > trendMaxDays*24*time.Hour {
		return errBadSpan
	}
	return nil
}

// lastDay is today, or the last day there are recordings of when that is longer ago.
func (c *Console) lastDay(r *http.Request) (time.Time, error) {
	y, m, d := time.Now().In(c.loc).Date()
	today := time.Date(y, m, d, 0, 0, 0, 0, c.loc)
	last, err := c.store.LatestFigure(r.Context(), visitorOf(r).scope)
	if err != nil {
		return today, fmt.Errorf("last day of the figures: %w", err)
	}
	if y, m, d = last.Date(); !last.IsZero() && time.Date(y, m, d, 0, 0, 0, 0, c.loc).Before(today) {
		return time.Date(y, m, d, 0, 0, 0, 0, c.loc), nil
	}
	return today, nil
}

// recordings is the address of the list of the recordings that a filter counts, narrowed further by key, value pairs.
func (f figureFrame) recordings(narrow ...string) string {
	u := url.Values{"status": {"all"}, "from": {f.From}, "to": {f.To}}
	for _, x := range [][2]string{{"team", f.Filter.Team}, {"principal", f.Filter.Principal}, {"rule", f.Filter.Rule}, {"agent", f.Filter.Agent}, {"kind", string(f.Filter.Kind)}} {
		if x[1] != "" {
			u.Set(x[0], x[1])
		}
	}
	for i := 0; i+1 < len(narrow); i += 2 {
		u.Set(narrow[i], narrow[i+1])
	}
	return "/?" + u.Encode()
}

// facts are the lines that tell in a file what its figures are of.
func (c *Console) facts(l Lang, f figureFrame) []string {
	out := []string{c.messages.text(l, "figures.span", f.From, f.To)}
	for _, x := range []struct{ key, value string }{
		{"filter.team", f.Filter.Team}, {"filter.principal", f.Filter.Principal}, {"filter.agent", f.Filter.Agent},
	} {
		if x.value != "" {
			out = append(out, c.messages.text(l, x.key)+" "+x.value)
		}
	}
	if f.Filter.Rule != "" {
		out = append(out, c.messages.text(l, "filter.rule")+" "+c.rules.Title(f.Filter.Rule, string(l)))
	}
	if f.Filter.Kind != "" {
		out = append(out, c.messages.text(l, "filter.kind")+" "+c.messages.text(l, "kind."+string(f.Filter.Kind)))
	}
	return out
}
