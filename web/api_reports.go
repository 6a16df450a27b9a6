package web

import (
	"net/http"
	"time"

	"github.com/speechqa/speechqa/detectors/pii"
	"github.com/speechqa/speechqa/storage/postgres"
)

func (c *Console) reportEndpoints() []endpoint {
	return []endpoint{
		{route{"GET /api/v1/training", permTrends, c.apiTraining, "training.export"}, []string{"GET /training"}, "What each team breaks most, with examples", apiPartQuery{}, apiTraining{}},
		{route{"GET /api/v1/training.xlsx", permExport, c.trainingXLSX, "training.export"}, []string{"GET /training.xlsx"}, "The same as a table", apiPartQuery{}, xlsx},
		{route{"GET /api/v1/daily", permTrends, c.apiDaily, "daily.view"}, []string{"GET /daily"}, "The daily report, of all principals or of one", apiDailyQuery{}, apiDaily{}},
		{route{"GET /api/v1/daily.xlsx", permExport, c.dailyXLSX, "daily.export"}, []string{"GET /daily.xlsx"}, "The same as a table", apiDailyQuery{}, xlsx},
		{route{"GET /api/v1/spotcheck", permTrends, c.apiSpotCheck, "spotcheck.view"}, []string{"GET /spotcheck"}, "Visits drawn by chance; the same draw, the same visits", apiSpotQuery{}, apiSpotCheck{}},
		{route{"GET /api/v1/spotcheck.xlsx", permExport, c.spotXLSX, "spotcheck.export"}, []string{"GET /spotcheck.xlsx"}, "The same as a table", apiSpotQuery{}, xlsx},
	}
}

// apiPartQuery is the span and the part of the company that a report is about.
type apiPartQuery struct {
	From      string `query:"from" description:"first day, 2006-01-02"`
	To        string `query:"to" description:"last day"`
	Team      string `query:"team"`
	Principal string `query:"principal"`
	Kind      string `query:"kind" enum:"call,visit"`
}

type apiDailyQuery struct {
	Day       string `query:"day" description:"2006-01-02; else the last there is anything of"`
	Principal string `query:"principal"`
}

type apiSpotQuery struct {
	N         int    `query:"n" minimum:"1" maximum:"100" description:"10 unless told"`
	Draw      int    `query:"draw" minimum:"1" description:"which draw"`
	From      string `query:"from" description:"first day, 2006-01-02"`
	To        string `query:"to" description:"last day"`
	Team      string `query:"team"`
	Principal string `query:"principal"`
}

type apiTraining struct {
	apiSpan
	Teams []apiTrainingTeam `json:"teams" description:"those that break most first"`
}

type apiTrainingTeam struct {
	Team       string    `json:"team"`
	Recordings int       `json:"recordings"`
	Needs      []apiNeed `json:"needs"`
}

type apiNeed struct {
	Rule     string      `json:"rule"`
	Flagged  int         `json:"flagged" description:"recordings"`
	Rate     float64     `json:"rate" description:"per 100 recordings of the team"`
	Low      float64     `json:"low" description:"of its 95 % interval"`
	High     float64     `json:"high"`
	All      float64     `json:"all" description:"rate of all teams"`
	Verdict  string      `json:"verdict" enum:"above,below,unclear" description:"against all teams"`
	Examples []apiLesson `json:"examples"`
}

type apiLesson struct {
	apiFound
	Clip string `json:"clip,omitempty" description:"id of the newest clip that was cut of it"`
}

type apiDaily struct {
	Day          string                `json:"day"`
	Principal    string                `json:"principal,omitempty" description:"missing: all"`
	Principals   []apiGroup            `json:"principals"`
	Teams        []apiGroup            `json:"teams"`
	Rules        []apiGroup            `json:"rules"`
	Dispositions []apiDispositionCount `json:"dispositions" description:"in force"`
	Examples     []apiFound            `json:"examples" description:"the worst recordings, one finding each"`
}

