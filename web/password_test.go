package web

import (
	"errors"
	"testing"
	"time"

	"github.com/speechqa/speechqa/storage/postgres"
)

func TestCheckPassword(t *testing.T) {
	clerk := postgres.User{Name: "liming", DisplayName: "王 小芳", Role: "clerk", AgentID: "2015"}
	admin := postgres.User{Name: "root", DisplayName: "Admin Zhou", Role: "admin"}
	for password, want := range map[string]error{
		"correct horse":           nil,
		"天青色等烟雨而我在等":              nil,
		"Kuai7-fengzheng":         nil,
		"Tr0ub4dor":               errPasswordShort,
		"xyLiMingzhen!":           errPasswordName,
		"wangxiaofang8!k":         errPasswordName,
		"我是王小芳呀你好呀哈":              errPasswordName, // the parts of the display name together
		"agent2015fengye":         errPasswordName,
		"fengye19900215x":         errPasswordBirthday,
		"fengye900215x":           errPasswordBirthday,
		"fengye1990-2-15x":        errPasswordBirthday,
		"fengye13812345678":       errPasswordBirthday,
		"fengye1234feng":          errPasswordSequence,
		"fengye4321feng":          errPasswordSequence,
		"fengyeqwerfeng":          errPasswordSequence,
		"fengyeaaaafeng":          errPasswordSequence,
		"1qaz2wsx3edc":            errPasswordSequence,
		"Password!!":              errPasswordCommon,
		"woaini5201314":           errPasswordCommon,
		string(make([]byte, 129)): errPasswordLong,
	} {
		if err := CheckPassword(password, clerk); !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("%q: %v, want %v", password, err, want)
		}
	}
	for password, want := range map[string]error{"x8Kq-vv31r": errPasswordShort, "x8Kq-vv31rT7": nil, "zhouHb7-pPq2v": errPasswordName} {
		if err := CheckPassword(password, admin); !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("administrator, %q: %v, want %v", password, err, want)
		}
	}
	for err := range weaknessKeys {
		if !mustMessages(t).has(Chinese, weaknessKey(err)) {
			t.Errorf("no message %q", weaknessKey(err))
		}
	}
}

// What the program chooses itself its policy lets pass.
func TestRandomPasswordsPass(t *testing.T) {
	for range 200 {
		if p := RandomPassword(); CheckPassword(p, postgres.User{Name: "admin", DisplayName: "管理员", Role: "admin"}) != nil {
			t.Errorf("%s is refused", p)
		}
	}
}

func TestPasswordExpired(t *testing.T) {
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	for _, tc := range []struct {
		role string
		old  time.Duration
		must bool
		age  time.Duration
		want bool
	}{
		{"admin", 29 * day, false, 0, false}, {"admin", 31 * day, false, 0, true}, {"admin", 31 * day, false, 180 * day, true},
		{"admin", 8 * day, false, 7 * day, true}, {"clerk", 1000 * day, false, 0, false}, {"clerk", 179 * day, false, 180 * day, false},
		{"clerk", 181 * day, false, 180 * day, true}, {"clerk", 0, true, 0, true},
	} {
		u := postgres.User{Role: tc.role, PasswordSetAt: now.Add(-tc.old), MustChange: tc.must}
		if got := passwordExpired(u, tc.age, now); got != tc.want {
			t.Errorf("%+v: %v", tc, got)
		}
	}
}

func TestUsedBefore(t *testing.T) {
	var hashes []string
	for _, p := range []string{"first one", "second one"} {
		h, err := hashPassword(p)
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, h)
	}
	for p, want := range map[string]bool{"first one": true, "second one": true, "third one": false} {
		if got, err := usedBefore(p, hashes); err != nil || got != want {
			t.Errorf("%s: %v %v", p, got, err)
		}
	}
}
