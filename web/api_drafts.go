package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/lexicon"
	"github.com/speechqa/speechqa/rulework"
)

func (c *Console) draftEndpoints() []endpoint {
	at := func(step string) (api string, page []string) {
		return "POST /api/v1/rules/drafts/{draft}/" + step, []string{"POST /rules/drafts/{draft}/" + step}
	}
	one := func(step string, handle handler, summary string, asks, answers any) endpoint {
		api, page := at(step)
		return endpoint{route{api, permRules, handle, ""}, page, summary, asks, answers}
	}
	return []endpoint{
		{route{"POST /api/v1/rules/drafts", permRules, c.apiCreateDraft, ""}, []string{"POST /rules/drafts"}, "Begin a working copy of a version", apiNewDraft{}, apiDraft{}},
		{route{"GET /api/v1/rules/drafts/{draft}", permRules, c.apiDraft, ""}, []string{"GET /rules/drafts/{draft}"}, "A working copy, one of its files, and what is wrong with it", apiDraftQuery{}, apiDraft{}},
		one("save", c.apiSaveFile, "Save a file", apiSaved{}, apiDraft{}),
		one("file", c.apiAddFile, "Add a rule or a word list", apiNewFile{}, apiDraft{}),
		one("check", c.apiCheckDraft, "Check a file as it is sent, unsaved, with the examples", apiFile{}, apiCheck{}),
		one("try", c.apiTryDraft, "Inspect sentences with a file as it is sent, unsaved", apiTry{}, apiTried{}),
		one("neighbours", c.apiNeighbours, "What is really said around a term", apiTerms{}, apiNeighbours{}),
		one("example", c.apiTakeExample, "Put a proposed example into its rule", apiTaken{}, apiDraft{}),
		one("submit", c.apiSubmitDraft, "Make a version of a working copy in which nothing is wrong", apiSubmitted{}, apiVersion{}),
		one("drop", command(wordless, c.dropDraft, c.apiRules), "Throw a working copy away", nil, apiRules{}),
	}
}

type apiNewDraft struct {
	Base  int64  `json:"base" description:"version"`
	Title string `json:"title"`
}

type apiDraftQuery struct {
	File string `query:"file" description:"path; else one that was changed, else the first rule"`
}

type apiFile struct {
	File string `json:"file" description:"path, as rules/threat.yaml"`
	Text string `json:"text" description:"whole"`
}

type apiSaved struct {
	apiFile
	Changes int64 `json:"changes" description:"of the working copy as it was read; 409 where it has changed"`
	Revert  bool  `json:"revert,omitempty" description:"back to the base; the text is of no interest"`
}

type apiNewFile struct {
	Kind string `json:"kind" enum:"rules,lists"`
	Name string `json:"name" description:"lower case letters, digits and _"`
}

type apiTry struct {
	apiFile
	Said   string `json:"said" description:"one utterance a line; of the customer where the line begins with 客户:"`
	Kind   string `json:"kind,omitempty" enum:"call,visit"`
	Callee string `json:"callee,omitempty" description:"who was called, as recordings' metadata say"`
}

type apiTerms struct {
	Term string `json:"term"`
}

type apiTaken struct {
	Proposal int64 `json:"proposal" description:"id"`
}

type apiSubmitted struct {
	Why     string `json:"why"`
	Changes int64  `json:"changes" description:"of the working copy as it was read; 409 where it has changed"`
}

type apiDraftHead struct {
	ID        string    `json:"id"`
	Title     string    `json:"title"`
	Base      int64     `json:"base" description:"version"`
	Author    string    `json:"author"`
	Changes   int64     `json:"changes"`
	CreatedAt time.Time `json:"created_at"`
	ChangedAt time.Time `json:"changed_at"`
}

type apiDraft struct {
	apiDraftHead
	Files     []apiDraftFile  `json:"files"`
	File      string          `json:"file" description:"the one whose text this is"`
	Text      string          `json:"text"`
	Check     apiCheck        `json:"check"`
	Against   []apiRuleChange `json:"differences" description:"from the base"`
	Proposals []apiExample    `json:"proposals" description:"for the rule of the file, else all"`
}

