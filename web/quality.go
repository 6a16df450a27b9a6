package web

import (
	"cmp"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/speechqa/speechqa/detectors/estimate"
	"github.com/speechqa/speechqa/storage/postgres"
)

// recentWeeks are the last weeks that drift compares with those before.
const recentWeeks = 4

type qualityData struct {
	figureFrame
	Sample *postgres.SampleResult // whose judgements recall rests on; nil: none
	// SampleFact says what it was drawn from.
	SampleFact string
	Rules      []qualityRow
	Table      grid
	Weeks      grid
}

// qualityRow is what is known of one version of a rule.
type qualityRow struct {
	Rule      string
	Version   int
	Now       bool // the live version; of earlier ones only what people judged is still known
	Found     int  // recordings
	Findings  int
	Confirmed int
	Right     estimate.Share // precision of judged findings
	Weeks     []postgres.RuleWeek
	Overturns int
	Recall    estimate.Share
	HasRecall bool
	Outdated  bool // the rule has changed since the sample was drawn
	Alpha     estimate.Agreement
	Drift     string // "steady", "better", "worse", or "" where too little is known
	Spark     string // points of the weeks' numbers of recordings, 0–100 wide and 0–20 high
}

// qualityPage shows how good the rules are: precision, recall, agreement, volume, drift.
func (c *Console) qualityPage(w http.ResponseWriter, r *http.Request) error {
	d, err := c.quality(r)
	if err != nil {
		return err
	}
	return c.render(w, r, http.StatusOK, "quality", d)
}

// qualityXLSX is the same as a workbook: the report for the principal bank.
func (c *Console) qualityXLSX(w http.ResponseWriter, r *http.Request) error {
	d, err := c.quality(r)
	if err != nil {
		return err
	}
	l := visitorOf(r).lang
	facts := append(c.facts(l, d.figureFrame), c.messages.text(l, "quality.explain"))
	if d.Sample != nil {
		facts = append(facts, d.SampleFact)
	}
	return sendXLSX(w, document{Name: fmt.Sprintf("quality-%s-%s", d.From, d.To), Title: c.messages.text(l, "quality.title"), Facts: facts, Grids: []grid{d.Table, d.Weeks}})
}

// sampleFact says what recall rests on, and what alone it is of where the sample was not drawn from everything.
func (c *Console) sampleFact(l Lang, m postgres.Sample) string {
	fact := c.messages.text(l, "quality.sample", m.Title, m.From.In(c.loc).Format(time.DateOnly), m.To.In(c.loc).AddDate(0, 0, -1).Format(time.DateOnly), m.Drawn, m.Population)
	for _, only := range []string{m.Team, m.Principal} {
		if only != "" {
			fact += c.messages.text(l, "quality.sample_only", only)
		}
	}
	return fact
}

func (c *Console) quality(r *http.Request) (d qualityData, err error) {
	v := visitorOf(r)
	if d.figureFrame, err = c.frame(r, "quality", true, "team", "principal"); err != nil {
		return d, err
	}
	if r.URL.Query().Get("from") == "" { // twelve weeks, for drift to show
		d.Filter.From = d.Filter.To.AddDate(0, 0, -84)
		d.From = d.Filter.From.Format(time.DateOnly)
	}
	d.CSV = ""
	weeks, err := c.store.RuleWeeks(r.Context(), v.scope, d.Filter)
	if err != nil {
		return d, fmt.Errorf("quality: %w", err)
	}
	results, err := c.samplesWithin(r, d.Filter)
	if err != nil {
		return d, err
	}
	var ofSample []postgres.RuleWeek
	for i := range results {
		m := &results[i]
		if m.Kind != postgres.SampleUnflagged || !m.Whole() {
			continue
		}
		d.Sample, d.SampleFact = m, c.sampleFact(v.lang, m.Sample)
		ofSample, err = c.store.RuleWeeks(r.Context(), v.scope, postgres.TrendFilter{From: m.From.In(c.loc), To: m.To.In(c.loc), Team: m.Team, Principal: m.Principal})
		if err != nil {
			return d, fmt.Errorf("quality: %w", err)
		}
		break
	}
	d.Rules = qualityRows(weeks, c.rules.Numbers(), d.Filter.To)
	judgeable := c.rules.Judgeable()
	for i := range d.Rules {
		row := &d.Rules[i]
		row.Alpha, _ = agreementOn(results, row.Rule)
		// Of what nobody who hears a recording can say, such as how often somebody was called, a blind sample says nothing.
		if d.Sample == nil || !row.Now || !slices.Contains(judgeable, row.Rule) {
			continue
		}
		if drawn, kept := d.Sample.Rules[row.Rule]; drawn != row.Version && (kept || len(d.Sample.Rules) > 0) {
			row.Outdated = true // it may find by now what it was found to miss, or was changed to find just that
			continue
		}
		row.Recall, row.HasRecall = recallOf(*d.Sample, ofSample, *row)
	}
	d.Table, d.Weeks = c.qualityTable(v.lang, d.Rules), c.weeksTable(v.lang, d.Rules)
	return d, nil
}

