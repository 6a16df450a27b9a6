package web

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/speechqa/speechqa/lexicon"
)

// Clauses without a text stand first and are marked; a bank's profiles say since when what differs, and which judges now.
func TestBasis(t *testing.T) {
	files := smallRules()
	for name, text := range map[string]string{
		"rules/threat.yaml": smallThreat + "basis: [{doc: 催收行为规范, quote: 不得威胁}]\n",
		"clauses.yaml": `conduct:
  {document: 催收行为规范, clause: 第三条, text: 严禁威胁, from: 2025-01-01, to: 2026-01-01, rules: [threat]}
law:
  {document: 某法, kind: statute, rules: [threat], note: 由合规人员填写}
`,
		"contacts.yaml": `company:
  {version: 1, title: 公司规定, limits: [{name: 三日一次, who: third_party, per: number, count: answered, most: 1, days: 3}]}
strict:
  {version: 2, title: 从严, limits: [{name: 威胁之后, after: [threat, answered], most: 0, days: 7}]}
`,
		"profiles.yaml": `甲银行:
  title: 甲银行信用卡中心
  principals: [甲银行]
  versions:
    - {version: 1, from: 2026-01-01, to: 2026-07-01, off: [threat]}
    - {version: 2, from: 2026-07-01, severities: {minor: 3}, points: {threat: {points: 40, cap: 80, fatal: true}}, hours: company, contacts: strict}
`,
	} {
		files[name] = []byte(text)
	}
	rs, err := lexicon.LoadFiles(files)
	if err != nil {
		t.Fatal(err)
	}
	c := newPages(t)
	c.rules = RulesOf(rs)
	d := c.basis(Chinese, rs, time.Date(2026, 9, 1, 0, 0, 0, 0, c.loc))
	if own := d.Clauses[2]; own.Document != "催收行为规范" || own.Text != "不得威胁" || own.ID != "" || !slices.Equal(own.Rules, []string{"threat"}) {
		t.Errorf("what the rule quotes itself: %+v", own)
	}
	if d.Pending != 1 || d.Clauses[0].ID != "law" || !d.Clauses[0].Now || d.Clauses[1].Now {
		t.Errorf("clauses: %+v", d.Clauses)
	}
	if got, want := d.Banks[0].Versions[0].Asks, []string{"严重程度“一般”每条扣 3 分", "威胁：每条扣 40 分", "威胁：每段录音最多扣 80 分", "威胁：一票否决", "联络时间：公司（8:00–20:00）", "联络频次：从严"}; !slices.Equal(got, want) {
		t.Errorf("what the bank asks: %q, want %q", got, want)
	}
	if v := d.Banks[0].Versions; !v[0].Now || v[1].Now || v[1].Version != 1 {
		t.Errorf("versions %+v", v)
	}
	if got := d.Frequency[1].For; len(got) != 1 || got[0] != "甲银行信用卡中心" {
		t.Errorf("the strict frequency is for %q", got)
	}
	for _, l := range langs {
		d := c.basis(l, rs, time.Date(2026, 9, 1, 0, 0, 0, 0, c.loc))
		d.Live.ID, d.Editable = 4, map[string]bool{"clauses.yaml": true}
		doc := draw(t, c, l, RoleLead, "rules_basis", d)
		if n := len(all(doc, `main form[action="/rules/drafts"]`)); n != 1 {
			t.Errorf("%d files can be changed, want the one the live version has", n)
		}
		one(t, doc, `tr.waits[data-clause=law] b.pending`)
		if got := textOf(one(t, doc, "tr[data-clause=conduct]")); !strings.Contains(got, "严禁威胁") || !strings.Contains(got, "2026-01-01") {
			t.Errorf("a clause: %q", got)
		}
		if n := len(all(draw(t, c, l, RoleAuditor, "rules_basis", d), "main form")); n != 0 {
			t.Errorf("who only looks is offered %d forms", n)
		}
	}
}
