package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
)

func TestMaskNumbers(t *testing.T) {
	for in, want := range map[string]string{
		"call/2026/03/02/2015_20260302T101500_13800001234_HY-1.wav": "call/2026/03/02/2015_20260302T101500_*******1234_HY-1.wav",
		"330106199002150012":        "**************0012",
		"33010619900215001X":        "**************001X",
		"6222021234567890123":       "***************0123",
		"622202123456789":           "***********6789",
		"20260302101500":            "20260302101500",
		"12345678901":               "12345678901",
		"138000012345":              "138000012345",
		"a13800001234b15912345678c": "a*******1234b*******5678c",
		"":                          "",
	} {
		if got := maskNumbers(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

// Everything the page shows is masked, and evidence stands where it stood.
func TestMaskReview(t *testing.T) {
	const phone, spoken = "13912345678", "幺三九幺二三四五六七八"
	r := sampleReview()
	r.Recording.Object.Key = "2026/" + phone + ".wav"
	r.Transcript.Utterances = slices.Clone(r.Transcript.Utterances)
	said := "你加我微信，" + phone + "，钱转给我。"
	r.Transcript.Utterances[2].Text = said
	r.Transcript.Utterances[5].Text = "我的电话是" + spoken + "。"
	f := &r.Findings[0]
	f.Quote = "加我微信，" + phone
	f.ByteStart = strings.Index(said, f.Quote)
	f.ByteEnd = f.ByteStart + len(f.Quote)
	f.Term, f.Why = "微信，"+phone, "坐席说“"+f.Quote+"”。"
	r.Slots["missing_opening"][0].Quote = "打" + phone
	r.Transcript.Removed[0].Text = phone
	r.Trail[0].Note, r.Findings[1].Note = phone, phone
	before := dialogue(r.Transcript.Utterances, r.Findings)
	if !maskReview(&r) {
		t.Error("nothing was hidden")
	}
	c := newPages(t)
	doc := draw(t, c, Chinese, RoleClerk, "recording", reviewData(r, true, ""))
	if page := textOf(doc); strings.Contains(page, phone) || strings.Contains(page, spoken) {
		t.Error("a number is on the page")
	}
	for d := range doc.Descendants() {
		for _, a := range d.Attr {
			if strings.Contains(a.Val, phone) {
				t.Errorf("a number is in %s", outline(d))
			}
		}
	}
	after := dialogue(r.Transcript.Utterances, r.Findings)
	for i := range before {
		if len(before[i].Pieces) != len(after[i].Pieces) {
			t.Fatalf("turn %d is in other pieces: %+v, %+v", i, before[i].Pieces, after[i].Pieces)
		}
		for j, p := range before[i].Pieces {
			if q := after[i].Pieces[j]; p.Finding != q.Finding || len(p.Text) != len(q.Text) {
				t.Errorf("piece %+v became %+v", p, q)
			}
		}
	}
	r.Transcript.Utterances[2].Words = nil // faint words would cut the evidence in pieces
	doc = draw(t, c, Chinese, RoleClerk, "recording", reviewData(r, true, ""))
	if got, want := textOf(one(t, all(doc, "li.turn")[2], "mark")), "加我微信，***********"; got != want {
		t.Errorf("the evidence is %q, want %q", got, want)
	}
}

// Who may, sees the numbers of one recording after it is on record, and of no other.
func TestUnmask(t *testing.T) {
	m := newMatrix(t, false)
	const phone = "13912345678"
	m.own = m.recording(nil, phone+"_1.wav", detectors.Metadata{AgentID: "a1"}, "你好")
	m.foreign = m.recording(nil, phone+"_2.wav", detectors.Metadata{AgentID: "a1"}, "您好")
	shows := func(v *visitorOn, id string) bool {
		t.Helper()
		status, _, doc := v.page("/recordings/"+id, nil)
		if status != http.StatusOK {
			t.Fatalf("status %d", status)
		}
		return strings.Contains(textOf(doc), phone)
	}
	clerk, trainer := m.browser(), m.browser()
	for name, v := range map[string]*visitorOn{"clerk": clerk, "trainer": trainer} {
		m.newPerson(postgres.User{Name: name, Role: name})
		v.page("/login", login(name, testPassword))
		if shows(v, m.own) {
			t.Errorf("a %s sees a number without asking", name)
		}
		if _, _, doc := v.page("/?status=all", nil); strings.Contains(textOf(doc), phone) {
			t.Errorf("a %s sees a number in the list", name)
		}
	}
	clerk.page("/recordings/"+m.own+"/unmask", url.Values{})
	if !shows(clerk, m.own) {
		t.Error("the number is not shown")
	}
	if shows(clerk, m.foreign) {
		t.Error("the number of another recording is shown")
	}
	if status, _, _ := trainer.page("/recordings/"+m.own+"/unmask", url.Values{}); status != http.StatusForbidden {
		t.Errorf("a trainer unmasks: status %d", status)
	}
	got := storagetest.Query(t, m.database, `SELECT name FROM audit_log WHERE action = 'recording.unmask' AND subject = $1`, "recording:"+m.own)
	if !slices.Equal(got, []string{"clerk"}) {
		t.Errorf("on record: %v", got)
	}
}
