package web

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
)

// testKey is a key of 32 equal bytes, as the configuration has it.
func testKey(b byte) string {
	return base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(rune(b)), sealKeyBytes)))
}

func sealer(t testing.TB, keys ...byte) *Sealer {
	t.Helper()
	var text []string
	for _, k := range keys {
		text = append(text, testKey(k))
	}
	s, err := NewSealer(strings.Join(text, ", "))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSealer(t *testing.T) {
	t.Parallel()
	a, b, both := sealer(t, 'a'), sealer(t, 'b'), sealer(t, 'b', 'a')
	one := a.Seal("SECRET", "li")
	if strings.Contains(one, "SECRET") || one == a.Seal("SECRET", "li") {
		t.Errorf("sealed as %q", one)
	}
	for what, c := range map[string]struct {
		s            *Sealer
		value, owner string
		old, fails   bool
	}{
		"own key":     {a, one, "li", false, false},
		"earlier key": {both, one, "li", true, false},
		"plain":       {a, "SECRET", "li", true, false},
		"no sealer":   {nil, "SECRET", "li", false, false},
		"lost key":    {b, one, "li", false, true},
		"no key":      {nil, one, "li", false, true},
		"another's":   {a, one, "wang", false, true},
		"altered":     {a, one[:len(one)-6] + "AAAAA=", "li", false, true},
		"cut":         {a, one[:20], "li", false, true},
	} {
		got, old, err := c.s.Open(c.value, c.owner)
		if (err != nil) != c.fails || old != c.old || !c.fails && got != "SECRET" {
			t.Errorf("%s: %q %v %v", what, got, old, err)
		}
	}
	for _, bad := range []string{"", "x", testKey('a') + ",", base64.StdEncoding.EncodeToString([]byte("short"))} {
		if _, err := NewSealer(bad); err == nil {
			t.Errorf("%q is a key", bad)
		}
	}
}

// Keys of second factors are encrypted in the database, also while they are set up; those from before are at their next
// use; a key that is replaced serves on; without a key nobody sets one up and who has one from before uses it.
func TestFactorKeysAreSealed(t *testing.T) {
	m := newMatrix(t, false)
	u := m.newPerson(postgres.User{Name: "chief", Role: "admin"})
	v := m.browser()
	v.page("/login", login("chief", testPassword))
	stored := func() string {
		return storagetest.Query(t, m.database, `SELECT totp_secret FROM users WHERE id = $1`, u.ID)[0]
	}
	step := time.Now().Add(-totpPeriod * time.Second)
	code := func(secret string) string { // each call that of the next step, up to the one that is to come
		t.Helper()
		c, err := totp.GenerateCode(secret, step)
		if err != nil {
			t.Fatal(err)
		}
		step = step.Add(totpPeriod * time.Second)
		return c
	}
	m.console.sealer = nil
	if _, _, doc := v.page("/account", nil); len(all(doc, "code.secret")) != 0 || !strings.Contains(textOf(one(t, doc, "#factor")), "SPEECHQA_FACTOR_KEY") {
		t.Error("without a key a second factor is offered")
	}
	if status, _, _ := v.page("/account/factor", url.Values{"code": {"000000"}, "password": {testPassword}}); status != 503 {
		t.Errorf("without a key: status %d", status)
	}
	m.console.sealer = sealer(t, 'a')
	_, _, doc := v.page("/account", nil)
	secret := textOf(one(t, doc, "code.secret"))
	if n := storagetest.Query(t, m.database, `SELECT count(*) FROM sessions WHERE position($1::bytea IN data) > 0`, []byte(secret))[0]; n != "0" {
		t.Error("the key is in a session's row")
	}
	v.page("/account/factor", url.Values{"code": {code(secret)}, "password": {testPassword}})
	if got := stored(); !strings.HasPrefix(got, sealed) || strings.Contains(got, secret) {
		t.Fatalf("in the database: %q", got)
	}
	enter := func(typed string) (at string) {
		t.Helper()
		b := m.browser()
		b.page("/login", login("chief", testPassword))
		_, at, _ = b.page("/login/code", url.Values{"code": {typed}})
		return at
	}
	before := stored()
	m.console.sealer = sealer(t, 'b', 'a') // the key is replaced
	if at := enter(code(secret)); at != "/" || stored() == before {
		t.Errorf("with a replaced key at %s, sealed again: %v", at, stored() != before)
	}
	m.console.sealer = sealer(t, 'b') // the earlier one is gone, and not needed
	if _, _, err := m.console.sealer.Open(stored(), u.ID); err != nil {
		t.Error(err)
	}
	storagetest.Exec(t, m.database, `UPDATE users SET totp_secret = '`+secret+`', totp_step = 0`) // as before there were keys
	m.console.sealer = nil
	step = time.Now()
	if at := enter(code(secret)); at != "/" || stored() != secret {
		t.Errorf("a key of before without a key at %s", at)
	}
	m.console.sealer = sealer(t, 'b')
	if at := enter(code(secret)); at != "/" || !strings.HasPrefix(stored(), sealed) {
		t.Errorf("a key of before at %s, %q", at, stored())
	}
}
