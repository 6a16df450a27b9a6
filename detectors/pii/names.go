package pii

import (
	"regexp"
	"strings"

	"github.com/speechqa/speechqa/lexicon"
)

// Surnames: those that nearly everybody with a name has, the rarer ones, and those of two characters.
const (
	commonSurnames = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆范汪廖石金韦贾夏付方邹熊白孟秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向汤温康施文樊葛邢安齐易乔伍庞颜倪庄聂章鲁岳翟殷詹申欧耿关兰焦俞左柳甘祝包宁尚符舒阮柯纪梅童凌毕单裴霍涂成苗谷盛曲翁冉骆蓝路游辛靳欧阳管柴蒙鲍华喻祁蒲房滕屈饶解牟艾尤阳时穆农司卓古吉缪简车项连芦麦褚娄窦戚岑景党宫费卜冷晏席卫米柏宗瞿桂全佟应臧闵苟邬边卞姬师和仇栾隋商刁沙荣巫寇桑郎甄丛仲傅虞敖巩明佘池查麻苑迟邝官封谈匡鞠惠荆乐冀郁胥南班储原栗燕楚鄢劳谌奚皮粟冼蔺楼盘满闻位厉仝伊区花修危阚沃犹庾钮"
	compoundNames  = "欧阳|上官|皇甫|令狐|诸葛|司徒|司马|申屠|夏侯|贺兰|完颜|慕容|尉迟|长孙|钟离|端木|东方|独孤|南宫|公孙|太史|澹台|宇文|呼延|轩辕"
	// veryCommon are safe before 哥, 姐 and the like, and after 小 and 老.
	veryCommon = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆范汪廖石金韦贾夏付方邹熊白孟秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔汤温康施樊葛邢齐易乔庞颜倪庄聂章鲁岳翟殷詹申耿关焦俞柳甘祝包尚阮柯纪梅童凌裴霍涂苗盛曲翁骆蓝傅游靳管柴蒙鲍喻祁蒲滕饶牟艾穆卓缪褚娄窦戚岑宫费晏席宗瞿佟闵苟邬卞仇栾隋刁寇桑甄虞敖巩佘邝匡鞠荆冀胥楚鄢谌奚粟冼蔺阚庾"
)

const surname = `(?:` + compoundNames + `|[` + commonSurnames + `])`

var (
	title = regexp.MustCompile(`先生|女士|小姐|太太|同志|师傅|老师|经理|主任|律师|主管|队长|所长|警官|法官|老板|阿姨|叔叔|伯伯|大爷|大哥|大姐|哥|姐|总|叔|姨|嫂`)
	// nick is 小周, 老王, 阿强.
	nick = regexp.MustCompile(`[小老]([` + veryCommon + `])`)
	// named is what makes the characters that follow a name, nearly always.
	named = regexp.MustCompile(`(?:我叫做?|我姓|免贵姓|姓名是?|名叫|名字叫|名字是|持卡人|户主|户名|户名是|开户名|收款人|借款人|债务人|担保人|联系人|银行客户|银行的?用户|请问是|请问您是|请问你是|你可以叫我|你就是|您就是|转告|收件人|业主|租客|住户)(?:是|叫|:|,)?(` + surname + `\p{Han}{1,2})`)
	// perhaps is what may stand before a name; there the name must end where names end.
	perhaps = regexp.MustCompile(`(?:请问|是不是|您是|你是|我是|这是|他是|她是|是|找|叫|认识|跟|给|和|让|替|帮|客户|老公|老婆|爱人|儿子|女儿|父亲|母亲|对)(?:一下|,)?(` + surname + `\p{Han}{1,2})`)
	// calls is somebody called by name at the beginning of a sentence.
	calls = regexp.MustCompile(`(?:^|喂|[,.。!?;])(?:,|\s)?(` + surname + `\p{Han}{1,2})(?:是吧|是不是|吗|吧|嘛|不在|在不|在家|本人|,?你好|,?您好|$)`)
	// nameEnd is what follows a name in a sentence.
	nameEnd = regexp.MustCompile(`^(?:$|[,.!?;:、。!?\s]|本人|吗|吧|嘛|么|呢|先生|女士|小姐|的|在|不在|欠|登记|逾期|名下|您|你|他|她|是|就|啊|呀|没|不|办理|这|那|电话|手机|家|今|昨|现)`)
)

