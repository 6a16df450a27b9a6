package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/speechqa/speechqa/storage/postgres"
)

// savedView is a saved filter as the list shows it.
type savedView struct {
	postgres.SavedFilter
	URL string
}

// maxFilterName is the longest name of a saved filter, in characters; maxFilterQuery the longest filter.
const (
	maxFilterName  = 30
	maxFilterQuery = 2000
)

// reviewers are the roles whose day has a quota.
var reviewers = []string{string(RoleClerk), string(RoleLead)}

// deskOfList fills in what the list has for people who judge: their filters, their day, and whom a lead assigns to.
func (c *Console) deskOfList(r *http.Request, d *listData) error {
	v := visitorOf(r)
	q := url.Values{}
	for k, vs := range r.URL.Query() {
		if k != "after" {
			q[k] = vs
		}
	}
	d.Me, d.Ranges, d.Range, d.Query = v.user.ID, listRanges, q.Get("score"), q.Encode()
	d.CountURL = "/counts?" + d.Query
	if !may(Role(v.user.Role), permReview) {
		return nil
	}
	saved, err := c.store.SavedFilters(r.Context(), v.user.ID)
	if err != nil {
		return fmt.Errorf("saved filters: %w", err)
	}
	for _, s := range saved {
		d.Saved = append(d.Saved, savedView{s, "/?" + s.Query})
	}
	day, err := c.store.ClerkDay(r.Context(), v.user.ID, c.midnight())
	if err != nil {
		return fmt.Errorf("the clerk's day: %w", err)
	}
	d.Day = &day
	if may(Role(v.user.Role), permAssign) {
		if d.Clerks, err = c.store.ClerkDays(r.Context(), c.midnight(), reviewers); err != nil {
			return fmt.Errorf("clerks: %w", err)
		}
	}
	return nil
}

// midnight is when the console's day began.
func (c *Console) midnight() time.Time {
	y, m, d := time.Now().In(c.loc).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, c.loc)
}

// counts says how many recordings are in each stage under the present filter, and under each saved one: up to 999,
// after which it is "999+"; "…" is what could not be counted quickly. The list does not wait for it.
func (c *Console) counts(w http.ResponseWriter, r *http.Request) error {
	n, err := c.countsUnder(r)
	if err != nil {
		return err
	}
	return writeJSON(w, n)
}

// countsUnder counts by stage ("tab-") and by saved filter ("saved-").
func (c *Console) countsUnder(r *http.Request) (map[string]string, error) {
	f, err := c.listFilter(r.URL.Query())
	if err != nil {
		return nil, err
	}
	v := visitorOf(r)
	var names []string
	var filters []postgres.ListFilter
	for _, s := range listStatuses {
		f.Status = s
		names, filters = append(names, "tab-"+statusParam(s)), append(filters, f)
	}
	saved, err := c.store.SavedFilters(r.Context(), v.user.ID)
	if err != nil {
		return nil, fmt.Errorf("saved filters: %w", err)
	}
	for _, s := range saved {
		q, err := url.ParseQuery(s.Query)
		if err != nil {
			continue
		}
		if f, err := c.listFilter(q); err == nil {
			names, filters = append(names, fmt.Sprint("saved-", s.ID)), append(filters, f)
		}
	}
	n, err := c.store.Counts(r.Context(), v.scope, filters)
	if err != nil {
		return nil, fmt.Errorf("counts: %w", err)
	}
	out := map[string]string{}
	for i, name := range names {
		switch {
		case n[i] == postgres.CountUnknown:
			out[name] = "…"
		case n[i] > postgres.CountCap:
			out[name] = fmt.Sprintf("%d+", postgres.CountCap)
		default:
			out[name] = strconv.Itoa(n[i])
		}
	}
	return out, nil
}

// saveFilter keeps the list's present filter under a name.
func (c *Console) saveFilter(w http.ResponseWriter, r *http.Request) error {
	if _, err := form(w, r); err != nil {
		return err
	}
	name, err := written(r, "name", maxFilterName)
	if err != nil || name == "" {
		return errBadRequest
	}
	query, err := written(r, "query", maxFilterQuery)
	if err != nil {
		return err
	}
	q, err := url.ParseQuery(query)
	if err != nil {
		return errBadRequest
	}
	if _, err := c.listFilter(q); err != nil {
		return err
	}
	if err := c.store.SaveFilter(r.Context(), visitorOf(r).user.ID, origin(r), name, q.Encode()); err != nil {
		return fmt.Errorf("save a filter: %w", err)
	}
	http.Redirect(w, r, "/?"+q.Encode(), http.StatusSeeOther)
	return nil
}

// dropFilter removes one of the visitor's filters.
func (c *Console) dropFilter(w http.ResponseWriter, r *http.Request) error {
	if _, err := form(w, r); err != nil {
		return err
	}
	id, err := strconv.ParseInt(r.PostForm.Get("filter"), 10, 64)
	if err != nil {
		return errBadRequest
	}
	if err := c.store.DropFilter(r.Context(), visitorOf(r).user.ID, origin(r), id); err != nil {
		return fmt.Errorf("drop a filter: %w", err)
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}

// assign gives the chosen recordings to one person, or takes them back.
func (c *Console) assign(w http.ResponseWriter, r *http.Request) error {
	if _, err := form(w, r); err != nil {
		return err
	}
	var ids []string
	for _, s := range r.PostForm["recording"] {
		id, err := uuid.Parse(s)
		if err != nil {
			return errBadRequest
		}
		ids = append(ids, id.String())
	}
	to := r.PostForm.Get("assignee")
	if to == "" || len(ids) == 0 || len(ids) > 200 {
		return errNothingChosen
	}
	if to == postgres.AssigneeNobody {
		to = ""
	} else if _, err := uuid.Parse(to); err != nil {
		return errBadRequest
	}
	v := visitorOf(r)
	if _, err := c.store.Assign(r.Context(), v.scope, v.user.ID, origin(r), to, ids); err != nil {
		return fmt.Errorf("assign: %w", err)
	}
	q, err := url.ParseQuery(r.PostForm.Get("query"))
	if err != nil {
		return errBadRequest
	}
	c.flash(r, "flash.assigned")
	http.Redirect(w, r, "/?"+q.Encode(), http.StatusSeeOther)
	return nil
}

// deskPage shows a lead what everybody who judges has done today.
func (c *Console) deskPage(w http.ResponseWriter, r *http.Request) error {
	days, err := c.store.ClerkDays(r.Context(), c.midnight(), reviewers)
	if err != nil {
		return fmt.Errorf("clerks: %w", err)
	}
	return c.render(w, r, http.StatusOK, "desk", days)
}

// setQuota sets how many recordings a day are expected of a person.
func (c *Console) setQuota(w http.ResponseWriter, r *http.Request) error {
	if _, err := form(w, r); err != nil {
		return err
	}
	user, err1 := uuid.Parse(r.PostForm.Get("user"))
	quota, err2 := strconv.Atoi(r.PostForm.Get("quota"))
	if err1 != nil || err2 != nil || quota < 0 || quota > 10_000 {
		return errBadRequest
	}
	if err := c.store.SetQuota(r.Context(), visitorOf(r).user.ID, origin(r), user.String(), quota); err != nil {
		return fmt.Errorf("quota: %w", err)
	}
	http.Redirect(w, r, "/desk", http.StatusSeeOther)
	return nil
}
