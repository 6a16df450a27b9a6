package web

import (
	"net/http"

	"github.com/speechqa/speechqa/storage/postgres"
)

// xlsx is a workbook.
const xlsx = media("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")

func (c *Console) figureEndpoints() []endpoint {
	table := func(name string, handle func(http.ResponseWriter, *http.Request) error, action string, asks any, kind media) endpoint {
		return endpoint{route{"GET " + apiPath + name, permExport, handle, action}, []string{"GET /" + name}, "The same as a table", asks, kind}
	}
	const comma = media("text/csv")
	return []endpoint{
		{route{"GET /api/v1/trends", permTrends, c.apiTrends, "trends.export"}, []string{"GET /trends"}, "Recordings with findings per 100, by group, against an earlier period", apiTrendQuery{}, apiTrends{}},
		table("trends.csv", c.trendsCSV, "trends.export", apiTrendQuery{}, comma),
		table("trends.xlsx", c.trendsXLSX, "trends.export", apiTrendQuery{}, xlsx),
		{route{"GET /api/v1/heat", permTrends, c.apiHeat, "heat.export"}, []string{"GET /heat"}, "Agents against rules", apiFigureQuery{}, apiHeat{}},
		table("heat.csv", c.heatCSV, "heat.export", apiFigureQuery{}, comma),
		table("heat.xlsx", c.heatXLSX, "heat.export", apiFigureQuery{}, xlsx),
		{route{"GET /api/v1/coverage", permTrends, c.apiCoverage, "coverage.export"}, []string{"GET /coverage"}, "How much is inspected and reviewed, by whom, and which rules people overturn", apiCoverageQuery{}, apiCoverage{}},
		table("coverage.csv", c.coverageCSV, "coverage.export", apiCoverageQuery{}, comma),
		table("coverage.xlsx", c.coverageXLSX, "coverage.export", apiCoverageQuery{}, xlsx),
	}
}

// apiFigureQuery is the span and the part of the company that figures are about.
type apiFigureQuery struct {
	From      string `query:"from" description:"first day, 2006-01-02; else four weeks"`
	To        string `query:"to" description:"last day; else the last there is anything of"`
	Team      string `query:"team"`
	Principal string `query:"principal"`
	Rule      string `query:"rule" description:"where the figures are not by rule"`
	Kind      string `query:"kind" enum:"call,visit"`
}

// apiTrendQuery is how figures are grouped and what they are held against.
type apiTrendQuery struct {
	By      string `query:"by" enum:"agent,team,principal,rule,week" description:"how to group"`
	Against string `query:"against" enum:"previous,year,span,none" description:"the earlier period; span is cfrom to cto"`
	CFrom   string `query:"cfrom" description:"its first day"`
	CTo     string `query:"cto" description:"its last day"`
	apiFigureQuery
}

type apiCoverageQuery struct {
	By string `query:"by" enum:"team,principal,agent,week,day" description:"how to group"`
	apiFigureQuery
}

// apiSpan is what figures are of; both days are within.
type apiSpan struct {
	From string `json:"from"`
	To   string `json:"to"`
}

type apiTrends struct {
	By string `json:"by"`
	apiSpan
	Against *apiSpan   `json:"against,omitempty" description:"the earlier period"`
	Median  float64    `json:"median" description:"of the groups' rates"`
	Rows    []apiTrend `json:"rows"`
}

type apiTrend struct {
	apiGroup
	Rate    float64        `json:"rate" description:"flagged recordings per 100"`
	Low     float64        `json:"low" description:"of the rate's 95 % interval"`
	High    float64        `json:"high"`
	Median  float64        `json:"median" description:"of those it is compared with"`
	Verdict string         `json:"verdict" enum:"above,below,unclear" description:"the interval against the median"`
	Change  *apiRateChange `json:"change,omitempty" description:"since the earlier period"`
}

// apiRateChange is what has become of a rate.
type apiRateChange struct {
	Recordings int     `json:"recordings" description:"then"`
	Rate       float64 `json:"rate" description:"then"`
	Diff       float64 `json:"diff" description:"now less then"`
	Low        float64 `json:"low" description:"of its 95 % interval"`
	High       float64 `json:"high"`
	Verdict    string  `json:"verdict" enum:"rising,falling,unclear"`
}

// apiGroup counts the recordings of a group.
type apiGroup struct {
	Key        string  `json:"key" description:"agent id, team, principal, rule, day, or the Monday of a week"`
	Name       string  `json:"name"`
	Team       string  `json:"team,omitempty" description:"of an agent"`
	Received   int     `json:"received"`
	Recordings int     `json:"recordings" description:"inspected"`
	Failed     int     `json:"failed"`
	Flagged    int     `json:"flagged" description:"recordings with a finding that stands"`
	Judged     int     `json:"judged" description:"recordings with findings, none of which waits for a person"`
	Findings   int     `json:"findings" description:"that stand"`
	Open       int     `json:"open" description:"findings that wait for a person"`
	Confirmed  int     `json:"confirmed"`
	Overturned int     `json:"overturned"`
	Fatal      int     `json:"fatal" description:"recordings"`
	Score      float64 `json:"score" description:"mean; 0 by rule"`
	Seconds    int     `json:"seconds" description:"of sound inspected"`
}