// names finds people's names by what stands around them.
func (l *line) names() []Span {
	var out []Span
	for m := range l.matches(title) {
		if from := l.nameBefore(m[0], m[1]-m[0] == 1); from < m[0] {
			out = append(out, l.span(from, m[0], KindName))
		}
	}
	for m := range l.matches(nick) {
		ends := nameEnd.MatchString(string(l.folded[m[1]:]))
		if word, longer := l.string(m[0], m[1]), l.string(m[0], min(len(l.folded), m[1]+1)); ends && !notNick[word] || !lexicon.CommonWord(word) && !lexicon.CommonWord(longer) {
			out = append(out, l.span(m[0], m[1], KindName))
		}
	}
	for m := range l.matches(named) {
		if to := l.nameUntil(m[2], m[3], false); to > m[2] {
			out = append(out, l.span(m[2], to, KindName))
		}
	}
	for m := range l.matches(calls) {
		word := l.string(m[2], m[3])
		if m[3]-m[2] == 2 && (!strings.ContainsRune(veryCommon, l.folded[m[2]]) || m[1] == m[3]) || lexicon.CommonWord(l.string(m[2], m[2]+2)) && m[3]-m[2] > 2 ||
			lexicon.CommonWord(word) && m[3]-m[2] > 2 || strings.ContainsRune(wordsEnd, l.folded[m[3]-1]) || strings.ContainsRune(wordsEnd, l.folded[m[2]+1]) {
			continue
		}
		out = append(out, l.span(m[2], m[3], KindName))
	}
	for m := range l.matches(perhaps) {
		if to := l.nameUntil(m[2], m[3], true); to > m[2] {
			out = append(out, l.span(m[2], to, KindName))
		}
	}
	return out
}

// notNick are words that look like 小 or 老 and a surname.
var notNick = map[string]bool{"小康": true, "小白": true, "小米": true, "小包": true, "老毛": true, "老高": true, "小高": true}

// nameBefore is where the name before a title begins; at itself where there is none. Before a title of one character,
// which is a part of many words, only a common surname is a name.
func (l *line) nameBefore(at int, short bool) int {
	surnames := commonSurnames
	if short {
		if next := l.rune(at + 1); next != 0 && lexicon.CommonWord(string([]rune{l.folded[at], next})) {
			return at // 总是, 姐姐
		}
		surnames = veryCommon
	}
	best := at
	for n := 1; n <= 3; n++ { // characters of the name
		from := at - n
		if from < 0 || !han(l.folded[from]) {
			break
		}
		if !strings.ContainsRune(surnames, l.folded[from]) {
			continue
		}
		word := l.string(from, at)
		switch {
		case n == 1 && short && lexicon.CommonWord(l.string(max(0, from-1), at)):
			continue // 有钱哥…
		case n > 1 && best < at && (lexicon.CommonWord(l.string(from, from+2)) || !strings.ContainsRune(veryCommon, l.folded[from])):
			continue // 于是王先生, 和陈先生: the shorter name is the name
		case n > 1 && lexicon.CommonWord(word) && (short || n > 2 || !strings.ContainsRune(veryCommon, l.folded[from])):
			continue
		case strings.HasPrefix(word, "谢谢") || l.folded[from] == '谢' && l.rune(from-1) == '谢':
			continue
		case n == 3 && short && best == at:
			continue
		}
		best = from
	}
	for n := 2; n <= 4; n++ {
		if from := at - n; from >= 0 && compound(l.string(from, min(from+2, at))) {
			best = min(best, from)
		}
	}
	for n := 2; n <= 3 && best < at; n++ { // 杜洪波杜师傅
		if from := best - n; from >= 0 && l.folded[from] == l.folded[best] && han(l.folded[best-1]) && l.folded[from] != '谢' {
			return from
		}
	}
	return best
}

