package web

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/speechqa/speechqa/detectors/pii"
	"github.com/speechqa/speechqa/storage/postgres"
)

// How many of the latest findings, talks and appeals an agent's page lists.
const (
	agentFindings = 40
	agentHistory  = 20
)

type agentData struct {
	figureFrame
	ID, Name string
	Total    trendRow
	Team     trendRow // the agent's team over the same span, to compare with
	Score    lineChart
	Rate     lineChart
	ByWeek   []trendRow
	ByRule   []trendRow
	Weeks    grid
	Rules    grid
	Examples []postgres.ReportExample
	ListURL  string
	History  postgres.AgentHistory
}

// agentPage shows one agent: score and violations over time, by rule, and the latest findings.
func (c *Console) agentPage(w http.ResponseWriter, r *http.Request) error {
	d, err := c.agent(r, r.PathValue("agent"))
	if err != nil {
		return err
	}
	return c.render(w, r, http.StatusOK, "agent", d)
}

func (c *Console) agent(r *http.Request, id string) (d agentData, err error) {
	if d.figureFrame, err = c.frame(r, "agent", false); err != nil {
		return d, err
	}
	d.Path = d.agentPage(id)
	f := d.Filter
	f.Agent, f.Team, f.Principal, f.Rule = id, "", "", ""
	d.Filter, d.ID, d.ListURL = f, id, d.recordings("agent", id)
	if d.History, err = c.store.AgentHistory(r.Context(), visitorOf(r).scope, id, agentHistory); err != nil {
		return d, fmt.Errorf("agent: %w", err)
	}
	f.By = postgres.ByAgent
	rows, err := c.inspectedTrends(r, f)
	if err != nil {
		return d, err
	}
	if len(rows) == 0 {
		names, err := c.store.AgentNames(r.Context(), visitorOf(r).scope, []string{id})
		if err != nil {
			return d, err
		}
		if len(names) == 0 {
			return d, errNotFound
		}
		d.Name = names[id]
		return d, nil
	}
	judged, _, _ := judgeTrend(rows)
	d.Total, d.Name = judged[0], rows[0].Name
	if d.Team, err = c.teamOf(r, d.Total.TrendRow); err != nil {
		return d, err
	}

	f.By = postgres.ByWeek
	weeks, err := c.inspectedTrends(r, f)
	if err != nil {
		return d, err
	}
	judged, _, _ = judgeTrend(weeks)
	d.Rate = drawLine(weekPoints(judged), 560, 100)
	var scores []linePoint
	for _, wk := range weeks {
		scores = append(scores, linePoint{Name: wk.Key, Value: wk.Score, Low: wk.Score, High: wk.Score, Other: d.Team.Score})
	}
	d.Score = drawLine(scores, 560, 100)
	l := visitorOf(r).lang
	d.ByWeek = judged
	d.Weeks = c.agentWeeks(l, d.figureFrame, judged)

	f.By = postgres.ByRule
	byRule, err := c.inspectedTrends(r, f)
	if err != nil {
		return d, err
	}
	judged, _, _ = judgeTrend(byRule)
	d.ByRule = judged
	d.Rules = c.agentRules(l, d.figureFrame, judged)
	d.Examples, err = c.examples(r, postgres.ReportFilter{TrendFilter: d.Filter, Limit: agentFindings})
	if err != nil {
		return d, fmt.Errorf("agent: %w", err)
	}
	return d, nil
}

