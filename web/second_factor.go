package web

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"html/template"
	"image/png"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"github.com/speechqa/speechqa/storage/postgres"
)

// totpPeriod is how long a code is shown; one before and one after are taken too, for clocks that differ.
const totpPeriod = 30

// recoveryCodes is how many codes stand in for a lost telephone.
const recoveryCodes = 10

// newTOTP makes the key of a second factor.
func newTOTP(user string) (*otp.Key, error) {
	return totp.Generate(totp.GenerateOpts{Issuer: "speechqa", AccountName: user, Period: totpPeriod})
}

// qrCode is the key as a picture for the telephone, in the page itself: the key goes to nobody else.
func qrCode(k *otp.Key) (template.URL, error) {
	img, err := k.Image(220, 220)
	if err != nil {
		return "", fmt.Errorf("draw the second factor's code: %w", err)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return "", fmt.Errorf("draw the second factor's code: %w", err)
	}
	return template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(b.Bytes())), nil
}

// totpStep finds the time step of which code is the code, among the present one and its neighbours.
func totpStep(secret, code string, now time.Time) (step int64, ok bool) {
	for _, d := range []int64{0, -1, 1} {
		s := now.Unix()/totpPeriod + d
		want, err := totp.GenerateCode(secret, time.Unix(s*totpPeriod, 0))
		if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			return s, true
		}
	}
	return 0, false
}

// newRecoveryCodes makes codes of 80 random bits, as they are written down: XXXX-XXXX-XXXX-XXXX.
func newRecoveryCodes() []string {
	var out []string
	for range recoveryCodes {
		s := rand.Text()[:16]
		out = append(out, s[:4]+"-"+s[4:8]+"-"+s[8:12]+"-"+s[12:])
	}
	return out
}

// secondFactor says whether what the user typed is his second factor: the telephone's code or a recovery code.
func (c *Console) secondFactor(ctx context.Context, by postgres.Actor, u postgres.User, typed string) (bool, error) {
	typed = strings.ToUpper(strings.Join(strings.Fields(typed), ""))
	if len(typed) < 16 {
		return c.telephoneCode(ctx, u, typed)
	}
	plain := strings.ReplaceAll(typed, "-", "")
	if len(plain) != 16 {
		return false, nil
	}
	return c.store.UseRecoveryCode(ctx, by, plain[:4]+"-"+plain[4:8]+"-"+plain[8:12]+"-"+plain[12:])
}

// telephoneCode says whether the code is the present one of the user's telephone. A key that is not encrypted yet, or by a
// key of before, is then encrypted by the present one.
func (c *Console) telephoneCode(ctx context.Context, u postgres.User, typed string) (bool, error) {
	secret, old, err := c.sealer.Open(u.TOTPSecret, u.ID)
	if err != nil {
		return false, err
	}
	step, ok := totpStep(secret, typed, time.Now())
	if !ok {
		return false, nil
	}
	if old {
		if err := c.store.ReplaceTOTPKey(ctx, u.ID, u.TOTPSecret, c.sealer.Seal(secret, u.ID)); err != nil {
			return false, fmt.Errorf("encrypt the second factor's key: %w", err)
		}
	}
	return c.store.UseTOTPStep(ctx, u.ID, step)
}
