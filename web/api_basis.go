package web

import (
	"net/http"
	"time"
)

type apiBasis struct {
	Live        int64          `json:"live" description:"version"`
	Pending     int            `json:"pending" description:"clauses whose text waits for the compliance officer"`
	Clauses     []apiClause    `json:"clauses"`
	Principals  []apiPolicy    `json:"principals"`
	Frequencies []apiFrequency `json:"frequencies"`
	Hours       []apiHours     `json:"hours"`
}

type apiClause struct {
	ID       string     `json:"id,omitempty"`
	Document string     `json:"document"`
	Clause   string     `json:"clause,omitempty" description:"its number as printed"`
	Text     string     `json:"text,omitempty" description:"word for word; missing until it was filled in"`
	Kind     string     `json:"kind,omitempty" enum:"company,contract,statute"`
	From     *time.Time `json:"from,omitempty"`
	To       *time.Time `json:"to,omitempty" description:"exclusive"`
	Rules    []string   `json:"rules"`
	Note     string     `json:"note,omitempty"`
	InForce  bool       `json:"in_force"`
}

// apiPolicy is a bank's profile.
type apiPolicy struct {
	Name       string             `json:"name"`
	Title      string             `json:"title,omitempty"`
	Principals []string           `json:"principals" description:"as recordings name them"`
	Versions   []apiPolicyVersion `json:"versions" description:"the newest first"`
}

type apiPolicyVersion struct {
	Version int        `json:"version"`
	From    *time.Time `json:"from,omitempty"`
	To      *time.Time `json:"to,omitempty" description:"exclusive"`
	Now     bool       `json:"now" description:"judges today's recordings"`
	Asks    []string   `json:"asks" description:"what it changes, in words"`
}

type apiFrequency struct {
	Name   string      `json:"name"`
	Title  string      `json:"title,omitempty"`
	For    []string    `json:"for" description:"principals; the company's own is everybody else's"`
	Limits []apiLimits `json:"limits"`
}

type apiLimits struct {
	Name            string   `json:"name"`
	Who             string   `json:"who" enum:"debtor,third_party,anyone"`
	Per             string   `json:"per" enum:"number,case"`
	Count           string   `json:"count" enum:"all,answered,unanswered"`
	After           []string `json:"after,omitempty" description:"counts only what followed a contact in which one of these rules was met"`
	AfterUnanswered int      `json:"after_unanswered,omitempty"`
	Most            int      `json:"most"`
	Days            int      `json:"days" description:"calendar days"`
}

type apiHours struct {
	Name  string   `json:"name"`
	Title string   `json:"title,omitempty"`
	From  string   `json:"from" description:"h:mm"`
	To    string   `json:"to" description:"h:mm, inclusive"`
	Kinds []string `json:"kinds,omitempty"`
}

func (c *Console) apiBasis(w http.ResponseWriter, r *http.Request) error {
	d, err := shown[basisData](r, c.basisPage)
	if err != nil {
		return err
	}
	out := apiBasis{Live: d.Live.ID, Pending: d.Pending, Clauses: []apiClause{}, Principals: []apiPolicy{}, Frequencies: []apiFrequency{}, Hours: []apiHours{}}
	for _, x := range d.Clauses {
		out.Clauses = append(out.Clauses, apiClause{x.ID, x.Document, x.Clause.Clause, x.Text, x.Kind, moment(x.From), moment(x.To), append([]string{}, x.Rules...), x.Note, x.Now})
	}
	for _, b := range d.Banks {
		p := apiPolicy{Name: b.Name, Title: b.Title, Principals: append([]string{}, b.Principals...), Versions: []apiPolicyVersion{}}
		for _, v := range b.Versions {
			p.Versions = append(p.Versions, apiPolicyVersion{v.Version, moment(v.From), moment(v.To), v.Now, append([]string{}, v.Asks...)})
		}
		out.Principals = append(out.Principals, p)
	}
	for _, f := range d.Frequency {
		x := apiFrequency{Name: f.Name, Title: f.Title, For: append([]string{}, f.For...), Limits: []apiLimits{}}
		for _, l := range f.Limits {
			x.Limits = append(x.Limits, apiLimits{l.Name, l.Who, l.Per, l.Count, l.After, l.AfterUnanswered, l.Most, l.Days})
		}
		out.Frequencies = append(out.Frequencies, x)
	}
	for _, h := range d.Hours {
		out.Hours = append(out.Hours, apiHours{h.Name, h.Title, minutesClock(h.From), minutesClock(h.To), h.Kinds})
	}
	return writeJSON(w, out)
}
