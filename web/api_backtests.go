package web

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/speechqa/speechqa/detectors/pii"
	"github.com/speechqa/speechqa/rulework"
)

// apiSelection is what a back-test looks at.
type apiSelection struct {
	Sample int    `json:"sample,omitempty" description:"at most so many recordings; 0: all"`
	From   string `json:"from,omitempty" description:"first day of the contact, 2006-01-02"`
	To     string `json:"to,omitempty" description:"last day"`
}

type apiBackTestQuery struct {
	Kind string `query:"kind" enum:"lost,found,changed" description:"only differences of this kind"`
	Rule string `query:"rule" description:"only differences of this rule"`
}

type apiBackTestHead struct {
	ID        string     `json:"id"`
	Old       int64      `json:"old" description:"version"`
	New       int64      `json:"new" description:"version"`
	State     string     `json:"state"`
	Total     int        `json:"total" description:"recordings; counted when it begins"`
	Done      int        `json:"done"`
	Blocks    []apiBlock `json:"blocks" description:"what of it forbids publishing"`
	Problem   string     `json:"problem,omitempty"`
	By        string     `json:"by"`
	CreatedAt time.Time  `json:"created_at"`
	EndedAt   *time.Time `json:"ended_at,omitempty"`
}

type apiBackTest struct {
	apiBackTestHead
	Differ      int             `json:"differ" description:"recordings with a difference"`
	ScoreFalls  int             `json:"score_falls"`
	ScoreRises  int             `json:"score_rises"`
	Rules       []apiTally      `json:"rules"`
	Agents      []apiAgentTally `json:"agents" description:"for those who see everybody"`
	Differences []apiDifference `json:"differences" description:"the first of every rule and kind, within the scope"`
	Hidden      int             `json:"hidden" description:"differences outside the scope"`
}

// apiTally counts the findings of one rule.
type apiTally struct {
	Rule            string `json:"rule"`
	Old             int    `json:"old"`
	New             int    `json:"new"`
	Found           int    `json:"found"`
	Lost            int    `json:"lost"`
	Changed         int    `json:"changed"`
	Confirmed       int    `json:"confirmed" description:"by people, whether a version finds it or not"`
	OldConfirmed    int    `json:"old_confirmed"`
	OldOverturned   int    `json:"old_overturned"`
	NewConfirmed    int    `json:"new_confirmed"`
	NewOverturned   int    `json:"new_overturned"`
	LostConfirmed   int    `json:"lost_confirmed"`
	LostOverturned  int    `json:"lost_overturned"`
	FoundConfirmed  int    `json:"found_confirmed"`
	FoundOverturned int    `json:"found_overturned"`
}

type apiAgentTally struct {
	Agent      string `json:"agent"`
	Calls      int    `json:"calls"`
	OldFlagged int    `json:"old_flagged" description:"recordings with a certain finding"`
	NewFlagged int    `json:"new_flagged"`
}

type apiDifference struct {
	Kind      string  `json:"kind" enum:"lost,found,changed"`
	Recording string  `json:"recording"`
	Agent     string  `json:"agent,omitempty"`
	Rule      string  `json:"rule"`
	Turn      int     `json:"turn"`
	Start     float64 `json:"start" description:"seconds"`
	Quote     string  `json:"quote"`
	Before    string  `json:"before,omitempty" description:"the old quote of a changed one"`
	Why       string  `json:"why"`
	Because   string  `json:"because,omitempty" description:"the exception that excuses a lost one"`
	Verdict   string  `json:"verdict,omitempty" description:"what people decided"`
	Key       string  `json:"key"`
}

func apiDifferencesOf(differences []rulework.Difference) []apiDifference {
	out := []apiDifference{}
	for _, x := range differences {
		mask := func(s string) string { return maskSaid(s, pii.Known{}) }
		out = append(out, apiDifference{x.Kind, x.Recording, x.Agent, x.Rule, x.Turn, x.Start, mask(x.Quote), mask(x.Before), mask(x.Why), x.Because, x.Verdict, x.Key})
	}
	return out
}

func apiBackTestHeadOf(b rulework.BackTest) apiBackTestHead {
	out := apiBackTestHead{ID: b.ID, Old: b.Old, New: b.New, State: string(b.State), Total: b.Total, Done: b.Done, Blocks: []apiBlock{}, Problem: b.Problem, By: b.By,
		CreatedAt: b.CreatedAt.UTC(), EndedAt: moment(b.EndedAt)}
	for _, x := range b.Blocks {
		out.Blocks = append(out.Blocks, apiBlock(x))
	}
	return out
}

func (c *Console) apiBackTest(w http.ResponseWriter, r *http.Request) error {
	d, err := shown[backTestData](r, c.backTestPage)
	if err != nil {
		return err
	}
	out := apiBackTest{apiBackTestHead: apiBackTestHeadOf(d.BackTest), Rules: []apiTally{}, Agents: []apiAgentTally{}, Differences: apiDifferencesOf(d.Differences), Hidden: d.Hidden}
	if t := d.Tally; t != nil {
		out.Differ, out.ScoreFalls, out.ScoreRises = t.Differ, t.ScoreFalls, t.ScoreRises
		for _, rule := range slices.Sorted(maps.Keys(t.Rules)) {
			x := t.Rules[rule]
			out.Rules = append(out.Rules, apiTally{rule, x.Old, x.New, x.Found, x.Lost, x.Changed, x.Confirmed, x.OldConfirmed, x.OldOverturned, x.NewConfirmed, x.NewOverturned,
				x.LostConfirmed, x.LostOverturned, x.FoundConfirmed, x.FoundOverturned})
		}
	}
	for _, a := range d.Agents {
		out.Agents = append(out.Agents, apiAgentTally{a.Agent, a.Calls, a.OldFlagged, a.NewFlagged})
	}
	return writeJSON(w, out)
}

func (c *Console) apiAskBackTest(w http.ResponseWriter, r *http.Request) error {
	var d apiSelection
	if err := optionalBody(w, r, &d); err != nil {
		return err
	}
	form := url.Values{"from": {d.From}, "to": {d.To}}
	if d.Sample != 0 {
		form.Set("sample", strconv.Itoa(d.Sample))
	}
	to, err := acted(r, form, c.askBackTest)
	if err != nil {
		return err
	}
	made(w, r, to, "/rules/backtests/", "backtest")
	return c.apiBackTest(w, r)
}
