package web

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/speechqa/speechqa/storage/postgres"
)

// asker is a program of a new user with that role, and what it asks for must succeed or fail as said.
type asker struct {
	program
	values map[string]string
}

func (l *library) as(role Role, rights postgres.User) asker {
	l.t.Helper()
	rights.Name, rights.DisplayName, rights.Role = "program-"+string(role), "程序 "+string(role), string(role)
	return asker{l.program(l.user(rights).ID, "sqa_"+string(role), postgres.Token{Name: "k"}), map[string]string{"id": l.recording, "key": "key"}}
}

func (a asker) ok(method, pattern, send string, values ...map[string]string) map[string]any {
	a.t.Helper()
	all := maps.Clone(a.values)
	for _, v := range values {
		maps.Copy(all, v)
	}
	status, v := a.call(method, pattern, all, send)
	if status != http.StatusOK {
		a.t.Fatalf("%s %s: %d %v", method, pattern, status, v)
	}
	return v
}

func (a asker) no(method, pattern, send string, want int, code string, values ...map[string]string) {
	a.t.Helper()
	all := maps.Clone(a.values)
	for _, v := range values {
		maps.Copy(all, v)
	}
	status, v := a.call(method, pattern, all, send)
	if e, _ := v["error"].(map[string]any); status != want || e["code"] != code {
		a.t.Errorf("%s %s: %d %v, want %d %s", method, pattern, status, v, want, code)
	} else if m := fmt.Sprint(e["message"]); m == "" || strings.Contains(m, "!") && strings.Contains(m, "error.") {
		a.t.Errorf("%s %s: the message %q is none", method, pattern, m)
	}
}

func TestAPICustody(t *testing.T) {
	l := newLibrary(t)
	l.own, l.foreign = l.recording, l.recording
	lead, manager := l.as(RoleLead, postgres.User{}), l.as(RoleManager, postgres.User{Teams: []string{"north"}})
	if v := lead.ok("GET", "/api/v1/custody", ""); v["kept"].(float64) != 1 {
		t.Errorf("kept: %v", v)
	}
	v := lead.ok("POST", "/api/v1/custody/holds", `{"recording": "`+l.recording+`", "reason": "诉讼", "owner": "法务"}`)
	hold := v["holds"].([]any)[0].(map[string]any)
	if hold["recording"] != l.recording || hold["matches"].(float64) != 1 || v["held"].(float64) != 1 {
		t.Errorf("hold: %v", v)
	}
	lead.no("POST", "/api/v1/custody/holds", `{"reason": "诉讼", "owner": "法务"}`, 400, "custody_scope")
	lead.no("POST", "/api/v1/custody/holds", `{"recording": "x", "reason": "诉讼", "owner": "法务"}`, 400, "custody_recording")
	manager.no("POST", "/api/v1/custody/holds", `{"agent": "a1", "reason": "诉讼", "owner": "法务"}`, 403, "forbidden")
	lead.no("POST", "/api/v1/custody/release", `{"hold": "`+hold["id"].(string)+`"}`, 400, "custody_release")
	if v := lead.ok("POST", "/api/v1/custody/release", `{"hold": "`+hold["id"].(string)+`", "reason": "结案"}`); v["held"].(float64) != 0 {
		t.Errorf("released: %v", v)
	}
	lead.no("GET", "/api/v1/recordings/{id}/evidence", "", 409, "no_signing_key")

	l.target = l.user(postgres.User{Name: "proposer", Role: string(RoleLead)}).ID
	batch := func(pattern string) map[string]string {
		path := l.disposalPlaces()[pattern](nil).own
		return map[string]string{"disposal": strings.Split(path, "/")[2]}
	}
	lead.no("POST", "/api/v1/disposals", `{"why": "到期", "until": "2999-01-01"}`, 400, "disposals_proposal")
	one := batch("GET /disposals/{disposal}")
	if v := lead.ok("GET", "/api/v1/disposals", ""); len(v["items"].([]any)) != 1 || v["due"].(float64) != 0 {
		t.Errorf("disposals: %v", v)
	}
	if v := lead.ok("GET", "/api/v1/disposals/{disposal}", "", one); v["state"] != "proposed" || len(v["items"].([]any)) != 1 {
		t.Errorf("disposal: %v", v)
	}
	manager.no("POST", "/api/v1/disposals/{disposal}/refuse", `{}`, 409, "disposals_reason", one)
	if v := manager.ok("POST", "/api/v1/disposals/{disposal}/refuse", `{"note": "还要用"}`, one); v["state"] != "refused" {
		t.Errorf("refused: %v", v)
	}
	lead.no("POST", "/api/v1/disposals/{disposal}/withdraw", `{}`, 409, "disposals_decided", one)
	if v := lead.ok("GET", "/api/v1/disposals/{disposal}/record", "", batch("GET /disposals/{disposal}/record")); v["record"] != "{}" || v["signature"] != "s" {
		t.Errorf("record: %v", v)
	}
}

