package web

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/speechqa/speechqa/detectors/estimate"
	"github.com/speechqa/speechqa/storage/postgres"
)

type sampleData struct {
	postgres.SampleResult
	Compare   bool // judgements may be shown
	Rows      []sampleRow
	Table     grid
	MayDecide bool
	MayClose  bool
}

// sampleRow is a drawn recording on the page of its sample.
type sampleRow struct {
	postgres.SampleItem
	Rules     []string // what counts as broken
	Differ    bool     // the reviewers do not say the same
	Undecided bool     // … and nobody has had the last word
	MayDecide bool
}

// samplePage shows how far a sample is and, once nobody can be led by it any more, what was said and what follows.
func (c *Console) samplePage(w http.ResponseWriter, r *http.Request) error {
	id, err := sampleID(r)
	if err != nil {
		return err
	}
	v := visitorOf(r)
	res, err := c.store.SampleResult(r.Context(), v.scope, id)
	if err != nil {
		return fmt.Errorf("sample %s: %w", id, err)
	}
	mayDraw := may(Role(v.user.Role), permSample)
	d := sampleData{SampleResult: res, Compare: res.Comparable(), MayClose: mayDraw && res.Closed.IsZero()}
	if d.Compare {
		for _, item := range res.Items {
			row := sampleRow{SampleItem: item, Rules: decided(item), Differ: differ(item), Undecided: undecided(item)}
			row.MayDecide = mayDraw && row.Undecided && !slices.ContainsFunc(item.Seats, func(s postgres.SampleSeat) bool { return s.Reviewer == v.user.ID })
			d.Rows = append(d.Rows, row)
		}
		d.Table = c.sampleTable(v.lang, res)
	}
	return c.render(w, r, http.StatusOK, "sample", d)
}

// given are the judgements of a recording that were given blind.
func given(item postgres.SampleItem) (out []postgres.SampleSeat) {
	for _, s := range item.Seats {
		if s.Seat > 0 && !s.At.IsZero() {
			out = append(out, s)
		}
	}
	return out
}

// differ says whether reviewers judged a recording differently.
func differ(item postgres.SampleItem) bool {
	g := given(item)
	for i := 1; i < len(g); i++ {
		if !slices.Equal(g[i].Rules, g[0].Rules) {
			return true
		}
	}
	return false
}

// undecided says whether somebody must have the last word: all have judged, and not alike.
func undecided(item postgres.SampleItem) bool {
	for _, s := range item.Seats {
		if s.Seat == 0 || s.At.IsZero() {
			return false
		}
	}
	return differ(item)
}

// decided are the rules that count as broken: by the last word, else by anybody's, so that what is in dispute is rather
// counted as missed than not.
func decided(item postgres.SampleItem) (rules []string) {
	for _, s := range item.Seats {
		if s.Seat == 0 && !s.At.IsZero() {
			return s.Rules
		}
	}
	for _, s := range given(item) {
		for _, rule := range s.Rules {
			if !slices.Contains(rules, rule) {
				rules = append(rules, rule)
			}
		}
	}
	slices.Sort(rules)
	return rules
}

// broken says whether a recording counts as breaking a rule; "" is any.
func broken(rules []string, rule string) bool {
	return rule == "" && len(rules) > 0 || rule != "" && slices.Contains(rules, rule)
}

// strataOf are a sample's strata with how many of each were judged, and in how many of those a rule was broken; "" is any.
func strataOf(res postgres.SampleResult, rule string) []estimate.Stratum {
	type key struct {
		agent  string
		period time.Time
	}
	at := map[key]int{}
	var out []estimate.Stratum
	for _, st := range res.Strata {
		at[key{st.Agent, st.Period}] = len(out)
		out = append(out, estimate.Stratum{Total: st.Total})
	}
	for _, item := range res.Items {
		i, known := at[key{item.Agent, item.Period}]
		if !known || len(given(item)) == 0 {
			continue
		}
		out[i].Drawn++
		if broken(decided(item), rule) {
			out[i].Hits++
		}
	}
	return out
}

