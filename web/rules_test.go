package web

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/lexicon"
	"github.com/speechqa/speechqa/rulework"
	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
)

const smallThreat = `id: threat
version: 1
title: {zh: 威胁, en: Threat}
severity: critical
sets:
  等: [等着, 准备]
match:
  - name: 坐牢
    say: ["{等}..4@jail"]
unless: [否定]
examples:
  flag:
    - 你就「等着坐牢」吧
  pass:
    - 否定: [您不会等着坐牢的]
`

// smallRules is a ruleset of one rule.
func smallRules() map[string][]byte {
	out := map[string][]byte{}
	for name, text := range map[string]string{
		"ruleset.yaml":      "name: small\nversion: 1\n",
		"scoring.yaml":      "start: 100\npoints: {info: 0, minor: 5, major: 15, critical: 30}\nrules:\n  threat: {cap: 60, fatal: true}\n",
		"hours.yaml":        "company: {version: 1, title: 公司, from: \"08:00\", to: \"20:00\"}\n",
		"exceptions.yaml":   "exceptions:\n  否定: {words: [\"[不会|绝不]\"], where: before}\n",
		"listener.yaml":     "third_party:\n  - {name: 妈妈, say: [我是他妈]}\n",
		"lists/jail.txt":    "# 坐牢\n坐牢\n蹲监狱\n",
		"rules/threat.yaml": smallThreat,
	} {
		out[name] = []byte(text)
	}
	return out
}

// rulesPlaces are the addresses of the rules' routes in the matrix. What a route may use up is made anew at each call.
func (m *matrix) rulesPlaces() map[string]func(*http.Cookie) place {
	must := func(err error) {
		m.t.Helper()
		if err != nil {
			m.t.Fatal(err)
		}
	}
	ctx := m.t.Context()
	author := func() rulework.Actor {
		u, err := m.store.UserByName(ctx, "rule-author")
		if err != nil {
			u = m.user(postgres.User{Name: "rule-author", Role: string(RoleLead)})
		}
		return rulework.Actor{UserID: u.ID, Name: u.Name}
	}
	live := func() rulework.Version {
		v, err := m.store.RecordProgramRuleset(ctx, rulework.NewVersion{Files: smallRules(), Name: "small", Label: "1"})
		must(err)
		return v
	}
	n := 0
	fresh := func() rulework.Version {
		n++
		files := smallRules()
		files["ruleset.yaml"] = fmt.Appendf(nil, "name: small\nversion: own-%d-%d\n", n, time.Now().UnixNano())
		v, err := m.store.AddRuleset(ctx, rulework.NewVersion{Files: files, From: rulework.OriginEditor, Why: "x", Author: author()})
		must(err)
		return v
	}
	test := func(step func(id string, by rulework.Actor) error) string {
		id, err := m.store.AskBackTest(ctx, live().ID, live().ID, rulework.Selection{}, author())
		must(err)
		if step != nil {
			must(step(id, author()))
		}
		return id
	}
	all := map[string]func(*http.Cookie) place{}
	for _, r := range m.console.rulesRoutes() {
		_, path, _ := strings.Cut(r.pattern, " ")
		all[r.pattern] = func(*http.Cookie) place {
			at := path
			replace := func(what string, with func() string) {
				if strings.Contains(at, what) {
					at = strings.ReplaceAll(at, what, with())
				}
			}
			replace("{rule}", func() string { live(); return "threat" })
			replace("{version}", func() string { live(); return fmt.Sprint(fresh().ID) })
			replace("{backtest}", func() string {
				if strings.HasSuffix(path, "/resume") {
					return test(func(id string, by rulework.Actor) error { return m.store.CancelBackTest(ctx, id, by) })
				}
				return test(nil)
			})
			replace("{draft}", func() string {
				id, err := m.store.CreateDraft(ctx, "x", live().ID, author())
				must(err)
				return id
			})
			replace("{proposal}", func() string {
				n++
				must(m.store.ProposeExample(ctx, rulework.Proposal{Rule: "threat", Kind: rulework.ExamplePass, Text: "x", Recording: m.own,
					Finding: fmt.Sprintf("%d-%d", n, time.Now().UnixNano())}, author()))
				p, err := m.store.Proposals(ctx, postgres.Scope{})
				must(err)
				return fmt.Sprint(p[0].ID)
			})
			return place{own: at}
		}
	}
	return all
}

