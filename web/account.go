package web

import (
	"context"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/google/uuid"
	"github.com/pquerna/otp"

	"github.com/speechqa/speechqa/storage/postgres"
)

type accountData struct {
	Must       string // what must be done before anything else
	Least      int    // characters of a password
	Problem    string // message key, about the password or the second factor
	About      string // the form it is about: password or factor
	Seconds    int    // to wait, with the problem "login.wait"
	Directory  bool   // password and second factor are at the company's directory
	HasFactor  bool
	Needs      bool         // a second factor
	NoKey      bool         // none can be set up, as there is nothing to encrypt it with
	QR         template.URL // of a second factor to set up
	Secret     string       // the same to type in
	CodesLeft  int
	Codes      []string // recovery codes, shown this once
	Logins     []postgres.Login
	ThisLogin  string
	Principals []string
	Teams      []string
}

func (c *Console) accountPage(w http.ResponseWriter, r *http.Request) error {
	return c.showAccount(w, r, http.StatusOK, accountData{})
}

// showAccount shows the visitor's account; d holds what a form came back with.
func (c *Console) showAccount(w http.ResponseWriter, r *http.Request, status int, d accountData) error {
	ctx, v := r.Context(), visitorOf(r)
	d.Must, d.HasFactor, d.Needs = v.must, v.user.TOTPSecret != "" || d.Codes != nil, c.needsSecondFactor(v.user)
	if d.Codes != nil {
		d.Must = ""
	}
	d.Least, d.ThisLogin, d.Directory = MinPassword, v.login, c.sessions.GetBool(ctx, sessDirectory)
	if Role(v.user.Role) == RoleAdmin {
		d.Least = MinAdminPassword
	}
	d.Principals, d.Teams = v.user.Principals, v.user.Teams
	var err error
	if d.Logins, err = c.store.Logins(ctx, v.user.ID, c.access.Logins); err != nil {
		return fmt.Errorf("account: %w", err)
	}
	if d.CodesLeft, err = c.store.RecoveryCodesLeft(ctx, v.user.ID); err != nil {
		return fmt.Errorf("account: %w", err)
	}
	d.NoKey = c.sealer == nil
	if !d.HasFactor && !d.NoKey {
		key, err := c.pendingTOTP(ctx, v.user)
		if err != nil {
			return err
		}
		if d.QR, err = qrCode(key); err != nil {
			return err
		}
		d.Secret = key.Secret()
	}
	return c.render(w, r, status, "account", d)
}

// pendingTOTP is the key that the visitor is setting up, the same until it is done.
func (c *Console) pendingTOTP(ctx context.Context, user postgres.User) (*otp.Key, error) {
	if s, _, err := c.sealer.Open(c.sessions.GetString(ctx, sessTOTP), user.ID); err == nil && s != "" {
		if key, err := otp.NewKeyFromURL(s); err == nil {
			return key, nil
		}
	}
	key, err := newTOTP(user.Name)
	if err != nil {
		return nil, fmt.Errorf("second factor: %w", err)
	}
	c.sessions.Put(ctx, sessTOTP, c.sealer.Seal(key.URL(), user.ID))
	return key, nil
}

// ownPassword says what is wrong with the present password that the visitor typed; "" is nothing. It counts as an
// attempt to log in: whoever finds a screen unlocked cannot try many.
func (c *Console) ownPassword(r *http.Request, about string) (d accountData, ok bool, err error) {
	ctx, u := r.Context(), visitorOf(r).user
	d.About = about
	wait, err := c.store.BeginAttempt(ctx, shortened(u.Name, longestName), lockout)
	if err != nil {
		return d, false, fmt.Errorf("account: %w", err)
	}
	if wait > 0 {
		d.Problem, d.Seconds = "login.wait", int(wait.Seconds())+1
		return d, false, nil
	}
	match, err := argon2id.ComparePasswordAndHash(r.PostForm.Get("password"), u.PasswordHash)
	if err != nil {
		return d, false, fmt.Errorf("account: %w", err)
	}
	if !match {
		d.Problem = "account.wrong_password"
		return d, false, nil
	}
	if err := c.store.AttemptSucceeded(ctx, shortened(u.Name, longestName)); err != nil {
		return d, false, fmt.Errorf("account: %w", err)
	}
	return d, true, nil
}

// changePassword gives the visitor a new password and ends his log-ins elsewhere.
func (c *Console) changePassword(w http.ResponseWriter, r *http.Request) error {
	ctx, v := r.Context(), visitorOf(r)
	if err := readForm(w, r); err != nil {
		return err
	}
	d, ok, err := c.ownPassword(r, "password")
	if err != nil {
		return err
	}
	fresh := r.PostForm.Get("new")
	if ok {
		if d.Problem, err = c.weakness(ctx, v.user, fresh); err != nil {
			return err
		}
		if d.Problem == "" && fresh != r.PostForm.Get("again") {
			d.Problem = "password.differ"
		}
	}
	if d.Problem != "" {
		return c.showAccount(w, r, http.StatusBadRequest, d)
	}
	hash, err := hashPassword(fresh)
	if err != nil {
		return fmt.Errorf("account: %w", err)
	}
	if err := c.store.SetPasswordAs(ctx, actor(r), v.user.ID, hash, v.login, false); err != nil {
		return fmt.Errorf("account: %w", err)
	}
	if err := c.sessions.RenewToken(ctx); err != nil {
		return fmt.Errorf("account: %w", err)
	}
	c.sessions.Put(ctx, sessFlash, "flash.password")
	http.Redirect(w, r, "/account", http.StatusSeeOther)
	return nil
}

