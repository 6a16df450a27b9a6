package web

import (
	"crypto/rand"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
	"github.com/mozillazg/go-pinyin"
	"github.com/trustelem/zxcvbn"

	"github.com/speechqa/speechqa/storage/postgres"
)

// passwordCost follows OWASP's password storage cheat sheet for argon2id: 19 MiB, 2 passes, 1 lane.
var passwordCost = &argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

func hashPassword(password string) (string, error) {
	return argon2id.CreateHash(password, passwordCost)
}

// Bounds of a password, in characters. Who manages users needs a longer one.
const (
	MinPassword      = 10
	MinAdminPassword = 12
	maxPassword      = 128
)

// adminPasswordAge is how long an administrator's password may be used.
const adminPasswordAge = 30 * 24 * time.Hour

// minGuesses is the strength, on zxcvbn's scale of 0 to 4, below which a password counts as one of the common ones
// or a variation of them: 3 is at least 10^8 guesses.
const minGuesses = 3

// commonHere are what people here make passwords of and zxcvbn's word lists, which are English, do not know.
var commonHere = []string{"woaini", "woaini1314", "5201314", "1314520", "aini", "nihao", "zhongguo", "beijing", "shanghai", "mima",
	"baobei", "laopo", "laogong", "mama", "baba", "gongsi", "yinhang", "fafafa", "kuaile", "xiaoxiao", "tiantian", "shengri",
	"speechqa", "tingjian", "zhijian", "cuishou", "luyin", "guanliyuan", "admin", "passw0rd", "p@ssw0rd", "a123456", "123456a"}

// A password's weakness, as the policy names it; "password.<weakness>" says it on a page.
var (
	errPasswordShort    = errors.New("too short")
	errPasswordLong     = errors.New("too long")
	errPasswordName     = errors.New("holds a name")
	errPasswordBirthday = errors.New("holds a date or a telephone number")
	errPasswordSequence = errors.New("holds a sequence of characters")
	errPasswordCommon   = errors.New("is too easy to guess")
	errPasswordUsed     = errors.New("was used before")
)

// weaknessKeys are the messages of the weaknesses.
var weaknessKeys = map[error]string{
	errPasswordShort: "password.short", errPasswordLong: "password.long", errPasswordName: "password.name",
	errPasswordBirthday: "password.birthday", errPasswordSequence: "password.sequence",
	errPasswordCommon: "password.common", errPasswordUsed: "password.used",
}

// CheckPassword says what the policy has against a password of the user; nil is nothing. Passwords the user had
// before are not looked at here, see usedBefore.
func CheckPassword(password string, u postgres.User) error {
	least := MinPassword
	if Role(u.Role) == RoleAdmin {
		least = MinAdminPassword
	}
	lower := strings.ToLower(password)
	names := namesOf(u)
	switch n := utf8.RuneCountInString(password); {
	case n < least:
		return fmt.Errorf("the password is %w: at least %d characters", errPasswordShort, least)
	case n > maxPassword:
		return fmt.Errorf("the password is %w: at most %d characters", errPasswordLong, maxPassword)
	case holdsAny(lower, names):
		return fmt.Errorf("the password %w", errPasswordName)
	case holdsDate(password):
		return fmt.Errorf("the password %w", errPasswordBirthday)
	case holdsSequence(lower):
		return fmt.Errorf("the password %w, such as 1234, abcd or qwer", errPasswordSequence)
	case zxcvbn.PasswordStrength(password, append(names, commonHere...)).Score < minGuesses:
		return fmt.Errorf("the password %w", errPasswordCommon)
	}
	return nil
}

// usedBefore says whether the password is one of the hashes.
func usedBefore(password string, hashes []string) (bool, error) {
	for _, h := range hashes {
		match, err := argon2id.ComparePasswordAndHash(password, h)
		if err != nil || match {
			return match, err
		}
	}
	return false, nil
}

