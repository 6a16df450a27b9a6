package whisper

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline/audio"
)

func regionOf(from, to float64) audio.Region { return audio.Region{Start: from, End: to} }

// heardText is a text as heard with one word per character, in the given time.
func heardText(text string, seconds, p float64) heard {
	h := heard{end: seconds, text: text, p: p}
	n := float64(utf8.RuneCountInString(text))
	i := 0.0
	for at, r := range text {
		if !silentRune(r) {
			h.words = append(h.words, detectors.Word{Start: at, End: at + utf8.RuneLen(r), From: seconds * i / n, To: seconds * (i + 1) / n, Confidence: p})
		}
		i++
	}
	return h
}

// TestGuard takes out what Whisper invents and nothing that people say.
func TestGuard(t *testing.T) {
	p := DefaultProfile()
	for _, c := range []struct {
		text    string
		seconds float64
		p       float64
		want    string // what remains
		removed string
		reason  string
	}{
		{"谢谢观看", 3, 0.9, "", "谢谢观看", reasonPhrase},
		{"感谢观看!", 3, 0.9, "", "感谢观看", reasonPhrase},
		{"字幕由Amara.org社群提供", 3, 0.9, "", "字幕由Amara.org社群提供", reasonPhrase},
		{"好的,再见。谢谢大家观看。", 5, 0.9, "好的,再见。。", "谢谢大家观看", reasonPhrase},
		{"请不吝点赞 订阅 转发 打赏支持明镜与点点栏目", 3, 0.9, "", "请不吝点赞 订阅 转发 打赏支持明镜与点点栏目", reasonPhrase},
		{"我没有钱我没有钱我没有钱我没有钱我没有钱", 8, 0.9, "我没有钱", "我没有钱我没有钱我没有钱我没有钱", reasonRepetition},
		{"剩下的了了了了了了了了了了", 8, 0.9, "剩下的了", "了了了了了了了了了", reasonRepetition},
		{"您的账户,您的账户,您的账户,您的账户。请还款", 8, 0.9, "您的账户,。请还款", "您的账户,您的账户,您的账户", reasonRepetition},
		{"今天必须把全部的欠款还清否则后果自负", 1, 0.9, "", "今天必须把全部的欠款还清否则后果自负", reasonRate},
		{"啊我不是", 2, 0.1, "", "啊我不是", reasonProbability},

		// What people really say.
		{"感谢您的接听,祝您生活愉快,再见。", 4, 0.9, "感谢您的接听,祝您生活愉快,再见。", "", ""},
		{"对对对对对", 2, 0.9, "对对对对对", "", ""},
		{"好的好的好的好的", 2, 0.9, "好的好的好的好的", "", ""},
		{"喂喂喂你好你好", 2, 0.9, "喂喂喂你好你好", "", ""},
		{"不是不是不是,我没有收到短信", 3, 0.9, "不是不是不是,我没有收到短信", "", ""},
		{"一三八零零零零零零零零", 4, 0.9, "一三八零零零零零零零零", "", ""}, // a telephone number with eight zeros
		{"我在中文系", 2, 0.9, "我在中文系", "", ""},
		{"嗯。", 0.4, 0.6, "嗯。", "", ""},
	} {
		h, ok, removed := guard(heardText(c.text, c.seconds, c.p), c.seconds, p)
		if got := h.text; ok != (c.want != "") || ok && got != c.want {
			t.Errorf("%s: %q remains (%v), want %q", c.text, got, ok, c.want)
		}
		switch {
		case c.reason == "" && len(removed) > 0:
			t.Errorf("%s: removed %+v", c.text, removed)
		case c.reason != "" && (len(removed) != 1 || removed[0].Text != c.removed || removed[0].Reason != c.reason):
			t.Errorf("%s: removed %+v, want %s (%s)", c.text, removed, c.removed, c.reason)
		case c.reason != "" && (removed[0].Start < 0 || removed[0].End > c.seconds || removed[0].End < removed[0].Start):
			t.Errorf("%s: removed from %v to %v", c.text, removed[0].Start, removed[0].End)
		}
	}
}

// TestGuardSpans holds for any text: nothing is lost, and words still point at themselves.
func TestGuardSpans(t *testing.T) {
	parts := []string{"谢谢观看", "好的", "我没有钱", "了", "字幕由甲提供", ",", "。", "对", " A"}
	rapid.Check(t, func(rt *rapid.T) {
		var b strings.Builder
		for range rapid.IntRange(0, 12).Draw(rt, "parts") {
			part := rapid.SampledFrom(parts).Draw(rt, "part")
			b.WriteString(strings.Repeat(part, rapid.IntRange(1, 12).Draw(rt, "times")))
		}
		before := heardText(b.String(), 60, 0.9)
		h, _, removed := guard(before, 60, DefaultProfile())
		n := utf8.RuneCountInString(spoken(h.text))
		for _, r := range removed {
			if r.Reason != reasonRate { // then the text stays in h as well
				n += utf8.RuneCountInString(spoken(r.Text))
			}
		}
		if want := utf8.RuneCountInString(spoken(before.text)); n != want {
			rt.Fatalf("%d of %d characters are left or accounted for", n, want)
		}
		for _, w := range h.words {
			if w.Start < 0 || w.End > len(h.text) || w.Start >= w.End || !utf8.ValidString(h.text[w.Start:w.End]) {
				rt.Fatalf("word %+v in %q", w, h.text)
			}
			if r, _ := utf8.DecodeRuneInString(h.text[w.Start:w.End]); silentRune(r) {
				rt.Fatalf("word %q in %q", h.text[w.Start:w.End], h.text)
			}
		}
	})
}

// TestOutside removes text in a joining silence and behind the end of a window, and keeps what lies in speech.
func TestOutside(t *testing.T) {
	w := window{pieces: []piece{
		{from: 10, to: 14, at: 0, region: 0, speech: regionOf(10, 14)},
		{from: 50, to: 54, at: 5, region: 1, speech: regionOf(50, 54)},
	}}
	seg := func(start, end float64, texts ...string) segment {
		s := segment{Start: start, End: end, Tokens: tokensOf(texts...)}
		for i := range s.Tokens {
			s.Tokens[i].Start = start + (end-start)*float64(i)/float64(len(texts))
			s.Tokens[i].End = start + (end-start)*float64(i+1)/float64(len(texts))
		}
		return s
	}
	out, removed := w.assign([]segment{
		seg(0, 4, "我", "没", "钱", "。"),
		seg(4.2, 4.8, "谢", "谢"),
		seg(5, 9, "你", "是", "谁"),
		seg(9.5, 29, "明", "天", "见"),
	})
	if len(out) != 2 || out[0].text != "我没钱。" || out[1].text != "你是谁" || out[0].start != 10 || out[1].start != 50 {
		t.Errorf("heard %+v", out)
	}
	if len(removed) == 0 || removed[0].Reason != reasonOutside || removed[0].Text != "谢谢明天见" {
		t.Errorf("removed %+v", removed)
	}
	out, _ = w.assign([]segment{seg(0, 9, "我", "没", "钱", "。", "你", "是", "谁", "啊", "?")})
	if len(out) != 2 || out[0].text != "我没钱。" || out[1].text != "你是谁啊?" {
		t.Errorf("a segment over two pieces is heard as %+v", out)
	}
}
