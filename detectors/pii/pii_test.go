package pii

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/speechqa/speechqa/detectors"
)

// marked writes found spans into the text: 【kind:…】.
func marked(text string, spans []Span) string {
	var b strings.Builder
	at := 0
	for _, s := range spans {
		fmt.Fprintf(&b, "%s【%s:%s】", text[at:s.Start], s.Kind, text[s.Start:s.End])
		at = s.End
	}
	return b.String() + text[at:]
}

// unmarked takes the marks out.
func unmarked(s string) string {
	for _, k := range Kinds {
		s = strings.ReplaceAll(s, "【"+string(k)+":", "")
	}
	return strings.ReplaceAll(s, "】", "")
}

func TestFind(t *testing.T) {
	for _, want := range []string{
		"您好,请问是【name:陈国栋】先生本人吗?",
		"【name:陈】先生您好,我是某某科技工号零五二的【name:小周】。",
		"谢谢【name:谭】先生,再见。",
		"请问您是【name:欧阳明】女士吗",
		"喂,【name:李建设】是吧?",
		"我叫【name:安立新】,到达银行持卡人【name:敖建平】的地址【address:临江路76号2单元602】。",
		"好嘞,谢谢大哥,我们总是这样,有钱就还。",
		"我的号码是【phone:13800138000】。",
		"我的号码是【phone:幺三八,零零幺三,八零零零】,记一下",
		"打【phone:一三九三个八,五六七八幺】",
		"座机【phone:027-87654321】",
		"客服是95588,投诉打12378,或者4008208888",
		"身份证【id:11010519491231002X】",
		"身份证是【id:四二零幺零六幺九八七零六幺五零零零叉】",
		"他身份证是不是【id:4201】开头?",
		"卡号【card:6222 0210 0112 2334 458】",
		"卡号【number:62220210011223344】少一位",
		"您名下尾号【card:幺幺七六】的信用卡",
		"加我微信,微信号是【number:wxid_ab12c】",
		"最低还款额是【amount:两千一百四十元六角】,逾期四十六天",
		"还【amount:两千二】,十号还,分三十六期",
		"那就周五【amount:八千】,一百二十天,一千个人",
		"欠款【amount:12,345.60元】,今天还【amount:5000】",
		"住在【address:和平大道】那边",
		"【address:云麓花园8座2203】,十号还款",
		"湖景路近不近?三号线在哪?",
		"QQ群里都在说,一万一,千万别信,万一呢",
	} {
		want = strings.Replace(want, "一万一", "【amount:一万一】", 1)
		text := unmarked(want)
		if got := marked(text, Find(text, Known{})); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// What is said in one utterance helps in the others.
func TestFindAll(t *testing.T) {
	us := []detectors.Utterance{
		{Speaker: "agent", Text: "请问是陈国栋先生吗?您身份证后四位是多少?"},
		{Speaker: "customer", Channel: 1, Text: "二三幺六"},
		{Speaker: "agent", Text: "陈国东您好,国栋在吗,手机是幺三八"},
		{Speaker: "customer", Channel: 1, Text: "对"},
		{Speaker: "agent", Text: "零零幺三,八零零零,对吧,还有六六幺二开户的,我是李小明"},
	}
	want := []string{
		"请问是【name:陈国栋】先生吗?您身份证后四位是多少?", "【id:二三幺六】",
		"【name:陈国东】您好,【name:国栋】在吗,手机是【phone:幺三八】", "对",
		"【phone:零零幺三,八零零零】,对吧,还有【number:六六幺二】开户的,我是【name:李小明】",
	}
	for i, spans := range FindAll(us, KnownOf(detectors.Metadata{AgentName: "李小明", Phone: "13912346612"})) {
		if got := marked(us[i].Text, spans); got != want[i] {
			t.Errorf("got  %s\nwant %s", got, want[i])
		}
	}
}

func TestChecks(t *testing.T) {
	for digits, want := range map[string]Kind{
		"11010519491231002X": KindID, "110105194912310021": KindNumber, "130503670401001": KindID, "4111111111111111": KindCard,
		"4111111111111112": KindNumber, "13800138000": KindPhone, "8613800138000": KindPhone, "02787654321": KindPhone,
		"87654321": KindNumber, "4008208888": "", "110105199913310028": KindNumber,
	} {
		if got := kindOf(digits); got != want {
			t.Errorf("%s is %q, want %q", digits, got, want)
		}
	}
}

// spoken writes digits as people and recognisers do.
func spoken(t *rapid.T, digits string) string {
	ways := map[byte]string{'0': "0零〇", '1': "1一幺", '2': "2二", '3': "3三", '4': "4四", '5': "5五", '6': "6六", '7': "7七", '8': "8八", '9': "9九", 'X': "xXX"}
	var b strings.Builder
	for i := range len(digits) {
		if i > 0 && rapid.IntRange(0, 5).Draw(t, "pause") == 0 {
			b.WriteString(rapid.SampledFrom([]string{" ", "-", ",", ",", "、", "嗯"}).Draw(t, "separator"))
		}
		b.WriteRune(rapid.SampledFrom([]rune(ways[digits[i]])).Draw(t, "digit"))
	}
	return b.String()
}

// Every number of a phone, a card or a person is found in full, however it is written and whatever stands around it.
func TestNumbersAreFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		digit := func(n int) string { return rapid.StringMatching(fmt.Sprintf(`[0-9]{%d}`, n)).Draw(t, "digits") }
		var digits string
		var kind Kind
		switch rapid.IntRange(0, 2).Draw(t, "kind") {
		case 0:
			digits, kind = "1"+rapid.StringMatching(`[3-9]`).Draw(t, "second")+digit(9), KindPhone
		case 1:
			digits = "62" + digit(16)
			for c := byte('0'); c <= '9'; c++ {
				if luhn(digits + string(c)) {
					digits += string(c)
					break
				}
			}
			kind = KindCard
		default:
			digits = fmt.Sprintf("42%s%d%02d%02d%s", digit(4), rapid.IntRange(1930, 2010).Draw(t, "year"), rapid.IntRange(1, 12).Draw(t, "month"), rapid.IntRange(1, 28).Draw(t, "day"), digit(3))
			for i := range len(idChecks) {
				if identity(digits + idChecks[i:i+1]) {
					digits += idChecks[i : i+1]
					break
				}
			}
			kind = KindID
		}
		before := rapid.StringMatching(`[您好请记下是的号码]{0,8}`).Draw(t, "before")
		after := rapid.StringMatching(`([,。][谢再见好的嘛]{0,5})?`).Draw(t, "after")
		said := spoken(t, digits)
		text := before + said + after
		spans := Find(text, Known{})
		if !slices.ContainsFunc(spans, func(s Span) bool {
			return s.Start <= len(before) && s.End >= len(before)+len(said) && s.Kind == kind
		}) {
			t.Fatalf("%s (%s) is not found in full: %s", digits, kind, marked(text, spans))
		}
		if masked := Mask(text, spans); strings.ContainsAny(masked, "0123456789零〇一幺二三四五六七八九xX") {
			t.Fatalf("still readable: %s", masked)
		}
	})
}

