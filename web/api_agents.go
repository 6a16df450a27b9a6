package web

import (
	"net/http"
	"net/url"
	"time"

	"github.com/speechqa/speechqa/storage/postgres"
)

func (c *Console) agentEndpoints() []endpoint {
	return []endpoint{
		{route{"GET /api/v1/agents/{agent}", permTrends, c.apiAgent, "agent.view"}, []string{"GET /agents/{agent}"}, "One agent: figures by week and by rule, the latest findings, what was done", apiAgentQuery{}, apiAgent{}},
		{route{"POST /api/v1/agents/{agent}/coaching", permCoach, command(apiTalk.form, c.coach, c.apiAgent), ""}, []string{"POST /agents/{agent}/coaching"}, "Put a talk with an agent on record", apiTalk{}, apiAgent{}},
	}
}

type apiAgentQuery struct {
	From string `query:"from" description:"first day, 2006-01-02; else four weeks"`
	To   string `query:"to" description:"last day"`
}

type apiTalk struct {
	Rule string `json:"rule,omitempty"`
	Note string `json:"note"`
}

func (d apiTalk) form() url.Values { return url.Values{"rule": {d.Rule}, "note": {d.Note}} }

type apiAgent struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	apiSpan
	Total        *apiTrend             `json:"total,omitempty" description:"missing: nothing was inspected"`
	Team         *apiTrend             `json:"team,omitempty" description:"over the same span"`
	Weeks        []apiTrend            `json:"weeks"`
	Rules        []apiTrend            `json:"rules"`
	Findings     []apiFound            `json:"findings" description:"the latest"`
	Coaching     []apiCoaching         `json:"coaching" description:"the latest"`
	Appeals      []apiAgentAppeal      `json:"appeals" description:"the latest"`
	Dispositions []apiAgentDisposition `json:"dispositions" description:"in force, the latest"`
}

// apiFound is a finding as an example: its quote gives nobody away.
type apiFound struct {
	Recording string    `json:"recording"`
	Key       string    `json:"key"`
	At        time.Time `json:"at"`
	Kind      string    `json:"kind"`
	AgentID   string    `json:"agent_id,omitempty"`
	Rule      string    `json:"rule"`
	Severity  string    `json:"severity"`
	Quote     string    `json:"quote" description:"masked"`
	Start     float64   `json:"start" description:"seconds"`
	Doubtful  bool      `json:"doubtful"`
	Verdict   string    `json:"verdict"`
	Score     int       `json:"score" description:"of the recording"`
	Fatal     bool      `json:"fatal"`
}

type apiCoaching struct {
	At   time.Time `json:"at"`
	By   string    `json:"by"`
	Rule string    `json:"rule,omitempty"`
	Note string    `json:"note"`
}

type apiAgentAppeal struct {
	ID        string     `json:"id"`
	At        time.Time  `json:"at"`
	Rule      string     `json:"rule"`
	Reason    string     `json:"reason"`
	Outcome   string     `json:"outcome,omitempty" description:"missing while it waits"`
	DecidedAt *time.Time `json:"decided_at,omitempty"`
}

type apiAgentDisposition struct {
	Recording string    `json:"recording"`
	At        time.Time `json:"at"`
	Kind      string    `json:"kind"`
	Note      string    `json:"note,omitempty"`
	By        string    `json:"by"`
}

func apiFoundOf(examples []postgres.ReportExample) []apiFound {
	out := []apiFound{}
	for _, e := range examples {
		out = append(out, apiFound{e.Recording, e.Key, e.At.UTC(), string(e.Kind), e.Metadata.AgentID, e.Rule, string(e.Severity), e.Quote, e.Start, e.Doubtful, string(e.Verdict), e.Score, e.Fatal})
	}
	return out
}

func (c *Console) apiAgent(w http.ResponseWriter, r *http.Request) error {
	d, err := c.agent(r, r.PathValue("agent"))
	if err != nil {
		return err
	}
	out := apiAgent{ID: d.ID, Name: d.Name, apiSpan: apiSpan{d.From, d.To}, Weeks: apiTrendRows(d.ByWeek), Rules: apiTrendRows(d.ByRule), Findings: apiFoundOf(d.Examples),
		Coaching: []apiCoaching{}, Appeals: []apiAgentAppeal{}, Dispositions: []apiAgentDisposition{}}
	for row, to := range map[*trendRow]**apiTrend{&d.Total: &out.Total, &d.Team: &out.Team} {
		if row.Recordings > 0 {
			t := apiTrendOf(*row)
			*to = &t
		}
	}
	for _, x := range d.History.Coaching {
		out.Coaching = append(out.Coaching, apiCoaching{x.At.UTC(), x.By, x.Rule, x.Note})
	}
	for _, x := range d.History.Appeals {
		out.Appeals = append(out.Appeals, apiAgentAppeal{x.ID, x.At.UTC(), x.Rule, x.Reason, x.Outcome, moment(x.DecidedAt)})
	}
	for _, x := range d.History.Dispositions {
		out.Dispositions = append(out.Dispositions, apiAgentDisposition{x.Recording, x.At.UTC(), string(x.Kind), x.Note, x.By})
	}
	return writeJSON(w, out)
}
