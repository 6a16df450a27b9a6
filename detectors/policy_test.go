package detectors

import (
	"io/fs"
	"testing"
	"testing/fstest"
	"time"

	"github.com/speechqa/speechqa/lexicon"
)

// engineWith is the built-in ruleset with files in place of its own.
func engineWith(t *testing.T, files map[string]string) *Engine {
	t.Helper()
	all := fstest.MapFS{}
	if err := fs.WalkDir(lexicon.DefaultFiles(), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(lexicon.DefaultFiles(), p)
		all[p] = &fstest.MapFile{Data: b}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for p, text := range files {
		all[p] = &fstest.MapFile{Data: []byte(text)}
	}
	rs, err := lexicon.LoadFS(all)
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(rs)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

const banks = `甲:
  principals: [甲银行]
  versions:
    - version: 1
      from: 2026-01-01
      to: 2026-07-01
      off: [insult]
      shadow: [threat]
      points: {private_channel: {points: 1}}
      hours: industry
      contacts: seven_in_seven
      openings: {missing_opening: {allow_missing: 0}}
`

func TestPolicyDecides(t *testing.T) {
	e := engineWith(t, map[string]string{"profiles.yaml": banks})
	night := time.Date(2026, 3, 2, 21, 0, 0, 0, time.FixedZone("", 8*3600))
	talk := func(principal string, at time.Time) Result {
		return e.Inspect(&Conversation{ID: "r", Kind: KindCall, Metadata: Metadata{Principal: principal, StartedAt: at, Callee: "debtor"}, Utterances: []Utterance{
			{Speaker: SpeakerAgent, Text: "您好，我是工号2015，请问是王芳女士吗"}, {Speaker: SpeakerCustomer, Text: "是我"},
			{Speaker: SpeakerAgent, Text: "你就等着坐牢吧，你真不要脸"}, {Speaker: SpeakerAgent, Text: "你加我微信说"}}})
	}
	has := func(r Result, rule string) (found, shadow bool) {
		for _, f := range r.Findings {
			if f.Rule == rule {
				return true, f.Shadow
			}
		}
		return false, false
	}
	plain, bank := talk("乙银行", night), talk("甲银行", night)
	for _, tc := range []struct {
		rule        string
		plain, bank bool
	}{{"insult", true, false}, {"threat", true, true}, {"outside_hours", true, false}, {"missing_opening", false, true}} {
		a, _ := has(plain, tc.rule)
		b, _ := has(bank, tc.rule)
		if a != tc.plain || b != tc.bank {
			t.Errorf("%s: found %v and %v, want %v by default and %v for the bank", tc.rule, a, b, tc.plain, tc.bank)
		}
	}
	if _, shadow := has(bank, "threat"); !shadow {
		t.Error("threat is not on shadow for the bank")
	}
	if plain.Profile != "" || bank.Profile != "甲/1" {
		t.Errorf("profiles %q and %q", plain.Profile, bank.Profile)
	}
	// Threat is fatal by default; for the bank it is on trial, private_channel costs a point, the opening ten and the
	// closing five.
	if plain.Score != 0 || !plain.Fatal || bank.Score != 84 || bank.Fatal {
		t.Errorf("scores %d (fatal %v) and %d (fatal %v)", plain.Score, plain.Fatal, bank.Score, bank.Fatal)
	}
	if later := talk("甲银行", night.AddDate(0, 6, 0)); later.Profile != "" || !later.Fatal {
		t.Errorf("after its end the profile %q still judges, score %d", later.Profile, later.Score)
	}
}

// TestFrequencyOfABank: another bank's frequency counts for its recordings alone, in calendar days.
func TestFrequencyOfABank(t *testing.T) {
	e := engineWith(t, map[string]string{"profiles.yaml": banks})
	var all []Contact
	for i := range 8 {
		for _, p := range []string{"甲银行", "乙银行"} {
			all = append(all, Contact{Recording: p + string(rune('0'+i)), Kind: KindCall, Principal: p, Case: "c1", Agent: "a1",
				At: time.Date(2026, 3, 1+i*6/7, 9+i, 0, 0, 0, time.FixedZone("", 8*3600))})
		}
	}
	got := e.Across(all, []string{"甲银行6", "甲银行7", "乙银行7"})
	if len(got["甲银行6"]) != 0 || len(got["乙银行7"]) != 0 {
		t.Errorf("seven calls, or those of another bank: %+v %+v", got["甲银行6"], got["乙银行7"])
	}
	if fs := got["甲银行7"]; len(fs) != 1 || fs[0].Term != "七日内超过七次" || len(fs[0].Related) != 8 {
		t.Errorf("the eighth call in seven days: %+v", fs)
	}
}

func TestPhoneKey(t *testing.T) {
	for in, want := range map[string]string{
		"13800001234": "13800001234", "+86 138-0000-1234": "13800001234", "008613800001234": "13800001234", "013800001234": "13800001234",
		"010-12345678": "01012345678", "0755-1234567": "07551234567", "138****1234": "138****1234", "12": "", "": "", "未知": "",
	} {
		if got := PhoneKey(in); got != want {
			t.Errorf("PhoneKey(%q) = %q, want %q", in, got, want)
		}
	}
}
