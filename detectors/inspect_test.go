package detectors

import (
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"
)

func talk(lines ...string) *Conversation {
	c := &Conversation{ID: "t", Kind: KindCall, Metadata: Metadata{Callee: "debtor"}}
	for _, l := range lines {
		who, text, _ := strings.Cut(l, " ")
		c.Utterances = append(c.Utterances, Utterance{Speaker: Speaker(who), Text: text})
	}
	return c
}

func of(res Result, rule string) []Finding {
	var out []Finding
	for _, f := range res.Findings {
		if f.Rule == rule {
			out = append(out, f)
		}
	}
	return out
}

func TestSentenceCutInTwoUtterances(t *testing.T) {
	res := engine(t).Inspect(talk("customer 我没钱", "agent 那我这两天就带几个兄", "agent 弟上你家坐坐"))
	if got := of(res, "threat"); len(got) == 0 {
		t.Fatalf("a threat cut by the recogniser was missed: %+v", res.Findings)
	}
}

func TestDoubtfulIsListedAndNotScored(t *testing.T) {
	e := engine(t)
	for name, change := range map[string]func(*Utterance){
		"speaker uncertain":   func(u *Utterance) { u.SpeakerConfidence = 0.4 },
		"words uncertain":     func(u *Utterance) { u.Confidence = 0.2 },
		"speaker nobody knew": func(u *Utterance) { u.Speaker = SpeakerUnknown },
	} {
		c := talk("agent 判下来你就等着坐牢吧")
		sure := e.Inspect(c)
		change(&c.Utterances[0])
		res := e.Inspect(c)
		got := of(res, "threat")
		if len(got) != 1 || !got[0].Doubtful {
			t.Errorf("%s: %+v, want one doubtful finding", name, got)
			continue
		}
		if sure.Score >= res.Score || res.Fatal {
			t.Errorf("%s: score %d (certain: %d), fatal %v: a doubtful finding must not count", name, res.Score, sure.Score, res.Fatal)
		}
	}
}

func TestOpeningHardlyHeardIsDoubtful(t *testing.T) {
	e := engine(t)
	for name, change := range map[string]func(*Utterance){
		"words":   func(u *Utterance) { u.Confidence = 0.6 },
		"speaker": func(u *Utterance) { u.SpeakerConfidence = 0.5 },
		"neither": func(u *Utterance) { u.Confidence, u.SpeakerConfidence = 0.9, 0.9 },
	} {
		c := talk("agent 喂", "customer 你哪位", "agent 钱准备好没有", "customer 我没钱")
		for i := range c.Utterances {
			change(&c.Utterances[i])
		}
		got := of(e.Inspect(c), "missing_opening")
		if len(got) != 1 || got[0].Doubtful != (name != "neither") {
			t.Errorf("%s uncertain: %+v", name, got)
		}
	}
}

func TestHeardBySound(t *testing.T) {
	got := of(engine(t).Inspect(talk("agent 我这边是区人民发院执型局的")), "impersonation")
	if len(got) != 1 || got[0].Doubtful {
		t.Fatalf("%+v, want one certain finding", got)
	}
}

func TestKeysSurviveOtherFindings(t *testing.T) {
	e := engine(t)
	a := e.Inspect(talk("agent 判下来你就等着坐牢吧"))
	b := e.Inspect(talk("agent 你就是个废物", "customer 你骂谁", "agent 判下来你就等着坐牢吧"))
	if of(a, "threat")[0].Key != of(b, "threat")[0].Key {
		t.Error("the key of a finding changed because another finding came before it")
	}
}

func TestOutsideHours(t *testing.T) {
	c := talk("agent 您好")
	for at, want := range map[string]int{"2026-03-02T07:59:59+08:00": 1, "2026-03-02T08:00:00+08:00": 0, "2026-03-02T20:00:00+08:00": 0,
		"2026-03-02T20:00:01+08:00": 1, "2026-03-02T12:30:00Z": 1} {
		c.Metadata.StartedAt, _ = time.Parse(time.RFC3339, at)
		if got := len(of(engine(t).Inspect(c), "outside_hours")); got != want {
			t.Errorf("%s: %d findings, want %d", at, got, want)
		}
	}
}

