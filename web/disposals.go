package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/speechqa/speechqa/custody"
	"github.com/speechqa/speechqa/storage/postgres"
)

// disposalStore is what the pages about disposals ask of the database. A batch that is not wholly in the scope is not
// there.
type disposalStore interface {
	DisposalOutlook(ctx context.Context, sc postgres.Scope) (postgres.DisposalOutlook, error)
	Disposals(ctx context.Context, sc postgres.Scope, limit int) ([]custody.Disposal, error)
	Disposal(ctx context.Context, sc postgres.Scope, id string) (custody.Disposal, error)
	DisposalRows(ctx context.Context, id string, state custody.ItemState, after string, limit int) ([]custody.DisposalRow, error)
	DisposalRecord(ctx context.Context, sc postgres.Scope, id string) (record, signature string, err error)
	ProposeDisposal(ctx context.Context, by custody.Person, sc postgres.Scope, p custody.Proposal) (id string, err error)
	ApproveDisposal(ctx context.Context, by custody.Person, sc postgres.Scope, id, note string) error
	RefuseDisposal(ctx context.Context, by custody.Person, sc postgres.Scope, id, note string) error
	WithdrawDisposal(ctx context.Context, by custody.Person, sc postgres.Scope, id string) error
}

func (c *Console) disposalRoutes() []route {
	return []route{
		{"GET /disposals", permCustody, c.disposalsPage, ""},
		{"POST /disposals", permPropose, c.propose, ""},
		{"GET /disposals/{disposal}", permCustody, c.disposalPage, ""},
		{"POST /disposals/{disposal}/approve", permApprove, c.approve, ""},
		{"POST /disposals/{disposal}/refuse", permApprove, c.refuse, ""},
		{"POST /disposals/{disposal}/withdraw", permStop, c.withdraw, ""},
		{"GET /disposals/{disposal}/record", permCustody, c.disposalRecord, "disposal.record"},
	}
}

const (
	listedDisposals = 100
	disposalRows    = 200 // recordings on a page
	// proposalDays is how long a proposal holds where the form is left as it is.
	proposalDays = 30
)

type disposalsData struct {
	Outlook   postgres.DisposalOutlook
	Codes     []string // what stands against something, in one order
	Disposals []custody.Disposal
	MayMake   bool
	Form      url.Values
	Problem   string // message key; empty for none
}

func (d disposalsData) problem() string { return d.Problem }

type disposalData struct {
	custody.Disposal
	Codes    []string
	States   []custody.ItemState
	Shown    custody.ItemState // only recordings of this state; empty: all
	Rows     []custody.DisposalRow
	NextURL  string
	Keys     bool // may see what objects are called
	Open     bool // may see the recordings
	MayJudge bool // may approve or refuse it
	Own      bool // proposed it
	MayStop  bool
	Factor   bool // a code is asked for
	Password bool // the password is asked for
	Problem  string
	Wait     int // seconds, with the problem "login.wait"
}

func (d disposalData) problem() string { return d.Problem }

// present are the codes that occur, in the order of custody.ObjectionCodes.
func present(n map[string]int64) (out []string) {
	for _, code := range custody.ObjectionCodes {
		if n[code] > 0 {
			out = append(out, code)
		}
	}
	return out
}

// disposalsPage shows what could be destroyed, what stands against it, and all batches.
func (c *Console) disposalsPage(w http.ResponseWriter, r *http.Request) error {
	return c.showDisposals(w, r, http.StatusOK, "")
}

func (c *Console) showDisposals(w http.ResponseWriter, r *http.Request, status int, problem string) error {
	v := visitorOf(r)
	d := disposalsData{MayMake: may(Role(v.user.Role), permPropose), Form: r.PostForm, Problem: problem}
	if d.Form == nil {
		d.Form = url.Values{"until": {time.Now().In(c.loc).AddDate(0, 0, proposalDays).Format(time.DateOnly)}, "limit": {"1000"}}
	}
	var err error
	if d.Outlook, err = c.store.DisposalOutlook(r.Context(), v.scope); err != nil {
		return fmt.Errorf("disposals: %w", err)
	}
	if d.Disposals, err = c.store.Disposals(r.Context(), v.scope, listedDisposals); err != nil {
		return fmt.Errorf("disposals: %w", err)
	}
	d.Codes = present(d.Outlook.Against)
	return c.render(w, r, status, "disposals", d)
}

