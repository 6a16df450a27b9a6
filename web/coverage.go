package web

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"

	"github.com/speechqa/speechqa/storage/postgres"
)

// coverageGroups are what coverage is grouped by.
var coverageGroups = []postgres.TrendBy{postgres.ByTeam, postgres.ByPrincipal, postgres.ByAgent, postgres.ByWeek, postgres.ByDay}

// A rule that people overturn more often than oftenWrong per cent, with certainty, is often wrong.
const oftenWrong = 20

type coverageData struct {
	figureFrame
	By        postgres.TrendBy
	Groups    []postgres.TrendBy
	Rows      []postgres.TrendRow
	People    []postgres.Reviewer
	ByRule    []postgres.TrendRow
	Coverage  grid
	Reviewers grid
	Rules     grid
}

// coveragePage shows how much is inspected and judged, by whom, and which rules people overturn.
func (c *Console) coveragePage(w http.ResponseWriter, r *http.Request) error {
	d, err := c.coverage(r)
	if err != nil {
		return err
	}
	return c.render(w, r, http.StatusOK, "coverage", d)
}

func (c *Console) coverageCSV(w http.ResponseWriter, r *http.Request) error {
	d, err := c.coverage(r)
	if err != nil {
		return err
	}
	return sendCSV(w, c.coverageDocument(visitorOf(r).lang, d))
}

func (c *Console) coverageXLSX(w http.ResponseWriter, r *http.Request) error {
	d, err := c.coverage(r)
	if err != nil {
		return err
	}
	return sendXLSX(w, c.coverageDocument(visitorOf(r).lang, d))
}

func (c *Console) coverageDocument(l Lang, d coverageData) document {
	return document{Name: fmt.Sprintf("coverage-%s-%s", d.From, d.To), Title: c.messages.text(l, "figures.page.coverage"), Facts: c.facts(l, d.figureFrame),
		Grids: []grid{d.Coverage, d.Reviewers, d.Rules}}
}

func (c *Console) coverage(r *http.Request) (d coverageData, err error) {
	if d.figureFrame, err = c.frame(r, "coverage", true, "team", "principal", "kind"); err != nil {
		return d, err
	}
	d.By, d.Groups = postgres.TrendBy(cmp.Or(r.URL.Query().Get("by"), string(postgres.ByTeam))), coverageGroups
	if !slices.Contains(d.Groups, d.By) {
		return d, errBadRequest
	}
	d.Filter.Rule, d.Filter.Agent, d.Filter.By = "", "", d.By
	sc, l := visitorOf(r).scope, visitorOf(r).lang
	rows, err := c.store.Trends(r.Context(), sc, d.Filter)
	if err != nil {
		return d, fmt.Errorf("coverage: %w", err)
	}
	d.Rows = rows
	d.Coverage = c.coverageTable(l, d.figureFrame, rows)
	people, err := c.store.Reviewers(r.Context(), sc, d.Filter)
	if err != nil {
		return d, fmt.Errorf("reviewers: %w", err)
	}
	d.People = people
	d.Reviewers = c.reviewersTable(l, people)
	d.Filter.By = postgres.ByRule
	if rows, err = c.store.Trends(r.Context(), sc, d.Filter); err != nil {
		return d, fmt.Errorf("rules: %w", err)
	}
	d.Filter.By = d.By
	d.ByRule = rows
	d.Rules = c.overturnTable(l, d.figureFrame, rows)
	return d, nil
}

func (c *Console) coverageTable(l Lang, f figureFrame, rows []postgres.TrendRow) grid {
	text := func(key string) string { return c.messages.text(l, key) }
	g := grid{Caption: text("coverage.table")}
	g.column(text("by."+string(f.Filter.By)), false)
	for _, key := range []string{"received", "inspected", "inspected_share", "failed", "hours", "flagged", "reviewed", "findings", "open", "judged_share"} {
		g.column(text("coverage."+key), true)
	}
	line := func(name gridCell, r postgres.TrendRow) []gridCell {
		return []gridCell{name, countCell(r.Received), countCell(r.Recordings), shareCell(r.Recordings, r.Received), countCell(r.Failed), decimalCell(float64(r.Seconds) / 3600),
			countCell(r.Flagged), countCell(r.Judged), countCell(r.Findings), countCell(r.Open), shareCell(r.Confirmed+r.Overturned, r.Confirmed+r.Overturned+r.Open)}
	}
	var all postgres.TrendRow
	for _, r := range rows {
		g.Rows = append(g.Rows, line(words(c.groupName(l, f.Filter.By, r)), r))
		all.Received += r.Received
		all.Recordings += r.Recordings
		all.Failed += r.Failed
		all.Seconds += r.Seconds
		all.Flagged += r.Flagged
		all.Judged += r.Judged
		all.Findings += r.Findings
		all.Open += r.Open
		all.Confirmed += r.Confirmed
		all.Overturned += r.Overturned
	}
	if len(rows) > 1 {
		g.Rows = append(g.Rows, line(gridCell{Text: text("figures.total"), Class: "total"}, all))
	}
	return g
}

func (c *Console) reviewersTable(l Lang, people []postgres.Reviewer) grid {
	text := func(key string) string { return c.messages.text(l, key) }
	g := grid{Caption: text("coverage.reviewers")}
	g.column(text("coverage.reviewer"), false)
	for _, key := range []string{"days", "recordings", "decisions", "per_day", "confirmed", "overturned", "overturned_share", "reopened", "again", "agreed"} {
		g.column(text("coverage."+key), true)
	}
	for _, p := range people {
		name := p.Name
		if name == "" {
			name = text("figures.unknown")
		}
		n := p.Confirmed + p.Overturned
		perDay := words("–")
		if p.Days > 0 {
			perDay = decimalCell(float64(n) / float64(p.Days))
		}
		g.Rows = append(g.Rows, []gridCell{words(name), countCell(p.Days), countCell(p.Recordings), countCell(n), perDay, countCell(p.Confirmed), countCell(p.Overturned),
			shareCell(p.Overturned, n), countCell(p.Reopened), countCell(p.Again), shareCell(p.Agreed, p.Again)})
	}
	return g
}

// overturnTable shows how often people overturn a rule, the worst first by what is certain.
func (c *Console) overturnTable(l Lang, f figureFrame, rows []postgres.TrendRow) grid {
	text := func(key string) string { return c.messages.text(l, key) }
	g := grid{Caption: text("coverage.rules")}
	g.column(text("by.rule"), false)
	for _, key := range []string{"judged", "confirmed", "overturned", "overturned_share", "low", "high"} {
		g.column(text("coverage."+key), true)
	}
	g.column(text("coverage.opinion"), false)
	low := func(r postgres.TrendRow) float64 { v, _ := wilson(r.Overturned, r.Confirmed+r.Overturned); return v }
	slices.SortStableFunc(rows, func(a, b postgres.TrendRow) int { return cmp.Compare(low(b), low(a)) })
	for _, r := range rows {
		n := r.Confirmed + r.Overturned
		lo, hi := wilson(r.Overturned, n)
		opinion := "unclear"
		switch {
		case 100*lo > oftenWrong:
			opinion = "wrong"
		case 100*hi < oftenWrong:
			opinion = "right"
		}
		g.Rows = append(g.Rows, []gridCell{linked(c.rules.Title(r.Key, string(l)), f.recordings("rule", r.Key)), countCell(n), countCell(r.Confirmed), countCell(r.Overturned),
			shareCell(r.Overturned, n), decimalCell(100 * lo), decimalCell(100 * hi), {Text: text("coverage.opinion_" + opinion), Class: "against opinion-" + opinion}})
	}
	return g
}
