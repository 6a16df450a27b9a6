package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/speechqa/speechqa/rulework"
)

func (c *Console) rulesEndpoints() []endpoint {
	step := func(name string, handle handler, summary string) endpoint {
		at := "/rules/versions/{version}/" + name
		return endpoint{route{"POST " + apiPath + at[1:], permRules, command(apiWhy.form, handle, c.apiVersion), ""}, []string{"POST " + at}, summary, apiWhy{}, apiVersion{}}
	}
	return []endpoint{
		{route{"GET /api/v1/rules", permRulesView, c.apiRules, ""}, []string{"GET /rules"}, "The rules at work: what is live, how well each does, what is being worked on", nil, apiRules{}},
		{route{"GET /api/v1/rules/basis", permRulesView, c.apiBasis, ""}, []string{"GET /rules/basis"}, "What the live rules rest on: clauses, banks' profiles, frequencies, hours", nil, apiBasis{}},
		{route{"POST /api/v1/rules/proposals", permRules, command(apiProposed.form, c.proposeExample, c.apiRules), ""}, []string{"POST /rules/proposals"}, "Propose a decided finding as an example of its rule", apiProposed{}, apiRules{}},
		{route{"POST /api/v1/rules/proposals/{proposal}/dismiss", permRules, command(wordless, c.dismissProposal, c.apiRules), ""}, []string{"POST /rules/proposals/{proposal}/dismiss"}, "Dismiss a proposed example", nil, apiRules{}},
		{route{"GET /api/v1/rules/versions/{version}", permRulesView, c.apiVersion, ""}, []string{"GET /rules/versions/{version}"}, "A version: who and why, what it changes, what forbids its publication", apiVersionQuery{}, apiVersion{}},
		{route{"GET /api/v1/rules/versions/{version}/files", permRulesView, c.exportVersion, "ruleset.export"}, []string{"GET /rules/versions/{version}/files"}, "All files of a version", nil, media("application/zip")},
		step("approve", c.stepVersion(c.store.ApproveRuleset), "Approve, as a second person"),
		step("shadow", c.shadowVersion(true), "Let it inspect beside the live one, its findings counting for nobody"),
		step("unshadow", c.shadowVersion(false), "End that"),
		step("withdraw", c.withdrawVersion, "Withdraw"),
		step("publish", c.publishVersion, "Publish; why overrides what forbids it"),
		step("rollback", c.rollbackVersion, "Make an earlier version live again"),
		{route{"POST /api/v1/rules/versions/{version}/backtest", permRules, c.apiAskBackTest, ""}, []string{"POST /rules/versions/{version}/backtest"}, "Inspect what is kept with the live version and this one", apiSelection{}, apiBackTest{}},
		{route{"GET /api/v1/rules/backtests/{backtest}", permRulesView, c.apiBackTest, ""}, []string{"GET /rules/backtests/{backtest}"}, "A back-test: how far it is, and what differs", apiBackTestQuery{}, apiBackTest{}},
		{route{"POST /api/v1/rules/backtests/{backtest}/cancel", permRules, command(wordless, c.cancelBackTest, c.apiBackTest), ""}, []string{"POST /rules/backtests/{backtest}/cancel"}, "Stop a back-test", nil, apiBackTest{}},
		{route{"POST /api/v1/rules/backtests/{backtest}/resume", permRules, command(wordless, c.resumeBackTest, c.apiBackTest), ""}, []string{"POST /rules/backtests/{backtest}/resume"}, "Let it go on", nil, apiBackTest{}},
	}
}

// apiWhy is the reason for a step of a version.
type apiWhy struct {
	Why string `json:"why,omitempty"`
}

func (d apiWhy) form() url.Values { return url.Values{"why": {d.Why}} }

// apiProposed names a decided finding.
type apiProposed struct {
	Recording string `json:"recording" description:"id"`
	Finding   string `json:"finding" description:"key"`
}

func (d apiProposed) form() url.Values {
	return url.Values{"recording": {d.Recording}, "finding": {d.Finding}}
}

type apiRules struct {
	Live      int64            `json:"live,omitempty" description:"version; missing before any"`
	Rules     []apiRuleQuality `json:"rules" description:"the noisiest first"`
	Terms     []apiTermQuality `json:"terms" description:"of the live rules, the least precise first"`
	Proposals []apiExample     `json:"proposals"`
	Drafts    []apiDraftHead   `json:"drafts"`
	Versions  []apiVersionHead `json:"versions"`
}

