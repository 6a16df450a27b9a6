package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/detectors/pii"
	"github.com/speechqa/speechqa/storage/postgres"
)

// appealStore is what the pages about appeals ask of the database. What lies outside the scope is not there.
type appealStore interface {
	Appeals(ctx context.Context, sc postgres.Scope, user string, f postgres.AppealFilter) (postgres.AppealPage, error)
	Appeal(ctx context.Context, sc postgres.Scope, user, id string) (postgres.Appeal, error)
	Appealable(ctx context.Context, sc postgres.Scope, days, limit int) ([]postgres.Appealable, error)
	MakeAppeal(ctx context.Context, recording, finding, reason string, days int, who postgres.AuditEntry) (string, error)
	DecideAppeal(ctx context.Context, sc postgres.Scope, id string, outcome postgres.AppealOutcome, note string, who postgres.AuditEntry,
		rescore func([]detectors.Finding) (score int, fatal bool)) error
}

// appealDays is how long a confirmed finding may be appealed against, unless Config says otherwise.
const appealDays = 7

// appealRoutes are the agent's second hearing.
func (c *Console) appealRoutes() []route {
	return []route{
		{"GET /appeals", permAppeals, c.appealsPage, ""},
		{"GET /appeals/{appeal}", permAppeals, c.appealPage, "appeal.view"},
		{"POST /appeals/{appeal}", permReview, c.decideAppeal, ""},
		{"POST /recordings/{id}/findings/{key}/appeal", permAppeal, c.makeAppeal, ""},
	}
}

type appealsData struct {
	Page    postgres.AppealPage
	Decided bool
	Days    int
	MayMake bool
	May     []postgres.Appealable // what may be appealed
	NextURL string
	Later   bool
}

type appealData struct {
	postgres.Appeal
	Days     int
	Context  []turn // what was said around the evidence
	MayJudge bool
}

// appealsPage shows appeals: to agents theirs, with what they may still appeal against, to reviewers all in their scope.
func (c *Console) appealsPage(w http.ResponseWriter, r *http.Request) error {
	q, v := r.URL.Query(), visitorOf(r)
	d := appealsData{Decided: q.Get("show") == "decided", Days: c.appealDays, MayMake: may(Role(v.user.Role), permAppeal), Later: q.Get("after") != ""}
	var err error
	d.Page, err = c.store.Appeals(r.Context(), v.scope, v.user.ID, postgres.AppealFilter{Decided: d.Decided, After: q.Get("after"), Limit: listLimit})
	if err != nil {
		return fmt.Errorf("appeals: %w", err)
	}
	for i := range d.Page.Appeals {
		maskFinding(&d.Page.Appeals[i].Finding, d.Page.Appeals[i].Metadata)
	}
	if d.Page.Next != "" {
		d.NextURL = with("/appeals", q, "after", d.Page.Next)
	}
	if d.MayMake && !d.Decided && !d.Later {
		if d.May, err = c.store.Appealable(r.Context(), v.scope, c.appealDays, listLimit); err != nil {
			return fmt.Errorf("appeals: %w", err)
		}
	}
	for i := range d.May {
		maskFinding(&d.May[i].Finding, d.May[i].Metadata)
	}
	return c.render(w, r, http.StatusOK, "appeals", d)
}

// maskFinding hides the numbers in what a finding tells.
func maskFinding(f *detectors.Finding, m detectors.Metadata) {
	known := pii.KnownOf(m)
	f.Quote, f.Term, f.Why = maskSaid(f.Quote, known), maskSaid(f.Term, known), maskSaid(f.Why, known)
}

// contextTurns is how many utterances are shown before and after the evidence.
const contextTurns = 3

// appealPage shows one appeal with both decisions, and to a second reviewer the form for his.
func (c *Console) appealPage(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "appeal")
	if err != nil {
		return err
	}
	v := visitorOf(r)
	a, err := c.store.Appeal(r.Context(), v.scope, v.user.ID, id)
	if err != nil {
		return fmt.Errorf("appeal %s: %w", id, err)
	}
	review, err := c.store.Review(r.Context(), a.Recording)
	if err != nil {
		return fmt.Errorf("appeal %s: %w", id, err)
	}
	maskReview(&review)
	maskFinding(&a.Finding, a.Metadata)
	d := appealData{Appeal: a, Days: c.appealDays, MayJudge: may(Role(v.user.Role), permReview) && a.Outcome == "" && !a.Barred}
	if at := a.Finding.Turn; at >= 0 && at < len(review.Transcript.Utterances) {
		all := dialogue(review.Transcript.Utterances, []postgres.JudgedFinding{{Finding: a.Finding, Verdict: postgres.VerdictConfirmed}})
		d.Context = all[max(0, at-contextTurns):min(len(all), at+contextTurns+1)]
	}
	return c.render(w, r, http.StatusOK, "appeal", d)
}

// makeAppeal appeals against a finding that a reviewer confirmed.
func (c *Console) makeAppeal(w http.ResponseWriter, r *http.Request) error {
	recording, err := pathID(r, "id")
	if err != nil {
		return err
	}
	f, err := form(w, r)
	if err != nil {
		return err
	}
	reason, err := sentence(f.Get("reason"), maxNote)
	if err != nil || reason == "" {
		return errAppealReason
	}
	id, err := c.store.MakeAppeal(r.Context(), recording, r.PathValue("key"), reason, c.appealDays, who(r))
	if err != nil {
		return appealError(err)
	}
	http.Redirect(w, r, "/appeals/"+id, http.StatusSeeOther)
	return nil
}

// decideAppeal stores the second reviewer's word.
func (c *Console) decideAppeal(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "appeal")
	if err != nil {
		return err
	}
	a, err := c.store.Appeal(r.Context(), visitorOf(r).scope, visitorOf(r).user.ID, id)
	if err != nil {
		return fmt.Errorf("appeal %s: %w", id, err)
	}
	f, err := form(w, r)
	if err != nil {
		return err
	}
	outcome := postgres.AppealOutcome(f.Get("outcome"))
	if outcome != postgres.OutcomeGranted && outcome != postgres.OutcomeRejected {
		return errBadRequest
	}
	note, err := sentence(f.Get("note"), maxNote)
	if err != nil || note == "" {
		return errAppealReason
	}
	grade, err := c.grading(r, a.Recording)
	if err != nil {
		return err
	}
	if err := c.store.DecideAppeal(r.Context(), visitorOf(r).scope, id, outcome, note, who(r), grade); err != nil {
		return appealError(err)
	}
	http.Redirect(w, r, "/appeals/"+id, http.StatusSeeOther)
	return nil
}

// appealError gives a refusal the sentence that says why.
func appealError(err error) error {
	switch {
	case errors.Is(err, postgres.ErrTooLate):
		return errAppealLate
	case errors.Is(err, postgres.ErrNotSecond):
		return errAppealSecond
	}
	return fmt.Errorf("appeal: %w", err)
}