// agreementOn is how far reviewers agree whether a rule was broken; "" is any. Kappa compares the first two seats.
func agreementOn(results []postgres.SampleResult, rule string) (alpha, kappa estimate.Agreement) {
	var units [][]int
	table := [][]int{{0, 0}, {0, 0}}
	for _, res := range results {
		for _, item := range res.Items {
			var u []int
			for _, s := range given(item) {
				u = append(u, b2i(broken(s.Rules, rule)))
			}
			units = append(units, u)
			if len(u) >= 2 {
				table[u[0]][u[1]]++
			}
		}
	}
	return estimate.Alpha(units, estimate.Usual), estimate.Kappa(table, estimate.Usual)
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// sampleRule is what a sample says of a rule; "" is any.
type sampleRule struct {
	Rule         string
	Hits, Drawn  int            // recordings
	Missed       estimate.Share // of the population, where Known
	Known        bool           // of what lies outside the visitor's scope a sample says nothing
	Alpha, Kappa estimate.Agreement
}

// sampleRules are any rule and every one that somebody saw broken.
func sampleRules(res postgres.SampleResult) (out []sampleRule) {
	rules := []string{""}
	for _, item := range res.Items {
		for _, s := range given(item) {
			for _, rule := range s.Rules {
				if !slices.Contains(rules, rule) {
					rules = append(rules, rule)
				}
			}
		}
	}
	slices.Sort(rules[1:])
	for _, rule := range rules {
		strata := strataOf(res, rule)
		x := sampleRule{Rule: rule}
		for _, st := range strata {
			x.Hits, x.Drawn = x.Hits+st.Hits, x.Drawn+st.Drawn
		}
		if x.Known = res.Kind == postgres.SampleUnflagged && x.Drawn > 0 && res.Whole(); x.Known {
			x.Missed = estimate.Stratified(strata, estimate.Usual)
		}
		x.Alpha, x.Kappa = agreementOn([]postgres.SampleResult{res}, rule)
		out = append(out, x)
	}
	return out
}

// sampleTable is what a sample says by rule: how often it was broken, the share of the whole, how far reviewers agree.
func (c *Console) sampleTable(l Lang, res postgres.SampleResult) grid {
	text := func(key string) string { return c.messages.text(l, "sampling."+key) }
	g := grid{Caption: text("by_rule")}
	g.column(text("rule"), false)
	g.column(text("broken"), true)
	if res.Kind == postgres.SampleUnflagged {
		g.column(text("missed_share"), false)
		g.column(text("missed_all"), false)
	}
	g.column(text("alpha"), false)
	g.column(text("kappa"), false)
	for _, x := range sampleRules(res) {
		name := text("any")
		if x.Rule != "" {
			name = c.rules.Title(x.Rule, string(l))
		}
		row := []gridCell{words(name), countCell(x.Hits)}
		switch n := float64(res.Population); {
		case x.Known:
			row = append(row, shareWords(x.Missed, true), words(fmt.Sprintf("%.0f [%.0f, %.0f]", n*x.Missed.Estimate, n*x.Missed.Low, n*x.Missed.High)))
		case res.Kind == postgres.SampleUnflagged:
			row = append(row, words("–"), words("–"))
		}
		g.Rows = append(g.Rows, append(row, agreementWords(x.Alpha), agreementWords(x.Kappa)))
	}
	return g
}

// shareWords is a share in per cent with its interval; a dash where nothing is known.
func shareWords(s estimate.Share, known bool) gridCell {
	if !known {
		return words("–")
	}
	return words(fmt.Sprintf("%.1f [%.1f, %.1f]", 100*s.Estimate, 100*s.Low, 100*s.High))
}

func agreementWords(a estimate.Agreement) gridCell {
	if !a.Known {
		return words("–")
	}
	return words(fmt.Sprintf("%.2f [%.2f, %.2f], n = %d", a.Value, a.Low, a.High, a.N))
}
