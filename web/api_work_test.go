package web

import (
	"fmt"
	"slices"
	"testing"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/storage/postgres"
)

// A clerk's whole work on a recording by a program: claimed, listened to, a finding added and taken back, judged, disposed of.
func TestAPIReviewWork(t *testing.T) {
	l := newLibrary(t)
	lead, clerk := l.as(RoleLead, postgres.User{}), l.as(RoleClerk, postgres.User{})
	at := "/api/v1/recordings/{id}"
	if v := clerk.ok("POST", "/api/v1/next", ""); v["recording"] != l.recording {
		t.Fatalf("next: %v", v)
	}
	if v := lead.ok("POST", "/api/v1/next", `{}`); v["recording"] != nil {
		t.Errorf("two people have the same recording: %v", v)
	}
	v := clerk.ok("GET", at, "")
	if v["assignee"] != "程序 clerk" || v["transcript_hash"] == "" {
		t.Errorf("claimed: %v", v)
	}
	clerk.ok("GET", at+"/state", "")
	clerk.ok("GET", at+"/audio", "")
	if v := clerk.ok("GET", at+"/waveform", ""); len(items(v, "channels")) != 1 {
		t.Errorf("waveform: %v", v)
	}
	number := func(v map[string]any) string { return fmt.Sprint(v["version"]) }
	v = clerk.ok("POST", at+"/findings", `{"version": `+number(v)+`, "rule": "threat", "turn": 0, "from": 6, "to": 8, "note": "漏了"}`)
	added := items(v, "findings")[slices.IndexFunc(items(v, "findings"), func(f map[string]any) bool { return f["how"] == "person" })]
	if added["quote"] != "明天" || added["start"].(float64) != 6 {
		t.Errorf("added: %v", added)
	}
	clerk.no("POST", at+"/undo", `{"version": 0}`, 409, "conflict")
	if v = clerk.ok("POST", at+"/undo", `{"version": `+number(v)+`}`); len(items(v, "findings")) != 1 {
		t.Errorf("undone: %v", v["findings"])
	}
	clerk.no("POST", at+"/findings", `{"version": `+number(v)+`, "rule": "no_such_rule"}`, 400, "bad_request")
	v = clerk.ok("POST", at+"/findings/{key}/decision", `{"version": `+number(v)+`, "verdict": "confirmed"}`)
	clerk.no("POST", at+"/disposition", `{"version": `+number(v)+`, "kind": "dismissal"}`, 400, "bad_request")
	v = clerk.ok("POST", at+"/disposition", `{"version": `+number(v)+`, "kind": "rectify", "note": "改", "due": "2026-12-01", "told": "组长"}`)
	if d := items(v, "dispositions"); len(d) != 1 || d[0]["due"] != "2026-12-01" || d[0]["done"] != nil {
		t.Errorf("disposed: %v", d)
	}
	if v = clerk.ok("POST", at+"/disposition/done", ""); items(v, "dispositions")[0]["done"] == nil {
		t.Errorf("done: %v", v["dispositions"])
	}
	clerk.no("POST", at+"/speakers", `{"version": `+number(v)+`, "transcript": "another", "swap": true}`, 409, "conflict")
	v = clerk.ok("POST", at+"/speakers", `{"version": `+number(v)+`, "transcript": "`+v["transcript_hash"].(string)+`", "turns": [{"turn": 0, "speaker": "customer"}], "note": "反了"}`)
	if v["transcript"].([]any)[0].(map[string]any)["speaker"] != string(detectors.SpeakerCustomer) {
		t.Errorf("speakers: %v", v["transcript"])
	}
	auditor := l.as(RoleAuditor, postgres.User{})
	auditor.no("POST", at+"/disposition", `{"version": 0, "kind": "advice"}`, 403, "forbidden")
}

