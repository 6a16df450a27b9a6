package web

import "net/http"

// apiFigureQuery is the span and the part of the company that figures are about.
type apiFigureQuery struct {
	From      string `query:"from" description:"first day, 2006-01-02"`
	To        string `query:"to" description:"last day, 2006-01-02"`
	Team      string `query:"team"`
	Principal string `query:"principal"`
	Rule      string `query:"rule"`
	Kind      string `query:"kind" enum:"call,visit"`
}

// apiTrendQuery is how figures are grouped.
type apiTrendQuery struct {
	By string `query:"by" enum:"agent,team,principal,rule,week" description:"how to group"`
	apiFigureQuery
}

func (c *Console) figureEndpoints() []endpoint {
	return []endpoint{
		{route{"GET /api/v1/trends", permTrends, c.apiTrends, "trends.export"}, []string{"GET /trends"}, "Recordings with findings per 100, by group", apiTrendQuery{}, apiTrends{}},
	}
}

func (c *Console) apiTrends(w http.ResponseWriter, r *http.Request) error {
	d, err := c.trends(r)
	if err != nil {
		return err
	}
	out := apiTrends{By: string(d.By), From: d.From, To: d.To, Median: d.Median, Rows: []apiTrend{}}
	for _, t := range d.Rows {
		out.Rows = append(out.Rows, apiTrend{Key: t.Key, Name: t.Name, Team: t.Team, Recordings: t.Recordings, Flagged: t.Flagged, Findings: t.Findings,
			Confirmed: t.Confirmed, Overturned: t.Overturned, Rate: t.Rate, Low: t.Low, High: t.High, Verdict: t.Verdict})
	}
	return writeJSON(w, out)
}

type apiTrends struct {
	By     string     `json:"by"`
	From   string     `json:"from"`
	To     string     `json:"to"`
	Median float64    `json:"median"`
	Rows   []apiTrend `json:"rows"`
}

type apiTrend struct {
	Key        string  `json:"key"`
	Name       string  `json:"name"`
	Team       string  `json:"team,omitempty"`
	Recordings int     `json:"recordings"`
	Flagged    int     `json:"flagged"`
	Findings   int     `json:"findings"`
	Confirmed  int     `json:"confirmed"`
	Overturned int     `json:"overturned"`
	Rate       float64 `json:"rate"`
	Low        float64 `json:"low"`
	High       float64 `json:"high"`
	Verdict    string  `json:"verdict"`
}
