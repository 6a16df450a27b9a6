package web

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/speechqa/speechqa/lexicon"
	"github.com/speechqa/speechqa/rulework"
)

// basisData is what the live rules rest on and what banks ask, as data that leads edit.
type basisData struct {
	Live      rulework.Version
	Editable  map[string]bool // files that the live version has
	Clauses   []clauseRow
	Pending   int // clauses whose text waits for the compliance officer
	Banks     []bankRow
	Frequency []frequencyRow
	Hours     []lexicon.HoursProfile
}

type clauseRow struct {
	lexicon.Clause
	Now bool // in force
}

// bankRow is a principal's profile, its versions newest first.
type bankRow struct {
	lexicon.Policy
	Versions []bankVersion
}

type bankVersion struct {
	*lexicon.PolicyVersion
	Now  bool // judges today's recordings
	Asks []string
}

// frequencyRow is a frequency profile with those who are judged by it.
type frequencyRow struct {
	lexicon.FrequencyProfile
	For []string // banks' titles; the company's own is everybody else's
}

func (c *Console) basisRoutes() []route {
	return []route{{"GET /rules/basis", permRulesView, c.basisPage, ""}}
}

// basisPage shows clauses, banks' profiles, frequencies and hours of the live rules.
func (c *Console) basisPage(w http.ResponseWriter, r *http.Request) error {
	live, files, err := c.liveFiles(r)
	if err != nil {
		return err
	}
	d := c.basis(visitorOf(r).lang, c.rules.Ruleset(), time.Now())
	d.Live, d.Editable = live, map[string]bool{}
	for file := range files {
		d.Editable[file] = true
	}
	return c.render(w, r, http.StatusOK, "rules_basis", d)
}

func (c *Console) basis(l Lang, rs *lexicon.Ruleset, now time.Time) (d basisData) {
	for _, x := range rs.Library() {
		d.Clauses = append(d.Clauses, clauseRow{x, x.InForce(now)})
		if x.Pending() {
			d.Pending++
		}
	}
	slices.SortStableFunc(d.Clauses, func(a, b clauseRow) int { // what waits for somebody stands first
		return cmp.Or(cmp.Compare(b2i(b.Pending()), b2i(a.Pending())), cmp.Compare(a.Document, b.Document))
	})
	users := map[string][]string{}
	for _, p := range rs.Policies {
		row := bankRow{Policy: p}
		for i := range p.Versions {
			v := &p.Versions[i]
			now := !now.Before(v.From) && (v.To.IsZero() || now.Before(v.To))
			row.Versions = append(row.Versions, bankVersion{v, now, c.asks(l, rs, v)})
			if now && v.Contacts != "" {
				users[v.Contacts] = append(users[v.Contacts], cmp.Or(p.Title, p.Name))
			}
		}
		slices.Reverse(row.Versions)
		d.Banks = append(d.Banks, row)
	}
	for _, name := range slices.Sorted(maps.Keys(rs.Frequency)) {
		d.Frequency = append(d.Frequency, frequencyRow{rs.Frequency[name], users[name]})
	}
	for _, name := range slices.Sorted(maps.Keys(rs.Hours)) {
		d.Hours = append(d.Hours, rs.Hours[name])
	}
	return d
}

// asks says in words what a version of a profile changes.
func (c *Console) asks(l Lang, rs *lexicon.Ruleset, v *lexicon.PolicyVersion) (out []string) {
	say := func(key string, args ...any) { out = append(out, c.messages.text(l, "basis.asks."+key, args...)) }
	title := func(rule string) string { return c.rules.Title(rule, string(l)) }
	titles := func(rules map[string]bool) string {
		var names []string
		for _, rule := range slices.Sorted(maps.Keys(rules)) {
			names = append(names, title(rule))
		}
		return strings.Join(names, "、")
	}
	if len(v.Off) > 0 {
		say("off", titles(v.Off))
	}
	if len(v.Shadow) > 0 {
		say("shadow", titles(v.Shadow))
	}
	for _, s := range slices.Sorted(maps.Keys(v.Points)) {
		say("severity", c.messages.text(l, "severity."+s), v.Points[s])
	}
	for _, rule := range slices.Sorted(maps.Keys(v.Rules)) {
		p := v.Rules[rule]
		if p.Points > 0 {
			say("points", title(rule), p.Points)
		}
		if p.Cap > 0 {
			say("cap", title(rule), p.Cap)
		}
		if p.Fatal {
			say("fatal", title(rule))
		}
	}
	if h, ok := rs.Hours[v.Hours]; ok {
		say("hours", cmp.Or(h.Title, h.Name), minutesClock(h.From), minutesClock(h.To))
	}
	if f, ok := rs.Frequency[v.Contacts]; ok {
		say("contacts", cmp.Or(f.Title, f.Name))
	}
	for _, rule := range slices.Sorted(maps.Keys(v.Openings)) {
		o := v.Openings[rule]
		if o.AllowMissing != nil {
			say("allow_missing", title(rule), *o.AllowMissing)
		}
		if len(o.NotNeeded) > 0 {
			say("not_needed", title(rule), strings.Join(o.NotNeeded, "、"))
		}
	}
	return out
}

// minutesClock writes minutes after midnight as h:mm.
func minutesClock(m int) string { return strconv.Itoa(m/60) + fmt.Sprintf(":%02d", m%60) }
