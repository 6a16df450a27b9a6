package rulework

import (
	"slices"

	"github.com/speechqa/speechqa/detectors"
)

// Judged is a finding that a person has decided on or added.
type Judged struct {
	Key       string
	Rule      string
	Turn      int
	Confirmed bool // else overturned
}

// Case is one stored conversation with what people decided about it.
type Case struct {
	Conversation *detectors.Conversation
	Judged       []Judged
}

// Comparison runs two rulesets over conversations. It may be used by many goroutines, each with its own tally.
type Comparison struct{ Old, New *detectors.Engine }

// Add runs both rulesets over a conversation and counts what differs. Shadow findings count for nothing.
func (c Comparison) Add(t *Tally, in Case) { c.count(t, in, c.inspect(in)) }

// outcome is what two rulesets find in a conversation.
type outcome struct{ old, now detectors.Result }

func (c Comparison) inspect(in Case) outcome {
	return outcome{c.Old.Inspect(in.Conversation), c.New.Inspect(in.Conversation)}
}

// asksForWords says whether anything was found in an utterance: only there do the recognised words matter, for the place
// in time and for whether the recogniser was sure. Findings about the whole recording go by the utterances' own confidence.
func (o outcome) asksForWords() bool {
	inUtterance := func(f detectors.Finding) bool { return f.Turn >= 0 }
	return slices.ContainsFunc(o.old.Findings, inUtterance) || slices.ContainsFunc(o.now.Findings, inUtterance)
}

func (c Comparison) count(t *Tally, in Case, o outcome) {
	old, now := o.old, o.now
	t.Calls++
	agent := t.agent(in.Conversation.Metadata.AgentID)
	agent.Calls++
	if flagged(old.Findings) {
		agent.OldFlagged++
	}
	if flagged(now.Findings) {
		agent.NewFlagged++
	}
	switch {
	case now.Score < old.Score:
		t.ScoreFalls++
	case now.Score > old.Score:
		t.ScoreRises++
	}
	p := pairing{t: t, in: in, agent: agent, used: make([]bool, len(in.Judged))}
	p.pair(old.Findings, now.Findings)
	if len(p.lost) > 0 {
		_, excused := c.New.Explain(in.Conversation)
		p.explain(excused)
	}
	for i, j := range in.Judged {
		if j.Confirmed && !p.used[i] {
			p.count(j.Rule, func(r *RuleTally) { r.Confirmed++ }) // neither ruleset finds it
		}
	}
	if p.differ {
		t.Differ++
	}
	t.Differences = append(t.Differences, p.lost...)
	if len(t.Differences) > 64*maxDifferences {
		t.trim()
	}
}

// flagged says whether something certain was found.
func flagged(fs []detectors.Finding) bool {
	for i := range fs {
		if !fs[i].Shadow && !fs[i].Doubtful {
			return true
		}
	}
	return false
}

// pairing matches the findings of two rulesets in one conversation.
type pairing struct {
	t      *Tally
	in     Case
	agent  *AgentTally
	used   []bool // which of in.Judged belong to a finding of either
	lost   []Difference
	differ bool
}

// pair matches first by key, then by rule and turn: a finding whose quote has grown is the same finding.
func (p *pairing) pair(old, now []detectors.Finding) {
	partner := make([]int, len(old))
	taken := make([]bool, len(now))
	match := func(same func(a, b *detectors.Finding) bool) {
		for i := range old {
			if partner[i] != 0 || old[i].Shadow {
				continue
			}
			for k := range now {
				if !taken[k] && !now[k].Shadow && same(&old[i], &now[k]) {
					partner[i], taken[k] = k+1, true
					break
				}
			}
		}
	}
	match(func(a, b *detectors.Finding) bool { return a.Key == b.Key })
	match(func(a, b *detectors.Finding) bool { return a.Rule == b.Rule && a.Turn == b.Turn && a.Turn >= 0 })
	for i := range old {
		if old[i].Shadow {
			continue
		}
		if k := partner[i]; k > 0 {
			p.both(&old[i], &now[k-1])
		} else {
			p.only(&old[i], Lost)
		}
	}
	for k := range now {
		if !taken[k] && !now[k].Shadow {
			p.only(&now[k], Found)
		}
	}
}

func (p *pairing) both(a, b *detectors.Finding) {
	v := p.verdict(a, b)
	same := a.Quote == b.Quote && a.Severity == b.Severity && a.Doubtful == b.Doubtful
	p.count(a.Rule, func(r *RuleTally) {
		r.Old++
		r.New++
		switch v {
		case "confirmed":
			r.OldConfirmed++
			r.NewConfirmed++
			r.Confirmed++
		case "overturned":
			r.OldOverturned++
			r.NewOverturned++
		}
		if !same {
			r.Changed++
		}
	})
	if same {
		return
	}
	p.differ = true
	d := p.difference(b, Changed, v)
	d.Before = a.Quote
	p.t.Differences = append(p.t.Differences, d)
}

func (p *pairing) only(f *detectors.Finding, kind string) {
	p.differ = true
	v := p.verdict(f, f)
	d := p.difference(f, kind, v)
	if kind == Lost {
		p.count(f.Rule, func(r *RuleTally) { r.lose(v) })
		p.lost = append(p.lost, d)
		return
	}
	p.count(f.Rule, func(r *RuleTally) { r.find(v) })
	p.t.Differences = append(p.t.Differences, d)
}

// count counts for the rule and for the agent.
func (p *pairing) count(rule string, f func(*RuleTally)) {
	f(p.t.rule(rule))
	f(&p.agent.RuleTally)
}

// lose counts a finding that only the old rules make, with what people said of it.
func (t *RuleTally) lose(verdict string) {
	t.Old++
	t.Lost++
	switch verdict {
	case "confirmed":
		t.Confirmed++
		t.OldConfirmed++
		t.LostConfirmed++
	case "overturned":
		t.OldOverturned++
		t.LostOverturned++
	}
}

// find counts a finding that only the new rules make.
func (t *RuleTally) find(verdict string) {
	t.New++
	t.Found++
	switch verdict {
	case "confirmed":
		t.Confirmed++
		t.NewConfirmed++
		t.FoundConfirmed++
	case "overturned":
		t.NewOverturned++
		t.FoundOverturned++
	}
}

// verdict is what a person said about either finding: by its key, else about the same rule in the same utterance.
func (p *pairing) verdict(a, b *detectors.Finding) string {
	at := -1
	for i, j := range p.in.Judged {
		if p.used[i] || j.Rule != a.Rule {
			continue
		}
		if j.Key == a.Key || j.Key == b.Key {
			at = i
			break
		}
		if at < 0 && j.Turn >= 0 && j.Turn == a.Turn {
			at = i
		}
	}
	if at < 0 {
		return ""
	}
	p.used[at] = true
	if p.in.Judged[at].Confirmed {
		return "confirmed"
	}
	return "overturned"
}

func (p *pairing) difference(f *detectors.Finding, kind, verdict string) Difference {
	return Difference{Kind: kind, Recording: p.in.Conversation.ID, Agent: p.in.Conversation.Metadata.AgentID, Rule: f.Rule, Turn: f.Turn,
		Start: f.Start, Quote: f.Quote, Why: f.Why, Verdict: verdict, Key: f.Key, Finding: *f}
}

// explain names the exception that excuses a lost finding now.
func (p *pairing) explain(excused []detectors.Suppressed) {
	for i := range p.lost {
		d := &p.lost[i]
		for _, s := range excused {
			if s.Rule == d.Rule && s.Turn == d.Turn {
				d.Because = s.Exception
				break
			}
		}
	}
}