// apiRuleQuality is what people decided about a rule, by its own versions.
type apiRuleQuality struct {
	Rule     string           `json:"rule"`
	Versions []apiDecided     `json:"versions" description:"the live one first"`
	Reasons  []apiReasonCount `json:"reasons" description:"why findings of the live one were overturned"`
}

type apiDecided struct {
	Number     int        `json:"number" description:"the rule's own version; 0: not known"`
	Version    int64      `json:"version" description:"the last ruleset with it that people judged; 0: not kept"`
	Since      *time.Time `json:"since,omitempty"`
	Live       bool       `json:"live"`
	Confirmed  int        `json:"confirmed"`
	Overturned int        `json:"overturned"`
}

type apiReasonCount struct {
	Reason string `json:"reason"`
	Count  int    `json:"count"`
}

type apiTermQuality struct {
	Rule       string           `json:"rule"`
	Term       string           `json:"term"`
	Confirmed  int              `json:"confirmed"`
	Overturned int              `json:"overturned"`
	Reasons    []apiReasonCount `json:"reasons" description:"why overturned, the most frequent first"`
}

// apiExample is an example proposed for a rule.
type apiExample struct {
	ID        int64     `json:"id"`
	Rule      string    `json:"rule"`
	Kind      string    `json:"kind" enum:"flag,pass"`
	Text      string    `json:"text" description:"masked"`
	Quote     string    `json:"quote"`
	Reason    string    `json:"reason,omitempty" description:"why the finding was overturned"`
	Recording string    `json:"recording,omitempty"`
	Finding   string    `json:"finding"`
	By        string    `json:"by"`
	At        time.Time `json:"at"`
}

type apiVersionHead struct {
	ID          int64      `json:"id"`
	Hash        string     `json:"hash" description:"of its files; what findings carry"`
	Name        string     `json:"name"`
	Label       string     `json:"label"`
	State       string     `json:"state"`
	From        string     `json:"from" description:"how it came to be"`
	Base        int64      `json:"base,omitempty" description:"the version it was made from"`
	Why         string     `json:"why,omitempty"`
	Author      string     `json:"author,omitempty"`
	CreatedAt   time.Time  `json:"created_at"`
	Approver    string     `json:"approver,omitempty"`
	ApprovedAt  *time.Time `json:"approved_at,omitempty"`
	Publisher   string     `json:"publisher,omitempty"`
	PublishedAt *time.Time `json:"published_at,omitempty"`
	RetiredAt   *time.Time `json:"retired_at,omitempty"`
	Override    string     `json:"override,omitempty" description:"why it was published though something forbade it"`
}

type apiVersionQuery struct {
	Against string `query:"against" description:"the version it is compared with; else the live one"`
}

type apiVersion struct {
	apiVersionHead
	Against   int64             `json:"against" description:"what it is compared with"`
	Changes   []apiRuleChange   `json:"changes"`
	Blocks    []apiBlock        `json:"blocks" description:"what forbids publishing now"`
	Overtaken bool              `json:"overtaken" description:"another version was published since this one was begun"`
	BackTests []apiBackTestHead `json:"backtests"`
	Shadow    *apiShadow        `json:"shadow,omitempty" description:"for those who try rules"`
	Life      []apiLifeStep     `json:"life"`
}

// apiRuleChange is a difference between two versions in the words of rules.
type apiRuleChange struct {
	File    string   `json:"file"`
	Code    string   `json:"code"`
	Place   string   `json:"place,omitempty"`
	Old     string   `json:"old,omitempty"`
	New     string   `json:"new,omitempty"`
	Added   []string `json:"added,omitempty"`
	Removed []string `json:"removed,omitempty"`
}

type apiBlock struct {
	Code string `json:"code"`
	Rule string `json:"rule,omitempty"`
	N    int    `json:"n,omitempty" description:"findings it is about"`
	Of   int    `json:"of,omitempty"`
}

type apiShadow struct {
	Recordings  int             `json:"recordings" description:"that it inspected"`
	Differ      int             `json:"differ"`
	Differences []apiDifference `json:"differences"`
}

type apiLifeStep struct {
	At     time.Time `json:"at"`
	By     string    `json:"by,omitempty"`
	Step   string    `json:"step"`
	Why    string    `json:"why,omitempty"`
	Anyway bool      `json:"anyway" description:"though something forbade it"`
}