func sampleVersion(state rulework.State) rulework.Version {
	at := time.Date(2026, 3, 2, 2, 15, 0, 0, time.UTC)
	return rulework.Version{ID: 4, Hash: strings.Repeat("ab", 32), Label: "2026.3", State: state, From: rulework.OriginEditor, Base: 3, Why: "工作微信不算",
		Author: "张组长", AuthorID: "u2", CreatedAt: at, Approver: "王组长", ApproverID: "u3", ApprovedAt: at}
}

func sampleTally() *rulework.Tally {
	t := rulework.NewTally()
	t.Calls, t.Differ = 300, 7
	t.Rules["threat"] = &rulework.RuleTally{Old: 9, New: 7, Found: 1, Lost: 3, OldConfirmed: 4, OldOverturned: 4, NewConfirmed: 4, Confirmed: 5}
	t.Agents["2015"] = &rulework.AgentTally{Calls: 20, OldFlagged: 5, NewFlagged: 3,
		RuleTally: rulework.RuleTally{Found: 1, Lost: 3, OldConfirmed: 4, OldOverturned: 4, NewConfirmed: 3, NewOverturned: 1, Confirmed: 4}}
	t.Differences = []rulework.Difference{
		{Kind: rulework.Lost, Recording: "0191d7a0-0000-7000-8000-000000000001", Rule: "threat", Quote: "等着坐牢", Why: "因为", Because: "否定", Verdict: "overturned", Key: "k1"},
		{Kind: rulework.Found, Recording: "0191d7a0-0000-7000-8000-000000000002", Rule: "threat", Quote: "准备坐牢", Why: "因为", Key: "k2"}}
	return t
}