func TestConcurrentUseGivesTheSame(t *testing.T) {
	e := engine(t)
	ds := dialogues(t, "dev.jsonl")[:24]
	want := make([]Result, len(ds))
	for i, d := range ds {
		want[i] = e.Inspect(&d.Conversation)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i, d := range ds {
				if got := e.Inspect(&d.Conversation); !reflect.DeepEqual(got, want[i]) {
					t.Errorf("%s: another result when run beside others", d.ID)
				}
			}
		})
	}
	wg.Wait()
}

func TestHugeUtterance(t *testing.T) {
	c := talk("agent "+strings.Repeat("您好请问还款", 120000)+"判下来你就等着坐牢吧", "customer 哦")
	start := time.Now()
	res := engine(t).Inspect(c)
	if len(of(res, "threat")) != 1 {
		t.Error("the threat at the end of a 2 MB utterance was missed")
	}
	if d := time.Since(start); d > 60*time.Second {
		t.Errorf("took %s", d)
	}
}

// checkResult holds what is true of every result.
func checkResult(t *testing.T, c *Conversation, res Result) {
	t.Helper()
	if res.Score < 0 || res.Score > 100 {
		t.Errorf("score %d", res.Score)
	}
	for _, f := range res.Findings {
		if f.Turn == -1 {
			if f.Quote != "" {
				t.Errorf("%s: a finding about the whole quotes %q", f.Rule, f.Quote)
			}
			continue
		}
		text := c.Utterances[f.Turn].Text
		if f.ByteStart < 0 || f.ByteEnd > len(text) || f.ByteStart >= f.ByteEnd || text[f.ByteStart:f.ByteEnd] != f.Quote {
			t.Errorf("%s: %d–%d of %q is not the quote %q", f.Rule, f.ByteStart, f.ByteEnd, text, f.Quote)
		}
		if utf8.ValidString(text) && !utf8.ValidString(f.Quote) {
			t.Errorf("%s: the quote %q cuts a character", f.Rule, f.Quote)
		}
	}
	for _, slots := range res.Slots {
		for _, s := range slots {
			if s.Heard && !strings.Contains(c.Utterances[s.Turn].Text, s.Quote) {
				t.Errorf("slot %s quotes %q, which utterance %d does not hold", s.Name, s.Quote, s.Turn)
			}
		}
	}
}

func TestEveryQuoteIsASubstring(t *testing.T) {
	e := engine(t)
	for _, name := range []string{"dev.jsonl", "validation.jsonl"} {
		for _, d := range dialogues(t, name) {
			checkResult(t, &d.Conversation, e.Inspect(&d.Conversation))
		}
	}
}

func FuzzInspect(f *testing.F) {
	for _, s := range []string{"判下来你就等着坐牢吧\n不是\n今晚十二点系统就关口了", "我,我,我\x00是法院的\n嗯", "\xff\xfe法院\n\n"} {
		f.Add(s, uint8(5))
	}
	e := engine(f)
	f.Fuzz(func(t *testing.T, text string, who uint8) {
		c := &Conversation{ID: "f", Kind: []Kind{KindCall, KindVisit}[who&1], Metadata: Metadata{Callee: []string{"debtor", "third_party", "unknown", ""}[who>>1&3]}}
		for i, l := range strings.Split(text, "\n") {
			c.Utterances = append(c.Utterances, Utterance{Speaker: []Speaker{SpeakerAgent, SpeakerCustomer, SpeakerUnknown, SpeakerAgent}[(int(who>>3)+i)&3], Text: l})
		}
		checkResult(t, c, e.Inspect(c))
	})
}

func FuzzParseDialogue(f *testing.F) {
	f.Add([]byte(`{"id":"a","kind":"call","turns":[{"speaker":"agent","text":"x"}]}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		d, err := ParseDialogue(line, true)
		if err == nil && (d.ID == "" || len(d.Utterances) == 0) {
			t.Errorf("%q was taken for a dialogue", line)
		}
	})
}
