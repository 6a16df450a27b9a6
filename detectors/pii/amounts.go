package pii

import (
	"regexp"
	"strings"
)

const (
	digitClass = `[0-9零〇一二两三四五六七八九壹贰叁肆伍陆柒捌玖]`
	unitClass  = `[十百千万亿拾佰仟]`
)

var (
	// moneyWord is a number with a unit of money, and what is left over in the smaller unit.
	moneyWord = regexp.MustCompile(`(?:[¥￥]\s?)?(?:[0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?|` + digitClass + `|` + unitClass + `)(?:` + digitClass + `|` + unitClass + `|[多几点])*(?:元|块钱|块|圆|角钱|角|毛钱|毛|人民币)` +
		`(?:` + digitClass + `{1,2}(?:角|毛)?(?:` + digitClass + `分)?)?(?:整)?`)
	// bigNumber has 百, 千, 万 or 亿 after a digit: nearly always money in this trade.
	bigNumber = regexp.MustCompile(digitClass + `+(?:\.[0-9]+)?[十拾]?(?:` + digitClass + `)?[百千万亿佰仟w](?:` + digitClass + `|` + unitClass + `|[多几])*`)
	// bareNumber is money because of what stands before it.
	bareNumber = regexp.MustCompile(`(?:还款|还|欠款|欠|金额|本金|利息|滞纳金|违约金|余额|额度|账单|总共|一共|共|支付|付|缴|交|转|存|最低|分期|每期|首付)[了您你我他过去来个的额是为有到:约大概至少 ]{0,4}(` + digitClass + `{2,7}(?:\.[0-9]{1,2})?)`)
	yuanSign   = regexp.MustCompile(`[¥￥]\s?[0-9][0-9,.]*`)
)

// counters follow numbers that count something other than money.
const counters = "天年月日个期次遍人名位号条米里斤克岁分秒小时点楼栋幢室倍种件步度家页层周星季折趟门封间"

// amounts finds money.
func (l *line) amounts() []Span {
	var out []Span
	for _, p := range []*regexp.Regexp{moneyWord, yuanSign} {
		for m := range l.matches(p) {
			if m[0] > 0 && m[1]-m[0] == 2 && strings.ContainsRune("一两几", l.folded[m[0]]) && l.folded[m[0]+1] == '块' && !strings.ContainsRune("还欠差付给少", l.rune(m[0]-1)) {
				continue // 一块 is also "together"
			}
			out = append(out, l.span(m[0], m[1], KindAmount))
		}
	}
	for m := range l.matches(bigNumber) {
		if next := l.rune(m[1]); next != 0 && strings.ContainsRune(counters, next) {
			continue
		}
		from := m[0]
		if strings.ContainsRune("周期拜", l.rune(from-1)) && isDigit(l.rune(from+1)) {
			from++ // 周五八千: the day is none of it
		}
		out = append(out, l.span(from, m[1], KindAmount))
	}
	for m := range l.matches(bareNumber) {
		if next := l.rune(m[3]); next != 0 && strings.ContainsRune(counters, next) || isDigit(l.rune(m[3])) {
			continue
		}
		out = append(out, l.span(m[2], m[3], KindAmount))
	}
	return out
}