func TestRulesPages(t *testing.T) {
	c := newPages(t)
	draft := sampleVersion(rulework.StateDraft)
	quality := []rulework.Quality{{Rule: "threat", Version: 4, Live: true, Confirmed: 18, Overturned: 2}, {Rule: "threat", Version: 3, Confirmed: 10, Overturned: 10},
		{Rule: "insult", Version: 3, Confirmed: 0, Overturned: 1}}
	for _, l := range langs {
		doc := draw(t, c, l, RoleLead, "rules", rulesData{Live: sampleVersion(rulework.StateLive), Rules: byRule(quality), Versions: []rulework.Version{draft},
			Terms:     []rulework.TermQuality{{Rule: "threat", Term: "坐牢", Confirmed: 1, Overturned: 14, Reasons: []rulework.ReasonCount{{Reason: "negation", Count: 14}}}},
			Drafts:    []rulework.Draft{{ID: "d1", Title: "", Base: 4}},
			Proposals: []rulework.Proposal{{ID: 1, Rule: "threat", Kind: "pass", Text: "您不会坐牢的", Reason: "context"}}})
		numbered := []rulework.Quality{{Rule: "threat", Number: 2, Version: 7, Confirmed: 1}, {Rule: "threat", Number: 1, Version: 6, Overturned: 1}}
		markLive(numbered, titles{}.Numbers()) // version 2 was rolled back
		if numbered[0].Number != 1 || !numbered[0].Live || numbered[1].Live {
			t.Errorf("the live version does not stand first: %+v", numbered)
		}
		rows := all(doc, "table.quality tbody tr")
		if len(rows) != 2 || attr(rows[0], "data-rule") != "insult" || attr(rows[1], "data-rule") != "threat" {
			t.Fatalf("%d rows of quality, the first about %q", len(rows), attr(rows[0], "data-rule"))
		}
		if got := textOf(one(t, rows[1], ".rate b")); got != "10%" {
			t.Errorf("overturn rate %q", got)
		}
		if got := textOf(one(t, rows[1], ".earlier span")); !strings.Contains(got, "50%") {
			t.Errorf("the earlier version's rate %q", got)
		}

		if got, want := textOf(one(t, doc, "#terms tbody .reasons .tag")), c.messages.text(l, "reason.negation")+": 14"; got != want {
			t.Errorf("why a term is overturned: %q, want %q", got, want)
		}

		doc = draw(t, c, l, RoleLead, "rules_version", versionData{Version: draft, Live: sampleVersion(rulework.StateLive), Against: sampleVersion(rulework.StateLive),
			Changes: rulework.Diff(smallRules(), changedRules()), Texts: changedLines(rulework.Diff(smallRules(), changedRules()), smallRules(), changedRules()),
			Blocks:    []rulework.Block{{Code: rulework.BlockLostConfirmed, Rule: "threat", N: 2}},
			BackTests: []rulework.BackTest{{ID: "t1", Old: 3, New: 4, State: rulework.BackTestDone, Tally: sampleTally()}}})
		if got := textOf(one(t, doc, "#blocks")); !strings.Contains(got, "2") {
			t.Errorf("blocks %q", got)
		}
		one(t, doc, "#override")
		if n := len(all(doc, "#publish, #approve")); n != 0 {
			t.Errorf("%d buttons offer what is not to be done", n)
		}
		if got, want := textOf(one(t, doc, "#changes")), c.messages.text(l, "rules.part.list", "jail"); !strings.Contains(got, "蹲大牢") || !strings.Contains(got, want) {
			t.Errorf("changes %q", got)
		}
		if got, want := c.rulePlace(l, "unless.工作微信.where"), c.messages.text(l, "rules.part.unless")+" › 工作微信 › "+c.messages.text(l, "rules.part.where"); got != want {
			t.Errorf("a place is called %q, want %q", got, want)
		}
		one(t, doc, ".lines ins")

		done := backTestData{BackTest: rulework.BackTest{ID: "t1", Old: 3, New: 4, State: rulework.BackTestDone, Tally: sampleTally()}, Kinds: []string{rulework.Lost, rulework.Found, rulework.Changed}}
		for _, id := range done.Tally.RuleIDs() {
			done.Rules = append(done.Rules, ruleTallyRow{id, done.Tally.Rules[id]})
		}
		done.Differences, done.Agents = done.Tally.Differences, []agentTallyRow{{"2015", done.Tally.Agents["2015"]}}
		doc = draw(t, c, l, RoleAuditor, "rules_backtest", done)
		if row := textOf(one(t, doc, "#byagent tbody tr")); !strings.Contains(row, "50%") || strings.Count(row, "75%") != 2 { // precision before, after, and what is still found
			t.Errorf("an agent's figures: %q", row)
		}
		if n := len(all(doc, "#differences tr")); n != 2 {
			t.Errorf("%d differences", n)
		}
		if n := len(all(doc, "main form")); n != 0 {
			t.Errorf("who only looks is offered %d forms", n)
		}
		running := draw(t, c, l, RoleLead, "rules_backtest", backTestData{BackTest: rulework.BackTest{ID: "t1", State: rulework.BackTestWaiting, Done: 50, Total: 200}})
		if got := attr(one(t, running, "progress"), "value"); got != "25" {
			t.Errorf("progress %q", got)
		}
		one(t, running, "#test[data-running]")

		doc = draw(t, c, l, RoleLead, "rules_quality", ruleQualityData{Rule: "threat", Live: draft, File: "rules/threat.yaml", Versions: quality[:2],
			Terms:   []rulework.TermQuality{{Rule: "threat", Term: "坐牢", Confirmed: 1, Overturned: 14, Reasons: []rulework.ReasonCount{{Reason: "context", Count: 14}}}},
			Decided: []postgres.DecidedFinding{{Recording: "r1", JudgedFinding: postgres.JudgedFinding{Verdict: postgres.VerdictOverturned, Reason: "context"}}}})
		if got := textOf(one(t, doc, ".reasons")); !strings.Contains(got, "14") {
			t.Errorf("reasons %q", got)
		}
		one(t, doc, `.decidedlist form[action="/rules/proposals"]`)
	}
}