func apiReasons(reasons []rulework.ReasonCount) []apiReasonCount {
	out := []apiReasonCount{}
	for _, x := range reasons {
		out = append(out, apiReasonCount(x))
	}
	return out
}

func apiRuleQualityOf(rule string, versions []rulework.Quality, reasons []rulework.ReasonCount) apiRuleQuality {
	out := apiRuleQuality{Rule: rule, Versions: []apiDecided{}, Reasons: apiReasons(reasons)}
	for _, q := range versions {
		out.Versions = append(out.Versions, apiDecided{q.Number, q.Version, moment(q.Since), q.Live, q.Confirmed, q.Overturned})
	}
	return out
}

func apiTermsOf(terms []rulework.TermQuality) []apiTermQuality {
	out := []apiTermQuality{}
	for _, t := range terms {
		out = append(out, apiTermQuality{t.Rule, t.Term, t.Confirmed, t.Overturned, apiReasons(t.Reasons)})
	}
	return out
}

func apiVersionHeadOf(v rulework.Version) apiVersionHead {
	return apiVersionHead{ID: v.ID, Hash: v.Hash, Name: v.Name, Label: v.Label, State: string(v.State), From: string(v.From), Base: v.Base, Why: v.Why, Author: v.Author,
		CreatedAt: v.CreatedAt.UTC(), Approver: v.Approver, ApprovedAt: moment(v.ApprovedAt), Publisher: v.Publisher, PublishedAt: moment(v.PublishedAt),
		RetiredAt: moment(v.RetiredAt), Override: v.Override}
}

func apiChangesOf(changes []rulework.Change) []apiRuleChange {
	out := []apiRuleChange{}
	for _, x := range changes {
		out = append(out, apiRuleChange(x))
	}
	return out
}

func apiExamplesOf(proposals []rulework.Proposal) []apiExample {
	out := []apiExample{}
	for _, p := range proposals {
		p.At = p.At.UTC()
		out = append(out, apiExample(p))
	}
	return out
}

func (c *Console) apiRules(w http.ResponseWriter, r *http.Request) error {
	d, err := shown[rulesData](r, c.rulesPage)
	if err != nil {
		return err
	}
	out := apiRules{Live: d.Live.ID, Rules: []apiRuleQuality{}, Terms: apiTermsOf(d.Terms), Proposals: apiExamplesOf(d.Proposals), Drafts: []apiDraftHead{}, Versions: []apiVersionHead{}}
	for _, row := range d.Rules {
		out.Rules = append(out.Rules, apiRuleQualityOf(row.Rule, row.Versions, row.Reasons))
	}
	for _, x := range d.Drafts {
		out.Drafts = append(out.Drafts, apiDraftHeadOf(x))
	}
	for _, v := range d.Versions {
		out.Versions = append(out.Versions, apiVersionHeadOf(v))
	}
	return writeJSON(w, out)
}

func (c *Console) apiVersion(w http.ResponseWriter, r *http.Request) error {
	d, err := shown[versionData](r, c.versionPage)
	if err != nil {
		return err
	}
	out := apiVersion{apiVersionHead: apiVersionHeadOf(d.Version), Against: d.Against.ID, Changes: apiChangesOf(d.Changes), Blocks: []apiBlock{}, Overtaken: d.Overtaken,
		BackTests: []apiBackTestHead{}, Life: []apiLifeStep{}}
	for _, b := range d.Blocks {
		out.Blocks = append(out.Blocks, apiBlock(b))
	}
	for _, b := range d.BackTests {
		out.BackTests = append(out.BackTests, apiBackTestHeadOf(b))
	}
	if may(Role(visitorOf(r).user.Role), permRules) {
		out.Shadow = &apiShadow{d.Shadow.Recordings, d.Shadow.Differ, apiDifferencesOf(d.Shadow.Differences)}
	}
	for _, s := range d.Life {
		out.Life = append(out.Life, apiLifeStep{s.At.UTC(), s.By, s.Step, s.Why, s.Anyway})
	}
	return writeJSON(w, out)
}

// made tells where what an act made is found, and puts its id in the place of the address' parameter.
func made(w http.ResponseWriter, r *http.Request, to, below, parameter string) {
	to, _, _ = strings.Cut(to, "?")
	w.Header().Set("Location", apiPath+strings.TrimPrefix(to, "/"))
	r.SetPathValue(parameter, strings.TrimPrefix(to, below))
}