// coach puts a talk with an agent on record.
func (c *Console) coach(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		return errBadRequest
	}
	agent := r.PathValue("agent")
	names, err := c.store.AgentNames(r.Context(), visitorOf(r).scope, []string{agent})
	if err != nil {
		return err
	}
	if len(names) == 0 { // before anything else is said
		return errNotFound
	}
	talk := postgres.Coaching{Agent: agent, Rule: r.PostForm.Get("rule"), Note: strings.TrimSpace(r.PostForm.Get("note")),
		UserID: visitorOf(r).user.ID, Origin: origin(r)}
	if talk.Note == "" || utf8.RuneCountInString(talk.Note) > maxNote || !utf8.ValidString(talk.Note) || strings.ContainsRune(talk.Note, 0) ||
		talk.Rule != "" && !c.knownRule(r, talk.Rule) {
		return errBadRequest
	}
	if err := c.store.Coach(r.Context(), visitorOf(r).scope, talk); err != nil {
		return fmt.Errorf("coach: %w", err)
	}
	c.flash(r, "flash.coached")
	http.Redirect(w, r, "/agents/"+url.PathEscape(talk.Agent), http.StatusSeeOther)
	return nil
}

// knownRule says whether any recording has findings of a rule.
func (c *Console) knownRule(r *http.Request, rule string) bool {
	facets, err := c.store.Facets(r.Context(), visitorOf(r).scope)
	return err == nil && slices.Contains(facets.Rules, rule)
}

// teamOf is an agent's team over the same span; zero where it has none.
func (c *Console) teamOf(r *http.Request, agent postgres.TrendRow) (trendRow, error) {
	if agent.Team == "" {
		return trendRow{}, nil
	}
	f, err := c.figureFilter(r, r.URL.Query())
	if err != nil {
		return trendRow{}, err
	}
	f.By, f.Agent, f.Principal, f.Rule, f.Team = postgres.ByTeam, "", "", "", agent.Team
	rows, err := c.inspectedTrends(r, f)
	if err != nil || len(rows) == 0 {
		return trendRow{}, err
	}
	judged, _, _ := judgeTrend(rows)
	return judged[0], nil
}

func (c *Console) agentWeeks(l Lang, f figureFrame, rows []trendRow) grid {
	text := func(key string) string { return c.messages.text(l, key) }
	g := grid{Caption: text("agent.weeks")}
	g.column(text("by.week"), false)
	for _, key := range []string{"recordings", "score", "flagged", "rate", "low", "high", "fatal", "confirmed", "overturned"} {
		g.column(text("trends."+key), true)
	}
	for _, r := range rows {
		monday, _ := time.Parse(time.DateOnly, r.Key) // the database wrote it
		g.Rows = append(g.Rows, []gridCell{linked(r.Key, f.recordings("from", max(r.Key, f.From), "to", min(monday.AddDate(0, 0, 6).Format(time.DateOnly), f.To))),
			countCell(r.Recordings), decimalCell(r.Score), countCell(r.Flagged), decimalCell(r.Rate), decimalCell(r.Low), decimalCell(r.High),
			countCell(r.Fatal), countCell(r.Confirmed), countCell(r.Overturned)})
	}
	return g
}

func (c *Console) agentRules(l Lang, f figureFrame, rows []trendRow) grid {
	text := func(key string) string { return c.messages.text(l, key) }
	g := grid{Caption: text("agent.rules")}
	g.column(text("by.rule"), false)
	for _, key := range []string{"flagged", "rate", "low", "high", "findings", "open", "confirmed", "overturned"} {
		g.column(text("trends."+key), true)
	}
	for _, r := range rows {
		g.Rows = append(g.Rows, []gridCell{linked(c.rules.Title(r.Key, string(l)), f.recordings("rule", r.Key)), countCell(r.Flagged), decimalCell(r.Rate),
			decimalCell(r.Low), decimalCell(r.High), countCell(r.Findings), countCell(r.Open), countCell(r.Confirmed), countCell(r.Overturned)})
	}
	return g
}

// examples are findings whose quotes give nobody away: these pages are printed and handed on.
func (c *Console) examples(r *http.Request, f postgres.ReportFilter) ([]postgres.ReportExample, error) {
	out, err := c.store.ReportExamples(r.Context(), visitorOf(r).scope, f)
	for i := range out {
		out[i].Quote = maskedQuote(out[i].Quote, pii.KnownOf(out[i].Metadata))
	}
	return out, err
}

func maskedQuote(quote string, known pii.Known) string {
	return pii.Mask(quote, pii.Find(quote, known))
}
