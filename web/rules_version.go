package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/speechqa/speechqa/rulework"
	"github.com/speechqa/speechqa/storage/postgres"
)

type versionData struct {
	rulework.Version
	Live      rulework.Version
	Against   rulework.Version // what it is compared with
	Changes   []rulework.Change
	Texts     []fileLines
	Blocks    []rulework.Block // what forbids publishing now
	BackTests []rulework.BackTest
	Shadow    postgres.ShadowReport // for those who try rules
	Life      []lifeStep
	Overtaken bool // another version was published since this one was begun: what that one changed is not in it
	Mine      bool // the visitor wrote in it and may not approve
}

// Waits says whether the version can still become live for the first time.
func (d versionData) Waits() bool {
	return d.State == rulework.StateDraft || d.State == rulework.StateShadow
}

// fileLines are the lines of a file that differ.
type fileLines struct {
	File  string
	Lines []rulework.Line
}

const maxShadow = 50

// versionPage shows a version: who and why, what it changes, in words and in lines, and what may be done with it.
func (c *Console) versionPage(w http.ResponseWriter, r *http.Request) error {
	id, err := pathNumber(r, "version")
	if err != nil {
		return err
	}
	ctx, v := r.Context(), visitorOf(r)
	var d versionData
	if d.Version, err = c.store.RulesetVersion(ctx, id); err != nil {
		return fmt.Errorf("version %d: %w", id, err)
	}
	if d.Live, err = c.store.LiveRuleset(ctx); err != nil {
		return fmt.Errorf("live rules: %w", err)
	}
	d.Mine = d.AuthorID == v.user.ID || slices.Contains(d.Editors, v.user.ID)
	if d.Against, err = c.against(r, d); err != nil {
		return err
	}
	if d.Changes, d.Texts, err = c.compareVersions(ctx, d.Against.ID, id); err != nil {
		return err
	}
	if d.Waits() {
		if d.Overtaken, err = c.overtaken(ctx, d.Version, d.Live.ID); err != nil {
			return err
		}
		if d.Blocks, err = c.store.PublishBlocks(ctx, id); err != nil {
			return fmt.Errorf("what forbids version %d: %w", id, err)
		}
	}
	if d.BackTests, err = c.store.BackTestsOf(ctx, id); err != nil {
		return fmt.Errorf("back-tests of version %d: %w", id, err)
	}
	if d.Life, err = c.life(ctx, id); err != nil {
		return err
	}
	if may(Role(v.user.Role), permRules) {
		if d.Shadow, err = c.store.Shadow(ctx, ScopeOf(v.user), id, maxShadow); err != nil {
			return fmt.Errorf("shadow of version %d: %w", id, err)
		}
	}
	return c.render(w, r, http.StatusOK, "rules_version", d)
}

// overtaken says whether the live version is none of those that a version was made from, one from the other.
func (c *Console) overtaken(ctx context.Context, v rulework.Version, live int64) (bool, error) {
	if v.Base == 0 {
		return false, nil // its files came as they are
	}
	all, err := c.store.RulesetVersions(ctx)
	if err != nil {
		return false, fmt.Errorf("versions: %w", err)
	}
	base := map[int64]int64{}
	for _, x := range all {
		base[x.ID] = x.Base
	}
	for at := v.Base; at != 0; at = base[at] { // a base is older than what was made from it: this ends
		if at == live {
			return false, nil
		}
	}
	return true, nil
}

// against is the version asked for, else the live one, else, for that, the one it was made from.
func (c *Console) against(r *http.Request, d versionData) (rulework.Version, error) {
	id := d.Live.ID
	if id == d.ID {
		id = d.Base
	}
	if s := r.URL.Query().Get("against"); s != "" {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return rulework.Version{}, errBadRequest
		}
		id = n
	}
	if id == 0 {
		return d.Version, nil
	}
	v, err := c.store.RulesetVersion(r.Context(), id)
	if err != nil {
		return v, fmt.Errorf("version %d: %w", id, err)
	}
	return v, nil
}

