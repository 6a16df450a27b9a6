package web

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
	"github.com/speechqa/speechqa/web/browsertest"
)

// appealPlaces are the addresses of appeals in the matrix: one about each of its recordings.
func (m *matrix) appealPlaces() map[string]func(*http.Cookie) place {
	one := func(recording string) string {
		found := storagetest.Query(m.t, m.database, `SELECT id FROM appeals WHERE recording = $1`, recording)
		if len(found) > 0 {
			return found[0]
		}
		judge, err := m.store.UserByName(m.t.Context(), "judge")
		if err != nil {
			judge = m.user(postgres.User{Name: "judge", Role: string(RoleClerk)})
		}
		err = m.store.Decide(m.t.Context(), postgres.Decision{RecordingID: recording, FindingKey: "key", Verdict: postgres.VerdictConfirmed, UserID: judge.ID,
			Version: m.version(recording)}, worthless)
		if err != nil {
			m.t.Fatal(err)
		}
		id, err := m.store.MakeAppeal(m.t.Context(), recording, "key", "没有", appealDays, postgres.AuditEntry{Actor: judge.ID})
		if err != nil {
			m.t.Fatal(err)
		}
		return id
	}
	all := map[string]func(*http.Cookie) place{}
	for _, r := range m.console.appealRoutes() {
		_, path, _ := strings.Cut(r.pattern, " ")
		if strings.Contains(path, "{appeal}") {
			all[r.pattern] = func(*http.Cookie) place {
				return place{strings.ReplaceAll(path, "{appeal}", one(m.own)), strings.ReplaceAll(path, "{appeal}", one(m.foreign))}
			}
		}
	}
	return all
}

func (m *matrix) version(recording string) int64 {
	m.t.Helper()
	v, err := m.store.Review(m.t.Context(), recording)
	if err != nil {
		m.t.Fatal(err)
	}
	return v.Version
}

func sampleAppeal() postgres.Appeal {
	r, at := sampleReview(), time.Date(2026, 3, 3, 2, 0, 0, 0, time.UTC)
	return postgres.Appeal{ID: "0191d7a0-0000-7000-8000-0000000000aa", Recording: r.Recording.ID, Finding: r.Findings[0].Finding, Metadata: r.Recording.Metadata,
		Reason: "<i>我没有威胁</i>", By: "赵强", At: at, FirstBy: "李质检", FirstAt: at, FirstNote: "听过", ScoreBefore: 40}
}

func TestAppealPages(t *testing.T) {
	c := newPages(t)
	a := sampleAppeal()
	decided := a
	decided.Outcome, decided.DecidedBy, decided.DecidedAt, decided.Note, decided.ScoreAfter = postgres.OutcomeGranted, "王质检", a.At, "语气正常", 100
	r := sampleReview()
	turns := dialogue(r.Transcript.Utterances, nil)[:3]
	for _, l := range langs {
		list := draw(t, c, l, RoleAgent, "appeals", appealsData{Days: 7, MayMake: true, Page: postgres.AppealPage{Appeals: []postgres.Appeal{a, decided}}, NextURL: "/appeals?after=x",
			May: []postgres.Appealable{{Recording: r.Recording.ID, Metadata: r.Recording.Metadata, Finding: r.Findings[0].Finding, By: "李质检", At: a.At, Until: a.At.AddDate(0, 0, 7)}}})
		one(t, list, `form[action="/recordings/`+r.Recording.ID+`/findings/`+r.Findings[0].Key+`/appeal"] textarea[name=reason][required]`)
		if n := len(all(list, "tr[data-appeal]")); n != 2 {
			t.Errorf("%d appeals", n)
		}
		for _, d := range []appealsData{{Days: 7, MayMake: true}, {Decided: true}, {}} {
			if textOf(one(t, draw(t, c, l, RoleLead, "appeals", d), ".empty h2 + p")) == "" {
				t.Error("an empty page says nothing")
			}
		}
		one(t, draw(t, c, l, RoleAgent, "notices", []postgres.Notice{{Kind: postgres.NoticeAppealDecided, Appeal: a.ID, Rule: "threat", Agent: "<b>", By: "王质检", At: a.At, Outcome: postgres.OutcomeRejected, New: true}}),
			`.notices li.new a[href="/appeals/`+a.ID+`"]`)
		others := draw(t, c, l, RoleClerk, "notices", []postgres.Notice{{Kind: postgres.NoticeAssigned, Count: 3, By: "王组长", At: a.At}, {Kind: postgres.NoticeTakenBack, Count: 1, By: "王组长", At: a.At},
			{Kind: postgres.NoticeOverdue, Recording: r.Recording.ID, Kept: postgres.DispositionRetrain, Due: a.At, Agent: "<b>", At: a.At}})
		one(t, others, `li[data-notice=assigned] a[href^="/?assignee="]`)
		one(t, others, `li[data-notice=overdue] a[href="/recordings/`+r.Recording.ID+`"]`)
		claims := draw(t, c, l, RoleTrainer, "notices", []postgres.Notice{{Kind: postgres.NoticeClaimOver, Recording: r.Recording.ID, At: a.At}, {Kind: postgres.NoticeClaimPassed, Recording: r.Recording.ID, By: "安质检", At: a.At},
			{Kind: postgres.NoticeRetrain, Recording: r.Recording.ID, By: "王质检", At: a.At}})
		if n := len(all(claims, `.notices a[href="/recordings/`+r.Recording.ID+`"]`)); n != 3 {
			t.Errorf("%d notices lead to the recording", n)
		}
		one(t, claims, `a.bell[href="/notices"]`)
		draw(t, c, l, RoleLead, "notices", []postgres.Notice(nil))
		judge := draw(t, c, l, RoleLead, "appeal", appealData{Appeal: a, Context: turns, MayJudge: true})
		one(t, judge, `form[action="/appeals/`+a.ID+`"] button[name=outcome][value=granted]`)
		if got := textOf(all(judge, ".reason")[0]); got != a.Reason {
			t.Errorf("the reason reads %q", got)
		}
		barred := a
		barred.Barred = true
		for name, d := range map[string]appealData{"barred": {Appeal: barred}, "decided": {Appeal: decided}, "of the agent": {Appeal: a}} {
			if n := len(all(draw(t, c, l, RoleClerk, "appeal", d), "form[action^='/appeals']")); n != 0 {
				t.Errorf("%s: a form to decide", name)
			}
		}
	}
}