func changedRules() map[string][]byte {
	f := smallRules()
	f["lists/jail.txt"] = []byte("坐牢\n蹲监狱\n蹲大牢\n")
	return f
}

func TestRulesErrorsHaveWords(t *testing.T) {
	c := mustMessages(t)
	for _, e := range []*userError{errSecondPerson, errNotApproved, errWrongState, errBlocked, errSameRules, errNotRight, errWhyNeeded, errFileName, errNoExamples} {
		for _, part := range []string{".title", ".text"} {
			if !c.has(Chinese, "error."+e.key+part) {
				t.Errorf("error.%s%s is missing", e.key, part)
			}
		}
	}
	for prefix, members := range map[string][]string{
		"rules.state.":  {"draft", "shadow", "live", "retired"},
		"rules.origin.": {"program", "import", "editor"},
		"rules.test.":   {"waiting", "done", "cancelled", "failed"},
		"rules.kind.":   {rulework.Found, rulework.Lost, rulework.Changed},
		"rules.block.":  {rulework.BlockNoBackTest, rulework.BlockLostConfirmed, rulework.BlockWorse, rulework.BlockPrecision},
		"rules.change.": {rulework.ChangeFileAdded, rulework.ChangeFileRemoved, rulework.ChangeWords, rulework.ChangeValue, rulework.ChangeFlag, rulework.ChangePass,
			rulework.ChangeNamedAdded, rulework.ChangeNamedGone, rulework.ChangePatterns, rulework.ChangeModel, rulework.ChangeForm, rulework.ChangeUnreadable},
		"rules.example.": {rulework.ExampleFlag, rulework.ExamplePass},
		"rules.group.":   {"rules", "lists", "other"},
	} {
		for _, m := range members {
			if !c.has(Chinese, prefix+m) {
				t.Errorf("%s%s is missing", prefix, m)
			}
		}
	}
}

