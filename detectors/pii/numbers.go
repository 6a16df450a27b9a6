package pii

import (
	"regexp"
	"slices"
	"strings"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/lexicon"
)

const (
	longNumber   = 7 // digits from which a number is nobody's but a person's: a subscriber's number without its area
	longestPause = 2 // characters that may stand between two digits of one number
	knownRun     = 4 // digits of a known number that give it away
)

// spokenDigit is the digit a character stands for in a number read out, also as misheard or as the trade says it.
func spokenDigit(r rune) (byte, bool) {
	switch r {
	case '幺', '妖', '腰', '吆', '邀':
		return '1', true
	case '洞':
		return '0', true
	case '拐':
		return '7', true
	case '勾':
		return '9', true
	case '两':
		return '2', true
	}
	if !lexicon.Digit(r) {
		return 0, false
	}
	if r >= '0' && r <= '9' {
		return byte(r), true
	}
	v, n := lexicon.Number([]rune{r})
	return '0' + byte(v), n == 1
}

// betweenDigits says whether a character may stand between digits of one number.
func betweenDigits(r rune) bool {
	switch r {
	case ' ', '\u00a0', '-', '—', '–', '_', ',', '、', '.', '。', '…', '·', '~', '(', ')', '*', '\n', '嗯', '啊', '呃', '哦', '额', '杠':
		return true
	}
	return false
}

// run is a number in a row of characters, with what stands between its digits.
type run struct {
	from, to int // characters
	digits   string
}

// runs finds the numbers in a row of characters.
func runs(rs []rune) []run {
	var out []run
	for i := 0; i < len(rs); {
		r, ok := runAt(rs, i)
		if !ok {
			i++
			continue
		}
		out = append(out, r)
		i = r.to
	}
	return out
}

func runAt(rs []rune, i int) (run, bool) {
	r := run{from: i, to: i}
	var digits []byte
	for j := i; j < len(rs); {
		d, ok := spokenDigit(rs[j])
		switch {
		case ok && repeated(rs, j) > 0: // 三个八
			again, _ := spokenDigit(rs[j+2])
			digits = append(digits, strings.Repeat(string(again), repeated(rs, j))...)
			j += 3
			r.to = j
		case ok:
			digits = append(digits, d)
			j++
			r.to = j
		case len(digits) > 0 && rs[j] == '要' && j+1 < len(rs) && isDigit(rs[j+1]) && j == r.to: // 幺 as misheard
			digits = append(digits, '1')
			j++
			r.to = j
		case len(digits) > 0 && j-r.to < longestPause && betweenDigits(rs[j]):
			j++
		default:
			j = len(rs)
		}
	}
	if len(digits) >= 14 { // the check character of an identity card may be a letter
		rest := rs[r.to:min(len(rs), r.to+5)]
		skip := 0
		for skip < len(rest) && skip < longestPause && betweenDigits(rest[skip]) {
			skip++
		}
		for _, x := range []string{"x", "叉", "艾克斯", "埃克斯"} {
			if strings.HasPrefix(string(rest[skip:]), x) {
				digits = append(digits, 'X')
				r.to += skip + len([]rune(x))
				break
			}
		}
	}
	r.digits = string(digits)
	return r, len(digits) > 0
}

// repeated reads 三个八 at i: how often the digit is meant; 0 where it is something else.
func repeated(rs []rune, i int) int {
	if i+2 >= len(rs) || rs[i+1] != '个' || !isDigit(rs[i+2]) || i+3 < len(rs) && lexicon.NumberUnit(rs[i+3]) {
		return 0
	}
	n, _ := spokenDigit(rs[i])
	if n < '2' {
		return 0
	}
	return int(n - '0')
}

func isDigit(r rune) bool {
	_, ok := spokenDigit(r)
	return ok
}

