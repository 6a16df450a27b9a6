package web

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/storage/postgres"
)

func reviewData(r postgres.Review, mayJudge bool, audio string) recordingData {
	d := recordingData{Review: r, MayJudge: mayJudge, Running: sampleTitles.Running(r.Recording.Kind), Kinds: dispositionKinds, LeadIn: leadIn, Reasons: overturnReasons, AudioURL: audio, Playable: audio != "",
		Turns: dialogue(r.Transcript.Utterances, r.Findings), Rules: groupByRule(r, mayJudge), SlotSets: slotSets(r), Open: 2}
	d.judged()
	return d
}

func TestLoginPage(t *testing.T) {
	c := newPages(t)
	for _, l := range langs {
		doc := draw(t, c, l, "", "login", loginData{Name: `"><b>`, Problem: "login.wait", Seconds: 30, Next: "/recordings/1"})
		form := one(t, doc, `form[action="/login"]`)
		if got := attr(one(t, form, "input[name=name]"), "value"); got != `"><b>` {
			t.Errorf("name came back as %q", got)
		}
		one(t, form, "input[name=password][type=password][autocomplete=current-password]")
		if got := attr(one(t, form, "input[name=next]"), "value"); got != "/recordings/1" {
			t.Errorf("next = %q", got)
		}
		if got := textOf(one(t, doc, ".problem")); !strings.Contains(got, "30") {
			t.Errorf("problem %q does not say how long to wait", got)
		}
		if n := len(all(doc, "form[role=search], a[href='/logout']")); n != 0 {
			t.Errorf("somebody who is not logged in sees %d things of the inside", n)
		}
	}
}

func TestListPage(t *testing.T) {
	c := newPages(t)
	data := listData{Page: sampleList(), Filter: postgres.ListFilter{Status: "to_judge", Rule: "threat"}, Narrowed: true,
		Facets:   postgres.Facets{Rules: []string{"threat"}, Teams: []string{"一组"}, Agents: []string{"2015"}},
		Statuses: listStatuses, Sevs: severities, Kinds: listKinds, Bands: listBands, NextURL: "/?after=cursor",
		Tabs: []listTab{{"to_judge", "/?status=to_judge", true}, {"", "/?status=all", false}}}
	doc := draw(t, c, Chinese, RoleClerk, "list", data)
	rows := all(doc, "table.list tbody tr")
	if len(rows) != 5 {
		t.Fatalf("%d rows", len(rows))
	}
	if got := textOf(one(t, rows[0], ".score")); got != "40" {
		t.Errorf("score %q", got)
	}
	one(t, rows[0], ".veto")
	if got := textOf(all(rows[0], ".chip")[0]); got != "威胁恐吓×2" {
		t.Errorf("first chip %q", got)
	}
	one(t, rows[0], ".chip.doubtful")
	if got := textOf(rows[3]); !strings.Contains(got, "文件为空，没有音频数据。") {
		t.Errorf("a failed recording does not say why: %q", got)
	}
	if got := textOf(one(t, rows[0], "time")); got != "2026-03-02 10:15" {
		t.Errorf("the contact's time is %q, want Shanghai's", got)
	}
	one(t, doc, `option[value=threat][selected]`)
	one(t, doc, `a[rel=next][href="/?after=cursor"]`)

	en := draw(t, c, English, RoleClerk, "list", data)
	if got := textOf(all(en, ".chip")[0]); got != "Threat×2" {
		t.Errorf("first chip in English %q", got)
	}
	if got := attr(one(t, en, "html"), "lang"); got != "en" {
		t.Errorf("lang = %q", got)
	}
}

// An empty list says why it is empty and what to do.
func TestEmptyLists(t *testing.T) {
	c := newPages(t)
	said := map[string]bool{}
	for _, d := range []listData{
		{Filter: postgres.ListFilter{Status: "to_judge"}},
		{Filter: postgres.ListFilter{Status: "failed"}},
		{Filter: postgres.ListFilter{Status: ""}},
		{Filter: postgres.ListFilter{Status: "clean", Team: "一组"}, Narrowed: true},
	} {
		for _, l := range langs {
			doc := draw(t, c, l, RoleClerk, "list", d)
			said[textOf(one(t, doc, ".empty h2"))] = true
			if textOf(one(t, doc, ".empty h2 + p")) == "" {
				t.Error("an empty list says nothing")
			}
		}
	}
	if len(said) != 8 {
		t.Errorf("%d different sentences for 4 situations in 2 languages", len(said))
	}
}

