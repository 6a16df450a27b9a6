package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/speechqa/speechqa/storage/postgres"
)

type loginData struct {
	Name    string
	Problem string // message key
	Seconds int    // to wait, with the problem "login.wait"
	Next    string
	Code    bool // the second factor is asked for, not the password

	Directory bool // people may log in by the company's directory
}

func (c *Console) loginPage(w http.ResponseWriter, r *http.Request) error {
	if v := visitorOf(r); v.user.ID != "" {
		http.Redirect(w, r, home(v.user.Role), http.StatusSeeOther)
		return nil
	}
	return c.showLogin(w, r, http.StatusOK, loginData{Next: localPath(r.URL.Query().Get("next"))})
}

func (c *Console) showLogin(w http.ResponseWriter, r *http.Request, status int, d loginData) error {
	d.Directory = c.directory != nil && !d.Code
	return c.render(w, r, status, "login", d)
}

func (c *Console) login(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := readForm(w, r); err != nil {
		return err
	}
	name, password := strings.TrimSpace(r.PostForm.Get("name")), r.PostForm.Get("password")
	data := loginData{Name: name, Next: localPath(r.PostForm.Get("next"))}
	if stop, err := c.mustWait(w, r, name, data); stop || err != nil {
		return err
	}
	user, err := c.store.UserByName(ctx, name)
	if errors.Is(err, postgres.ErrNotFound) {
		user = postgres.User{PasswordHash: c.nobody, Disabled: true} // takes as long as for a user
	} else if err != nil {
		return fmt.Errorf("log-in: %w", err)
	}
	match, err := argon2id.ComparePasswordAndHash(password, user.PasswordHash)
	if err != nil {
		return fmt.Errorf("log-in of %q: %w", name, err)
	}
	if !match || !mayLogIn(user) {
		return c.refuseLogin(w, r, user, name, data, "login.wrong")
	}
	if user.TOTPSecret != "" {
		return c.askCode(w, r, user, data.Next, false)
	}
	return c.letIn(w, r, user, data.Next, false)
}

// askCode asks for the second factor of a user who has shown the first: half logged in, with a new token already, he gets
// nothing but the next page.
func (c *Console) askCode(w http.ResponseWriter, r *http.Request, user postgres.User, next string, directory bool) error {
	ctx := r.Context()
	if err := c.sessions.RenewToken(ctx); err != nil {
		return fmt.Errorf("log-in: %w", err)
	}
	c.sessions.Put(ctx, sessHalf, halfLogin(user.ID, time.Now()))
	c.sessions.Put(ctx, sessNext, next)
	c.sessions.Put(ctx, sessHalfDirectory, directory)
	http.Redirect(w, r, "/login/code", http.StatusSeeOther)
	return nil
}

// mayLogIn says whether the account is one to log in with: not blocked, and its first rights confirmed.
func mayLogIn(u postgres.User) bool { return !u.Disabled && u.Role != "" }

// mustWait counts an attempt, and answers for it where the name has to wait.
func (c *Console) mustWait(w http.ResponseWriter, r *http.Request, name string, data loginData) (stop bool, err error) {
	wait, err := c.store.BeginAttempt(r.Context(), shortened(name, longestName), lockout)
	if err != nil {
		return true, fmt.Errorf("log-in: %w", err)
	}
	if wait <= 0 {
		return false, nil
	}
	data.Problem, data.Seconds = "login.wait", int(wait.Seconds())+1
	return true, c.showLogin(w, r, http.StatusTooManyRequests, data)
}

func (c *Console) refuseLogin(w http.ResponseWriter, r *http.Request, user postgres.User, name string, data loginData, problem string) error {
	if err := c.recordAs(r, postgres.User{ID: user.ID, Name: shortened(name, longestName)}, "access.refused", "user:"+user.ID); err != nil {
		return err
	}
	c.log.WarnContext(r.Context(), "log-in refused", "name", shortened(name, longestName), "from", r.RemoteAddr)
	data.Problem = problem
	return c.showLogin(w, r, http.StatusUnauthorized, data)
}