// The whole way in a real browser: the agent appeals, who confirmed cannot decide, a second reviewer does, both decisions
// stay and the score follows.
func TestAppealInBrowser(t *testing.T) {
	l := newLibrary(t)
	agent := l.signIn(l.user(postgres.User{Name: "agent", DisplayName: "赵强", Role: string(RoleAgent), AgentID: "a1"}))
	firstUser := l.user(postgres.User{Name: "first", DisplayName: "李质检", Role: string(RoleClerk)})
	first, second := l.signIn(firstUser), l.signIn(l.user(postgres.User{Name: "second", DisplayName: "王组长", Role: string(RoleLead)}))
	err := l.store.Decide(t.Context(), postgres.Decision{RecordingID: l.recording, FindingKey: "key", Verdict: postgres.VerdictConfirmed, UserID: firstUser.ID, Note: "语气重"}, worthless)
	if err != nil {
		t.Fatal(err)
	}
	b := browsertest.Open(t, l.address, agent)
	b.Go("/appeals")
	b.Accessible("node_modules")
	b.Click(".appealable [data-hear]")
	const heard = `document.getElementById("heard")`
	b.Becomes(heard + `.currentTime > 0.3 && !` + heard + `.paused && !` + heard + `.hidden`) // his own recording's sound
	b.Accessible("node_modules")
	b.Click(".appealable summary")
	b.Type(".appealable textarea", "我只是提醒还款日期")
	b.Picture(pictures, "appeals-agent")
	b.Click(".appealable button.primary")
	b.Becomes(`location.pathname.startsWith("/appeals/")`)
	at := browsertest.Ask[string](b, `location.pathname`)
	b.Click("[data-hear]")
	b.Becomes(heard + `.currentTime > 0.3`)
	if n := storagetest.Query(t, l.database, `SELECT count(*) FROM audit_log WHERE action = 'recording.play' AND name = 'agent' AND subject = 'recording:`+l.recording+`'`)[0]; n != "2" {
		t.Errorf("the agent has heard his recording twice, on record is %s", n)
	}
	if n := browsertest.Ask[int](b, `document.querySelectorAll("form[action^='/appeals']").length`); n != 0 {
		t.Error("the agent may decide")
	}
	b = browsertest.Open(t, l.address, first)
	b.Go(at)
	if n := browsertest.Ask[int](b, `document.querySelectorAll("form[action^='/appeals']").length`); n != 0 {
		t.Error("the first reviewer may decide")
	}
	if status, _, body := l.post(first, at, "outcome", "rejected", "note", "n"); status != http.StatusForbidden || !strings.Contains(string(body), "须由他人裁定") {
		t.Errorf("the first reviewer decides: %d", status)
	}
	b = browsertest.Open(t, l.address, second)
	b.Go("/appeals")
	b.Becomes(`document.querySelector(".bell .count")?.textContent === "1"`)
	b.Go("/notices")
	b.Becomes(`document.querySelectorAll("li.new[data-notice=appeal_waits]").length === 1`)
	b.Accessible("node_modules")
	b.Picture(pictures, "notices")
	b.Go("/appeals")
	b.Click("tr[data-appeal] a.rowlink")
	b.Becomes(`location.pathname.startsWith("/appeals/")`)
	b.Type("textarea[name=note]", "听过，语气正常")
	b.Accessible("node_modules")
	b.Picture(pictures, "appeal")
	b.Click("button[value=granted]")
	b.Becomes(`document.querySelector(".hearing .state.done")`)
	b.Accessible("node_modules")
	if text := browsertest.Ask[string](b, `document.querySelector(".hearing").textContent`); !strings.Contains(text, "李质检") || !strings.Contains(text, "王组长") || !strings.Contains(text, "语气重") {
		t.Errorf("not both decisions: %s", text)
	}
	b.Go("/appeals?show=decided")
	b.Accessible("node_modules")
	b.Picture(pictures, "appeals")
	v, err := l.store.Review(t.Context(), l.recording)
	if err != nil || v.Findings[0].Verdict != postgres.VerdictOverturned || len(v.Trail) != 3 {
		t.Errorf("%+v %v", v.Findings, err)
	}
	if status, _, body := l.post(second, "/recordings/"+l.recording+"/findings/key", "verdict", "confirmed", "version", "2"); status != http.StatusConflict || !strings.Contains(string(body), "申诉") {
		t.Errorf("the verdict is changed past the appeal: %d", status)
	}
}
