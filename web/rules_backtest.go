package web

import (
	"context"
	"fmt"
	"net/http"

	"github.com/speechqa/speechqa/rulework"
)

type backTestData struct {
	rulework.BackTest
	Rules       []ruleTallyRow
	Agents      []agentTallyRow // only for those who may see every recording
	Differences []rulework.Difference
	Hidden      int // differences in recordings outside the visitor's scope
	Kind, Rule  string
	Kinds       []string
}

// Running says whether the page should look again.
func (d backTestData) Running() bool { return d.State == rulework.BackTestWaiting }

type ruleTallyRow struct {
	Rule string
	*rulework.RuleTally
}

type agentTallyRow struct {
	Agent string
	*rulework.AgentTally
}

// maxAgents is how many agents are listed, those with the most differences first.
const maxAgents = 30

// backTestPage shows what a version would change: while it runs how far it has come, then figures and evidence.
func (c *Console) backTestPage(w http.ResponseWriter, r *http.Request) error {
	id, err := pathUUID(r, "backtest")
	if err != nil {
		return err
	}
	b, err := c.store.BackTest(r.Context(), id)
	if err != nil {
		return fmt.Errorf("back-test %s: %w", id, err)
	}
	q := r.URL.Query()
	d := backTestData{BackTest: b, Kind: q.Get("kind"), Rule: q.Get("rule"), Kinds: []string{rulework.Lost, rulework.Found, rulework.Changed}}
	if b.Tally != nil {
		if err := c.fillBackTest(r, &d); err != nil {
			return err
		}
	}
	return c.render(w, r, http.StatusOK, "rules_backtest", d)
}

func (c *Console) fillBackTest(r *http.Request, d *backTestData) error {
	for _, id := range d.Tally.RuleIDs() {
		d.Rules = append(d.Rules, ruleTallyRow{id, d.Tally.Rules[id]})
	}
	sc := ScopeOf(visitorOf(r).user)
	if sc.Everything() {
		for _, id := range d.Tally.ChangedAgents(maxAgents) {
			d.Agents = append(d.Agents, agentTallyRow{id, d.Tally.Agents[id]})
		}
	}
	var ids []string
	for _, x := range d.Tally.Differences {
		ids = append(ids, x.Recording)
	}
	in, err := c.store.InScopeOf(r.Context(), sc, ids)
	if err != nil {
		return fmt.Errorf("scope: %w", err)
	}
	for _, x := range d.Tally.Differences {
		switch {
		case !in[x.Recording]:
			d.Hidden++
		case d.Kind != "" && x.Kind != d.Kind || d.Rule != "" && x.Rule != d.Rule:
		default:
			d.Differences = append(d.Differences, x)
		}
	}
	return nil
}

func (c *Console) cancelBackTest(w http.ResponseWriter, r *http.Request) error {
	return c.steerBackTest(w, r, c.store.CancelBackTest)
}

func (c *Console) resumeBackTest(w http.ResponseWriter, r *http.Request) error {
	return c.steerBackTest(w, r, c.store.ResumeBackTest)
}

func (c *Console) steerBackTest(w http.ResponseWriter, r *http.Request, step func(ctx context.Context, id string, by rulework.Actor) error) error {
	id, err := pathUUID(r, "backtest")
	if err != nil {
		return err
	}
	if err := step(r.Context(), id, ruleActor(r)); err != nil {
		return fmt.Errorf("back-test %s: %w", id, err)
	}
	http.Redirect(w, r, "/rules/backtests/"+id, http.StatusSeeOther)
	return nil
}