// samplesWithin are the samples of the span that may be compared, newest first.
func (c *Console) samplesWithin(r *http.Request, f postgres.TrendFilter) (out []postgres.SampleResult, err error) {
	sc := visitorOf(r).scope
	all, err := c.store.Samples(r.Context(), sc)
	if err != nil {
		return nil, fmt.Errorf("samples: %w", err)
	}
	for _, m := range all {
		if !m.Comparable() || m.Judged == 0 || !m.From.Before(f.To) || !f.From.Before(m.To) ||
			f.Team != "" && m.Team != f.Team || f.Principal != "" && m.Principal != f.Principal {
			continue
		}
		res, err := c.store.SampleResult(r.Context(), sc, m.ID)
		if err != nil {
			return nil, fmt.Errorf("sample %s: %w", m.ID, err)
		}
		out = append(out, res)
	}
	return out, nil
}

// recallOf estimates the recall of a rule's version from a sample of recordings nothing was found in, and what was found
// meanwhile among all that the sample was drawn beside.
func recallOf(m postgres.SampleResult, weeks []postgres.RuleWeek, row qualityRow) (estimate.Share, bool) {
	strata := strataOf(m, row.Rule)
	judged := 0
	for _, st := range strata {
		judged += st.Drawn
	}
	var found, confirmed, overturned, added int
	for _, w := range weeks {
		if w.Rule == row.Rule && (w.Version == row.Version || w.Version == 0) { // what people added belongs to no version
			found, confirmed, overturned, added = found+w.Recordings, confirmed+w.Confirmed, overturned+w.Overturned, added+w.Added
		}
	}
	if judged == 0 {
		return estimate.Share{}, false
	}
	return estimate.Recall(found, confirmed, overturned, added, estimate.Stratified(strata, estimate.Each), m.Population), true
}

// qualityRows adds the weeks up by rule and version, live rules that found nothing included: just those may miss something.
// What people added belongs to no version.
func qualityRows(weeks []postgres.RuleWeek, live map[string]int, until time.Time) []qualityRow {
	var rows []qualityRow
	for _, w := range weeks {
		if w.Version == 0 {
			continue
		}
		if n := len(rows); n == 0 || rows[n-1].Rule != w.Rule || rows[n-1].Version != w.Version {
			rows = append(rows, qualityRow{Rule: w.Rule, Version: w.Version})
		}
		row := &rows[len(rows)-1]
		row.Found, row.Findings = row.Found+w.Recordings, row.Findings+w.Findings
		row.Confirmed, row.Overturns = row.Confirmed+w.Confirmed, row.Overturns+w.Overturned
		row.Weeks = append(row.Weeks, w)
	}
	for rule, version := range live {
		if !slices.ContainsFunc(rows, func(r qualityRow) bool { return r.Rule == rule && r.Version == version }) {
			rows = append(rows, qualityRow{Rule: rule, Version: version})
		}
	}
	for i := range rows {
		row := &rows[i]
		row.Now = live[row.Rule] == row.Version
		row.Right = estimate.Exact(float64(row.Confirmed), float64(row.Confirmed+row.Overturns), estimate.Usual)
		row.Drift, row.Spark = drift(row.Weeks, until), spark(row.Weeks)
	}
	slices.SortStableFunc(rows, func(a, b qualityRow) int {
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(b.Version, a.Version))
	})
	return rows
}