// propose puts a batch of what is past its date before those who approve.
func (c *Console) propose(w http.ResponseWriter, r *http.Request) error {
	value, err := custodyForm(w, r)
	if err != nil {
		return err
	}
	p := custody.Proposal{Why: value("why"), Principal: value("principal")}
	for name, to := range map[string]*time.Time{"until": &p.HoldsUntil, "before": &p.Before} {
		if day := value(name); day != "" {
			if *to, err = time.ParseInLocation(time.DateOnly, day, c.loc); err != nil {
				return errBadRequest
			}
		}
	}
	if !p.HoldsUntil.IsZero() {
		p.HoldsUntil = p.HoldsUntil.AddDate(0, 0, 1).Add(-time.Second) // to the end of the form's day
	}
	if text := value("limit"); text != "" {
		if p.Limit, err = strconv.Atoi(text); err != nil {
			return errBadRequest
		}
	}
	id, err := c.store.ProposeDisposal(r.Context(), person(r), visitorOf(r).scope, p)
	switch {
	case errors.Is(err, custody.ErrProposal):
		return c.showDisposals(w, r, http.StatusBadRequest, "disposals.problem.proposal")
	case errors.Is(err, custody.ErrNothingDue):
		return c.showDisposals(w, r, http.StatusBadRequest, "disposals.problem.nothing")
	case errors.Is(err, postgres.ErrConflict):
		return c.showDisposals(w, r, http.StatusConflict, "disposals.problem.taken")
	case err != nil:
		return fmt.Errorf("propose a disposal: %w", err)
	}
	return c.backToDisposal(w, r, id, "disposals.flash.proposed")
}

// person is the visitor as a disposal keeps him.
func person(r *http.Request) custody.Person {
	return custody.Person{Actor: custody.Actor(actor(r)), Role: visitorOf(r).user.Role}
}

func (c *Console) backToDisposal(w http.ResponseWriter, r *http.Request, id, flash string) error {
	c.flash(r, flash)
	http.Redirect(w, r, "/disposals/"+id, http.StatusSeeOther)
	return nil
}

// disposalPage shows one batch: what was proposed, what stands against each recording, how far it has come.
func (c *Console) disposalPage(w http.ResponseWriter, r *http.Request) error {
	return c.showDisposal(w, r, http.StatusOK, "", 0)
}

func (c *Console) showDisposal(w http.ResponseWriter, r *http.Request, status int, problem string, wait int) error {
	id, err := pathUUID(r, "disposal")
	if err != nil {
		return err
	}
	v, q := visitorOf(r), r.URL.Query()
	role := Role(v.user.Role)
	d := disposalData{States: custody.ItemStates, Shown: custody.ItemState(q.Get("state")), Keys: may(role, permView), Open: may(role, permOwn),
		Password: !c.sessions.GetBool(r.Context(), sessDirectory), Problem: problem, Wait: wait}
	d.Factor = v.user.TOTPSecret != "" || c.access.SecondFactor && d.Password
	if d.Shown != "" && !slices.Contains(custody.ItemStates, d.Shown) {
		return errBadRequest
	}
	after := q.Get("after")
	if after != "" && uuid.Validate(after) != nil {
		return errBadRequest
	}
	if d.Disposal, err = c.store.Disposal(r.Context(), v.scope, id); err != nil {
		return fmt.Errorf("disposal %s: %w", id, err)
	}
	if d.Rows, err = c.store.DisposalRows(r.Context(), id, d.Shown, after, disposalRows); err != nil {
		return fmt.Errorf("disposal %s: %w", id, err)
	}
	if len(d.Rows) == disposalRows {
		d.NextURL = with("/disposals/"+id, q, "after", d.Rows[len(d.Rows)-1].Recording)
	}
	waits := d.State == custody.DisposalProposed && time.Now().Before(d.HoldsUntil)
	d.Codes, d.Own = present(d.Reasons), d.Proposer == v.user.ID
	d.MayJudge = waits && !d.Own && may(role, permApprove)
	d.MayStop = may(role, permStop) && (waits && d.Own || d.State == custody.DisposalApproved && d.Waiting() > 0)
	return c.render(w, r, status, "disposal", d)
}

