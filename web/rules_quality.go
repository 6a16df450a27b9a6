package web

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/google/uuid"

	"github.com/speechqa/speechqa/rulework"
	"github.com/speechqa/speechqa/storage/postgres"
)

// markLive says which versions of rules are live, and puts them first among those of their rule. A rule that another
// publication did not touch is the same as before.
func markLive(quality []rulework.Quality, live map[string]int) {
	for i := range quality {
		if q := &quality[i]; q.Number > 0 {
			q.Live = live[q.Rule] == q.Number
		}
	}
	slices.SortStableFunc(quality, func(a, b rulework.Quality) int {
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(b2i(b.Live), b2i(a.Live)))
	})
}

// byRule gathers the versions of each rule, the noisiest rule first: by the lower end of the interval, so that one
// overturned finding of one does not come before forty of a hundred.
func byRule(quality []rulework.Quality) []ruleRow {
	var rows []ruleRow
	for _, q := range quality {
		if n := len(rows); n > 0 && rows[n-1].Rule == q.Rule {
			rows[n-1].Versions = append(rows[n-1].Versions, q)
			continue
		}
		rows = append(rows, ruleRow{Rule: q.Rule, Versions: []rulework.Quality{q}})
	}
	slices.SortStableFunc(rows, func(a, b ruleRow) int { return cmp.Compare(b.Now().Overturn().Low, a.Now().Overturn().Low) })
	return rows
}

type ruleQualityData struct {
	Rule     string
	Live     rulework.Version
	File     string
	Versions []rulework.Quality
	Reasons  []rulework.ReasonCount // why findings of the live version were overturned
	Terms    []rulework.TermQuality
	Decided  []postgres.DecidedFinding
}

// Lengths of lists: the terms of the overview, and those of the page about one rule.
const (
	maxOverviewTerms = 15
	maxTerms         = 40
	maxDecided       = 60
)

// ruleQualityPage shows why a rule is noisy: by version, by term with reasons, and the findings themselves.
func (c *Console) ruleQualityPage(w http.ResponseWriter, r *http.Request) error {
	ctx, sc := r.Context(), ScopeOf(visitorOf(r).user)
	d := ruleQualityData{Rule: r.PathValue("rule")}
	live, files, err := c.liveFiles(r)
	if err != nil {
		return err
	}
	d.Live, d.File = live, "rules/"+d.Rule+".yaml"
	if files[d.File] == nil {
		return errNotFound
	}
	if d.Versions, err = c.store.RuleQuality(ctx, sc, d.Rule); err != nil {
		return fmt.Errorf("quality of %s: %w", d.Rule, err)
	}
	markLive(d.Versions, c.rules.Numbers())
	reasons, err := c.store.OverturnReasons(ctx, sc, d.Rule, c.rules.Numbers())
	if err != nil {
		return fmt.Errorf("why findings of %s were overturned: %w", d.Rule, err)
	}
	d.Reasons = reasons[d.Rule]
	if d.Terms, err = c.store.TermQuality(ctx, sc, d.Rule, c.rules.Numbers(), maxTerms); err != nil {
		return fmt.Errorf("terms of %s: %w", d.Rule, err)
	}
	if d.Decided, err = c.store.DecidedFindings(ctx, sc, d.Rule, maxDecided); err != nil {
		return fmt.Errorf("findings of %s: %w", d.Rule, err)
	}
	return c.render(w, r, http.StatusOK, "rules_quality", d)
}

// liveFiles gives the live version and its files; without one there is no page.
func (c *Console) liveFiles(r *http.Request) (rulework.Version, map[string][]byte, error) {
	live, err := c.store.LiveRuleset(r.Context())
	if err != nil {
		return live, nil, fmt.Errorf("live rules: %w", err)
	}
	files, err := c.store.RulesetFiles(r.Context(), live.ID)
	if err != nil {
		return live, nil, fmt.Errorf("files of version %d: %w", live.ID, err)
	}
	return live, files, nil
}

// offerExamples lets findings that can be examples of their rules be proposed as such.
func offerExamples(groups []ruleGroup) {
	for _, g := range groups {
		for i := range g.Findings {
			f := &g.Findings[i]
			f.MayPropose = f.Verdict != postgres.VerdictOpen && f.Turn >= 0 && !f.Shadow
		}
	}
}

// proposeExample makes a decision a proposed example: an overturned finding is to pass, a confirmed one to be flagged.
func (c *Console) proposeExample(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	id, err := uuid.Parse(r.PostForm.Get("recording"))
	if err != nil {
		return errBadRequest
	}
	in, err := c.store.InScope(r.Context(), ScopeOf(visitorOf(r).user), id.String())
	if err != nil {
		return fmt.Errorf("scope: %w", err)
	}
	if !in {
		return errNotFound
	}
	review, err := c.store.Review(r.Context(), id.String())
	if err != nil {
		return fmt.Errorf("recording %s: %w", id, err)
	}
	i := slices.IndexFunc(review.Findings, func(f postgres.JudgedFinding) bool { return f.Key == r.PostForm.Get("finding") })
	if i < 0 {
		return errNotFound
	}
	p, err := proposal(review, review.Findings[i])
	if err != nil {
		return err
	}
	flash := "flash.proposed"
	switch err := c.store.ProposeExample(r.Context(), p, ruleActor(r)); {
	case errors.Is(err, postgres.ErrConflict):
		flash = "flash.proposed_before"
	case err != nil:
		return fmt.Errorf("propose: %w", err)
	}
	c.flash(r, flash)
	http.Redirect(w, r, "/rules/quality/"+p.Rule, http.StatusSeeOther)
	return nil
}

// proposal makes an example of a judged finding that was said in one utterance.
func proposal(v postgres.Review, f postgres.JudgedFinding) (rulework.Proposal, error) {
	if f.Turn < 0 || f.Turn >= len(v.Transcript.Utterances) || f.Verdict == postgres.VerdictOpen {
		return rulework.Proposal{}, errBadRequest
	}
	p := rulework.Proposal{Rule: f.Rule, Kind: rulework.ExamplePass, Reason: f.Reason, Recording: v.Recording.ID, Finding: f.Key}
	p.Text, p.Quote = rulework.Mask(v.Transcript.Utterances[f.Turn].Text, f.Quote, v.Recording.Metadata)
	if f.Verdict == postgres.VerdictConfirmed {
		p.Kind = rulework.ExampleFlag
	}
	return p, nil
}

func (c *Console) dismissProposal(w http.ResponseWriter, r *http.Request) error {
	id, err := pathNumber(r, "proposal")
	if err != nil {
		return err
	}
	if err := c.store.CloseProposal(r.Context(), id, false, ruleActor(r)); err != nil {
		return fmt.Errorf("dismiss proposal: %w", err)
	}
	http.Redirect(w, r, "/rules", http.StatusSeeOther)
	return nil
}
