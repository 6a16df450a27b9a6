package web

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/speechqa/speechqa/detectors/pii"
	"github.com/speechqa/speechqa/storage/postgres"
)

// A spot check takes spotDefault visits unless told otherwise, and no more than spotMost.
const (
	spotDefault = 10
	spotMost    = 100
)

type spotData struct {
	figureFrame
	N      int
	Draw   string // the seed: the same draws the same visits
	Again  string // address of another draw
	Visits []postgres.Visit
	Table  grid
}

// spotPage is the sheet for a spot check of field visits: drawn by chance, with room for hand-written remarks.
func (c *Console) spotPage(w http.ResponseWriter, r *http.Request) error {
	d, err := c.spot(r)
	if err != nil {
		return err
	}
	return c.render(w, r, http.StatusOK, "spotcheck", d)
}

func (c *Console) spotXLSX(w http.ResponseWriter, r *http.Request) error {
	d, err := c.spot(r)
	if err != nil {
		return err
	}
	l := visitorOf(r).lang
	return sendXLSX(w, document{Name: fmt.Sprintf("spotcheck-%s-%s", d.From, d.To), Title: c.messages.text(l, "spot.heading"),
		Facts: append(c.facts(l, d.figureFrame), c.messages.text(l, "spot.drawn", d.N, d.Draw)), Grids: []grid{d.Table}})
}

func (c *Console) spot(r *http.Request) (d spotData, err error) {
	if d.figureFrame, err = c.frame(r, "spotcheck", true, "team", "principal"); err != nil {
		return d, err
	}
	q := r.URL.Query()
	d.CSV, d.N, d.Draw = "", spotDefault, cmp.Or(q.Get("draw"), "1")
	if s := q.Get("n"); s != "" {
		if d.N, err = strconv.Atoi(s); err != nil || d.N < 1 || d.N > spotMost {
			return d, errBadRequest
		}
	}
	draw, err := strconv.Atoi(d.Draw)
	if err != nil || draw < 1 || draw > 1_000_000 {
		return d, errBadRequest
	}
	d.Again = with("/spotcheck", q, "draw", strconv.Itoa(draw+1))
	visits, err := c.store.Visits(r.Context(), visitorOf(r).scope, d.Filter, d.N, d.Draw)
	if err != nil {
		return d, fmt.Errorf("spot check: %w", err)
	}
	d.Visits = visits
	d.Table = c.spotTable(visitorOf(r).lang, visits)
	return d, nil
}

func (c *Console) spotTable(l Lang, visits []postgres.Visit) grid {
	text := func(key string) string { return c.messages.text(l, key) }
	g := grid{Caption: text("spot.heading")}
	g.column(text("spot.number"), false)
	for _, key := range []string{"spot.when", "spot.visitor", "filter.team", "list.principal", "report.case", "spot.length"} {
		g.column(text(key), false)
	}
	g.column(text("list.score"), true)
	for _, key := range []string{"spot.missed", "spot.findings", "spot.opinion", "spot.signature"} {
		g.column(text(key), false)
	}
	for i, v := range visits {
		var found []string
		for _, f := range v.Findings {
			s := c.rules.Title(f.Rule, string(l)) + text("spot.verdict_"+string(f.Verdict))
			if f.Quote != "" {
				s += " “" + short(60, maskedQuote(f.Quote, pii.KnownOf(v.Metadata))) + "”"
			}
			found = append(found, s)
		}
		score := countCell(v.Score)
		if v.Fatal {
			score.Class = "veto-cell"
		}
		visitor := v.Metadata.AgentName
		if v.Metadata.AgentID != "" {
			visitor = strings.TrimSpace(visitor + " " + v.Metadata.AgentID)
		}
		g.Rows = append(g.Rows, []gridCell{words(strconv.Itoa(i + 1)), linked(v.At.In(c.loc).Format("2006-01-02 15:04"), "/recordings/"+v.ID), words(visitor), words(v.Metadata.Team), words(v.Metadata.Principal),
			words(v.Metadata.CaseID), words(clock(v.Duration)), score, words(cmp.Or(strings.Join(missed(v), " · "), text("spot.none"))), words(cmp.Or(strings.Join(found, "; "), text("spot.none"))),
			{Class: "blank"}, {Class: "blank"}})
	}
	return g
}

// missed is what was to be said on a visit and was not heard.
func missed(v postgres.Visit) (out []string) {
	for _, rule := range slices.Sorted(maps.Keys(v.Slots)) {
		for _, s := range v.Slots[rule] {
			if !s.Heard {
				out = append(out, clean(s.Title))
			}
		}
	}
	return out
}
