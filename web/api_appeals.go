package web

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/speechqa/speechqa/detectors/pii"
	"github.com/speechqa/speechqa/storage/postgres"
)

// apiAppealQuery is the filter of the appeals.
type apiAppealQuery struct {
	Show string `query:"show" enum:"decided" description:"decided: those decided; else those waiting"`
	apiPaging
}

func (c *Console) appealEndpoints() []endpoint {
	return []endpoint{
		{route{"POST /api/v1/recordings/{id}/findings/{key}/appeal", permAppeal, c.apiMakeAppeal, ""}, []string{"POST /recordings/{id}/findings/{key}/appeal"}, "Appeal against a confirmed finding", apiAppealMade{}, apiAppeal{}},
		{route{"GET /api/v1/appeals/{appeal}", permAppeals, c.apiAppeal, "appeal.view"}, []string{"GET /appeals/{appeal}"}, "One appeal", nil, apiAppeal{}},
		{route{"POST /api/v1/appeals/{appeal}", permReview, command(apiAppealDecision.form, c.decideAppeal, c.apiAppeal), ""}, []string{"POST /appeals/{appeal}"}, "Decide an appeal, as a second reviewer", apiAppealDecision{}, apiAppeal{}},
		{route{"GET /api/v1/appeals", permAppeals, c.apiAppeals, ""}, []string{"GET /appeals"}, "Appeals within the scope", apiAppealQuery{}, apiPage[apiAppeal]{}},
	}
}

func (c *Console) apiAppeals(w http.ResponseWriter, r *http.Request) error {
	q, v := r.URL.Query(), visitorOf(r)
	limit, err := apiLimit(q)
	if err != nil {
		return err
	}
	page, err := c.store.Appeals(r.Context(), v.scope, v.user.ID, postgres.AppealFilter{Decided: q.Get("show") == "decided", After: q.Get("after"), Limit: limit})
	if err != nil {
		return fmt.Errorf("appeals: %w", err)
	}
	out := apiPage[apiAppeal]{Items: []apiAppeal{}, Next: page.Next}
	for _, a := range page.Appeals {
		a.Finding.Quote = maskSaid(a.Finding.Quote, pii.KnownOf(a.Metadata))
		out.Items = append(out.Items, apiAppealOf(a))
	}
	return writeJSON(w, out)
}

type apiAppeal struct {
	ID          string     `json:"id"`
	Recording   string     `json:"recording"`
	Finding     string     `json:"finding"`
	Rule        string     `json:"rule"`
	Quote       string     `json:"quote,omitempty"`
	Reason      string     `json:"reason"`
	By          string     `json:"by"`
	At          time.Time  `json:"at"`
	FirstBy     string     `json:"first_by"`
	FirstAt     time.Time  `json:"first_at"`
	ScoreBefore int        `json:"score_before"`
	Outcome     string     `json:"outcome,omitempty"`
	DecidedBy   string     `json:"decided_by,omitempty"`
	DecidedAt   *time.Time `json:"decided_at,omitempty"`
	Note        string     `json:"note,omitempty"`
	ScoreAfter  *int       `json:"score_after,omitempty"`
}

func apiAppealOf(a postgres.Appeal) apiAppeal {
	out := apiAppeal{ID: a.ID, Recording: a.Recording, Finding: a.Finding.Key, Rule: a.Finding.Rule, Quote: a.Finding.Quote, Reason: a.Reason, By: a.By, At: a.At.UTC(),
		FirstBy: a.FirstBy, FirstAt: a.FirstAt.UTC(), ScoreBefore: a.ScoreBefore, Outcome: string(a.Outcome), DecidedBy: a.DecidedBy, DecidedAt: moment(a.DecidedAt), Note: a.Note}
	if a.Outcome != "" {
		out.ScoreAfter = &a.ScoreAfter
	}
	return out
}

type apiAppealMade struct {
	Reason string `json:"reason"`
}

type apiAppealDecision struct {
	Outcome string `json:"outcome" enum:"granted,rejected"`
	Note    string `json:"note"`
}

func (d apiAppealDecision) form() url.Values {
	return url.Values{"outcome": {d.Outcome}, "note": {d.Note}}
}

func (c *Console) apiAppeal(w http.ResponseWriter, r *http.Request) error {
	d, err := shown[appealData](r, c.appealPage)
	if err != nil {
		return err
	}
	return writeJSON(w, apiAppealOf(d.Appeal))
}

func (c *Console) apiMakeAppeal(w http.ResponseWriter, r *http.Request) error {
	var d apiAppealMade
	if err := body(w, r, &d); err != nil {
		return err
	}
	to, err := acted(r, url.Values{"reason": {d.Reason}}, c.makeAppeal)
	if err != nil {
		return err
	}
	made(w, r, to, "/appeals/", "appeal")
	return c.apiAppeal(w, r)
}