func TestAPIOperations(t *testing.T) {
	l := newLibrary(t)
	operator := l.as(RoleOperator, postgres.User{})
	if v := operator.ok("GET", "/api/v1/operations", ""); v["no_queue"] != true || len(v["flow"].([]any)) != 4 {
		t.Errorf("operations: %v", v)
	}
	operator.ok("POST", "/api/v1/operations/retry", `{"reason": "nothing failed for this"}`)
	operator.no("POST", "/api/v1/operations/retry", `{"reason": ""}`, 400, "bad_request")
	operator.ok("POST", "/api/v1/operations/hurry", `{"recording": "`+l.recording+`"}`)
	operator.no("POST", "/api/v1/operations/hurry", `{"recording": "x"}`, 400, "bad_request")
	operator.no("POST", "/api/v1/operations/queue", `{"queue": "urgent", "act": "pause"}`, 503, "no_queue")
	operator.no("GET", "/api/v1/recordings/{id}", "", 403, "forbidden")
}

func TestAPIAuditAndUsers(t *testing.T) {
	l := newLibrary(t)
	admin := l.as(RoleAdmin, postgres.User{})
	leaver := l.user(postgres.User{Name: "leaver", DisplayName: "离职者", Role: string(RoleClerk)})
	login := l.login(leaver.ID)
	who := map[string]string{"user": leaver.ID, "login": login}
	if v := admin.ok("GET", "/api/v1/users/{user}", "", who); v["logins"].(float64) != 1 || v["rights"].(map[string]any)["role"] != "clerk" {
		t.Errorf("user: %v", v)
	}
	if v := admin.ok("POST", "/api/v1/users/{user}/logins/{login}/end", "", who); v["logins"].(float64) != 0 {
		t.Errorf("log-in ended: %v", v)
	}
	if v := admin.ok("POST", "/api/v1/users/{user}/disable", "", who); v["rights"].(map[string]any)["disabled"] != true {
		t.Errorf("disabled: %v", v)
	}
	users := admin.ok("GET", "/api/v1/users", "")["items"].([]any)
	for _, u := range users {
		if u := u.(map[string]any); u["rights"].(map[string]any)["role"] == "admin" {
			admin.no("POST", "/api/v1/users/{user}/disable", "", 400, "users_not_self", map[string]string{"user": u["id"].(string)})
		}
	}
	page := admin.ok("GET", "/api/v1/audit?action=user.", "")["items"].([]any)
	if first := page[0].(map[string]any); first["action"] != "user.disable" || first["name"] != "program-admin" {
		t.Errorf("audit: %v", first)
	}
	admin.ok("GET", "/api/v1/audit.csv", "")
	admin.no("GET", "/api/v1/audit?before=x", "", 400, "bad_request")
	if v := admin.ok("POST", "/api/v1/audit/verify", ""); v["intact"] != true || v["entries"].(float64) < 3 {
		t.Errorf("audit: %v", v)
	}
}

func TestAPIHooks(t *testing.T) {
	l := newLibrary(t)
	admin := l.as(RoleAdmin, postgres.User{})
	admin.no("POST", "/api/v1/hooks", `{"url": "http://127.0.0.1/"}`, 400, "hook_address")
	v := admin.ok("POST", "/api/v1/hooks", `{"url": "https://example.com/hook"}`)
	if !strings.HasPrefix(v["secret"].(string), "whs_") {
		t.Errorf("hook: %v", v)
	}
	hook := map[string]string{"hook": v["items"].([]any)[0].(map[string]any)["id"].(string)}
	if v := admin.ok("POST", "/api/v1/hooks/{hook}/try", "", hook); len(v["deliveries"].([]any)) != 1 || v["secret"] != nil {
		t.Errorf("tried: %v", v)
	}
	if v := admin.ok("POST", "/api/v1/hooks/{hook}/remove", "", hook); len(v["items"].([]any)) != 0 {
		t.Errorf("removed: %v", v)
	}
	admin.no("POST", "/api/v1/hooks/{hook}/try", "", 404, "not_found", hook)
	l.as(RoleLead, postgres.User{}).no("GET", "/api/v1/hooks", "", 403, "forbidden")
}