func TestRecordingPage(t *testing.T) {
	c := newPages(t)
	r := sampleReview()
	doc := draw(t, c, Chinese, RoleClerk, "recording", reviewData(r, true, "/recordings/x/audio?until=1&sig=s"))

	if text := textOf(one(t, doc, ".side")); !strings.Contains(text, "考核办法") || !strings.Contains(text, "华远银行/2") {
		t.Errorf("the page does not say which profile judged: %q", text)
	}
	turns := all(doc, "li.turn")
	if len(turns) != len(r.Transcript.Utterances) {
		t.Fatalf("%d turns", len(turns))
	}
	for i, u := range r.Transcript.Utterances {
		if got := textOf(one(t, turns[i], ".said")); got != u.Text {
			t.Errorf("turn %d reads %q, said was %q", i, got, u.Text)
		}
		if !strings.Contains(attr(turns[i], "class"), string(u.Speaker)) {
			t.Errorf("turn %d is not on the side of %s", i, u.Speaker)
		}
	}
	if got := textOf(one(t, turns[2], "mark")); got != "让你全家都不得安宁" {
		t.Errorf("evidence %q", got)
	}
	if got := textOf(one(t, turns[2], ".faint")); got != "你再" {
		t.Errorf("faint word %q", got)
	}
	if got := textOf(one(t, turns[5], ".speaker")); got != "身份不明 ?" {
		t.Errorf("an unsure speaker is %q", got)
	}

	findings := all(doc, "[data-finding]")
	if len(findings) != 4 {
		t.Fatalf("%d findings", len(findings))
	}
	first := findings[0]
	if got := attr(one(t, first, "button.hear"), "data-play"); got != "14.9" {
		t.Errorf("plays from %q", got)
	}
	if got := textOf(one(t, first, ".basis:has(q)")); !strings.Contains(got, "外访话述规定") {
		t.Errorf("basis %q", got)
	}
	one(t, first, "button.confirm[name=verdict][value=confirmed]")
	if n := len(all(first, "select[name=reason] option")); n != len(overturnReasons) {
		t.Errorf("%d reasons offered", n)
	}
	if got := attr(all(first, "input[name=version]")[0], "value"); got != "3" {
		t.Errorf("version %q", got)
	}
	if got := textOf(one(t, findings[1], ".match")); !strings.Contains(got, "同音") {
		t.Errorf("how it matched is not shown: %q", got)
	}
	if got := textOf(one(t, findings[1], ".decided")); !strings.Contains(got, "转写听错") || !strings.Contains(got, "李质检") {
		t.Errorf("the decision shows %q", got)
	}
	one(t, findings[1], "button.undo[value=open]")
	one(t, doc, ".finding.doubtful .tag")

	if got := attr(one(t, doc, "#score"), "data-score"); got != "40" {
		t.Errorf("score %q", got)
	}
	if n := len(all(doc, ".slots .heard")); n != 2 {
		t.Errorf("%d slots heard", n)
	}
	if got := textOf(one(t, doc, ".slots .missed")); !strings.Contains(got, "来意") || !strings.Contains(got, "未说") {
		t.Errorf("missed slot %q", got)
	}
	if strings.Contains(textOf(doc), "13800001234") {
		t.Error("the whole phone number is on the page")
	}
	if got := attr(one(t, doc, "audio#audio"), "src"); got != "/recordings/x/audio?until=1&sig=s" {
		t.Errorf("audio from %q", got)
	}
	if n := len(all(doc, ".trail li")); n != 1 {
		t.Errorf("%d steps in the trail", n)
	}
	one(t, doc, "dialog#help")
}

// Who may not judge sees the decisions but no way to make one; who may not listen gets no audio.
func TestRecordingPageByRole(t *testing.T) {
	c := newPages(t)
	for _, role := range Roles {
		audio := ""
		if may(role, permListen) {
			audio = "/audio"
		}
		doc := draw(t, c, English, role, "recording", reviewData(sampleReview(), may(role, permReview), audio))
		if got, want := len(all(doc, `.judge form`)) > 0, role == RoleClerk || role == RoleLead; got != want {
			t.Errorf("%s: decisions offered = %v", role, got)
		}
		if got, want := len(all(doc, "audio")) > 0, !slices.Contains([]Role{RoleOperator, RoleAdmin}, role); got != want {
			t.Errorf("%s: audio = %v", role, got)
		}
	}
}

