package lexicon

// numerals are the characters numbers are written with: digits 0–9, units from ten on.
var numerals = map[rune]int64{
	'0': 0, '1': 1, '2': 2, '3': 3, '4': 4, '5': 5, '6': 6, '7': 7, '8': 8, '9': 9,
	'零': 0, '〇': 0, '一': 1, '二': 2, '两': 2, '三': 3, '四': 4, '五': 5, '六': 6, '七': 7, '八': 8, '九': 9, '幺': 1,
	'壹': 1, '贰': 2, '叁': 3, '肆': 4, '伍': 5, '陆': 6, '柒': 7, '捌': 8, '玖': 9,
	'十': 10, '百': 100, '千': 1000, '拾': 10, '佰': 100, '仟': 1000, '万': 1e4, '亿': 1e8,
}

// Digit says whether a folded character stands for one digit.
func Digit(r rune) bool {
	v, ok := numerals[r]
	return ok && v < 10
}

// NumberUnit says whether a folded character multiplies: 十 百 千 万 亿 and their forms on cheques.
func NumberUnit(r rune) bool { return numerals[r] >= 10 }

// ChequeDigit says whether a folded character is a digit as written on cheques; 陆 and 伍 are also names.
func ChequeDigit(r rune) bool {
	switch r {
	case '壹', '贰', '叁', '肆', '伍', '陆', '柒', '捌', '玖':
		return true
	}
	return false
}

// Number reads the number that folded text begins with, and says how many characters it takes; 0 where none begins.
// It reads digits (5000), numerals (五千, 五千零三, 伍仟), mixtures (5千, 3万5), what is left out in speech (五千三 is 5300,
// 两万五 is 25000), and digit by digit (二零二六). Numbers above 10¹⁵ are not read.
func Number(rs []rune) (value int64, n int) {
	var total, section, digits int64
	const limit = int64(1e15)
	unit := int64(0) // the unit before the digits being read
	run := 0         // digits in a row
	zero := false    // the run began with a zero
	for ; n < len(rs); n++ {
		v, ok := numerals[rs[n]]
		if !ok {
			break
		}
		switch {
		case v < 10:
			if run == 0 {
				zero = v == 0
			}
			digits, run = digits*10+v, run+1
		case run == 0 && (v != 10 || n > 0 && section != 0) && !(v >= 1e4 && (section > 0 || total > 0)):
			return value, 0 // 千 alone: not a number (千万 is an adverb more often)
		case v < 1e4:
			if run == 0 {
				digits = 1 // 十 is ten
			}
			section, digits, run, unit = section+digits*v, 0, 0, v
		default:
			section += digits
			if section == 0 {
				total *= v
			} else {
				total += section * v
			}
			section, digits, run, unit = 0, 0, 0, v
		}
		if total > limit || section > limit || digits > limit {
			return 0, 0
		}
	}
	if run == 1 && unit > 10 && !zero {
		digits *= unit / 10 // 五千三
	}
	return total + section + digits, n
}
