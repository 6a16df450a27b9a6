package web

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/speechqa/speechqa/rulework"
	"github.com/speechqa/speechqa/storage/postgres"
)

// A program brings a word list up to date as a lead would: draft, check, try, submit; a second person's program approves,
// has it back-tested, and publishes.
func TestAPIRules(t *testing.T) {
	l := newLibrary(t)
	if _, err := l.store.RecordProgramRuleset(t.Context(), rulework.NewVersion{Files: smallRules(), Name: "small", Label: "1"}); err != nil {
		t.Fatal(err)
	}
	author := l.as(RoleLead, postgres.User{})
	second := asker{l.program(l.user(postgres.User{Name: "second", Role: string(RoleLead)}).ID, "sqa_second", postgres.Token{Name: "k"}), author.values}
	rules := author.ok("GET", "/api/v1/rules", "")
	base := fmt.Sprint(rules["live"])

	d := author.ok("POST", "/api/v1/rules/drafts", `{"base": `+base+`, "title": "新词"}`)
	draft := map[string]string{"draft": d["id"].(string)}
	list := `"file": "lists/jail.txt", "text": "# 坐牢\n坐牢\n蹲监狱\n吃牢饭\n"`
	if v := author.ok("POST", "/api/v1/rules/drafts/{draft}/check", `{"file": "rules/threat.yaml", "text": "id: threat\nkaputt"}`, draft); v["ok"] != false || len(v["errors"].([]any)) == 0 {
		t.Errorf("check: %v", v)
	}
	v := author.ok("POST", "/api/v1/rules/drafts/{draft}/try", `{`+list+`, "said": "客户:喂\n你等着吃牢饭吧"}`, draft)
	if found := v["findings"].([]any); len(found) != 1 || found[0].(map[string]any)["turn"].(float64) != 1 {
		t.Errorf("tried: %v", v)
	}
	author.ok("POST", "/api/v1/rules/drafts/{draft}/neighbours", `{"term": "还钱"}`, draft)
	v = author.ok("POST", "/api/v1/rules/drafts/{draft}/save", `{`+list+`, "changes": 0}`, draft)
	if v["file"] != "lists/jail.txt" || !strings.Contains(v["text"].(string), "吃牢饭") || v["changes"].(float64) != 1 || len(v["differences"].([]any)) != 1 {
		t.Errorf("saved: %v", v)
	}
	author.no("POST", "/api/v1/rules/drafts/{draft}/save", `{`+list+`, "changes": 0}`, 409, "conflict", draft)
	author.no("POST", "/api/v1/rules/drafts/{draft}/file", `{"kind": "rules", "name": "../x"}`, 400, "file_name", draft)
	author.ok("POST", "/api/v1/rules/drafts/{draft}/file", `{"kind": "lists", "name": "extra"}`, draft)
	v = author.ok("GET", "/api/v1/rules/drafts/{draft}?file=lists/extra.txt", "", draft)
	author.ok("POST", "/api/v1/rules/drafts/{draft}/save", `{"file": "lists/extra.txt", "text": "", "revert": true, "changes": `+fmt.Sprint(v["changes"])+`}`, draft)

	author.ok("POST", "/api/v1/recordings/{id}/findings/{key}/decision", `{"verdict": "overturned", "reason": "negation", "version": 0}`)
	v = author.ok("POST", "/api/v1/rules/proposals", `{"recording": "`+l.recording+`", "finding": "key"}`)
	proposal := v["proposals"].([]any)[0].(map[string]any)
	if !strings.Contains(proposal["text"].(string), "明天还钱") || strings.Contains(proposal["text"].(string), "陈国栋") {
		t.Errorf("proposed: %v", proposal)
	}
	v = author.ok("POST", "/api/v1/rules/drafts/{draft}/example", `{"proposal": `+fmt.Sprint(proposal["id"])+`}`, draft)
	author.no("POST", "/api/v1/rules/proposals/{proposal}/dismiss", "", 404, "not_found", map[string]string{"proposal": fmt.Sprint(proposal["id"])})
	changes := fmt.Sprint(v["changes"])
	author.no("POST", "/api/v1/rules/drafts/{draft}/submit", `{"why": "", "changes": `+changes+`}`, 400, "why_needed", draft)
	v = author.ok("POST", "/api/v1/rules/drafts/{draft}/submit", `{"why": "坐牢的新说法", "changes": `+changes+`}`, draft)
	if v["state"] != "draft" || v["author"] == "" || fmt.Sprint(v["base"]) != base {
		t.Errorf("submitted: %v", v)
	}

	version := map[string]string{"version": fmt.Sprint(v["id"])}
	at := "/api/v1/rules/versions/{version}"
	author.no("POST", at+"/approve", `{}`, 409, "second_person", version)
	author.ok("GET", at+"/files", "", version)
	author.ok("POST", at+"/shadow", ``, version)
	author.ok("POST", at+"/unshadow", ``, version)
	if v := second.ok("POST", at+"/approve", ``, version); v["approver"] == "" {
		t.Errorf("approved: %v", v)
	}
	v = second.ok("POST", at+"/backtest", `{"sample": 10}`, version)
	test := map[string]string{"backtest": v["id"].(string)}
	second.ok("POST", "/api/v1/rules/backtests/{backtest}/cancel", "", test)
	second.ok("POST", "/api/v1/rules/backtests/{backtest}/resume", "", test)
	if v := second.ok("GET", "/api/v1/rules/backtests/{backtest}", "", test); v["state"] != "waiting" || fmt.Sprint(v["new"]) != version["version"] {
		t.Errorf("back-test: %v", v)
	}
	second.no("POST", at+"/publish", `{}`, 409, "blocked", version)
	if v := second.ok("POST", at+"/publish", `{"why": "急"}`, version); v["state"] != "live" || v["override"] != "急" {
		t.Errorf("published: %v", v)
	}
	if v := second.ok("POST", at+"/rollback", `{"why": "误报"}`, map[string]string{"version": base}); v["state"] != "live" {
		t.Errorf("rolled back: %v", v)
	}
	second.no("POST", at+"/withdraw", `{}`, 409, "wrong_state", map[string]string{"version": base})
	if v := second.ok("GET", at, "", version); len(v["life"].([]any)) < 5 {
		t.Errorf("life: %v", v)
	}

	other := author.ok("POST", "/api/v1/rules/drafts", `{"base": `+base+`, "title": "不要了"}`)
	if v := author.ok("POST", "/api/v1/rules/drafts/{draft}/drop", "", map[string]string{"draft": other["id"].(string)}); len(v["drafts"].([]any)) != 0 {
		t.Errorf("dropped: %v", v["drafts"])
	}
	manager := l.as(RoleManager, postgres.User{Teams: []string{"north"}})
	if v := manager.ok("GET", at, "", version); v["shadow"] != nil {
		t.Error("what rules on shadow find is shown to a manager")
	}
	manager.no("POST", at+"/publish", `{}`, http.StatusForbidden, "forbidden", version)
	manager.ok("GET", "/api/v1/rules/basis", "")
}