// The editor's helpers: errors with their line, what is found and what excuses it, sound, what is really said; and who
// submits what is not right is refused.
func TestDraftEditor(t *testing.T) {
	m := newMatrix(t, false)
	lead := m.user(postgres.User{Name: "lead", Role: string(RoleLead)})
	by := rulework.Actor{UserID: lead.ID, Name: lead.Name}
	live, err := m.store.RecordProgramRuleset(t.Context(), rulework.NewVersion{Files: smallRules(), Name: "small", Label: "1"})
	if err != nil {
		t.Fatal(err)
	}
	id, err := m.store.CreateDraft(t.Context(), "改", live.ID, by)
	if err != nil {
		t.Fatal(err)
	}
	cookie := m.signIn(lead)
	post := func(path string, form url.Values) (int, *html.Node) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, m.address+"/rules/drafts/"+id+"/"+path, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.AddCookie(cookie)
		res, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := html.Parse(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, doc
	}
	form := func(text string, more ...string) url.Values {
		v := url.Values{"file": {"rules/threat.yaml"}, "text": {text}, "changes": {"0"}}
		for i := 0; i < len(more); i += 2 {
			v.Set(more[i], more[i+1])
		}
		return v
	}
	formAt := func(changes int64, text string) url.Values { return form(text, "changes", fmt.Sprint(changes)) }
	broken := strings.Replace(smallThreat, "severity: critical", "severity: awful", 1)
	_, doc := post("check", form(broken))
	if got := attr(one(t, doc, "[data-line]"), "data-line"); got != "4" {
		t.Errorf("the error is in line %q", got)
	}
	_, doc = post("check", form(strings.Replace(smallThreat, "  flag:\n", "  flag:\n    - 请您还款\n", 1)))
	if got := textOf(one(t, doc, ".errors")); !strings.Contains(got, "请您还款") {
		t.Errorf("a failing example says %q", got)
	}
	_, doc = post("check", form(strings.ReplaceAll(smallThreat, "\n", "\r\n"))) // as a browser sends it
	one(t, doc, ".fine")

	_, doc = post("try", form(smallThreat, "said", "你就等着坐牢吧\n客户：您不会等着坐牢的\n您不会等着坐牢的\n你就等着蹲兼狱"))
	found := all(doc, ".triedfound li")
	if len(found) != 2 || len(all(doc, ".triedsaid .customer")) != 1 {
		t.Fatalf("%d findings: %s", len(found), textOf(doc))
	}
	if got := textOf(found[1]); !strings.Contains(got, "听起来像") || !strings.Contains(got, "蹲监狱") {
		t.Errorf("a homophone is explained by %q", got)
	}
	if got := textOf(one(t, doc, ".triedexcused li")); !strings.Contains(got, "否定") {
		t.Errorf("what is excused says %q", got)
	}
	_, doc = post("try", form(broken, "said", "你好"))
	one(t, doc, ".errors li")

	_, doc = post("neighbours", url.Values{"term": {"好"}})
	if got := textOf(one(t, doc, ".neighbours li")); got != "1× 你好" {
		t.Errorf("neighbours: %q", got)
	}

	for _, f := range []struct {
		kind, name string
		want       int
	}{{"rules", "threat", http.StatusBadRequest}, {"lists", "../x", http.StatusBadRequest}, {"model", "x", http.StatusBadRequest}, {"lists", "gang", http.StatusSeeOther}, {"rules", "rudeness", http.StatusSeeOther}} {
		if status, _ := post("file", url.Values{"kind": {f.kind}, "name": {f.name}}); status != f.want {
			t.Errorf("a new file %s/%s: status %d, want %d", f.kind, f.name, status, f.want)
		}
	}
	d, err := m.store.Draft(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if check, err := rulework.Check(d.Over(smallRules()), ""); err != nil || !check.OK() || len(check.Ruleset.Rules) != 2 {
		t.Errorf("what a new file begins with is not right: %v %+v", err, check)
	}
	for n, file := range []string{"rules/rudeness.yaml", "lists/gang.txt"} {
		if status, _ := post("save", url.Values{"file": {file}, "text": {"x"}, "revert": {"1"}, "changes": {fmt.Sprint(d.Changes + int64(n))}}); status != http.StatusSeeOther {
			t.Errorf("taking %s back: status %d", file, status)
		}
	}
	saved := d.Changes + 2

	if status, _ := post("save", formAt(saved, broken)); status != http.StatusSeeOther {
		t.Fatalf("saving an unfinished file: %d", status)
	}
	if status, _ := post("save", formAt(saved, smallThreat)); status != http.StatusConflict {
		t.Errorf("saving over somebody else's change: %d", status)
	}
	if status, doc := post("submit", url.Values{"why": {"x"}, "changes": {fmt.Sprint(saved + 1)}}); status != http.StatusBadRequest || !strings.Contains(textOf(doc), "错误") {
		t.Errorf("submitting what is not right: %d", status)
	}
	if status, _ := post("save", formAt(saved+1, strings.Replace(smallThreat, "准备]", "准备, 小心]", 1))); status != http.StatusSeeOther {
		t.Fatal(status)
	}
	if status, _ := post("submit", url.Values{"why": {""}, "changes": {fmt.Sprint(saved + 2)}}); status != http.StatusBadRequest {
		t.Errorf("submitting without a reason: %d", status)
	}
	if status, _ := post("submit", url.Values{"why": {"加词"}, "changes": {fmt.Sprint(saved + 2)}}); status != http.StatusSeeOther {
		t.Fatal(status)
	}
	versions, err := m.store.RulesetVersions(t.Context())
	if err != nil || len(versions) != 2 || versions[0].AuthorID != lead.ID || versions[0].Base != live.ID {
		t.Fatalf("%+v %v", versions, err)
	}
	files, err := m.store.RulesetFiles(t.Context(), versions[0].ID)
	if err != nil || lexicon.HashFiles(files) != versions[0].Hash || !strings.Contains(string(files["rules/threat.yaml"]), "小心") {
		t.Errorf("the version's files: %v", err)
	}
	if got := m.exported(cookie, versions[0].ID); lexicon.HashFiles(got) != versions[0].Hash {
		t.Errorf("%d files were exported, and not as they were written", len(got))
	}
	if err := m.store.ApproveRuleset(t.Context(), versions[0].ID, by); err == nil {
		t.Error("the author approves")
	}
	page := fmt.Sprintf("/rules/versions/%d", versions[0].ID)
	if strings.Contains(m.ask(http.MethodGet, page, cookie).body, `id="overtaken"`) {
		t.Error("a version made from the live one is said to be overtaken")
	}
	storagetest.Exec(t, m.database, `UPDATE ruleset_versions SET state = 'retired' WHERE state = 'live'`)
	if _, err := m.store.RecordProgramRuleset(t.Context(), rulework.NewVersion{Files: changedRules(), Name: "small", Label: "2"}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(m.ask(http.MethodGet, page, cookie).body, `id="overtaken"`) {
		t.Error("nobody is warned that another version was published meanwhile")
	}
}

func TestProposal(t *testing.T) {
	v := postgres.Review{}
	v.Recording.ID, v.Recording.Metadata = "r", detectors.Metadata{AgentName: "李明"}
	v.Transcript.Utterances = []detectors.Utterance{{Text: "我是李明,您加工作微信"}}
	f := postgres.JudgedFinding{Finding: detectors.Finding{Key: "k", Rule: "private_channel", Quote: "您加工作微信"}, Verdict: postgres.VerdictOverturned, Reason: "context"}
	p, err := proposal(v, f)
	if err != nil || p.Kind != rulework.ExamplePass || strings.Contains(p.Text, "李明") || !strings.Contains(p.Text, "您加工作微信") {
		t.Errorf("%+v %v", p, err)
	}
	f.Verdict = postgres.VerdictOpen
	if _, err := proposal(v, f); err == nil {
		t.Error("what nobody judged is proposed")
	}
}

// What was judged a lead can propose as an example of its rule where he reads it; what a rule on shadow finds is shown
// to leads, who try it, and to nobody else; nobody judges it.
func TestShadowIsNotForEverybody(t *testing.T) {
	m := newMatrix(t, false)
	storagetest.Exec(t, m.database, `UPDATE findings SET verdict = 'confirmed', finding = finding || '{"turn": 0, "how": "exact"}'`)
	for role, want := range map[Role]int{RoleClerk: 0, RoleLead: 1} {
		doc := parsePage(t, strings.NewReader(m.ask(http.MethodGet, "/recordings/"+m.own, m.signIn(m.user(postgres.User{Name: "propose-" + string(role), Role: string(role)}))).body))
		if got := len(all(doc, `form.propose[action="/rules/proposals"]`)); got != want {
			t.Errorf("%s is offered to propose %d examples, want %d", role, got, want)
		}
	}
	storagetest.Exec(t, m.database, `UPDATE findings SET shadow = true, finding = finding || '{"shadow": true, "how": "exact"}'`)
	for _, role := range []Role{RoleClerk, RoleLead, RoleManager, RoleTrainer, RoleAuditor, RoleAdmin} {
		u := postgres.User{Name: "shadow-" + string(role), Role: string(role)}
		if role == RoleManager {
			u.Teams = []string{EveryTeam}
		}
		doc := parsePage(t, strings.NewReader(m.ask(http.MethodGet, "/recordings/"+m.own, m.signIn(m.user(u))).body))
		if got, want := len(all(doc, "[data-finding]")), role == RoleLead; (got > 0) != want {
			t.Errorf("%s sees %d shadow findings", role, got)
		}
		if n := len(all(doc, ".judge form")); n > 0 {
			t.Errorf("%s may judge a shadow finding", role)
		}
		list := m.ask(http.MethodGet, "/?status=all&rule=threat", m.signIn(m.user(postgres.User{Name: "list-" + string(role), Role: string(role), Teams: u.Teams})))
		if strings.Contains(list.body, m.own) {
			t.Errorf("%s finds a recording by its shadow finding", role)
		}
	}
}