type apiDraftFile struct {
	Path    string `json:"path"`
	Changed bool   `json:"changed"`
}

// apiCheck is what is wrong with rules, the file's own errors first.
type apiCheck struct {
	OK       bool           `json:"ok"`
	Errors   []apiLoadError `json:"errors" description:"what cannot be read"`
	Failed   []apiLoadError `json:"failed" description:"examples that come out otherwise"`
	Examples int            `json:"examples" description:"run"`
	Warnings []string       `json:"warnings"`
}

type apiLoadError struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Message string `json:"message"`
}

type apiTried struct {
	Errors   []apiLoadError `json:"errors" description:"why the rules cannot be read; then nothing was inspected"`
	Findings []apiTriedOne  `json:"findings"`
	Excused  []apiExcused   `json:"excused" description:"what an exception excused"`
	Score    int            `json:"score"`
}

type apiTriedOne struct {
	Rule     string `json:"rule"`
	Severity string `json:"severity"`
	Turn     int    `json:"turn"`
	Quote    string `json:"quote"`
	Term     string `json:"term,omitempty"`
	How      string `json:"how"`
	Why      string `json:"why"`
	Doubtful bool   `json:"doubtful"`
	Shadow   bool   `json:"shadow"`
}

type apiExcused struct {
	Rule      string `json:"rule"`
	Exception string `json:"exception"`
	Quote     string `json:"quote"`
	Turn      int    `json:"turn"`
}

type apiNeighbours struct {
	Recordings int            `json:"recordings" description:"that were looked at"`
	Found      []apiNeighbour `json:"found"`
}

type apiNeighbour struct {
	Before string `json:"before"`
	Term   string `json:"term"`
	After  string `json:"after"`
	Count  int    `json:"count"`
}

func apiDraftHeadOf(d rulework.Draft) apiDraftHead {
	return apiDraftHead{d.ID, d.Title, d.Base, d.Author, d.Changes, d.CreatedAt.UTC(), d.ChangedAt.UTC()}
}

func apiLoadErrors(errs []lexicon.LoadError) []apiLoadError {
	out := []apiLoadError{}
	for _, e := range errs {
		out = append(out, apiLoadError{e.File, e.Line, e.Msg})
	}
	return out
}

func apiCheckOf(d checkData) apiCheck {
	return apiCheck{d.OK(), apiLoadErrors(d.Errors), apiLoadErrors(d.Failed), d.Examples, append([]string{}, d.Warnings...)}
}

func apiDraftOf(d draftData) apiDraft {
	out := apiDraft{apiDraftHead: apiDraftHeadOf(d.Draft), Files: []apiDraftFile{}, File: d.File, Text: d.Text, Check: apiCheckOf(d.Check),
		Against: apiChangesOf(d.Changes), Proposals: apiExamplesOf(d.Proposals)}
	for _, g := range d.Groups {
		for _, f := range g.Files {
			out.Files = append(out.Files, apiDraftFile{f.Path, f.Changed})
		}
	}
	return out
}

func (c *Console) apiDraft(w http.ResponseWriter, r *http.Request) error {
	d, err := shown[draftData](r, c.draftPage)
	if err != nil {
		return err
	}
	return writeJSON(w, apiDraftOf(d))
}

// changed answers with the working copy after an act that sends to one of its files.
func (c *Console) changed(w http.ResponseWriter, r *http.Request, form url.Values, act handler) error {
	to, err := acted(r, form, act)
	if err != nil {
		return err
	}
	u, err := url.Parse(to)
	if err != nil {
		return fmt.Errorf("address of a working copy: %w", err)
	}
	made(w, r, u.Path, "/rules/drafts/", "draft")
	page := r.Clone(r.Context())
	page.URL.RawQuery = u.RawQuery
	return c.apiDraft(w, page)
}

