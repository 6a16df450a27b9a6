package web

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/storage/postgres"
)

const listLimit = 50

type listData struct {
	Page       postgres.ListPage
	Filter     postgres.ListFilter
	From, To   string // dates as the form has them
	Facets     postgres.Facets
	Statuses   []postgres.ListStatus
	Sevs       []detectors.Severity
	Kinds      []detectors.Kind
	Bands      []int
	Narrowed   bool   // by anything but the status
	NextURL    string // of the next page; empty on the last
	Later      bool   // not the first page
	FirstURL   string
	Back       string // the first day in which words were looked for, where not in all
	EarlierURL string // of the search in the days before Back; empty: nothing is left out
	Tabs       []listTab
	Ranges     []string // of scores, beside Bands
	Range      string
	Me         string
	Saved      []savedView
	Query      string // of this view, for keeping it as a filter
	CountURL   string
	Day        *postgres.ClerkDay  // of a visitor who judges
	Clerks     []postgres.ClerkDay // whom a lead can assign to
}

type listTab struct {
	Status  postgres.ListStatus
	URL     string
	Current bool
}

var (
	listStatuses = []postgres.ListStatus{postgres.StatusToJudge, postgres.StatusReviewed, postgres.StatusClean,
		postgres.StatusFailed, postgres.StatusPending, postgres.StatusAll}
	listKinds  = []detectors.Kind{detectors.KindCall, detectors.KindVisit}
	listBands  = []int{59, 74, 89}
	listRanges = []string{"0-59", "60-74", "75-89", "90-100"}
)

// listPage is the flagged list: recordings worst first.
func (c *Console) listPage(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	f, err := c.listFilter(q)
	if err != nil {
		return err
	}
	list, err := c.store.List(r.Context(), visitorOf(r).scope, f)
	if err != nil {
		return fmt.Errorf("list: %w", err)
	}
	for i := range list.Rows {
		list.Rows[i].Key = maskNumbers(list.Rows[i].Key)
	}
	facets, err := c.store.FacetsLately(r.Context(), visitorOf(r).scope)
	if err != nil {
		return fmt.Errorf("list: %w", err)
	}
	d := listData{Page: list, Filter: f, From: q.Get("from"), To: q.Get("to"), Facets: facets,
		Statuses: listStatuses, Sevs: severities, Kinds: listKinds, Bands: listBands,
		Later: f.After != "", FirstURL: with("/", q, "after", "")}
	if list.Next != "" {
		d.NextURL = with("/", q, "after", list.Next)
	}
	if !list.Back.IsZero() {
		// A day of the console's zone is searched whole, so that the next search begins with the day where this one ended.
		end := list.Back.In(c.loc)
		d.Back = end.Format(time.DateOnly)
		earlier := maps.Clone(q)
		earlier.Del("after")
		d.EarlierURL = with("/", earlier, "to", d.Back)
	}
	for _, s := range listStatuses {
		u := url.Values{"status": {statusParam(s)}}
		for k, v := range q {
			if k != "status" && k != "after" {
				u[k] = v
			}
		}
		d.Tabs = append(d.Tabs, listTab{s, "/?" + u.Encode(), s == f.Status})
	}
	bare := postgres.ListFilter{Status: f.Status, Limit: f.Limit, After: f.After}
	d.Narrowed = f != bare
	if err := c.deskOfList(r, &d); err != nil {
		return err
	}
	return c.render(w, r, http.StatusOK, "list", d)
}

// statusParam is a status in an address; the first visit, without one, shows what is to be judged.
func statusParam(s postgres.ListStatus) string {
	if s == postgres.StatusAll {
		return "all"
	}
	return string(s)
}

func (c *Console) listFilter(q url.Values) (postgres.ListFilter, error) {
	f := postgres.ListFilter{
		Status:    postgres.StatusToJudge,
		Kind:      detectors.Kind(q.Get("kind")),
		Rule:      q.Get("rule"),
		Severity:  detectors.Severity(q.Get("severity")),
		Agent:     strings.TrimSpace(q.Get("agent")),
		Team:      q.Get("team"),
		Principal: q.Get("principal"),
		Doubtful:  q.Get("doubtful") != "",
		Complaint: q.Get("complaint") != "",
		Query:     strings.TrimSpace(q.Get("q")),
		After:     q.Get("after"),
		Limit:     listLimit,
	}
	if q.Has("status") {
		f.Status = postgres.ListStatus(q.Get("status"))
		if f.Status == "all" {
			f.Status = postgres.StatusAll
		}
	}
	known := false
	for _, s := range listStatuses {
		known = known || s == f.Status
	}
	if !known {
		return f, errBadRequest
	}
	var err error
	if f.From, err = c.day(q.Get("from")); err != nil {
		return f, err
	}
	if f.To, err = c.day(q.Get("to")); err != nil {
		return f, err
	}
	if !f.To.IsZero() {
		f.To = f.To.AddDate(0, 0, 1) // the form's last day belongs to the span
	}
	if f.Assignee = q.Get("assignee"); f.Assignee != "" && f.Assignee != postgres.AssigneeNobody {
		id, err := uuid.Parse(f.Assignee)
		if err != nil {
			return f, errBadRequest
		}
		f.Assignee = id.String()
	}
	if s := q.Get("score"); slices.Contains(listRanges, s) {
		if _, err := fmt.Sscanf(s, "%d-%d", &f.MinScore, &f.MaxScore); err != nil {
			return f, errBadRequest
		}
	} else if s != "" {
		if f.MaxScore, err = strconv.Atoi(s); err != nil || f.MaxScore < 0 || f.MaxScore > 100 {
			return f, errBadRequest
		}
	}
	return f, nil
}

// day reads a date of a form as midnight in the console's zone; empty is no date.
func (c *Console) day(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.ParseInLocation(time.DateOnly, s, c.loc)
	if err != nil {
		return t, errBadRequest
	}
	return t, nil
}

// with is a page's address with one parameter set, or taken away when value is empty.
func with(page string, q url.Values, key, value string) string {
	u := url.Values{}
	for k, v := range q {
		u[k] = v
	}
	u.Del(key)
	if value != "" {
		u.Set(key, value)
	}
	if len(u) == 0 {
		return page
	}
	return page + "?" + u.Encode()
}