// drift compares the precision of the last weeks with that of those before; "" where one of them is not known.
func drift(weeks []postgres.RuleWeek, until time.Time) string {
	var right, judged [2]float64
	for _, w := range weeks {
		late := b2i(w.Week.After(until.AddDate(0, 0, -7*recentWeeks-1)))
		right[late] += float64(w.Confirmed)
		judged[late] += float64(w.Confirmed + w.Overturned)
	}
	if judged[0] == 0 || judged[1] == 0 {
		return ""
	}
	before, now := estimate.Exact(right[0], judged[0], estimate.Usual), estimate.Exact(right[1], judged[1], estimate.Usual)
	switch {
	case !estimate.Disjoint(before, now):
		return "steady"
	case now.Low > before.High:
		return "better"
	}
	return "worse"
}

// spark draws the weeks' numbers of recordings into 100 × 20.
func spark(weeks []postgres.RuleWeek) string {
	most := 1
	for _, w := range weeks {
		most = max(most, w.Recordings)
	}
	out := ""
	for i, w := range weeks {
		x := 50.0
		if len(weeks) > 1 {
			x = 98*float64(i)/float64(len(weeks)-1) + 1
		}
		out += fmt.Sprintf("%.1f,%.1f ", x, 19-18*float64(w.Recordings)/float64(most))
	}
	return out
}

func (c *Console) qualityTable(l Lang, rows []qualityRow) grid {
	text := func(key string) string { return c.messages.text(l, "quality."+key) }
	g := grid{Caption: text("title")}
	for _, col := range []struct {
		key string
		num bool
	}{{"rule", false}, {"version", true}, {"found", true}, {"findings", true}, {"confirmed", true}, {"overturned", true}, {"precision", false}, {"recall", false}, {"alpha", false}, {"drift", false}} {
		g.column(text(col.key), col.num)
	}
	for _, row := range rows {
		change := "–"
		if row.Drift != "" {
			change = text("drift_" + row.Drift)
		}
		recall := shareWords(row.Recall, row.HasRecall)
		if row.Outdated {
			recall = words(text("outdated"))
		}
		g.Rows = append(g.Rows, []gridCell{linked(c.rules.Title(row.Rule, string(l)), "/rules/quality/"+row.Rule), countCell(row.Version), row.volume(row.Found), row.volume(row.Findings),
			countCell(row.Confirmed), countCell(row.Overturns), shareWords(row.Right, row.Confirmed+row.Overturns > 0), recall,
			agreementWords(row.Alpha), words(change)})
	}
	return g
}

// volume is a number of findings or recordings: a dash for an earlier version, whose findings the live one has made again.
func (r qualityRow) volume(n int) gridCell {
	if !r.Now {
		return words("–")
	}
	return countCell(n)
}

// weeksTable is the volume and the precision by week.
func (c *Console) weeksTable(l Lang, rows []qualityRow) grid {
	text := func(key string) string { return c.messages.text(l, "quality."+key) }
	g := grid{Caption: text("by_week")}
	for _, key := range []string{"rule", "version", "week", "found", "confirmed", "overturned", "precision"} {
		g.column(text(key), key != "rule" && key != "week" && key != "precision")
	}
	for _, row := range rows {
		for _, w := range row.Weeks {
			right := words("–")
			if n := w.Confirmed + w.Overturned; n > 0 {
				v := math.Round(1000*float64(w.Confirmed)/float64(n)) / 10
				right = gridCell{Text: strconv.FormatFloat(v, 'f', 1, 64), Value: &v}
			}
			g.Rows = append(g.Rows, []gridCell{words(c.rules.Title(row.Rule, string(l))), countCell(w.Version), words(w.Week.Format(time.DateOnly)),
				row.volume(w.Recordings), countCell(w.Confirmed), countCell(w.Overturned), right})
		}
	}
	return g
}