// What a lead does for others by a program: assigning, quotas; and what is told to whom.
func TestAPIDesk(t *testing.T) {
	l := newLibrary(t)
	lead, clerk := l.as(RoleLead, postgres.User{}), l.as(RoleClerk, postgres.User{})
	desk := items(lead.ok("GET", "/api/v1/desk", ""), "items")
	who := desk[slices.IndexFunc(desk, func(c map[string]any) bool { return c["name"] == "程序 clerk" })]["user"].(string)
	held := func(v map[string]any) (held, quota float64) {
		for _, c := range items(v, "items") {
			if c["user"] == who {
				return c["held"].(float64), c["quota"].(float64)
			}
		}
		return -1, -1
	}
	if h, _ := held(lead.ok("POST", "/api/v1/assign", `{"recordings": ["`+l.recording+`"], "assignee": "`+who+`"}`)); h != 1 {
		t.Errorf("assigned: %v held", h)
	}
	lead.no("POST", "/api/v1/assign", `{"recordings": [], "assignee": "`+who+`"}`, 400, "nothing_chosen")
	lead.no("POST", "/api/v1/assign", `{"recordings": ["`+l.recording+`"], "assignee": "x"}`, 400, "bad_request")
	clerk.no("POST", "/api/v1/assign", `{}`, 403, "forbidden")
	if v := clerk.ok("GET", "/api/v1/notices", ""); v["new"].(float64) != 1 || items(v, "items")[0]["kind"] != "assigned" {
		t.Errorf("notices: %v", v)
	}
	if _, q := held(lead.ok("POST", "/api/v1/desk/quota", `{"user": "`+who+`", "quota": 140}`)); q != 140 {
		t.Errorf("quota %v", q)
	}
	if h, _ := held(lead.ok("POST", "/api/v1/assign", `{"recordings": ["`+l.recording+`"], "assignee": "nobody"}`)); h != 0 {
		t.Errorf("taken back: %v held", h)
	}
	saved := items(clerk.ok("POST", "/api/v1/filters", `{"name": "北组", "query": "status=to_judge&team=north"}`), "items")
	if len(saved) != 1 || saved[0]["query"] != "status=to_judge&team=north" {
		t.Fatalf("saved: %v", saved)
	}
	clerk.no("POST", "/api/v1/filters", `{"name": "坏", "query": "status=lost"}`, 400, "bad_request")
	id := fmt.Sprint(saved[0]["id"])
	v := clerk.ok("GET", "/api/v1/counts?team=north", "")
	if v["stages"].(map[string]any)["to_judge"] != "1" || v["filters"].(map[string]any)[id] != "1" {
		t.Errorf("counts: %v", v)
	}
	if v := clerk.ok("POST", "/api/v1/filters/drop", `{"filter": `+id+`}`); len(items(v, "items")) != 0 {
		t.Errorf("dropped: %v", v)
	}
	if v := clerk.ok("GET", "/api/v1/filters", ""); len(items(v, "items")) != 0 {
		t.Errorf("filters: %v", v)
	}
}

// An agent's program appeals, and a second reviewer's decides.
func TestAPIAppealStory(t *testing.T) {
	l := newLibrary(t)
	first, second := l.as(RoleClerk, postgres.User{}), l.as(RoleLead, postgres.User{})
	agent := l.as(RoleAgent, postgres.User{AgentID: "a1"})
	appeal := "/api/v1/recordings/{id}/findings/{key}/appeal"
	agent.no("POST", appeal, `{"reason": "没有说过"}`, 409, "conflict") // nobody has confirmed it
	first.ok("POST", "/api/v1/recordings/{id}/findings/{key}/decision", `{"verdict": "confirmed", "version": 0}`)
	agent.no("POST", appeal, `{"reason": ""}`, 400, "appeal_reason")
	v := agent.ok("POST", appeal, `{"reason": "没有说过"}`)
	one := map[string]string{"appeal": v["id"].(string)}
	if v["first_by"] != "程序 clerk" || v["outcome"] != nil {
		t.Errorf("appeal: %v", v)
	}
	first.no("POST", "/api/v1/appeals/{appeal}", `{"outcome": "rejected", "note": "说了"}`, 403, "appeal_second", one)
	second.no("POST", "/api/v1/appeals/{appeal}", `{"outcome": "rejected"}`, 400, "appeal_reason", one)
	if v := second.ok("POST", "/api/v1/appeals/{appeal}", `{"outcome": "granted", "note": "听不出来"}`, one); v["outcome"] != "granted" || v["decided_by"] != "程序 lead" {
		t.Errorf("decided: %v", v)
	}
	if v := agent.ok("GET", "/api/v1/appeals/{appeal}", "", one); v["score_after"] == nil {
		t.Errorf("decided: %v", v)
	}
	l.as(RoleTrainer, postgres.User{}).no("GET", "/api/v1/appeals/{appeal}", "", 403, "forbidden", one)
}

