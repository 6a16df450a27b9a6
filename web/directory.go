package web

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/speechqa/speechqa/storage/postgres"
)

// Directory lets people log in by the company's directory (OpenID Connect, code flow with PKCE). Who may do what stays
// with the accounts here: the directory only says who somebody is.
type Directory struct {
	Issuer       string // its address, as its tokens name it
	ClientID     string
	ClientSecret string   // "" for a public client
	Claim        string   // that holds the log-in name of the account here
	Factors      []string // values of amr or acr that stand for a second factor; none: it is always asked for here
	PublicURL    string   // of this console, where the directory sends people back to

	mu       sync.Mutex
	provider *oidc.Provider // nil until the directory has answered
}

// directoryPatience bounds every question to the directory.
const directoryPatience = 10 * time.Second

// directoryLasts is how long a person may take to log in there.
const directoryLasts = 10 * time.Minute

// directoryBack is where the directory sends people back to.
const directoryBack = "/login/directory/back"

// directoryClient asks the directory.
var directoryClient = &http.Client{Timeout: directoryPatience}

// open asks the directory for its addresses, once; a directory that does not answer is asked again the next time.
func (d *Directory) open() (*oidc.Provider, *oauth2.Config, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.provider == nil {
		// The provider keeps the context for fetching keys later, so that it must not be the request's.
		p, err := oidc.NewProvider(oidc.ClientContext(context.Background(), directoryClient), d.Issuer)
		if err != nil {
			return nil, nil, fmt.Errorf("the company's directory: %w", err)
		}
		d.provider = p
	}
	back, err := url.JoinPath(d.PublicURL, directoryBack)
	if err != nil {
		return nil, nil, fmt.Errorf("address of this console: %w", err)
	}
	return d.provider, &oauth2.Config{ClientID: d.ClientID, ClientSecret: d.ClientSecret, Endpoint: d.provider.Endpoint(), RedirectURL: back,
		Scopes: []string{oidc.ScopeOpenID, "profile", "email"}}, nil
}

// asked is what the directory's answer must fit to. It lies in the session, so that only this browser can use it, once.
type asked struct {
	State, Nonce, Verifier, Next string
	Until                        time.Time
}

// toDirectory sends the visitor to the company's directory.
func (c *Console) toDirectory(w http.ResponseWriter, r *http.Request) error {
	if c.directory == nil {
		return errNotFound
	}
	_, flow, err := c.directory.open()
	if err != nil {
		return c.directoryFails(w, r, err)
	}
	a := asked{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Next: localPath(r.URL.Query().Get("next")), Until: time.Now().Add(directoryLasts)}
	text, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("log-in by the directory: %w", err)
	}
	c.sessions.Put(r.Context(), sessOIDC, text)
	http.Redirect(w, r, flow.AuthCodeURL(a.State, oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier)), http.StatusSeeOther)
	return nil
}

// fromDirectory takes the directory's answer. Without an account here that is not blocked nobody gets in, and nobody
// gets rights by it.
func (c *Console) fromDirectory(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if c.directory == nil {
		return errNotFound
	}
	var a asked
	text := c.sessions.PopBytes(ctx, sessOIDC)
	q := r.URL.Query()
	if json.Unmarshal(text, &a) != nil || time.Now().After(a.Until) || subtle.ConstantTimeCompare([]byte(a.State), []byte(q.Get("state"))) != 1 {
		return c.refuseLogin(w, r, postgres.User{}, "", loginData{}, "directory.not_asked")
	}
	data := loginData{Next: a.Next}
	if q.Get("error") != "" { // such as access_denied
		return c.refuseLogin(w, r, postgres.User{}, "", data, "directory.refused")
	}
	name, factor, err := c.directory.identify(ctx, a, q.Get("code"))
	if errors.Is(err, errNotBelieved) {
		c.log.WarnContext(ctx, "the directory's answer is not believed", "error", err)
		return c.refuseLogin(w, r, postgres.User{}, "", data, "directory.refused")
	}
	if err != nil {
		return c.directoryFails(w, r, err)
	}
	user, err := c.store.UserByName(ctx, name)
	if err != nil && !errors.Is(err, postgres.ErrNotFound) {
		return fmt.Errorf("log-in by the directory: %w", err)
	}
	if err != nil || !mayLogIn(user) {
		return c.refuseLogin(w, r, user, name, data, "directory.unknown")
	}
	if err := c.recordAs(r, user, "access.directory", "user:"+user.ID); err != nil {
		return err
	}
	switch {
	case factor:
		return c.letIn(w, r, user, a.Next, true)
	case user.TOTPSecret != "":
		return c.askCode(w, r, user, a.Next, true)
	case c.needsSecondFactor(user):
		return c.refuseLogin(w, r, user, name, data, "directory.factor")
	}
	return c.letIn(w, r, user, a.Next, true)
}

// errNotBelieved is what a forged, stale or unfit answer comes to.
var errNotBelieved = errors.New("not believed")

// identify takes the code to the directory and gives the log-in name of whom it vouches for, and whether it has asked him
// for a second factor.
func (d *Directory) identify(ctx context.Context, a asked, code string) (name string, factor bool, err error) {
	provider, flow, err := d.open()
	if err != nil {
		return "", false, err
	}
	token, err := flow.Exchange(oidc.ClientContext(ctx, directoryClient), code, oauth2.VerifierOption(a.Verifier))
	var refused *oauth2.RetrieveError
	switch {
	case errors.As(err, &refused) && refused.Response.StatusCode < http.StatusInternalServerError:
		return "", false, fmt.Errorf("%w: the code: %s", errNotBelieved, refused.ErrorCode)
	case err != nil:
		return "", false, fmt.Errorf("the company's directory: %w", err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := provider.Verifier(&oidc.Config{ClientID: d.ClientID}).Verify(ctx, raw)
	if err != nil {
		return "", false, fmt.Errorf("%w: %w", errNotBelieved, err)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(a.Nonce)) != 1 {
		return "", false, fmt.Errorf("%w: the token is of another log-in", errNotBelieved)
	}
	var claims map[string]any
	if err := id.Claims(&claims); err != nil {
		return "", false, fmt.Errorf("%w: %w", errNotBelieved, err)
	}
	if d.Claim == "email" && claims["email_verified"] != true {
		return "", false, fmt.Errorf("%w: the address is not verified", errNotBelieved)
	}
	if name, _ = claims[d.Claim].(string); name == "" {
		return "", false, fmt.Errorf("%w: the token has no %s", errNotBelieved, d.Claim)
	}
	shown := []any{claims["acr"]}
	if amr, ok := claims["amr"].([]any); ok {
		shown = append(shown, amr...)
	}
	factor = slices.ContainsFunc(shown, func(v any) bool { s, ok := v.(string); return ok && slices.Contains(d.Factors, s) })
	return name, factor, nil
}

// directoryFails says that the directory cannot be reached; with a password people still get in.
func (c *Console) directoryFails(w http.ResponseWriter, r *http.Request, err error) error {
	c.log.ErrorContext(r.Context(), "log-in by the directory", "error", err)
	return c.showLogin(w, r, http.StatusServiceUnavailable, loginData{Problem: "directory.away"})
}

// directoryRoutes are open to everybody: who comes is not logged in yet.
func (c *Console) directoryRoutes() []route {
	return []route{
		{"GET /login/directory", permPublic, c.toDirectory, ""},
		{"GET " + directoryBack, permPublic, c.fromDirectory, ""},
	}
}