func (c *Console) compareVersions(ctx context.Context, old, now int64) ([]rulework.Change, []fileLines, error) {
	a, err := c.store.RulesetFiles(ctx, old)
	if err != nil {
		return nil, nil, fmt.Errorf("files of version %d: %w", old, err)
	}
	b, err := c.store.RulesetFiles(ctx, now)
	if err != nil {
		return nil, nil, fmt.Errorf("files of version %d: %w", now, err)
	}
	changes := rulework.Diff(a, b)
	return changes, changedLines(changes, a, b), nil
}

// changedLines gives the lines of the files that changes are about, but the model's, which nobody reads.
func changedLines(changes []rulework.Change, a, b map[string][]byte) (out []fileLines) {
	for _, ch := range changes {
		if ch.Code == rulework.ChangeModel || len(out) > 0 && out[len(out)-1].File == ch.File {
			continue
		}
		out = append(out, fileLines{ch.File, rulework.Lines(string(a[ch.File]), string(b[ch.File]))})
	}
	return out
}

// stepVersion is a handler for a step that needs no words.
func (c *Console) stepVersion(step func(ctx context.Context, id int64, by rulework.Actor) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		id, err := pathNumber(r, "version")
		if err != nil {
			return err
		}
		if err := step(r.Context(), id, ruleActor(r)); err != nil {
			return fmt.Errorf("version %d: %w", id, rulesError(err))
		}
		http.Redirect(w, r, "/rules/versions/"+strconv.FormatInt(id, 10), http.StatusSeeOther)
		return nil
	}
}

func (c *Console) shadowVersion(on bool) func(http.ResponseWriter, *http.Request) error {
	return c.stepVersion(func(ctx context.Context, id int64, by rulework.Actor) error {
		return c.store.ShadowRuleset(ctx, id, by, on)
	})
}

func (c *Console) withdrawVersion(w http.ResponseWriter, r *http.Request) error {
	return c.worded(w, r, c.store.WithdrawRuleset)
}

func (c *Console) rollbackVersion(w http.ResponseWriter, r *http.Request) error {
	return c.worded(w, r, c.store.RollbackRuleset)
}

// worded is a step that may be given a reason.
func (c *Console) worded(w http.ResponseWriter, r *http.Request, step func(ctx context.Context, id int64, by rulework.Actor, why string) error) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	why, err := sentence(r.PostForm.Get("why"), maxNote)
	if err != nil {
		return err
	}
	return c.stepVersion(func(ctx context.Context, id int64, by rulework.Actor) error { return step(ctx, id, by, why) })(w, r)
}

// publishVersion makes a version live. A reason is taken as an override only where something forbids it.
func (c *Console) publishVersion(w http.ResponseWriter, r *http.Request) error {
	return c.worded(w, r, c.store.PublishRuleset)
}

func (c *Console) askBackTest(w http.ResponseWriter, r *http.Request) error {
	id, err := pathNumber(r, "version")
	if err != nil {
		return err
	}
	if err := readForm(w, r); err != nil {
		return err
	}
	var sel rulework.Selection
	if s := strings.TrimSpace(r.PostForm.Get("sample")); s != "" {
		if sel.Sample, err = strconv.Atoi(s); err != nil || sel.Sample < 0 {
			return errBadRequest
		}
	}
	if sel.Since, err = c.day(r.PostForm.Get("from")); err != nil {
		return err
	}
	if sel.Until, err = c.day(r.PostForm.Get("to")); err != nil {
		return err
	}
	if !sel.Until.IsZero() {
		sel.Until = sel.Until.AddDate(0, 0, 1)
	}
	live, err := c.store.LiveRuleset(r.Context())
	if err != nil {
		return fmt.Errorf("live rules: %w", err)
	}
	if _, err := c.store.RulesetVersion(r.Context(), id); err != nil {
		return fmt.Errorf("version %d: %w", id, err)
	}
	test, err := c.store.AskBackTest(r.Context(), live.ID, id, sel, ruleActor(r))
	if err != nil {
		return fmt.Errorf("back-test of version %d: %w", id, err)
	}
	http.Redirect(w, r, "/rules/backtests/"+test, http.StatusSeeOther)
	return nil
}
