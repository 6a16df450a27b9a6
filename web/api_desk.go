package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/speechqa/speechqa/storage/postgres"
)

func (c *Console) deskEndpoints() []endpoint {
	return []endpoint{
		{route{"POST /api/v1/next", permReview, c.apiNext, ""}, []string{"POST /next"}, "Claim the next recording to judge; nobody else gets it meanwhile", apiNextAsked{}, apiNext{}},
		{route{"POST /api/v1/assign", permAssign, command(apiAssignment.form, c.assign, c.apiDesk), ""}, []string{"POST /assign"}, "Give recordings to a person, or take them back; the answer is the desk", apiAssignment{}, apiDesk{}},
		{route{"GET /api/v1/counts", permOwn, c.apiCounts, ""}, []string{"GET /counts"}, "How many recordings are in each stage, and under each saved filter", apiListQuery{}, apiCounts{}},
		{route{"GET /api/v1/filters", permReview, c.apiFilters, ""}, nil, "One's own saved filters of the list", nil, apiPage[apiSavedFilter]{}},
		{route{"POST /api/v1/filters", permReview, command(apiFilterAsked.form, c.saveFilter, c.apiFilters), ""}, []string{"POST /filters"}, "Save a filter", apiFilterAsked{}, apiPage[apiSavedFilter]{}},
		{route{"POST /api/v1/filters/drop", permReview, command(apiFilterDropped.form, c.dropFilter, c.apiFilters), ""}, []string{"POST /filters/drop"}, "Drop a saved filter", apiFilterDropped{}, apiPage[apiSavedFilter]{}},
		{route{"GET /api/v1/desk", permAssign, c.apiDesk, ""}, []string{"GET /desk"}, "What everybody who judges has done today", nil, apiDesk{}},
		{route{"POST /api/v1/desk/quota", permAssign, command(apiQuota.form, c.setQuota, c.apiDesk), ""}, []string{"POST /desk/quota"}, "Set how many recordings a day are expected of a person", apiQuota{}, apiDesk{}},
		{route{"GET /api/v1/notices", permNotices, c.apiNotices, ""}, []string{"GET /notices", "GET /notices/count"}, "What is new for one; reading it does not make it old", nil, apiNotices{}},
	}
}

type apiNextAsked struct {
	After string `json:"after,omitempty" description:"recording to leave for now: the one after it is given"`
}

type apiNext struct {
	Recording string `json:"recording,omitempty" description:"id; missing: all are judged or somebody else's"`
}

// apiAssignment gives recordings to a person.
type apiAssignment struct {
	Recordings []string `json:"recordings" description:"ids, 1 to 200"`
	Assignee   string   `json:"assignee" description:"user id, or nobody"`
}

func (d apiAssignment) form() url.Values {
	return url.Values{"recording": d.Recordings, "assignee": {d.Assignee}}
}

type apiCounts struct {
	Stages  map[string]string `json:"stages" description:"as text: 999+ is more than that, … could not be counted quickly"`
	Filters map[string]string `json:"filters" description:"by id of the saved filter"`
}

type apiFilterAsked struct {
	Name  string `json:"name"`
	Query string `json:"query" description:"of the list's address, as status=to_judge&team=north"`
}

func (d apiFilterAsked) form() url.Values { return url.Values{"name": {d.Name}, "query": {d.Query}} }

type apiFilterDropped struct {
	Filter int64 `json:"filter" description:"id"`
}

func (d apiFilterDropped) form() url.Values {
	if d.Filter == 0 {
		return nil // none is named
	}
	return url.Values{"filter": {strconv.FormatInt(d.Filter, 10)}}
}

type apiSavedFilter struct {
	ID    int64  `json:"id"`
	Name  string `json:"name"`
	Query string `json:"query"`
}

type apiDesk struct {
	Items []apiClerk `json:"items"`
}