func apiGroupOf(t postgres.TrendRow) apiGroup {
	return apiGroup{t.Key, t.Name, t.Team, t.Received, t.Recordings, t.Failed, t.Flagged, t.Judged, t.Findings, t.Open, t.Confirmed, t.Overturned, t.Fatal, t.Score, t.Seconds}
}

func apiGroups(rows []postgres.TrendRow) []apiGroup {
	out := []apiGroup{}
	for _, t := range rows {
		out = append(out, apiGroupOf(t))
	}
	return out
}

func apiTrendOf(t trendRow) apiTrend {
	out := apiTrend{apiGroup: apiGroupOf(t.TrendRow), Rate: t.Rate, Low: t.Low, High: t.High, Median: t.Median, Verdict: t.Verdict}
	if c := t.Change; c != nil {
		out.Change = &apiRateChange{c.Recordings, c.Rate, c.Diff, c.Low, c.High, c.Verdict}
	}
	return out
}

func apiTrendRows(rows []trendRow) []apiTrend {
	out := []apiTrend{}
	for _, t := range rows {
		out = append(out, apiTrendOf(t))
	}
	return out
}

func (c *Console) apiTrends(w http.ResponseWriter, r *http.Request) error {
	d, err := c.trends(r)
	if err != nil {
		return err
	}
	out := apiTrends{By: string(d.By), apiSpan: apiSpan{d.From, d.To}, Median: d.Median, Rows: apiTrendRows(d.Rows)}
	if d.CFrom != "" {
		out.Against = &apiSpan{d.CFrom, d.CTo}
	}
	return writeJSON(w, out)
}

type apiHeat struct {
	apiSpan
	Agents []apiGroup    `json:"agents"`
	Cells  []apiHeatCell `json:"cells" description:"a pair that is not here has none"`
}

type apiHeatCell struct {
	Agent    string `json:"agent" description:"id"`
	Rule     string `json:"rule"`
	Flagged  int    `json:"flagged" description:"recordings"`
	Findings int    `json:"findings"`
}

func (c *Console) apiHeat(w http.ResponseWriter, r *http.Request) error {
	d, err := c.heat(r)
	if err != nil {
		return err
	}
	out := apiHeat{apiSpan: apiSpan{d.From, d.To}, Agents: apiGroups(d.Agents), Cells: []apiHeatCell{}}
	for _, x := range d.Cells {
		out.Cells = append(out.Cells, apiHeatCell{x.Key, x.Rule, x.Flagged, x.Findings})
	}
	return writeJSON(w, out)
}

type apiCoverage struct {
	By string `json:"by"`
	apiSpan
	Rows      []apiGroup     `json:"rows"`
	Reviewers []apiReviewer  `json:"reviewers"`
	Rules     []apiOverturns `json:"rules" description:"the most often overturned first, by what is certain"`
}

type apiReviewer struct {
	Name       string `json:"name"`
	Days       int    `json:"days" description:"on which anything was decided"`
	Recordings int    `json:"recordings"`
	Confirmed  int    `json:"confirmed"`
	Overturned int    `json:"overturned"`
	Reopened   int    `json:"reopened"`
	Again      int    `json:"again" description:"decisions on findings that somebody else decided anew next"`
	Agreed     int    `json:"agreed" description:"of these, decided alike"`
}

type apiOverturns struct {
	Rule       string  `json:"rule"`
	Confirmed  int     `json:"confirmed"`
	Overturned int     `json:"overturned"`
	Low        float64 `json:"low" description:"of the share overturned in per cent, 95 %"`
	High       float64 `json:"high"`
}

func (c *Console) apiCoverage(w http.ResponseWriter, r *http.Request) error {
	d, err := c.coverage(r)
	if err != nil {
		return err
	}
	out := apiCoverage{By: string(d.By), apiSpan: apiSpan{d.From, d.To}, Rows: apiGroups(d.Rows), Reviewers: []apiReviewer{}, Rules: []apiOverturns{}}
	for _, p := range d.People {
		out.Reviewers = append(out.Reviewers, apiReviewer(p))
	}
	for _, x := range d.ByRule {
		low, high := wilson(x.Overturned, x.Confirmed+x.Overturned)
		out.Rules = append(out.Rules, apiOverturns{x.Key, x.Confirmed, x.Overturned, 100 * low, 100 * high})
	}
	return writeJSON(w, out)
}