type apiDispositionCount struct {
	Kind       string `json:"kind"`
	Recordings int    `json:"recordings"`
	Agents     int    `json:"agents"`
	Overdue    int    `json:"overdue"`
}

type apiSpotCheck struct {
	apiSpan
	Draw   string     `json:"draw"`
	Visits []apiVisit `json:"visits" description:"in the order of their time"`
}

type apiVisit struct {
	ID        string           `json:"id"`
	At        time.Time        `json:"at"`
	AgentID   string           `json:"agent_id,omitempty"`
	AgentName string           `json:"agent_name,omitempty"`
	Team      string           `json:"team,omitempty"`
	Principal string           `json:"principal,omitempty"`
	CaseID    string           `json:"case_id,omitempty"`
	Duration  float64          `json:"duration" description:"seconds"`
	Score     int              `json:"score"`
	Fatal     bool             `json:"fatal"`
	Missed    []string         `json:"missed" description:"of what was to be said, in Chinese"`
	Findings  []apiVisitReport `json:"findings"`
}

type apiVisitReport struct {
	Rule    string `json:"rule"`
	Quote   string `json:"quote" description:"masked"`
	Verdict string `json:"verdict"`
}

func (c *Console) apiTraining(w http.ResponseWriter, r *http.Request) error {
	d, err := c.training(r, true)
	if err != nil {
		return err
	}
	out := apiTraining{apiSpan{d.From, d.To}, []apiTrainingTeam{}}
	for _, t := range d.Teams {
		team := apiTrainingTeam{Team: t.Team, Recordings: t.Recordings, Needs: []apiNeed{}}
		for _, n := range t.Needs {
			need := apiNeed{n.Rule, n.Flagged, n.Rate, n.Low, n.High, n.All, n.Verdict, []apiLesson{}}
			for _, e := range n.Examples {
				x := apiLesson{apiFound: apiFoundOf([]postgres.ReportExample{e.ReportExample})[0]}
				if e.Clip != nil {
					x.Clip = e.Clip.ID
				}
				need.Examples = append(need.Examples, x)
			}
			team.Needs = append(team.Needs, need)
		}
		out.Teams = append(out.Teams, team)
	}
	return writeJSON(w, out)
}

func (c *Console) apiDaily(w http.ResponseWriter, r *http.Request) error {
	d, err := c.daily(r)
	if err != nil {
		return err
	}
	out := apiDaily{Day: d.Day, Principal: d.Principal, Principals: apiGroups(d.Rows[postgres.ByPrincipal]), Teams: apiGroups(d.Rows[postgres.ByTeam]),
		Rules: apiGroups(d.Rows[postgres.ByRule]), Dispositions: []apiDispositionCount{}, Examples: apiFoundOf(d.Examples)}
	for _, x := range d.Counts {
		out.Dispositions = append(out.Dispositions, apiDispositionCount{string(x.Kind), x.Recordings, x.Agents, x.Overdue})
	}
	return writeJSON(w, out)
}

func (c *Console) apiSpotCheck(w http.ResponseWriter, r *http.Request) error {
	d, err := c.spot(r)
	if err != nil {
		return err
	}
	out := apiSpotCheck{apiSpan{d.From, d.To}, d.Draw, []apiVisit{}}
	for _, v := range d.Visits {
		m := v.Metadata
		x := apiVisit{v.ID, v.At.UTC(), m.AgentID, m.AgentName, m.Team, m.Principal, m.CaseID, v.Duration, v.Score, v.Fatal, append([]string{}, missed(v)...), []apiVisitReport{}}
		for _, f := range v.Findings {
			x.Findings = append(x.Findings, apiVisitReport{f.Rule, maskedQuote(f.Quote, pii.KnownOf(m)), string(f.Verdict)})
		}
		out.Visits = append(out.Visits, x)
	}
	return writeJSON(w, out)
}