func compound(s string) bool {
	return len(s) > 0 && strings.Contains("|"+compoundNames+"|", "|"+s+"|")
}

// nameUntil is where a name that begins at from ends, at most at to; from itself where it is no name. A strict reading
// asks that the sentence goes on as it does after names.
func (l *line) nameUntil(from, to int, strict bool) int {
	least := from + 2
	if compound(l.string(from, min(from+2, len(l.folded)))) {
		least = from + 3
		if to < len(l.folded) && han(l.folded[to]) && nameEnd.MatchString(string(l.folded[to+1:])) {
			to++ // the pattern takes two characters of a given name only after one of a surname
		}
	}
	for i := from + 1; i < to; i++ {
		if polite[l.string(i, min(i+2, len(l.folded)))] {
			to = i
		}
	}
	if least > to || l.folded[from] == '谢' && l.folded[from+1] == '谢' {
		return from
	}
	for end := to; end >= least; end-- {
		word := l.string(from, end)
		if !nameEnd.MatchString(string(l.folded[end:])) {
			continue
		}
		if lexicon.CommonWord(word) && (strict || end-from > 2) || strict && lexicon.CommonWord(l.string(from, from+2)) {
			continue
		}
		if strings.ContainsRune(wordsEnd, l.folded[end-1]) && end > least {
			continue
		}
		return end
	}
	if strict {
		return from
	}
	return to
}

// polite are forms of address, which end a name.
var polite = map[string]bool{"先生": true, "女士": true, "小姐": true, "师傅": true, "大哥": true, "大姐": true, "大爷": true, "老板": true, "阿姨": true}

// wordsEnd are characters that end no given name: the sentence has begun.
const wordsEnd = "的吗吧嘛么呢是在就了您你他她我们不本没欠还也都这那先女小"

func han(r rune) bool { return r >= 0x4e00 && r <= 0x9fff }

// knownName is a name as it sounds.
type knownName struct {
	text  []rune
	sound []uint16
}

// soundsOf makes the names ready for known. Of a full name the given name alone is a name as well, unless it is an
// ordinary word.
func soundsOf(names []string) []knownName {
	var out []knownName
	seen := map[string]bool{}
	add := func(rs []rune) {
		if len(rs) < 2 || seen[string(rs)] {
			return
		}
		seen[string(rs)] = true
		k := knownName{text: rs}
		for _, r := range rs {
			k.sound = append(k.sound, lexicon.SoundOf(r).Syllable)
		}
		out = append(out, k)
	}
	for _, n := range names {
		var rs []rune
		for _, r := range n {
			if r = lexicon.FoldRune(r); r != ' ' && r != '·' {
				rs = append(rs, r)
			}
		}
		add(rs)
		if len(rs) == 3 && !lexicon.CommonWord(string(rs[1:])) {
			add(rs[1:])
		}
	}
	return out
}

// known finds known names as written; those of three characters and more also by their sound, because a recogniser
// cannot know how a name is written.
func (l *line) known(names []knownName) []Span {
	var out []Span
	for _, n := range names {
		for i := 0; i+len(n.text) <= len(l.folded); i++ {
			if n.at(l.folded[i:]) {
				out = append(out, l.span(i, i+len(n.text), KindName))
			}
		}
	}
	return out
}

func (n knownName) at(rs []rune) bool {
	exact := true
	for i, r := range n.text {
		if rs[i] == r {
			continue
		}
		exact = false
		if len(n.text) < 3 || n.sound[i] == 0 || lexicon.SoundOf(rs[i]).Syllable != n.sound[i] {
			return false
		}
	}
	return exact || !lexicon.CommonWord(string(rs[:len(n.text)]))
}