type apiClerk struct {
	User       string `json:"user" description:"id"`
	Name       string `json:"name"`
	Quota      int    `json:"quota" description:"recordings expected a day; 0: none set"`
	Recordings int    `json:"recordings" description:"judged, added to or disposed of today"`
	Findings   int    `json:"findings" description:"decisions and additions today"`
	Held       int    `json:"held" description:"recordings that are his now and wait for a decision"`
}

type apiQuota struct {
	User  string `json:"user" description:"id"`
	Quota int    `json:"quota"`
}

func (d apiQuota) form() url.Values {
	return url.Values{"user": {d.User}, "quota": {strconv.Itoa(d.Quota)}}
}

type apiNotices struct {
	New   int         `json:"new"`
	Items []apiNotice `json:"items" description:"the newest first"`
}

type apiNotice struct {
	Kind      string    `json:"kind"`
	At        time.Time `json:"at"`
	New       bool      `json:"new"`
	Appeal    string    `json:"appeal,omitempty"`
	Recording string    `json:"recording,omitempty" description:"missing where it is about several"`
	Rule      string    `json:"rule,omitempty"`
	Agent     string    `json:"agent,omitempty"`
	By        string    `json:"by,omitempty"`
	Outcome   string    `json:"outcome,omitempty"`
	Count     int       `json:"count,omitempty" description:"recordings"`
	Kept      string    `json:"disposition,omitempty"`
	Due       string    `json:"due,omitempty"`
}

func (c *Console) apiNext(w http.ResponseWriter, r *http.Request) error {
	var d apiNextAsked
	if err := optionalBody(w, r, &d); err != nil {
		return err
	}
	to, err := acted(r, url.Values{"after": {d.After}}, c.nextRecording)
	if err != nil {
		return err
	}
	id, _ := strings.CutPrefix(to, "/recordings/")
	return writeJSON(w, apiNext{strings.TrimPrefix(id, "/")})
}

func (c *Console) apiCounts(w http.ResponseWriter, r *http.Request) error {
	n, err := c.countsUnder(r)
	if err != nil {
		return err
	}
	out := apiCounts{map[string]string{}, map[string]string{}}
	for name, count := range n {
		if id, saved := strings.CutPrefix(name, "saved-"); saved {
			out.Filters[id] = count
		} else {
			out.Stages[strings.TrimPrefix(name, "tab-")] = count
		}
	}
	return writeJSON(w, out)
}

func (c *Console) apiFilters(w http.ResponseWriter, r *http.Request) error {
	saved, err := c.store.SavedFilters(r.Context(), visitorOf(r).user.ID)
	if err != nil {
		return fmt.Errorf("saved filters: %w", err)
	}
	out := apiPage[apiSavedFilter]{Items: []apiSavedFilter{}}
	for _, s := range saved {
		out.Items = append(out.Items, apiSavedFilter(s))
	}
	return writeJSON(w, out)
}

func (c *Console) apiDesk(w http.ResponseWriter, r *http.Request) error {
	days, err := shown[[]postgres.ClerkDay](r, c.deskPage)
	if err != nil {
		return err
	}
	out := apiDesk{[]apiClerk{}}
	for _, d := range days {
		out.Items = append(out.Items, apiClerk{d.UserID, d.Name, d.Quota, d.Recordings, d.Findings, d.Held})
	}
	return writeJSON(w, out)
}

func (c *Console) apiNotices(w http.ResponseWriter, r *http.Request) error {
	all, err := c.notices(r)
	if err != nil {
		return err
	}
	out := apiNotices{Items: []apiNotice{}}
	for _, n := range all {
		x := apiNotice{string(n.Kind), n.At.UTC(), n.New, n.Appeal, n.Recording, n.Rule, n.Agent, n.By, string(n.Outcome), n.Count, string(n.Kept), ""}
		if !n.Due.IsZero() {
			x.Due = n.Due.Format(time.DateOnly)
		}
		if n.New {
			out.New++
		}
		out.Items = append(out.Items, x)
	}
	return writeJSON(w, out)
}
