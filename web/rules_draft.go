package web

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/speechqa/speechqa/lexicon"
	"github.com/speechqa/speechqa/rulework"
)

type draftData struct {
	rulework.Draft
	Groups    []fileGroup
	File      string
	Text      string
	Changed   bool // the file is not as in the base
	Rule      string
	Changes   []rulework.Change
	Texts     []fileLines
	Proposals []rulework.Proposal // for the rule of the file, else all
	Check     checkData
}

// fileGroup is the files of one kind.
type fileGroup struct {
	Kind  string // rules, lists, other
	Files []draftFile
}

type draftFile struct {
	Path, Name string
	Changed    bool
	Current    bool
}

// editable says whether a file is for people: the statistical layer's weights are not.
func editable(p string) bool { return lexicon.IsRulesetFile(p) && p != "model.txt" }

// draft gives the working copy that the address names, and the files of its base.
func (c *Console) draft(r *http.Request) (d rulework.Draft, base map[string][]byte, err error) {
	id, err := pathUUID(r, "draft")
	if err != nil {
		return d, nil, err
	}
	if d, err = c.store.Draft(r.Context(), id); err != nil {
		return d, nil, fmt.Errorf("draft %s: %w", id, err)
	}
	if base, err = c.store.RulesetFiles(r.Context(), d.Base); err != nil {
		return d, nil, fmt.Errorf("files of version %d: %w", d.Base, err)
	}
	return d, base, nil
}

// draftPage is the editor.
func (c *Console) draftPage(w http.ResponseWriter, r *http.Request) error {
	draft, base, err := c.draft(r)
	if err != nil {
		return err
	}
	files := draft.Over(base)
	d := draftData{Draft: draft, File: r.URL.Query().Get("file")}
	if d.File == "" {
		d.File = firstFile(draft, files)
	}
	if files[d.File] == nil || !editable(d.File) {
		return errNotFound
	}
	d.Text, d.Changed = string(files[d.File]), draft.Files[d.File] != "" && draft.Files[d.File] != string(base[d.File])
	d.Groups = fileGroups(draft, files, d.File)
	d.Rule = ruleOf(d.File)
	d.Changes = rulework.Diff(base, files)
	d.Texts = changedLines(d.Changes, base, files)
	all, err := c.store.Proposals(r.Context(), ScopeOf(visitorOf(r).user))
	if err != nil {
		return fmt.Errorf("proposals: %w", err)
	}
	for _, p := range all {
		if d.Rule == "" || p.Rule == d.Rule {
			d.Proposals = append(d.Proposals, p)
		}
	}
	if d.Check, err = c.check(r, files, d.File); err != nil {
		return err
	}
	return c.render(w, r, http.StatusOK, "rules_draft", d)
}

// ruleOf is the rule of a rule's file, else "".
func ruleOf(file string) string {
	if path.Dir(file) != "rules" {
		return ""
	}
	return strings.TrimSuffix(path.Base(file), ".yaml")
}

// firstFile is one that was changed, else the first rule.
func firstFile(d rulework.Draft, files map[string][]byte) string {
	if changed := slices.Sorted(maps.Keys(d.Files)); len(changed) > 0 {
		return changed[0]
	}
	for _, p := range slices.Sorted(maps.Keys(files)) {
		if path.Dir(p) == "rules" {
			return p
		}
	}
	return ""
}

func fileGroups(d rulework.Draft, files map[string][]byte, current string) []fileGroup {
	groups := []fileGroup{{Kind: "rules"}, {Kind: "lists"}, {Kind: "other"}}
	for _, p := range slices.Sorted(maps.Keys(files)) {
		if !editable(p) {
			continue
		}
		_, changed := d.Files[p]
		i := slices.Index([]string{"rules", "lists"}, path.Dir(p))
		if i < 0 {
			i = 2
		}
		name := strings.TrimSuffix(path.Base(p), path.Ext(p))
		groups[i].Files = append(groups[i].Files, draftFile{Path: p, Name: name, Changed: changed, Current: p == current})
	}
	return groups
}

