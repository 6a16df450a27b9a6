package pii

import "time"

// luhn says whether digits end with the check digit of bank cards (ISO/IEC 7812).
func luhn(digits string) bool {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if d < 0 || d > 9 {
			return false
		}
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return len(digits) > 0 && sum%10 == 0
}

var (
	idWeights = [17]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2}
	idChecks  = "10X98765432"
)

// identity says whether digits are the number of an identity card (GB 11643): a date of birth where one belongs and,
// of 18 characters, the last as the others demand. Old numbers have 15 and no check.
func identity(digits string) bool {
	var birth string
	switch len(digits) {
	case 18:
		birth = digits[6:14]
		sum := 0
		for i, w := range idWeights {
			d := int(digits[i]) - '0'
			if d < 0 || d > 9 {
				return false
			}
			sum += d * w
		}
		if digits[17] != idChecks[sum%11] {
			return false
		}
	case 15:
		birth = "19" + digits[6:12]
	default:
		return false
	}
	_, err := time.Parse("20060102", birth)
	return err == nil && birth >= "18900101" && digits[0] >= '1' && digits[0] <= '9'
}

// kindOf says what a number of at least longNumber digits is; a hotline of a company, such as 400 820 8888, is no
// personal datum and has no kind.
func kindOf(digits string) Kind {
	n := len(digits)
	switch {
	case identity(digits):
		return KindID
	case n >= 13 && n <= 19 && luhn(digits):
		return KindCard
	case (n == 10 || n == 11) && (digits[:3] == "400" || digits[:3] == "800"):
		return ""
	case mobile(digits), n >= 10 && n <= 12 && digits[0] == '0' && digits[1] != '0', n == 13 && digits[:2] == "86" && mobile(digits[2:]):
		return KindPhone
	case n > 11 && mobile(digits[:11]) && digits[:2] != "15": // said twice, or with something after it
		return KindPhone
	}
	return KindNumber
}

func mobile(digits string) bool {
	return len(digits) >= 11 && len(digits) <= 11 && digits[0] == '1' && digits[1] >= '3' && digits[1] <= '9'
}