func TestRecordingPageWithoutResults(t *testing.T) {
	c := newPages(t)
	for state, want := range map[pipeline.State]string{
		"failed": "文件头损坏，无法解码。", "discovered": "排队", "transcribed": "排队", "inspected": "没有听到说话声", "duplicate": "完全相同", "disposed": "按审批销毁",
	} {
		r := postgres.Review{Original: "0191d7a0-0000-7000-8000-000000000009"}
		r.Recording.Kind, r.Recording.State, r.Recording.Object.Key = detectors.KindCall, state, "a.wav"
		if state == pipeline.StateFailed {
			r.Recording.Reason = "文件头损坏，无法解码。"
		}
		doc := draw(t, c, Chinese, RoleClerk, "recording", reviewData(r, true, ""))
		if got := textOf(one(t, doc, "main .card")); !strings.Contains(got, want) {
			t.Errorf("%s: %q does not say %q", state, got, want)
		}
	}
}

func TestErrorPage(t *testing.T) {
	c := newPages(t)
	for _, l := range langs {
		doc := draw(t, c, l, RoleClerk, "error", errorPage{404, "error.not_found", "abcd123456"})
		if got := textOf(one(t, doc, ".error code")); got != "abcd123456" {
			t.Errorf("reference %q", got)
		}
	}
}

// What people said, and what files and people are called, cannot break out of its place on the page.
func TestHostileTextIsHarmless(t *testing.T) {
	c := newPages(t)
	hostile := []string{
		`<script>alert(1)</script><img src=x onerror=alert(1)>`, `"><svg onload=alert(1)>`, `' onmouseover='alert(1)`,
		"{{.}}\u202e\u2066gnp.exe\u0000\x1b[31m", strings.Repeat("长", 10_000), "\xff\xfe", "javascript:alert(1)",
	}
	for _, h := range hostile {
		r := sampleReview()
		r.Recording.Object.Key, r.Recording.Reason, r.Recording.SHA256, r.RulesetHash = h, h, h, h
		r.Recording.Metadata = detectors.Metadata{AgentID: h, AgentName: h, Team: h, Principal: h, CaseID: h, Phone: h}
		r.Audio.Codec, r.Audio.Warnings = h, []string{h}
		r.Transcript.ModelName, r.Transcript.Notes = h, []string{h}
		for i := range r.Transcript.Utterances {
			r.Transcript.Utterances[i].Text = h
		}
		for i := range r.Transcript.Removed {
			r.Transcript.Removed[i].Text = h
		}
		for i := range r.Findings {
			f := &r.Findings[i]
			f.Rule, f.Quote, f.Term, f.Why, f.Note, f.By, f.ByteEnd = h, h, h, h, h, h, len(h)+7
			f.Key = f.Key[:3] + string(rune('a'+i))
		}
		r.Slots = map[string][]detectors.Slot{h: {{Title: h, Quote: h, Heard: true}}}
		r.Trail[0].By, r.Trail[0].Note, r.Trail[0].Rule = h, h, h
		list := sampleList()
		for i := range list.Rows {
			row := &list.Rows[i]
			row.Key, row.Reason, row.Metadata = h, h, r.Recording.Metadata
			row.Rules = []postgres.RuleCount{{Rule: h, Severity: "major", Count: 1}}
		}
		facets := postgres.Facets{Agents: []string{h}, Teams: []string{h}, Principals: []string{h}, Rules: []string{h}}
		for _, doc := range []*html.Node{
			draw(t, c, Chinese, RoleClerk, "recording", reviewData(r, true, "/a")),
			draw(t, c, Chinese, RoleClerk, "list", listData{Page: list, Facets: facets, Filter: postgres.ListFilter{Query: h}, Sevs: severities, Kinds: listKinds}),
		} {
			for _, n := range all(doc, "script") {
				if !strings.HasPrefix(attr(n, "src"), "/assets/") {
					t.Errorf("%.20q put a script on the page", h)
				}
			}
			for _, n := range all(doc, "main img, main svg[onload], [onerror], [onmouseover], [href^=javascript]") {
				t.Errorf("%.20q became %s", h, outline(n))
			}
			for d := range doc.Descendants() {
				if d.Type == html.TextNode && strings.ContainsAny(d.Data, "\u202e\u2066\x00\x1b") {
					t.Errorf("%.20q kept its control characters: %.40q", h, d.Data)
				}
			}
		}
	}
}