// longNumbers finds numbers of longNumber digits and more, also where a speaker goes on with one in his next
// utterance, whatever the other says in between.
func longNumbers(utterances []detectors.Utterance, lines []line) [][]Span {
	out := make([][]Span, len(lines))
	type voice struct {
		speaker detectors.Speaker
		channel int
	}
	said := map[voice][]int{}
	for i, u := range utterances {
		v := voice{u.Speaker, u.Channel}
		said[v] = append(said[v], i)
	}
	for _, turns := range said {
		var all []rune
		starts := make([]int, len(turns))
		for k, i := range turns {
			if k > 0 {
				all = append(all, '\n')
			}
			starts[k] = len(all)
			all = append(all, lines[i].folded...)
		}
		for _, r := range runs(all) {
			if len(r.digits) < longNumber || money(all, r.to) {
				continue
			}
			kind := kindOf(r.digits)
			if kind == "" {
				continue
			}
			for k, i := range turns {
				from, to := max(r.from-starts[k], 0), min(r.to-starts[k], len(lines[i].folded))
				if from < to {
					out[i] = append(out[i], lines[i].span(from, to, kind))
				}
			}
		}
	}
	return out
}

// money says whether what follows a number makes it an amount, which amounts finds.
func money(rs []rune, at int) bool {
	return at < len(rs) && strings.ContainsRune("元块圆万", rs[at])
}

// cue names a number before it is said.
var cue = regexp.MustCompile(`(身份证|证件)|(卡号|银行卡|信用卡|储蓄卡|借记卡|尾号)|(手机|电话|号码|微信|qq|联系方式)|(后四位|后六位|末四位|末六位|前六位|前四位|最后四位|账号|帐号|验证码|密码|合同号|案件号)`)

// hotline is a number everybody may call.
var hotline = regexp.MustCompile(`^(?:11[0-9]|12[0-9]|12[0-9]{3}|9[56][0-9]{3,4})$`)

// cueReach is how many characters before a number its cue may begin.
const cueReach = 12

// numbers finds short numbers that something said to be one: 尾号3382, 身份证4201开头; and parts of known numbers. asked
// is the text before, whose question may name the number.
func (l *line) numbers(asked []rune, known []string) []Span {
	var out []Span
	for _, r := range runs(l.folded) {
		if len(r.digits) < 3 || len(r.digits) >= longNumber || hotline.MatchString(r.digits) {
			continue
		}
		if len(r.digits) >= knownRun && slices.ContainsFunc(known, func(k string) bool { return strings.Contains(onlyDigits(k), r.digits) }) {
			out = append(out, l.span(r.from, r.to, KindNumber))
			continue
		}
		next := l.rune(r.to)
		if strings.ContainsRune(counters, next) || lexicon.NumberUnit(next) || lexicon.NumberUnit(l.rune(r.from-1)) {
			continue
		}
		before := l.folded[max(0, r.from-cueReach):r.from]
		if r.from < 4 && len(asked) > 0 {
			before = slices.Concat(asked[max(0, len(asked)-2*cueReach):], before)
		}
		m := cue.FindStringSubmatch(string(before))
		begins := strings.HasPrefix(string(l.folded[r.to:]), "开头")
		switch {
		case m == nil && begins:
			out = append(out, l.span(r.from, r.to, KindNumber))
		case m == nil || workID(before):
		case m[1] != "":
			out = append(out, l.span(r.from, r.to, KindID))
		case m[2] != "":
			out = append(out, l.span(r.from, r.to, KindCard))
		case m[3] != "":
			out = append(out, l.span(r.from, r.to, KindPhone))
		default:
			out = append(out, l.span(r.from, r.to, KindNumber))
		}
	}
	for m := range l.matches(account) {
		out = append(out, l.span(m[2], m[3], KindNumber))
	}
	return out
}

// workID says that the number that follows is an agent's number at work.
func workID(before []rune) bool {
	s := string(before)
	return strings.LastIndex(s, "工号") > strings.LastIndex(s, "证")
}

// account is a name at a messenger, or an address of mail.
var account = regexp.MustCompile(`(?:微信号?|qq号?|邮箱|支付宝)(?:是|为|叫|:|,|\s){0,3}([a-z0-9][a-z0-9_.@-]{4,40})|([a-z0-9._-]+@[a-z0-9.-]+\.[a-z]{2,})`)

func onlyDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
}
