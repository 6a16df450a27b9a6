package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/speechqa/speechqa/rulework"
	"github.com/speechqa/speechqa/storage/postgres"
)

// rulesStore is what the pages about rules ask of the database.
type rulesStore interface {
	RulesetVersions(ctx context.Context) ([]rulework.Version, error)
	RulesetVersion(ctx context.Context, id int64) (rulework.Version, error)
	LiveRuleset(ctx context.Context) (rulework.Version, error)
	RulesetFiles(ctx context.Context, id int64) (map[string][]byte, error)
	AuditOf(ctx context.Context, subject string) ([]postgres.AuditEntry, error)
	RuleNumbers(ctx context.Context) (map[string]int, error)
	ApproveRuleset(ctx context.Context, id int64, by rulework.Actor) error
	ShadowRuleset(ctx context.Context, id int64, by rulework.Actor, on bool) error
	WithdrawRuleset(ctx context.Context, id int64, by rulework.Actor, why string) error
	PublishRuleset(ctx context.Context, id int64, by rulework.Actor, override string) error
	RollbackRuleset(ctx context.Context, id int64, by rulework.Actor, why string) error
	PublishBlocks(ctx context.Context, id int64) ([]rulework.Block, error)
	Shadow(ctx context.Context, sc postgres.Scope, version int64, limit int) (postgres.ShadowReport, error)

	AskBackTest(ctx context.Context, old, now int64, sel rulework.Selection, by rulework.Actor) (string, error)
	BackTest(ctx context.Context, id string) (rulework.BackTest, error)
	BackTestsOf(ctx context.Context, version int64) ([]rulework.BackTest, error)
	CancelBackTest(ctx context.Context, id string, by rulework.Actor) error
	ResumeBackTest(ctx context.Context, id string, by rulework.Actor) error
	InScopeOf(ctx context.Context, sc postgres.Scope, ids []string) (map[string]bool, error)

	Drafts(ctx context.Context) ([]rulework.Draft, error)
	Draft(ctx context.Context, id string) (rulework.Draft, error)
	CreateDraft(ctx context.Context, title string, base int64, by rulework.Actor) (string, error)
	SaveDraft(ctx context.Context, id, path string, content *string, changes int64, by rulework.Actor) error
	DropDraft(ctx context.Context, id string, by rulework.Actor) error
	SubmitDraft(ctx context.Context, id string, changes int64, n rulework.NewVersion) (rulework.Version, error)
	SaidWith(ctx context.Context, sc postgres.Scope, term string, limit int) ([]string, error)

	RuleQuality(ctx context.Context, sc postgres.Scope, rule string) ([]rulework.Quality, error)
	TermQuality(ctx context.Context, sc postgres.Scope, rule string, of map[string]int, limit int) ([]rulework.TermQuality, error)
	OverturnReasons(ctx context.Context, sc postgres.Scope, rule string, of map[string]int) (map[string][]rulework.ReasonCount, error)
	DecidedFindings(ctx context.Context, sc postgres.Scope, rule string, limit int) ([]postgres.DecidedFinding, error)
	ProposeExample(ctx context.Context, p rulework.Proposal, by rulework.Actor) error
	Proposals(ctx context.Context, sc postgres.Scope) ([]rulework.Proposal, error)
	CloseProposal(ctx context.Context, id int64, used bool, by rulework.Actor) error
}

func (c *Console) rulesRoutes() []route {
	return []route{
		{"GET /rules", permRulesView, c.rulesPage, ""},
		{"GET /rules/quality/{rule}", permRulesView, c.ruleQualityPage, ""},
		{"POST /rules/proposals", permRules, c.proposeExample, ""},
		{"POST /rules/proposals/{proposal}/dismiss", permRules, c.dismissProposal, ""},

		{"GET /rules/versions/{version}", permRulesView, c.versionPage, ""},
		{"GET /rules/versions/{version}/files", permRulesView, c.exportVersion, "ruleset.export"},
		{"POST /rules/versions/{version}/approve", permRules, c.stepVersion(c.store.ApproveRuleset), ""},
		{"POST /rules/versions/{version}/shadow", permRules, c.shadowVersion(true), ""},
		{"POST /rules/versions/{version}/unshadow", permRules, c.shadowVersion(false), ""},
		{"POST /rules/versions/{version}/withdraw", permRules, c.withdrawVersion, ""},
		{"POST /rules/versions/{version}/publish", permRules, c.publishVersion, ""},
		{"POST /rules/versions/{version}/rollback", permRules, c.rollbackVersion, ""},
		{"POST /rules/versions/{version}/backtest", permRules, c.askBackTest, ""},

		{"GET /rules/backtests/{backtest}", permRulesView, c.backTestPage, ""},
		{"POST /rules/backtests/{backtest}/cancel", permRules, c.cancelBackTest, ""},
		{"POST /rules/backtests/{backtest}/resume", permRules, c.resumeBackTest, ""},

		{"POST /rules/drafts", permRules, c.createDraft, ""},
		{"GET /rules/drafts/{draft}", permRules, c.draftPage, ""},
		{"POST /rules/drafts/{draft}/save", permRules, c.saveDraft, ""},
		{"POST /rules/drafts/{draft}/file", permRules, c.addFile, ""},
		{"POST /rules/drafts/{draft}/check", permRules, c.checkDraft, ""},
		{"POST /rules/drafts/{draft}/try", permRules, c.tryDraft, ""},
		{"POST /rules/drafts/{draft}/neighbours", permRules, c.neighbours, ""},
		{"POST /rules/drafts/{draft}/example", permRules, c.takeProposal, ""},
		{"POST /rules/drafts/{draft}/submit", permRules, c.submitDraft, ""},
		{"POST /rules/drafts/{draft}/drop", permRules, c.dropDraft, ""},
	}
}

