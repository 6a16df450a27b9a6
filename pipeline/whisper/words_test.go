package whisper

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func tokensOf(texts ...string) []token {
	out := make([]token, len(texts))
	for i, s := range texts {
		out[i] = token{Text: []byte(s), P: 0.5, Start: float64(i), End: float64(i) + 1}
	}
	return out
}

// TestWholeCharacters repairs characters that are spread over tokens and segments, however they are cut.
func TestWholeCharacters(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.StringOfN(rapid.RuneFrom([]rune("您好信用卡𠮷银行ABC,。 12")), 0, 20, -1).Draw(rt, "text")
		var segs []segment
		for rest := []byte(text); len(rest) > 0; {
			n := rapid.IntRange(1, min(4, len(rest))).Draw(rt, "bytes")
			if len(segs) == 0 || rapid.Bool().Draw(rt, "segment") {
				segs = append(segs, segment{})
			}
			s := &segs[len(segs)-1]
			s.Tokens = append(s.Tokens, token{Text: rest[:n], P: 1})
			rest = rest[n:]
		}
		// Where cuts never coincide with a token that is a character's end plus another's start, nothing may be
		// lost; a token that both ends and starts a character is joined with its neighbours.
		gs, from := wholeCharacters(segs)
		var b strings.Builder
		for i, g := range gs {
			if !utf8.ValidString(g.text) {
				rt.Fatalf("%q is no text", g.text)
			}
			if from[i] < 0 || from[i] >= len(segs) {
				rt.Fatalf("from segment %d of %d", from[i], len(segs))
			}
			b.WriteString(g.text)
		}
		if b.String() != text {
			rt.Fatalf("%q became %q", text, b.String())
		}
	})
}

// TestBrokenBytes drops what never becomes a character and keeps the rest.
func TestBrokenBytes(t *testing.T) {
	for _, c := range []struct {
		tokens []string
		want   string
	}{
		{[]string{"您\xe5", "好", "吗"}, "您好吗"}, // a beginning without an end
		{[]string{"\xa5\xbd", "好"}, "好"},     // an end without a beginning
		{[]string{"好", "\xe5\xa5"}, "好"},     // cut off at the very end
		{[]string{"好\x00", "\xff\xfe", "的"}, "好的"},
		{[]string{"請", "您還款,協", "商", "謝謝ABC"}, "请您还款,协商谢谢ABC"},
		{nil, ""},
	} {
		gs, _ := wholeCharacters([]segment{{Tokens: tokensOf(c.tokens...)}})
		got := ""
		for _, g := range gs {
			got += g.text
		}
		if got != c.want {
			t.Errorf("%q became %q, want %q", c.tokens, got, c.want)
		}
	}
}

// TestHear makes words with spans: Latin words whole, no words for punctuation, no space in front.
func TestHear(t *testing.T) {
	w := window{pieces: []piece{{channel: 1, from: 100, to: 110, speech: regionOf(100.2, 109.8)}}}
	out, removed := w.assign([]segment{{Start: 0, End: 9, Tokens: tokensOf(" ", "您", "好", ",", " A", "PP", "贷", "款", "。")}})
	if len(out) != 1 || len(removed) != 0 {
		t.Fatalf("%+v, %+v", out, removed)
	}
	h := out[0]
	if h.text != "您好, APP贷款。" || h.channel != 1 || h.start != 100.2 || h.end != 109.8 || h.p != 0.5 {
		t.Errorf("%+v", h)
	}
	var words []string
	for _, x := range h.words {
		words = append(words, h.text[x.Start:x.End])
		if x.From < h.start-0.3 || x.To > h.end+0.3 || x.To < x.From {
			t.Errorf("%q at %v to %v", h.text[x.Start:x.End], x.From, x.To)
		}
	}
	if got := strings.Join(words, "|"); got != "您|好|APP|贷|款" {
		t.Errorf("words %s", got)
	}
}