func (c *Console) apiCreateDraft(w http.ResponseWriter, r *http.Request) error {
	var d apiNewDraft
	if err := body(w, r, &d); err != nil {
		return err
	}
	return c.changed(w, r, url.Values{"base": {strconv.FormatInt(d.Base, 10)}, "title": {d.Title}}, c.createDraft)
}

func (c *Console) apiSaveFile(w http.ResponseWriter, r *http.Request) error {
	var d apiSaved
	if err := body(w, r, &d); err != nil {
		return err
	}
	form := url.Values{"file": {d.File}, "text": {d.Text}, "changes": {strconv.FormatInt(d.Changes, 10)}}
	if d.Revert {
		form.Set("revert", "yes")
	}
	return c.changed(w, r, form, c.saveDraft)
}

func (c *Console) apiAddFile(w http.ResponseWriter, r *http.Request) error {
	var d apiNewFile
	if err := body(w, r, &d); err != nil {
		return err
	}
	return c.changed(w, r, url.Values{"kind": {d.Kind}, "name": {d.Name}}, c.addFile)
}

func (c *Console) apiTakeExample(w http.ResponseWriter, r *http.Request) error {
	var d apiTaken
	if err := body(w, r, &d); err != nil {
		return err
	}
	return c.changed(w, r, url.Values{"proposal": {strconv.FormatInt(d.Proposal, 10)}}, c.takeProposal)
}

func (c *Console) apiCheckDraft(w http.ResponseWriter, r *http.Request) error {
	var d apiFile
	if err := body(w, r, &d); err != nil {
		return err
	}
	check, err := shownTo[checkData](r, url.Values{"file": {d.File}, "text": {d.Text}}, c.checkDraft)
	if err != nil {
		return err
	}
	return writeJSON(w, apiCheckOf(check))
}

func (c *Console) apiTryDraft(w http.ResponseWriter, r *http.Request) error {
	var d apiTry
	if err := body(w, r, &d); err != nil {
		return err
	}
	tried, err := shownTo[tryData](r, url.Values{"file": {d.File}, "text": {d.Text}, "said": {d.Said}, "kind": {d.Kind}, "callee": {d.Callee}}, c.tryDraft)
	if err != nil {
		return err
	}
	return writeJSON(w, apiTriedOf(tried))
}

func apiTriedOf(d tryData) apiTried {
	out := apiTried{Errors: apiLoadErrors(d.Errors), Findings: []apiTriedOne{}, Excused: []apiExcused{}, Score: d.Score}
	for _, f := range d.Findings {
		out.Findings = append(out.Findings, apiTriedFinding(f))
	}
	for _, s := range d.Suppressed {
		out.Excused = append(out.Excused, apiExcused{s.Rule, s.Exception, s.Quote, s.Turn})
	}
	return out
}

func apiTriedFinding(f detectors.Finding) apiTriedOne {
	return apiTriedOne{f.Rule, string(f.Severity), f.Turn, f.Quote, f.Term, f.How, f.Why, f.Doubtful, f.Shadow}
}

func (c *Console) apiNeighbours(w http.ResponseWriter, r *http.Request) error {
	var d apiTerms
	if err := body(w, r, &d); err != nil {
		return err
	}
	found, err := shownTo[neighboursData](r, url.Values{"term": {d.Term}}, c.neighbours)
	if err != nil {
		return err
	}
	out := apiNeighbours{Recordings: found.Texts, Found: []apiNeighbour{}}
	for _, n := range found.Found {
		out.Found = append(out.Found, apiNeighbour(n))
	}
	return writeJSON(w, out)
}

func (c *Console) apiSubmitDraft(w http.ResponseWriter, r *http.Request) error {
	var d apiSubmitted
	if err := body(w, r, &d); err != nil {
		return err
	}
	to, err := acted(r, url.Values{"why": {d.Why}, "changes": {strconv.FormatInt(d.Changes, 10)}}, c.submitDraft)
	if err != nil {
		return err
	}
	made(w, r, to, "/rules/versions/", "version")
	return c.apiVersion(w, r)
}