// letIn logs a user in who has shown who he is.
func (c *Console) letIn(w http.ResponseWriter, r *http.Request, user postgres.User, next string, directory bool) error {
	if err := c.store.AttemptSucceeded(r.Context(), shortened(user.Name, longestName)); err != nil {
		return fmt.Errorf("log-in: %w", err)
	}
	if err := c.startSession(r.Context(), actorOf(r, user), r.UserAgent(), directory); err != nil {
		return err
	}
	if next == "/" || next == "" {
		next = home(user.Role)
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
	return nil
}

// halfLogins last long enough to find the telephone.
const halfLoginLasts = 5 * time.Minute

func halfLogin(user string, now time.Time) string {
	return user + " " + now.Add(halfLoginLasts).UTC().Format(time.RFC3339)
}

// halfUser is whose second factor is asked for; "" for nobody's.
func (c *Console) halfUser(r *http.Request) string {
	id, until, _ := strings.Cut(c.sessions.GetString(r.Context(), sessHalf), " ")
	if t, err := time.Parse(time.RFC3339, until); err != nil || time.Now().After(t) {
		return ""
	}
	return id
}

func (c *Console) codePage(w http.ResponseWriter, r *http.Request) error {
	if c.halfUser(r) == "" {
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return nil
	}
	return c.showLogin(w, r, http.StatusOK, loginData{Code: true})
}

// checkCode is the second half of a log-in.
func (c *Console) checkCode(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := readForm(w, r); err != nil {
		return err
	}
	id := c.halfUser(r)
	if id == "" {
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return nil
	}
	user, err := c.store.User(ctx, id)
	if err != nil {
		return fmt.Errorf("log-in: %w", err)
	}
	data := loginData{Code: true}
	if stop, err := c.mustWait(w, r, user.Name, data); stop || err != nil {
		return err
	}
	ok, err := c.secondFactor(ctx, actorOf(r, user), user, r.PostForm.Get("code"))
	if err != nil {
		return fmt.Errorf("log-in of %q: %w", user.Name, err)
	}
	if !ok || !mayLogIn(user) {
		return c.refuseLogin(w, r, user, user.Name, data, "login.wrong_code")
	}
	return c.letIn(w, r, user, localPath(c.sessions.PopString(ctx, sessNext)), c.sessions.PopBool(ctx, sessHalfDirectory))
}

func (c *Console) logout(w http.ResponseWriter, r *http.Request) error {
	if err := c.store.LogOut(r.Context(), visitorOf(r).login); err != nil {
		return fmt.Errorf("log-out: %w", err)
	}
	if err := c.sessions.Destroy(r.Context()); err != nil {
		return fmt.Errorf("log-out: %w", err)
	}
	http.Redirect(w, r, "/login", http.StatusSeeOther)
	return nil
}

// toLogin sends a visitor who is not logged in to the log-in page, and back afterwards. Requests that are not
// for a page get a plain 401.
func (c *Console) toLogin(w http.ResponseWriter, r *http.Request) {
	if isAPI(r) {
		c.fail(w, r, errLoginFirst)
		return
	}
	if r.Method != http.MethodGet || !strings.Contains(r.Header.Get("Accept"), "text/html") {
		http.Error(w, "log in first", http.StatusUnauthorized)
		return
	}
	http.Redirect(w, r, "/login?next="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
}

// localPath lets only addresses of this console through as places to go next.
func localPath(p string) string {
	u, err := url.Parse(p)
	if err != nil || u.Host != "" || u.Scheme != "" || !strings.HasPrefix(p, "/") ||
		strings.HasPrefix(p, "//") || strings.ContainsAny(p, "\\\r\n") {
		return "/"
	}
	return p
}

// longestForm is how many bytes a form may have.
const longestForm = 64 << 10

// readForm reads the form a page has posted.
func readForm(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, longestForm)
	if err := r.ParseForm(); err != nil {
		return errBadRequest
	}
	return nil
}

// switchLang sets the language of this session.
func (c *Console) switchLang(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	l := Lang(r.PostForm.Get("lang"))
	if l != Chinese && l != English {
		return errBadRequest
	}
	c.sessions.Put(r.Context(), sessLang, string(l))
	http.Redirect(w, r, localPath(r.PostForm.Get("back")), http.StatusSeeOther)
	return nil
}