// A trainer's program names a clip, lets a bleep through and makes a course that leaves the house.
func TestAPIClips(t *testing.T) {
	l := newLibrary(t)
	trainer := l.as(RoleTrainer, postgres.User{})
	v := trainer.ok("POST", "/api/v1/recordings/{id}/clips", `{"from": 1, "to": 9}`)
	one := map[string]string{"clip": v["id"].(string)}
	change := func(version string, from, to string) string {
		return `{"version": ` + version + `, "title": "开场白", "tags": ["新人", "开场"], "example": "good", "from": ` + from + `, "to": ` + to + `}`
	}
	number := func(v map[string]any) string { return fmt.Sprint(v["version"]) }
	trainer.no("POST", "/api/v1/clips/{clip}", change(number(v), "5", "4"), 400, "clip_span", one)
	v = trainer.ok("POST", "/api/v1/clips/{clip}", change(number(v), "1.25", "8.5"), one)
	if v["title"] != "开场白" || v["example"] != "good" || v["from"].(float64) != 1.25 || len(v["tags"].([]any)) != 2 {
		t.Errorf("changed: %v", v)
	}
	trainer.no("POST", "/api/v1/clips/{clip}", change("0", "1", "8"), 409, "conflict", one)
	name := items(v, "bleeps")[0]
	if name["on"] != true || name["key"] == "" {
		t.Fatalf("bleeps: %v", v["bleeps"])
	}
	v = trainer.ok("POST", "/api/v1/clips/{clip}/bleeps", `{"version": `+number(v)+`, "toggle": "`+name["key"].(string)+`"}`, one)
	if items(v, "bleeps")[0]["on"] != false {
		t.Errorf("let through: %v", v["bleeps"])
	}
	v = trainer.ok("POST", "/api/v1/clips/{clip}/bleeps", `{"version": `+number(v)+`, "from": 6, "to": 7}`, one)
	if b := items(v, "bleeps"); len(b) != 2 || b[1]["index"].(float64) != 0 {
		t.Errorf("bleeped: %v", v["bleeps"])
	}
	v = trainer.ok("POST", "/api/v1/clips/{clip}/bleeps", `{"version": `+number(v)+`, "remove": 0}`, one)
	if len(items(v, "bleeps")) != 1 {
		t.Errorf("taken away: %v", v["bleeps"])
	}
	trainer.ok("GET", "/api/v1/clips/{clip}/waveform", "", one)

	v = trainer.ok("POST", "/api/v1/playlists", `{"title": "入职第一课"}`)
	list := map[string]string{"playlist": v["id"].(string), "clip": one["clip"]}
	trainer.ok("POST", "/api/v1/playlists/{playlist}", `{"title": "入职第一课", "note": "两小时"}`, list)
	trainer.no("POST", "/api/v1/playlists/{playlist}/clips", `{"clip": "x", "do": "add"}`, 400, "bad_request", list)
	if v := trainer.ok("POST", "/api/v1/playlists/{playlist}/clips", `{"clip": "`+one["clip"]+`", "do": "add"}`, list); len(items(v, "items")) != 1 || v["note"] != "两小时" {
		t.Errorf("course: %v", v)
	}
	trainer.ok("POST", "/api/v1/clips/export", `{"playlist": "`+list["playlist"]+`", "format": "wav"}`)
	trainer.no("POST", "/api/v1/clips/export", `{"clips": [], "format": "wav"}`, 400, "nothing_chosen")
	trainer.no("POST", "/api/v1/clips/export", `{"clips": ["`+one["clip"]+`"], "format": "exe"}`, 400, "bad_request")
	if v := trainer.ok("GET", "/api/v1/playlists", ""); len(items(v, "items")) != 1 {
		t.Errorf("playlists: %v", v)
	}
	if v := trainer.ok("POST", "/api/v1/playlists/{playlist}/delete", "", list); len(items(v, "items")) != 0 {
		t.Errorf("deleted: %v", v)
	}
	trainer.ok("POST", "/api/v1/clips/{clip}/delete", "", one)
	trainer.no("GET", "/api/v1/clips/{clip}", "", 404, "not_found", one)
	l.as(RoleClerk, postgres.User{}).no("POST", "/api/v1/playlists", `{"title": "x"}`, 403, "forbidden")
}