// Mistakes around rules.
var (
	errSecondPerson = &userError{http.StatusConflict, "second_person"}
	errNotApproved  = &userError{http.StatusConflict, "not_approved"}
	errWrongState   = &userError{http.StatusConflict, "wrong_state"}
	errBlocked      = &userError{http.StatusConflict, "blocked"}
	errSameRules    = &userError{http.StatusConflict, "same_rules"}
	errNotRight     = &userError{http.StatusBadRequest, "rules_not_right"}
	errWhyNeeded    = &userError{http.StatusBadRequest, "why_needed"}
	errFileName     = &userError{http.StatusBadRequest, "file_name"}
	errNoExamples   = &userError{http.StatusBadRequest, "no_examples"}
)

// rulesError turns what the store says into what a person is told.
func rulesError(err error) error {
	var blocked *rulework.BlockedError
	var exists *rulework.ExistsError
	for known, ue := range map[error]*userError{rulework.ErrSecondPerson: errSecondPerson, rulework.ErrNotApproved: errNotApproved, rulework.ErrWrongState: errWrongState} {
		if errors.Is(err, known) {
			return ue
		}
	}
	switch {
	case errors.As(err, &blocked):
		return errBlocked
	case errors.As(err, &exists):
		return errSameRules
	}
	return err
}

func ruleActor(r *http.Request) rulework.Actor {
	u := visitorOf(r).user
	return rulework.Actor{UserID: u.ID, Name: u.Name, Origin: origin(r)}
}

// readRulesForm is readForm for a form of at most the size of a ruleset's file.
func readRulesForm(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, 2<<20)
	if err := r.ParseForm(); err != nil {
		return errBadRequest
	}
	return nil
}

func pathNumber(r *http.Request, name string) (int64, error) {
	id, err := strconv.ParseInt(r.PathValue(name), 10, 64)
	if err != nil || id <= 0 {
		return 0, errNotFound
	}
	return id, nil
}

// renderPart writes a piece of a page, for scripts that put it in its place.
func (c *Console) renderPart(w http.ResponseWriter, r *http.Request, name, part string, data any) error {
	if drawn(r, http.StatusOK, data) {
		return nil
	}
	v := visitorOf(r)
	t, ok := c.pages[v.lang][name]
	if !ok {
		return fmt.Errorf("no page %q in language %q", name, v.lang)
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, part, data); err != nil {
		return fmt.Errorf("part %s of page %s: %w", part, name, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, err := w.Write(b.Bytes())
	return err
}

// rulesData is the overview: what is live, how well the rules do, what is being worked on.
type rulesData struct {
	Live      rulework.Version // zero before any
	Rules     []ruleRow
	Terms     []rulework.TermQuality // of the live rules, the least precise first
	Proposals []rulework.Proposal
	Drafts    []rulework.Draft
	Versions  []rulework.Version
}

// ruleRow is a rule with what people decided about it, version by version, the newest first.
type ruleRow struct {
	Rule     string
	Versions []rulework.Quality
	Reasons  []rulework.ReasonCount // why findings of the live version were overturned
}

// Now is the live version, else the newest one, with decisions.
func (r ruleRow) Now() rulework.Quality { return r.Versions[0] }

// rulesPage shows the rules at work.
func (c *Console) rulesPage(w http.ResponseWriter, r *http.Request) error {
	ctx, sc := r.Context(), ScopeOf(visitorOf(r).user)
	var d rulesData
	var err error
	if d.Live, err = c.store.LiveRuleset(ctx); err != nil && !errors.Is(err, postgres.ErrNotFound) {
		return fmt.Errorf("live rules: %w", err)
	}
	quality, err := c.store.RuleQuality(ctx, sc, "")
	if err != nil {
		return fmt.Errorf("quality of the rules: %w", err)
	}
	markLive(quality, c.rules.Numbers())
	d.Rules = byRule(quality)
	reasons, err := c.store.OverturnReasons(ctx, sc, "", c.rules.Numbers())
	if err != nil {
		return fmt.Errorf("why findings were overturned: %w", err)
	}
	for i := range d.Rules {
		d.Rules[i].Reasons = reasons[d.Rules[i].Rule]
	}
	if d.Terms, err = c.store.TermQuality(ctx, sc, "", c.rules.Numbers(), maxOverviewTerms); err != nil {
		return fmt.Errorf("terms of all rules: %w", err)
	}
	if d.Proposals, err = c.store.Proposals(ctx, sc); err != nil {
		return fmt.Errorf("proposals: %w", err)
	}
	if d.Drafts, err = c.store.Drafts(ctx); err != nil {
		return fmt.Errorf("drafts: %w", err)
	}
	if d.Versions, err = c.store.RulesetVersions(ctx); err != nil {
		return fmt.Errorf("versions: %w", err)
	}
	return c.render(w, r, http.StatusOK, "rules", d)
}
