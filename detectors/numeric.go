package detectors

import (
	"slices"

	"github.com/speechqa/speechqa/lexicon"
)

// A phrase with a number and its unit, such as 免五千块 or 24小时内, also stands for the same number written otherwise:
// 免5000元, 二十四小时内. The automaton knows phrases as written; the other spellings are found from the numbers in the
// text, which are few.

// quantity is a number with its unit.
type quantity struct {
	value int64
	unit  rune // the first character of the unit, 元 for all ways to say it
}

// numericTerm is a phrase around a quantity.
type numericTerm struct {
	before, after []rune
	term          int32
}

// numericTerms finds the phrases with one quantity.
func numericTerms(terms [][]rune) map[quantity][]numericTerm {
	out := map[quantity][]numericTerm{}
	for i, t := range terms {
		for k := range t {
			if !numeral(t, k) || k > 0 && numeral(t, k-1) {
				continue
			}
			value, n := lexicon.Number(t[k:])
			unit, m := unitAt(t[k+n:])
			if n > 0 && m > 0 {
				q := quantity{value, unit}
				out[q] = append(out[q], numericTerm{before: t[:k], after: t[k+n+m:], term: int32(i)})
				break
			}
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// unitAt reads the unit that text begins with and says how many characters it takes; 0 where none begins.
func unitAt(rs []rune) (unit rune, n int) {
	if len(rs) == 0 {
		return 0, 0
	}
	switch rs[0] {
	case '元', '块', '圆':
		if len(rs) > 1 && rs[1] == '钱' {
			return '元', 2
		}
		return '元', 1
	case '号', '日':
		return '日', 1
	case '点':
		if len(rs) > 1 && rs[1] == '钟' {
			return '点', 2
		}
		return '点', 1
	case '天', '月', '年', '时', '个', '次', '期', '周', '倍', '%', '分', '秒', '岁':
		return rs[0], 1
	case '小':
		if len(rs) > 1 && rs[1] == '时' {
			return '小', 2
		}
	}
	return 0, 0
}

// sameNumber adds the phrases that mean the number in [i, j) of the block but write it otherwise.
func (s *scan) sameNumber(b *block, i, j int) {
	value, n := lexicon.Number(b.runes[i:j])
	unit, m := unitAt(b.runes[j:])
	if n != j-i || m == 0 {
		return
	}
	for _, t := range s.e.numeric[quantity{value, unit}] {
		from, to := i-len(t.before), j+m+len(t.after)
		if from < 0 || to > len(b.runes) || !slices.Equal(b.runes[from:i], t.before) || !slices.Equal(b.runes[j+m:to], t.after) {
			continue
		}
		if int32(to-from) == s.e.matcher.size[t.term] && slices.Equal(b.runes[from:to], s.e.terms[t.term]) {
			continue // as written: the automaton has it
		}
		if b.crosses(int32(from)+1, int32(to), hardBreak) {
			continue
		}
		s.note(t.term, hit{start: int32(from), end: int32(to), block: b.index, conf: 1, term: t.term}, false)
	}
}
