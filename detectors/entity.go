package detectors

import "strings"

const (
	digitRunes = "0123456789零〇一二两三四五六七八九幺"
	unitRunes  = "十百千万亿仟佰拾"
)

// entities finds amounts, dates, clock times, digit runs, work ids, bank names and question ends.
func (s *scan) entities(b *block) {
	add := func(name string, from, to int) {
		for _, id := range s.e.comp.ents[name] {
			b.hits = append(b.hits, hit{start: int32(from), end: int32(to), set: id, conf: 1, term: -1})
		}
	}
	rs := b.runes
	for i := 0; i < len(rs); {
		if !strings.ContainsRune(digitRunes+unitRunes, rs[i]) {
			i++
			continue
		}
		j, digits, units := i, 0, 0
		for j < len(rs) && (j == i || b.brk[j]&hardBreak == 0) {
			if strings.ContainsRune(digitRunes, rs[j]) {
				digits++
			} else if strings.ContainsRune(unitRunes, rs[j]) {
				units++
			} else if !(rs[j] == '多' || rs[j] == '几' || rs[j] == '点' && j+1 < len(rs) && strings.ContainsRune(digitRunes, rs[j+1])) {
				break
			}
			j++
		}
		rest := string(rs[j:min(len(rs), j+4)])
		switch {
		case strings.HasPrefix(rest, "元"), strings.HasPrefix(rest, "块"), strings.HasPrefix(rest, "角"), strings.HasPrefix(rest, "毛"):
			add("amount", i, j+1)
		case strings.HasPrefix(rest, "月"), strings.HasPrefix(rest, "日"), strings.HasPrefix(rest, "年"),
			strings.HasPrefix(rest, "号") && digits+units <= 3 && !(i >= 2 && string(rs[i-2:i]) == "工号"):
			add("date", i, j+1)
		case strings.HasPrefix(rest, "点"), strings.HasPrefix(rest, "时"):
			add("clock", i, j+1)
		case units > 0 && digits > 0 && unitBig(rs[i:j]) || digits >= 4 && units == 0:
			add("amount", i, j)
		}
		add("number", i, j)
		if digits+units >= 2 {
			add("digits", i, j)
		}
		if digits >= 2 && units == 0 && digits <= 8 {
			if strings.HasPrefix(rest, "号") || i >= 2 && (string(rs[i-2:i]) == "工号" || string(rs[i-2:i]) == "编号") {
				add("workid", i, j)
			}
		}
		i = max(j, i+1)
	}
	for i := 0; i+1 < len(rs); i++ {
		if rs[i] == '银' && rs[i+1] == '行' && i > 0 {
			add("bank", max(0, i-2), i+2)
		}
	}
	for i := range rs {
		end := b.brk[i+1]
		if end&questionBreak != 0 || rs[i] == '吗' {
			add("question", i, i+1)
		}
	}
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