// Whatever the text, spans are in order, apart, on the edges of characters, and masking keeps every length.
func TestSpansFit(t *testing.T) {
	pieces := []string{"陈", "国栋", "先生", "138", "幺三八", "零零零零", "住在", "大道", "3号", "两千", "块", ",", "。", " ", "尾号", "X", "𠀀", "\xff", "謝", "小周", "我叫", "欧阳", "谢谢", "喂"}
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 30).Draw(t, "text"), "") + rapid.String().Draw(t, "rest")
		spans := Find(text, Known{Names: []string{"陈国栋", "", "王"}, Numbers: []string{"13800000000", ""}})
		end := 0
		for _, s := range spans {
			if s.Start < end || s.End <= s.Start || s.End > len(text) || !slices.Contains(Kinds, s.Kind) {
				t.Fatalf("%+v in %q after %d", s, text, end)
			}
			if s.Start > 0 && utf8.ValidString(text) && !utf8.ValidString(text[s.Start:s.End]) {
				t.Fatalf("%+v cuts a character of %q", s, text)
			}
			end = s.End
		}
		if masked := Mask(text, spans); utf8.ValidString(text) && len(masked) != len(text) {
			t.Fatalf("%q became %q", text, masked)
		}
		if diff := cmp.Diff(spans, Merge(slices.Clone(spans))); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestMask(t *testing.T) {
	for name, tc := range map[string]struct {
		text  string
		spans []Span
		want  string
	}{
		"nothing":           {"你好", nil, "你好"},
		"mixed":             {"我是李a1", []Span{{6, 11, KindName}}, "我是＊**"},
		"overlapping":       {"abcdef", []Span{{3, 5, KindName}, {1, 4, KindCard}}, "a****f"},
		"inside characters": {"你好吗", []Span{{4, 5, KindName}}, "你＊吗"},
		"outside":           {"ab", []Span{{-3, 1, KindName}, {5, 9, KindName}}, "*b"},
		"four bytes":        {"𠀀x", []Span{{0, 4, KindName}}, "****x"},
	} {
		if got := Mask(tc.text, tc.spans); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

func TestTimes(t *testing.T) {
	u := detectors.Utterance{Start: 10, End: 20, Text: "你好,陈先生", Words: []detectors.Word{
		{Start: 0, End: 3, From: 10, To: 11}, {Start: 3, End: 6, From: 11, To: 12}, {Start: 7, End: 10, From: 13, To: 14}, {Start: 10, End: 16, From: 14, To: 15},
	}}
	for name, tc := range map[string]struct {
		u        detectors.Utterance
		s        Span
		from, to float64
	}{
		"a word":             {u, Span{7, 10, KindName}, 12.8, 14.2},
		"punctuation too":    {u, Span{6, 10, KindName}, 12.8, 14.2},
		"two":                {u, Span{3, 10, KindName}, 10.8, 14.2},
		"no words":           {detectors.Utterance{Start: 10, End: 20, Text: u.Text}, Span{7, 10, KindName}, 9.8, 20.2},
		"a word has no time": {detectors.Utterance{Start: 1, End: 2, Text: u.Text, Words: u.Words[:2]}, Span{3, 10, KindName}, 0.8, 2.2},
		"at the start":       {detectors.Utterance{End: 2, Text: "a"}, Span{0, 1, KindName}, 0, 2.2},
	} {
		if from, to := Times(tc.u, tc.s); from < tc.from-1e-9 || from > tc.from+1e-9 || to < tc.to-1e-9 || to > tc.to+1e-9 {
			t.Errorf("%s: %g–%g, want %g–%g", name, from, to, tc.from, tc.to)
		}
	}
}

func FuzzFind(f *testing.F) {
	f.Add("身份证是四二零幺零六幺九八七零六幺五零零零叉", "陈国栋")
	f.Add("住在和平大道3号楼\xff1单元", "")
	f.Fuzz(func(t *testing.T, text, name string) {
		for _, s := range Find(text, Known{Names: []string{name}, Numbers: []string{name}}) {
			_ = text[s.Start:s.End]
		}
	})
}

func BenchmarkFindAll(b *testing.B) {
	var us []detectors.Utterance
	for i := range 100 {
		us = append(us, detectors.Utterance{Speaker: "agent", Text: "您好,请问是陈国栋先生本人吗?您名下尾号3382的信用卡逾期四十六天,最低还款额是两千一百四十元六角,手机幺三八零零幺三八零零零。", Start: float64(i)})
	}
	for b.Loop() {
		FindAll(us, Known{Names: []string{"陈国栋"}})
	}
}
