package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/speechqa/speechqa/custody"
	"github.com/speechqa/speechqa/storage/postgres"
)

// custodyStore is what the custody page asks of the database.
type custodyStore interface {
	// RetentionReport counts what is kept of the scope.
	RetentionReport(ctx context.Context, sc postgres.Scope) (postgres.RetentionReport, error)
	// Holds lists legal holds that keep something of the scope, those in force first.
	Holds(ctx context.Context, sc postgres.Scope) ([]custody.Hold, error)
	// PlaceHold puts a legal hold in force; custody.ErrScope when it names nothing, or has no reason or owner.
	PlaceHold(ctx context.Context, by custody.Actor, h custody.Hold) (id string, matches int64, err error)
	// ReleaseHold ends a hold; postgres.ErrNotFound when there is none in force with that id.
	ReleaseHold(ctx context.Context, by custody.Actor, id, reason string) error
}

func (c *Console) custodyRoutes() []route {
	return []route{
		{"GET /custody", permCustody, c.custodyPage, ""},
		{"POST /custody/holds", permHold, c.placeHold, ""},
		{"POST /custody/release", permHold, c.releaseHold, ""},
	}
}

// longestReason is the longest reason or owner of a hold, in characters.
const longestReason = 500

type custodyData struct {
	Report      postgres.RetentionReport
	Unprotected []string
	Holds       []custody.Hold
	Recording   string // a hold is to be placed on it
	Keys        bool   // may see what objects are called
	Problem     string // message key; empty for none
}

func (d custodyData) problem() string { return d.Problem }

// custodyPage shows what is kept, what protects it, and the legal holds.
func (c *Console) custodyPage(w http.ResponseWriter, r *http.Request) error {
	return c.custody(w, r, http.StatusOK, "")
}

func (c *Console) custody(w http.ResponseWriter, r *http.Request, status int, problem string) error {
	v := visitorOf(r)
	rep, err := c.store.RetentionReport(r.Context(), v.scope)
	if err != nil {
		return fmt.Errorf("retention report: %w", err)
	}
	holds, err := c.store.Holds(r.Context(), v.scope)
	if err != nil {
		return fmt.Errorf("legal holds: %w", err)
	}
	return c.render(w, r, status, "custody", custodyData{Report: rep, Unprotected: rep.Unprotected(), Holds: holds,
		Recording: r.URL.Query().Get("recording"), Keys: may(Role(v.user.Role), permView), Problem: problem})
}

// custodyForm reads a form; a text that is too long or no text is a bad request.
func custodyForm(w http.ResponseWriter, r *http.Request) (func(string) string, error) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		return nil, errBadRequest
	}
	for _, values := range r.PostForm {
		for _, v := range values {
			if utf8.RuneCountInString(v) > longestReason || !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
				return nil, errBadRequest
			}
		}
	}
	return func(name string) string { return strings.TrimSpace(r.PostForm.Get(name)) }, nil
}

// placeHold puts a legal hold in force. It reaches beyond a scope, so only who sees everything may.
func (c *Console) placeHold(w http.ResponseWriter, r *http.Request) error {
	value, err := custodyForm(w, r)
	if err != nil {
		return err
	}
	h := custody.Hold{Recording: value("recording"), CaseID: value("case"), AgentID: value("agent"), Reason: value("reason"), Owner: value("owner")}
	if h.Recording != "" && uuid.Validate(h.Recording) != nil {
		return c.custody(w, r, http.StatusBadRequest, "custody.problem.recording")
	}
	for name, to := range map[string]*time.Time{"from": &h.From, "to": &h.To} {
		if day := value(name); day != "" {
			if *to, err = time.ParseInLocation(time.DateOnly, day, c.loc); err != nil {
				return errBadRequest
			}
		}
	}
	if !h.To.IsZero() {
		h.To = h.To.AddDate(0, 0, 1) // the form's last day is held, too
	}
	if h.Reason == "" || h.Owner == "" {
		return c.custody(w, r, http.StatusBadRequest, "custody.problem.scope")
	}
	if !visitorOf(r).scope.Everything() {
		return errForbidden
	}
	_, _, err = c.store.PlaceHold(r.Context(), custody.Actor(actor(r)), h)
	switch {
	case errors.Is(err, custody.ErrScope):
		return c.custody(w, r, http.StatusBadRequest, "custody.problem.scope")
	case errors.Is(err, postgres.ErrNotFound):
		return c.custody(w, r, http.StatusBadRequest, "custody.problem.recording")
	case err != nil:
		return fmt.Errorf("place hold: %w", err)
	}
	c.flash(r, "custody.flash.placed")
	http.Redirect(w, r, "/custody", http.StatusSeeOther)
	return nil
}

func (c *Console) releaseHold(w http.ResponseWriter, r *http.Request) error {
	value, err := custodyForm(w, r)
	if err != nil {
		return err
	}
	id, err := uuid.Parse(value("hold"))
	if err != nil {
		return errBadRequest
	}
	if value("reason") == "" {
		return c.custody(w, r, http.StatusBadRequest, "custody.problem.release")
	}
	if !visitorOf(r).scope.Everything() {
		return errForbidden
	}
	if err := c.store.ReleaseHold(r.Context(), custody.Actor(actor(r)), id.String(), value("reason")); err != nil {
		return fmt.Errorf("release hold: %w", err)
	}
	c.flash(r, "custody.flash.released")
	http.Redirect(w, r, "/custody", http.StatusSeeOther)
	return nil
}
