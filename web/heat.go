package web

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/speechqa/speechqa/storage/postgres"
)

// A heat map has no more than so many agents and rules: those with the most.
const (
	heatAgents = 40
	heatRules  = 14
)

type heatData struct {
	figureFrame
	Agents []postgres.TrendRow
	Cells  []postgres.HeatCell // whole, where the table has the largest part
	Table  grid
	More   int // agents that are left out
}

func (c *Console) heatPage(w http.ResponseWriter, r *http.Request) error {
	d, err := c.heat(r)
	if err != nil {
		return err
	}
	return c.render(w, r, http.StatusOK, "heat", d)
}

func (c *Console) heatCSV(w http.ResponseWriter, r *http.Request) error {
	d, err := c.heat(r)
	if err != nil {
		return err
	}
	return sendCSV(w, c.heatDocument(visitorOf(r).lang, d))
}

func (c *Console) heatXLSX(w http.ResponseWriter, r *http.Request) error {
	d, err := c.heat(r)
	if err != nil {
		return err
	}
	return sendXLSX(w, c.heatDocument(visitorOf(r).lang, d))
}

func (c *Console) heatDocument(l Lang, d heatData) document {
	return document{Name: fmt.Sprintf("agents-rules-%s-%s", d.From, d.To), Title: c.messages.text(l, "heat.heading"), Facts: c.facts(l, d.figureFrame), Grids: []grid{d.Table}}
}

// heat sets agents against rules: in how many of a hundred recordings of an agent a rule is broken.
func (c *Console) heat(r *http.Request) (d heatData, err error) {
	if d.figureFrame, err = c.frame(r, "heat", true, "team", "principal", "kind"); err != nil {
		return d, err
	}
	d.Filter.Rule, d.Filter.Agent, d.Filter.By = "", "", postgres.ByAgent
	sc := visitorOf(r).scope
	cells, err := c.store.Heat(r.Context(), sc, d.Filter)
	if err != nil {
		return d, fmt.Errorf("heat map: %w", err)
	}
	agents, err := c.inspectedTrends(r, d.Filter)
	if err != nil {
		return d, err
	}
	d.Agents, d.Cells = slices.Clone(agents), cells
	d.Table, d.More = c.heatTable(visitorOf(r).lang, d.figureFrame, agents, cells)
	return d, nil
}

func (c *Console) heatTable(l Lang, f figureFrame, agents []postgres.TrendRow, cells []postgres.HeatCell) (g grid, more int) {
	text := func(key string) string { return c.messages.text(l, key) }
	flagged := map[[2]string]int{}
	rules := map[string]int{}
	for _, x := range cells {
		flagged[[2]string{x.Key, x.Rule}] = x.Flagged
		rules[x.Rule] += x.Flagged
	}
	var order []string
	for rule := range rules {
		order = append(order, rule)
	}
	slices.SortFunc(order, func(a, b string) int { return cmp.Or(cmp.Compare(rules[b], rules[a]), strings.Compare(a, b)) })
	order = order[:min(len(order), heatRules)]
	all := 0
	for _, a := range agents {
		all += a.Recordings
	}
	slices.SortStableFunc(agents, func(a, b postgres.TrendRow) int { return cmp.Compare(b.Flagged, a.Flagged) })
	more = max(0, len(agents)-heatAgents)
	agents = agents[:len(agents)-more]

	g.Caption = text("heat.table")
	g.column(text("by.agent"), false)
	g.column(text("filter.team"), false)
	g.column(text("trends.recordings"), true)
	for _, rule := range order {
		g.column(c.rules.Title(rule, string(l)), true)
	}
	for _, a := range agents {
		row := []gridCell{linked(c.groupName(l, postgres.ByAgent, a), f.agentPage(a.Key)), words(a.Team), countCell(a.Recordings)}
		for _, rule := range order {
			k := flagged[[2]string{a.Key, rule}]
			rate := 100 * float64(k) / float64(a.Recordings)
			cell := decimalCell(rate)
			cell.Class = fmt.Sprintf("heat heat-%d", heatLevel(rate))
			if low, _ := wilson(k, a.Recordings); k > 0 && 100*low > 100*float64(rules[rule])/float64(all) {
				cell.Class += " hot"
			}
			if k > 0 {
				cell.URL = f.recordings("agent", a.Key, "rule", rule)
			}
			row = append(row, cell)
		}
		g.Rows = append(g.Rows, row)
	}
	return g, more
}

// heatLevel is a rate's shade, from 0 to 5.
func heatLevel(rate float64) int {
	level := 0
	for _, limit := range []float64{0, 1, 2, 5, 10} {
		if rate > limit {
			level++
		}
	}
	return level
}

// agentPage is the address of an agent's page with the same span.
func (f figureFrame) agentPage(id string) string {
	return "/agents/" + url.PathEscape(id) + "?" + url.Values{"from": {f.From}, "to": {f.To}}.Encode()
}
