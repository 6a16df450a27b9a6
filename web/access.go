package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/speechqa/speechqa/storage/postgres"
)

// Access says how people get in. Zero fields mean what DefaultAccess has.
type Access struct {
	SecondFactor bool          // administrators and managers must use a second factor
	PasswordAge  time.Duration // how long passwords last; 0 is for ever. An administrator's last 30 days at most.
	Logins       postgres.LoginLimits
}

// DefaultAccess: a log-in ends after a shift, or after two hours without a request; a person has one at the desk and
// one elsewhere.
var DefaultAccess = Access{Logins: postgres.LoginLimits{Idle: 2 * time.Hour, Lifetime: 12 * time.Hour, AtOnce: 2}}

func (a Access) withDefaults() Access {
	d := DefaultAccess.Logins
	if a.Logins.Idle == 0 {
		a.Logins.Idle = d.Idle
	}
	if a.Logins.Lifetime == 0 {
		a.Logins.Lifetime = d.Lifetime
	}
	if a.Logins.AtOnce == 0 {
		a.Logins.AtOnce = d.AtOnce
	}
	return a
}

// accountStore is what logging in and one's own account ask of the database.
type accountStore interface {
	// UserByName finds a user by log-in name, without regard to case; postgres.ErrNotFound when there is none.
	UserByName(ctx context.Context, name string) (postgres.User, error)
	// User finds a user by id; postgres.ErrNotFound when there is none.
	User(ctx context.Context, id string) (postgres.User, error)
	// UserOfLogin gives the user who is logged in; postgres.ErrNotFound when the log-in has ended.
	UserOfLogin(ctx context.Context, login string, limits postgres.LoginLimits) (postgres.User, error)
	// StartLogin notes a log-in, ends the oldest beyond the limit, and returns its id.
	StartLogin(ctx context.Context, by postgres.Actor, browser string, limits postgres.LoginLimits) (string, error)
	// Logins lists who is logged in, of one user where user is not empty.
	Logins(ctx context.Context, user string, limits postgres.LoginLimits) ([]postgres.Login, error)
	// EndLogin ends a log-in; postgres.ErrNotFound when there is none.
	EndLogin(ctx context.Context, by postgres.Actor, login string) error
	// LogOut ends the visitor's own log-in.
	LogOut(ctx context.Context, login string) error
	// BeginAttempt counts an attempt to log in; above zero it must not be looked at.
	BeginAttempt(ctx context.Context, name string, l postgres.Lockout) (time.Duration, error)
	// AttemptSucceeded forgets a name's attempts.
	AttemptSucceeded(ctx context.Context, name string) error
	// PasswordsOfBefore gives the hashes of the user's last passwords.
	PasswordsOfBefore(ctx context.Context, user string) ([]string, error)
	// SetPasswordAs replaces a user's password and ends the user's log-ins but the one to keep.
	SetPasswordAs(ctx context.Context, by postgres.Actor, user, hash, keep string, mustChange bool) error
	// SetTOTP turns the second factor on, ClearTOTP off.
	SetTOTP(ctx context.Context, by postgres.Actor, user, secret string, step int64, codes []string) error
	ClearTOTP(ctx context.Context, by postgres.Actor, user string) error
	// ReplaceTOTPKey writes the second factor's key, the same one, encrypted anew; nothing where it is another by now.
	ReplaceTOTPKey(ctx context.Context, user, old, fresh string) error
	// UseTOTPStep says whether a code of this step may be used; each only once.
	UseTOTPStep(ctx context.Context, user string, step int64) (bool, error)
	// UseRecoveryCode uses a recovery code up; false when there is no such code.
	UseRecoveryCode(ctx context.Context, by postgres.Actor, code string) (bool, error)
	// RecoveryCodesLeft counts a user's unused recovery codes.
	RecoveryCodesLeft(ctx context.Context, user string) (int, error)
}

// lockout slows guessing; argon2id does the rest. Within an hour a name has some fifteen attempts.
var lockout = postgres.Lockout{Free: 5, First: 30 * time.Second, Longest: 15 * time.Minute}

// actor is the visitor as the audit log keeps him.
func actor(r *http.Request) postgres.Actor { return actorOf(r, visitorOf(r).user) }

func actorOf(r *http.Request, u postgres.User) postgres.Actor {
	return postgres.Actor{ID: u.ID, Name: u.Name, Origin: origin(r)}
}

// needsSecondFactor says whether the user must have one.
func (c *Console) needsSecondFactor(u postgres.User) bool {
	return c.access.SecondFactor && slices.Contains([]Role{RoleAdmin, RoleManager}, Role(u.Role))
}

// What a visitor must do before anything else; "account.must.<what>" says it.
const (
	mustPassword = "password" // choose a new one
	mustFactor   = "factor"   // set up the second factor
)

// mustDo says what the visitor must do first; "" is nothing. Who came by the company's directory has both there.
func (c *Console) mustDo(u postgres.User, directory bool) string {
	switch {
	case directory:
		return ""
	case passwordExpired(u, c.access.PasswordAge, time.Now()):
		return mustPassword
	case c.needsSecondFactor(u) && u.TOTPSecret == "":
		return mustFactor
	}
	return ""
}

// confined says whether the visitor must put his account in order before he gets to the route.
func confined(v visitor, pattern string) bool {
	_, path, _ := strings.Cut(pattern, " ")
	return v.must != "" && path != "/account" && !strings.HasPrefix(path, "/account/") && path != "/logout"
}

// toAccount sends a confined visitor to the page on which he can do what he must.
func (c *Console) toAccount(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodGet || !strings.Contains(r.Header.Get("Accept"), "text/html") {
		return errAccountFirst
	}
	http.Redirect(w, r, "/account", http.StatusSeeOther)
	return nil
}

// homes are the pages to start from, by what they demand.
var homes = []struct {
	need Permission
	path string
}{{permOwn, "/"}, {permOperate, "/operations"}, {permAccount, "/account"}}

// home is where a role starts.
func home(role string) string {
	for _, h := range homes {
		if may(Role(role), h.need) {
			return h.path
		}
	}
	return "/"
}

// startSession makes the request's session that of the user: with a new token, so that nobody who knew the one of
// before is logged in with it, and with a log-in that can be seen and ended.
func (c *Console) startSession(ctx context.Context, by postgres.Actor, browser string, directory bool) error {
	login, err := c.store.StartLogin(ctx, by, shortened(browser, longestBrowser), c.access.Logins)
	if err != nil {
		return fmt.Errorf("log-in: %w", err)
	}
	if err := c.sessions.RenewToken(ctx); err != nil {
		return fmt.Errorf("log-in: %w", err)
	}
	for _, key := range []string{sessHalf, sessTOTP, sessOIDC} {
		c.sessions.Remove(ctx, key)
	}
	c.sessions.Put(ctx, sessLogin, login)
	c.sessions.Put(ctx, sessAudio, randomKey())
	c.sessions.Put(ctx, sessDirectory, directory)
	return nil
}
