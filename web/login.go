package web

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/speechqa/speechqa/storage/postgres"
)

// passwordCost follows OWASP's password storage cheat sheet for argon2id: 19 MiB, 2 passes, 1 lane.
var passwordCost = &argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

func hashPassword(password string) (string, error) {
	return argon2id.CreateHash(password, passwordCost)
}

type loginData struct {
	Name    string
	Problem string // message key
	Seconds int    // to wait, with the problem "login.wait"
	Next    string
}

func (c *Console) loginPage(w http.ResponseWriter, r *http.Request) error {
	if visitorOf(r).user.ID != "" {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return nil
	}
	return c.render(w, r, http.StatusOK, "login", loginData{Next: localPath(r.URL.Query().Get("next"))})
}

func (c *Console) login(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		return errBadRequest
	}
	name, password := strings.TrimSpace(r.PostForm.Get("name")), r.PostForm.Get("password")
	data := loginData{Name: name, Next: localPath(r.PostForm.Get("next"))}
	now := time.Now()
	if wait := c.attempts.wait(name, now); wait > 0 {
		data.Problem, data.Seconds = "login.wait", int(wait.Seconds())+1
		return c.render(w, r, http.StatusTooManyRequests, "login", data)
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
	if !match || user.Disabled {
		c.attempts.failed(name, now)
		if err := c.recordAs(r, postgres.User{ID: user.ID, Name: shortened(name)}, "access.refused", "user:"+user.ID); err != nil {
			return err
		}
		c.log.WarnContext(ctx, "log-in refused", "name", name, "from", r.RemoteAddr)
		data.Problem = "login.wrong"
		return c.render(w, r, http.StatusUnauthorized, "login", data)
	}
	c.attempts.succeeded(name)
	if err := c.recordAs(r, user, "access.login", "user:"+user.ID); err != nil {
		return err
	}
	if err := c.sessions.RenewToken(ctx); err != nil {
		return fmt.Errorf("log-in: %w", err)
	}
	key := make([]byte, 32)
	rand.Read(key) // never fails
	c.sessions.Put(ctx, sessUser, user.ID)
	c.sessions.Put(ctx, sessAudio, key)
	http.Redirect(w, r, data.Next, http.StatusSeeOther)
	return nil
}

func (c *Console) logout(w http.ResponseWriter, r *http.Request) error {
	if err := c.sessions.Destroy(r.Context()); err != nil {
		return fmt.Errorf("log-out: %w", err)
	}
	http.Redirect(w, r, "/login", http.StatusSeeOther)
	return nil
}

// toLogin sends a visitor who is not logged in to the log-in page, and back afterwards. Requests that are not
// for a page get a plain 401.
func (c *Console) toLogin(w http.ResponseWriter, r *http.Request) {
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

// switchLang sets the language of this session.
func (c *Console) switchLang(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		return errBadRequest
	}
	l := Lang(r.PostForm.Get("lang"))
	if l != Chinese && l != English {
		return errBadRequest
	}
	c.sessions.Put(r.Context(), sessLang, string(l))
	http.Redirect(w, r, localPath(r.PostForm.Get("back")), http.StatusSeeOther)
	return nil
}