func (c *Console) createDraft(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	base, err := strconv.ParseInt(r.PostForm.Get("base"), 10, 64)
	if err != nil {
		return errBadRequest
	}
	title, err := sentence(r.PostForm.Get("title"), maxNote)
	if err != nil {
		return err
	}
	id, err := c.store.CreateDraft(r.Context(), title, base, ruleActor(r))
	if err != nil {
		return fmt.Errorf("draft of version %d: %w", base, err)
	}
	c.toDraft(w, r, id, r.PostForm.Get("file"))
	return nil
}

func (c *Console) toDraft(w http.ResponseWriter, r *http.Request, id, file string) {
	to := "/rules/drafts/" + id
	if file != "" {
		to += "?" + url.Values{"file": {file}}.Encode()
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// edited reads what the form says of a file: its path and its text, with the lines' ends as the file has them.
func edited(w http.ResponseWriter, r *http.Request, files map[string][]byte) (file, text string, err error) {
	if err := readRulesForm(w, r); err != nil {
		return "", "", err
	}
	file, text = r.PostForm.Get("file"), r.PostForm.Get("text")
	if files[file] == nil || !editable(file) || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return "", "", errBadRequest
	}
	text = strings.ReplaceAll(text, "\r\n", "\n") // as browsers send
	if strings.Contains(string(files[file]), "\r\n") {
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	return file, text, nil
}

func (c *Console) saveDraft(w http.ResponseWriter, r *http.Request) error {
	draft, base, err := c.draft(r)
	if err != nil {
		return err
	}
	file, text, err := edited(w, r, draft.Over(base))
	if err != nil {
		return err
	}
	changes, err := strconv.ParseInt(r.PostForm.Get("changes"), 10, 64)
	if err != nil {
		return errBadRequest
	}
	content := &text
	if text == string(base[file]) || r.PostForm.Get("revert") != "" {
		content = nil
	}
	if err := c.store.SaveDraft(r.Context(), draft.ID, file, content, changes, ruleActor(r)); err != nil {
		return fmt.Errorf("save draft: %w", err)
	}
	if content == nil && base[file] == nil {
		file = "" // it was new, and is gone
	}
	c.toDraft(w, r, draft.ID, file)
	return nil
}

// newRule is what a new rule's file begins with: it can be read, and runs on nothing until its status is changed.
const newRule = `id: %[1]s
version: 1
status: draft
kind: phrase
title: {zh: %[1]s, en: %[1]s}
about: 什么算,什么不算
severity: minor
speaker: agent
match:
  - name: 说法
    say: ["[要找的词]"]
examples:
  flag:
    - 「要找的词」
  pass:
    - 请您还款
`

// ruleFileName is what a rule or a list may be called.
var ruleFileName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// addFile adds a rule or a word list to a working copy.
func (c *Console) addFile(w http.ResponseWriter, r *http.Request) error {
	draft, base, err := c.draft(r)
	if err != nil {
		return err
	}
	if err := readForm(w, r); err != nil {
		return err
	}
	name := r.PostForm.Get("name")
	if !ruleFileName.MatchString(name) {
		return errFileName
	}
	var file, content string
	switch r.PostForm.Get("kind") {
	case "rules":
		file, content = "rules/"+name+".yaml", fmt.Sprintf(newRule, name)
	case "lists":
		file, content = "lists/"+name+".txt", name+"\n"
	default:
		return errBadRequest
	}
	if draft.Over(base)[file] != nil {
		return errFileName
	}
	if err := c.store.SaveDraft(r.Context(), draft.ID, file, &content, draft.Changes, ruleActor(r)); err != nil {
		return fmt.Errorf("add %s: %w", file, err)
	}
	c.toDraft(w, r, draft.ID, file)
	return nil
}

// takeProposal puts a proposed example into its rule.
func (c *Console) takeProposal(w http.ResponseWriter, r *http.Request) error {
	draft, base, err := c.draft(r)
	if err != nil {
		return err
	}
	if err := readForm(w, r); err != nil {
		return err
	}
	id, err := strconv.ParseInt(r.PostForm.Get("proposal"), 10, 64)
	if err != nil {
		return errBadRequest
	}
	all, err := c.store.Proposals(r.Context(), ScopeOf(visitorOf(r).user))
	if err != nil {
		return fmt.Errorf("proposals: %w", err)
	}
	i := slices.IndexFunc(all, func(p rulework.Proposal) bool { return p.ID == id })
	if i < 0 {
		return errNotFound
	}
	p, file := all[i], "rules/"+all[i].Rule+".yaml"
	text, err := rulework.AddExample(draft.Over(base)[file], p.Kind, p.Text, p.Quote)
	if err != nil {
		return fmt.Errorf("%w: %w", errNoExamples, err)
	}
	content := string(text)
	if err := c.store.SaveDraft(r.Context(), draft.ID, file, &content, draft.Changes, ruleActor(r)); err != nil {
		return fmt.Errorf("save draft: %w", err)
	}
	if err := c.store.CloseProposal(r.Context(), id, true, ruleActor(r)); err != nil {
		return fmt.Errorf("close proposal: %w", err)
	}
	c.toDraft(w, r, draft.ID, file)
	return nil
}

// submitDraft makes a version of a draft in which nothing is wrong.
func (c *Console) submitDraft(w http.ResponseWriter, r *http.Request) error {
	draft, base, err := c.draft(r)
	if err != nil {
		return err
	}
	if err := readForm(w, r); err != nil {
		return err
	}
	why, err := sentence(r.PostForm.Get("why"), maxNote)
	switch {
	case err != nil:
		return err
	case why == "":
		return errWhyNeeded
	}
	changes, err := strconv.ParseInt(r.PostForm.Get("changes"), 10, 64)
	if err != nil {
		return errBadRequest
	}
	files := draft.Over(base)
	check, err := c.checkFiles(r, files, "")
	if err != nil {
		return fmt.Errorf("check draft: %w", err)
	}
	if !check.OK() {
		return errNotRight
	}
	if files, err = c.raised(r, base, files); err != nil {
		return err
	}
	v, err := c.store.SubmitDraft(r.Context(), draft.ID, changes, rulework.NewVersion{Files: files, Name: check.Ruleset.Name, Label: check.Ruleset.Version,
		From: rulework.OriginEditor, Base: draft.Base, Why: why, Author: ruleActor(r), Editors: draft.Editors})
	if err != nil {
		return fmt.Errorf("submit draft: %w", rulesError(err))
	}
	http.Redirect(w, r, "/rules/versions/"+strconv.FormatInt(v.ID, 10), http.StatusSeeOther)
	return nil
}

// raised gives rules that changed, since the base or since the live version, numbers of their own.
func (c *Console) raised(r *http.Request, base, files map[string][]byte) (map[string][]byte, error) {
	done, err := c.checkTurn(r)
	if err != nil {
		return nil, err
	}
	defer done()
	_, live, err := c.liveFiles(r)
	if err != nil {
		return nil, err
	}
	taken, err := c.store.RuleNumbers(r.Context())
	if err != nil {
		return nil, fmt.Errorf("numbers of rules: %w", err)
	}
	for _, before := range []map[string][]byte{base, live} {
		if files, _, err = rulework.Raise(before, files, taken); err != nil {
			return nil, fmt.Errorf("%w: number the rules that changed: %w", errNotRight, err)
		}
	}
	return files, nil
}

func (c *Console) dropDraft(w http.ResponseWriter, r *http.Request) error {
	id, err := pathUUID(r, "draft")
	if err != nil {
		return err
	}
	if err := c.store.DropDraft(r.Context(), id, ruleActor(r)); err != nil {
		return fmt.Errorf("drop draft: %w", err)
	}
	http.Redirect(w, r, "/rules", http.StatusSeeOther)
	return nil
}
