package detectors

import (
	"slices"
	"strings"

	"github.com/speechqa/speechqa/lexicon"
)

// entities finds amounts, dates, clock times, digit runs, work ids, bank names and question ends.
func (s *scan) entities(b *block) {
	rs := b.runes
	table := lexicon.CharTable()
	for i := 0; i < len(rs); {
		if uint32(rs[i]) >= 0x10000 || table[rs[i]].Kind&lexicon.CharNumber == 0 || !numeral(rs, i) {
			i++
			continue
		}
		j, digits, units := i, 0, 0
		for j < len(rs) && (j == i || b.brk[j]&hardBreak == 0) {
			if lexicon.NumberUnit(rs[j]) {
				units++
			} else if numeral(rs, j) {
				digits++
			} else if !(rs[j] == '多' || rs[j] == '几' || rs[j] == '点' && j+1 < len(rs) && numeral(rs, j+1) && !lexicon.NumberUnit(rs[j+1])) {
				break
			}
			j++
		}
		s.number(b, i, j, digits, units)
		if s.e.numeric != nil {
			s.sameNumber(b, i, j)
		}
		i = max(j, i+1)
	}
	for i, r := range rs {
		if r == '行' && i > 1 && rs[i-1] == '银' {
			s.entity(b, "bank", max(0, i-3), i+1)
		}
		if i > 0 && weekday(rs[i-1], r) && b.brk[i] == 0 {
			s.entity(b, "date", i-1, i+1)
		}
		if b.brk[i+1]&questionBreak != 0 || r == '吗' {
			s.entity(b, "question", i, i+1)
		}
	}
}

// weekday says whether two characters name a day: 周三, 星期天, 礼拜一.
func weekday(a, b rune) bool {
	return (a == '周' || a == '期' || a == '拜') && strings.ContainsRune("一二三四五六日天", b)
}

// entity notes an entity unless it reaches over the end of a sentence or no rule asks for its kind.
func (s *scan) entity(b *block, name string, from, to int) {
	t, wanted := s.e.index.entity[name]
	if wanted && !b.crosses(int32(from)+1, int32(to), hardBreak) {
		s.note(t, hit{start: int32(from), end: int32(to), block: b.index, conf: 1, term: -1}, false)
	}
}

// clockTime says whether a number with a point is a time of day: 十点四十, but not 三点五.
func clockTime(rs []rune) bool {
	at := slices.Index(rs, '点')
	if at <= 0 || len(rs)-at <= 2 {
		return false
	}
	hour, n := lexicon.Number(rs[:at])
	return n == at && hour <= 24
}

// number says what the number in [i, j) is by what stands beside it.
func (s *scan) number(b *block, i, j, digits, units int) {
	rs := b.runes
	next := rune(0)
	if j < len(rs) {
		next = rs[j]
	}
	workid := i >= 2 && rs[i-1] == '号' && (rs[i-2] == '工' || rs[i-2] == '编')
	switch next {
	case '元', '块', '角', '毛':
		s.entity(b, "amount", i, j+1)
	case '月', '日', '年':
		s.entity(b, "date", i, j+1)
	case '点', '时':
		s.entity(b, "clock", i, j+1)
	default:
		switch {
		case clockTime(rs[i:j]) || next == '分' && slices.Contains(rs[i:j], '点'):
			s.entity(b, "clock", i, j)
		case next == '号' && digits+units <= 3 && !(workid && rs[i-2] == '工'):
			s.entity(b, "date", i, j+1)
		case units > 0 && digits > 0 && unitBig(rs[i:j]) || digits >= 4 && units == 0:
			s.entity(b, "amount", i, j)
		}
	}
	s.entity(b, "number", i, j)
	if digits+units >= 2 {
		s.entity(b, "digits", i, j)
	}
	if digits >= 2 && digits <= 8 && units == 0 && (next == '号' || workid) {
		s.entity(b, "workid", i, j)
	}
}

// numeral says whether the character at i is part of a number. 陆 and 伍 are names too, so the digits of cheques count
// only before a unit.
func numeral(rs []rune, i int) bool {
	if lexicon.ChequeDigit(rs[i]) {
		return i+1 < len(rs) && (lexicon.NumberUnit(rs[i+1]) || rs[i+1] == '元' || rs[i+1] == '圆')
	}
	return lexicon.Digit(rs[i]) || lexicon.NumberUnit(rs[i])
}

// unitBig says whether a number with units is as large as money usually is: 百 and up.
func unitBig(rs []rune) bool {
	for _, r := range rs {
		if strings.ContainsRune("百千万亿仟佰", r) {
			return true
		}
	}
	return false
}