// decision reads the form of a decision about a batch.
func (c *Console) decision(w http.ResponseWriter, r *http.Request) (id, note string, err error) {
	if id, err = pathUUID(r, "disposal"); err != nil {
		return "", "", err
	}
	value, err := custodyForm(w, r)
	if err != nil {
		return "", "", err
	}
	return id, value("note"), nil
}

// decided answers for a decision.
func (c *Console) decided(w http.ResponseWriter, r *http.Request, id string, err error, flash string) error {
	for known, problem := range map[error]string{custody.ErrSamePerson: "disposals.problem.same", custody.ErrDecided: "disposals.problem.decided",
		custody.ErrNothingDue: "disposals.problem.nothing_left", custody.ErrProposal: "disposals.problem.reason"} {
		if errors.Is(err, known) {
			return c.showDisposal(w, r, http.StatusConflict, problem, 0)
		}
	}
	if err != nil {
		return fmt.Errorf("disposal %s: %w", id, err)
	}
	return c.backToDisposal(w, r, id, flash)
}

// approve lets a batch be destroyed. It is asked again who does it, with the second factor.
func (c *Console) approve(w http.ResponseWriter, r *http.Request) error {
	id, note, err := c.decision(w, r)
	if err != nil {
		return err
	}
	v, ctx := visitorOf(r), r.Context()
	if _, err := c.store.Disposal(ctx, v.scope, id); err != nil { // what is not there is nobody's to try passwords on
		return fmt.Errorf("disposal %s: %w", id, err)
	}
	p := proof{Password: r.PostForm.Get("password"), Code: r.PostForm.Get("code")}
	if c.sessions.GetBool(ctx, sessDirectory) {
		p.Directory = v.login
	}
	problem, wait, err := c.prove(ctx, actor(r), v.user, p, c.access.SecondFactor)
	if err != nil {
		return err
	}
	if problem != "" {
		return c.showDisposal(w, r, http.StatusForbidden, problem, wait)
	}
	return c.decided(w, r, id, c.store.ApproveDisposal(ctx, person(r), v.scope, id, note), "disposals.flash.approved")
}

func (c *Console) refuse(w http.ResponseWriter, r *http.Request) error {
	id, note, err := c.decision(w, r)
	if err != nil {
		return err
	}
	return c.decided(w, r, id, c.store.RefuseDisposal(r.Context(), person(r), visitorOf(r).scope, id, note), "disposals.flash.refused")
}

// withdraw takes a proposal back, or stops what is approved and not begun.
func (c *Console) withdraw(w http.ResponseWriter, r *http.Request) error {
	id, _, err := c.decision(w, r)
	if err != nil {
		return err
	}
	return c.decided(w, r, id, c.store.WithdrawDisposal(r.Context(), person(r), visitorOf(r).scope, id), "disposals.flash.withdrawn")
}

// disposalRecord sends a batch's signed record, or with ?signature the signature over it.
func (c *Console) disposalRecord(w http.ResponseWriter, r *http.Request) error {
	id, err := pathUUID(r, "disposal")
	if err != nil {
		return err
	}
	record, signature, err := c.store.DisposalRecord(r.Context(), visitorOf(r).scope, id)
	if err != nil {
		return fmt.Errorf("record of disposal %s: %w", id, err)
	}
	name, kind, body := "disposal-"+id+".json", "application/json", record
	if r.URL.Query().Has("signature") {
		name, kind, body = name+".minisig", "text/plain; charset=utf-8", signature
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	_, err = w.Write([]byte(body))
	return err
}