// weakness is the message of what the policy has against a new password of the user; "" is nothing.
func (c *Console) weakness(ctx context.Context, u postgres.User, password string) (string, error) {
	if err := CheckPassword(password, u); err != nil {
		return weaknessKey(err), nil
	}
	hashes, err := c.store.PasswordsOfBefore(ctx, u.ID)
	if err != nil {
		return "", fmt.Errorf("account: %w", err)
	}
	used, err := usedBefore(password, hashes)
	if err != nil {
		return "", fmt.Errorf("account: %w", err)
	}
	if used {
		return weaknessKeys[errPasswordUsed], nil
	}
	return "", nil
}

// setUpFactor turns the visitor's second factor on and shows the recovery codes once.
func (c *Console) setUpFactor(w http.ResponseWriter, r *http.Request) error {
	ctx, v := r.Context(), visitorOf(r)
	if err := readForm(w, r); err != nil {
		return err
	}
	if v.user.TOTPSecret != "" {
		return errConflict
	}
	if c.sealer == nil {
		return c.showAccount(w, r, http.StatusServiceUnavailable, accountData{})
	}
	d, ok, err := c.ownPassword(r, "factor")
	if err != nil {
		return err
	}
	if !ok {
		return c.showAccount(w, r, http.StatusBadRequest, d)
	}
	key, err := c.pendingTOTP(ctx, v.user)
	if err != nil {
		return err
	}
	step, ok := totpStep(key.Secret(), strings.TrimSpace(r.PostForm.Get("code")), time.Now())
	if !ok {
		d.Problem = "login.wrong_code"
		return c.showAccount(w, r, http.StatusBadRequest, d)
	}
	codes := newRecoveryCodes()
	if err := c.store.SetTOTP(ctx, actor(r), v.user.ID, c.sealer.Seal(key.Secret(), v.user.ID), step, codes); err != nil {
		return fmt.Errorf("account: %w", err)
	}
	c.sessions.Remove(ctx, sessTOTP)
	return c.showAccount(w, r, http.StatusOK, accountData{Codes: codes})
}

// dropFactor turns the visitor's second factor off, so that he can set up another.
func (c *Console) dropFactor(w http.ResponseWriter, r *http.Request) error {
	ctx, v := r.Context(), visitorOf(r)
	if err := readForm(w, r); err != nil {
		return err
	}
	d, ok, err := c.ownPassword(r, "factor")
	if err != nil {
		return err
	}
	if !ok {
		return c.showAccount(w, r, http.StatusBadRequest, d)
	}
	if err := c.store.ClearTOTP(ctx, actor(r), v.user.ID); err != nil {
		return fmt.Errorf("account: %w", err)
	}
	http.Redirect(w, r, "/account", http.StatusSeeOther)
	return nil
}

// endOwnLogin ends one of the visitor's log-ins.
func (c *Console) endOwnLogin(w http.ResponseWriter, r *http.Request) error {
	v := visitorOf(r)
	logins, err := c.store.Logins(r.Context(), v.user.ID, c.access.Logins)
	if err != nil {
		return fmt.Errorf("account: %w", err)
	}
	for _, l := range logins {
		if l.ID == r.PathValue("login") {
			if err := c.store.EndLogin(r.Context(), actor(r), l.ID); err != nil {
				return fmt.Errorf("account: %w", err)
			}
			http.Redirect(w, r, "/account", http.StatusSeeOther)
			return nil
		}
	}
	return errNotFound
}

// pathUUID is a part of the address that must be a UUID.
func pathUUID(r *http.Request, name string) (string, error) {
	id, err := uuid.Parse(r.PathValue(name))
	if err != nil {
		return "", errNotFound
	}
	return id.String(), nil
}

// accountRoutes are about who the visitor is.
func (c *Console) accountRoutes() []route {
	return []route{
		{"GET /login", permPublic, c.loginPage, ""},
		{"POST /login", permPublic, c.login, ""},
		{"GET /login/code", permPublic, c.codePage, ""},
		{"POST /login/code", permPublic, c.checkCode, ""},
		{"POST /logout", permAccount, c.logout, "access.logout"},
		{"GET /account", permAccount, c.accountPage, ""},
		{"POST /account/password", permAccount, c.changePassword, ""},
		{"POST /account/factor", permAccount, c.setUpFactor, ""},
		{"POST /account/factor/drop", permAccount, c.dropFactor, ""},
		{"POST /account/logins/{login}/end", permAccount, c.endOwnLogin, ""},
	}
}