// passwordExpired says whether a password must be changed: it was set by somebody else, or it is too old. age is how
// long passwords of others than administrators last; zero is for ever.
func passwordExpired(u postgres.User, age time.Duration, now time.Time) bool {
	if Role(u.Role) == RoleAdmin && (age == 0 || age > adminPasswordAge) {
		age = adminPasswordAge
	}
	return u.MustChange || age > 0 && now.Sub(u.PasswordSetAt) > age
}

// namesOf are a user's names in lower case, a Chinese one also in pinyin; very short ones occur by chance.
func namesOf(u postgres.User) []string {
	var out []string
	add := func(s string, least int) {
		if s = strings.ToLower(strings.TrimSpace(s)); utf8.RuneCountInString(s) >= least {
			out = append(out, s)
		}
	}
	add(u.Name, 3)
	add(u.AgentID, 4)
	for _, part := range append(strings.Fields(u.DisplayName), u.DisplayName) {
		if strings.IndexFunc(part, func(r rune) bool { return unicode.Is(unicode.Han, r) }) < 0 {
			add(part, 3)
			continue
		}
		add(part, 2)
		add(strings.Join(pinyin.LazyPinyin(part, pinyin.NewArgs()), ""), 4)
	}
	return out
}

func holdsAny(s string, parts []string) bool {
	for _, p := range parts {
		if strings.Contains(s, p) {
			return true
		}
	}
	return false
}

var (
	digitRuns = regexp.MustCompile(`\d+`)
	separated = regexp.MustCompile(`(\d{2,4})[-./年](\d{1,2})[-./月](\d{1,2})`)
)

// holdsDate finds dates as birthdays are written (19900215, 900215, 1990-2-15) and mobile numbers.
func holdsDate(s string) bool {
	for _, run := range digitRuns.FindAllString(s, -1) {
		for i := range run {
			if i+8 <= len(run) && isDate("20060102", run[i:i+8]) {
				return true
			}
			if i+11 <= len(run) && run[i] == '1' && run[i+1] >= '3' {
				return true
			}
		}
		if len(run) == 6 && (isDate("060102", run) || isDate("020106", run)) {
			return true
		}
	}
	for _, m := range separated.FindAllStringSubmatch(s, -1) {
		if y := m[1]; isDate("2006-1-2", ("19" + y)[max(0, len(y)-2):]+"-"+m[2]+"-"+m[3]) {
			return true
		}
	}
	return false
}

// isDate says whether s is a day on which somebody who works today may have been born, or may remember.
func isDate(layout, s string) bool {
	t, err := time.Parse(layout, s)
	return err == nil && t.Year() >= 1930 && t.Year() < 2070
}

// keyboardRows are neighbours on a keyboard, beside the alphabet and the digits.
var keyboardRows = []string{"abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "1qaz2wsx3edc4rfv", "!@#$%^&*()"}

// longestRun is how many characters of a row, forwards, backwards or of the same one, are let pass.
const longestRun = 3

func holdsSequence(lower string) bool {
	rs := []rune(lower)
	for i := 0; i+longestRun < len(rs); i++ {
		part := string(rs[i : i+longestRun+1])
		if strings.Count(part, string(rs[i])) == longestRun+1 {
			return true
		}
		for _, row := range keyboardRows {
			if strings.Contains(row, part) || strings.Contains(row, reversed(part)) {
				return true
			}
		}
	}
	return false
}

func reversed(s string) string {
	rs := []rune(s)
	for i, j := 0, len(rs)-1; i < j; i, j = i+1, j-1 {
		rs[i], rs[j] = rs[j], rs[i]
	}
	return string(rs)
}

// weaknessKey is the message of what the policy has against a password.
func weaknessKey(err error) string {
	for known, key := range weaknessKeys {
		if errors.Is(err, known) {
			return key
		}
	}
	return "password.common"
}

// RandomPassword is one that nobody has to choose.
func RandomPassword() string {
	for {
		if p := rand.Text()[:16]; CheckPassword(p, postgres.User{Role: string(RoleAdmin)}) == nil {
			return p
		}
	}
}
