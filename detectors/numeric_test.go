package detectors

import (
	"testing"
	"testing/fstest"

	"github.com/speechqa/speechqa/lexicon"
)

// ownEngine builds an engine with one rule of patterns and nothing else.
func ownEngine(t *testing.T, match string) *Engine {
	t.Helper()
	files := fstest.MapFS{}
	for name, text := range map[string]string{
		"ruleset.yaml": "name: own\nversion: 1\n", "exceptions.yaml": "exceptions: {}\n", "listener.yaml": "third_party: []\n",
		"scoring.yaml":   "points: {info: 0, minor: 5, major: 15, critical: 30}\n",
		"hours.yaml":     "company: {version: 1, title: 公司, from: \"08:00\", to: \"20:00\"}\n",
		"rules/own.yaml": "id: own\nversion: 1\ntitle: {zh: 试, en: Own}\nmatch:\n" + match + "examples: {flag: [x], pass: [y]}\n",
	} {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	rs, err := lexicon.LoadFS(files)
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(rs)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestNumbersWrittenOtherwise: a phrase with a number stands for all ways to write it, and the quote is as written.
func TestNumbersWrittenOtherwise(t *testing.T) {
	for _, c := range []struct{ phrase, text, quote string }{
		{"免五千块", "我给你免5000元吧", "免5000元"}, {"免五千块", "免伍仟元", "免伍仟元"}, {"免5000元", "免五千块钱", "免五千块钱"}, {"免5000元", "免5千块", "免5千块"},
		{"免五千三百元", "免5,300元", "免5,300元"}, {"24小时内", "二十四小时内还清", "二十四小时内"}, {"三天之内", "3天之内", "3天之内"}, {"十二点", "12点", "12点"},
		{"三月五号", "3月5日", ""}, {"五号之前", "5日之前", "5日之前"}, {"免五千块", "免5001元", ""}, {"免五千块", "免15000元", ""}, {"免五千块", "免５０００元", "免５０００元"},
	} {
		got := of(ownEngine(t, "  - "+c.phrase+"\n").Inspect(talk("agent "+c.text)), "own")
		switch {
		case c.quote == "" && len(got) > 0:
			t.Errorf("%s: found %q in %q", c.phrase, got[0].Quote, c.text)
		case c.quote != "" && (len(got) != 1 || !contains([]string{c.quote, c.text}, got[0].Quote)):
			t.Errorf("%s in %q: %+v, want %q", c.phrase, c.text, got, c.quote)
		}
	}
	amount := ownEngine(t, "  - <amount>\n")
	for _, text := range []string{"还五千块", "还5000元", "还伍仟元", "还两万五", "还3万"} {
		if len(of(amount.Inspect(talk("agent "+text)), "own")) != 1 {
			t.Errorf("no amount in %q", text)
		}
	}
	if got := of(amount.Inspect(talk("agent 陆先生您好")), "own"); len(got) != 0 {
		t.Errorf("a name is taken for an amount: %+v", got)
	}
}

// TestPhraseFeatures goes through what patterns and conditions can say.
func TestPhraseFeatures(t *testing.T) {
	times := func(c *Conversation) *Conversation {
		for i := range c.Utterances {
			c.Utterances[i].Start, c.Utterances[i].End = float64(10*i), float64(10*i+5)
		}
		c.Facts.Values = map[string]float64{"contacts_7d": 6}
		return c
	}
	for _, c := range []struct {
		name, match string
		talk        []string
		want        int
	}{
		{"in order", "甲乙..丙丁", []string{"agent 甲乙一二丙丁"}, 1},
		{"wrong order", "甲乙..丙丁", []string{"agent 丙丁一二甲乙"}, 0},
		{"too far", "甲乙..2丙丁", []string{"agent 甲乙一二三丙丁"}, 0},
		{"any order in a window", "甲乙 &8 丙丁", []string{"agent 丙丁一二甲乙"}, 1},
		{"window too small", "甲乙 &5 丙丁", []string{"agent 丙丁一二甲乙"}, 0},
		{"same utterance", "甲乙 && 丙丁", []string{"agent 甲乙", "agent 丙丁"}, 0},
		{"over two utterances", "甲乙..丙丁", []string{"agent 甲乙", "agent 丙丁"}, 1},
		{"not over the other side", "甲乙..丙丁", []string{"agent 甲乙", "customer 嗯是", "agent 丙丁"}, 0},
		{"not over the end of a sentence", "甲乙..丙丁", []string{"agent 甲乙。", "agent 丙丁"}, 0},
		{"dialect", "我给你看他的", []string{"agent 俺俾侬睇佢嘅"}, 1},
		{"time of day", "<clock>", []string{"agent 十点四十来的"}, 1},
		{"no time of day", "<clock>", []string{"agent 收三点五个点"}, 0},
		{"day of the week", "<date>", []string{"agent 礼拜三"}, 1},
		{"begins", "^甲乙", []string{"agent 丙甲乙"}, 0},
		{"ends", "甲乙$", []string{"agent 丙甲乙吧"}, 1},
		{"regular expression", "/甲[乙丙]{2}丁/", []string{"agent 甲乙丙丁"}, 1},
		{"fillers and stutters", "我们乙", []string{"agent 我我们嗯乙"}, 1},
		{"traditional, full width", "还款ab", []string{"agent 還款ＡＢ"}, 1},
		{"first utterances", "{say: [甲乙], needs: [{first: 1}]}", []string{"agent 甲乙", "agent 甲乙"}, 1},
		{"last utterances", "{say: [甲乙], needs: [{last: 1}]}", []string{"agent 甲乙", "customer 好的", "agent 甲乙"}, 1},
		{"first seconds", "{say: [甲乙], needs: [{first_seconds: 5}]}", []string{"agent 甲乙", "customer 好的", "agent 甲乙"}, 1},
		{"last seconds", "{say: [甲乙], needs: [{last_seconds: 5}]}", []string{"agent 甲乙", "customer 好的", "agent 甲乙"}, 1},
		{"fact over", "{say: [甲乙], needs: [{fact: contacts_7d, over: 5}]}", []string{"agent 甲乙"}, 1},
		{"fact not over", "{say: [甲乙], needs: [{fact: contacts_7d, over: 6}]}", []string{"agent 甲乙"}, 0},
		{"fact unknown", "{say: [甲乙], needs: [{fact: nobody_knows, over: 0}]}", []string{"agent 甲乙"}, 0},
		{"said before", "{say: [甲乙], needs: [{said: [丙丁], before: 1}]}", []string{"customer 丙丁", "agent 甲乙"}, 1},
		{"the later occurrence", "{say: [甲乙], unless: [{name: 否, words: [不会], where: before, within: 2}]}", []string{"agent 不会甲乙。现在甲乙"}, 1},
		{"the other side's words", "甲乙", []string{"customer 甲乙"}, 0},
	} {
		match := c.match
		if match[0] != '{' {
			match = `"` + match + `"`
		}
		if got := of(ownEngine(t, "  - "+match+"\n").Inspect(times(talk(c.talk...))), "own"); len(got) != c.want {
			t.Errorf("%s: %d findings, want %d: %+v", c.name, len(got), c.want, got)
		}
	}
}
