package web

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/speechqa/speechqa/storage/postgres"
)

// tokenStore is what keys of the API ask of the database.
type tokenStore interface {
	CreateToken(ctx context.Context, t postgres.Token, key string, who postgres.AuditEntry) (string, error)
	Tokens(ctx context.Context, user string) ([]postgres.Token, error)
	RevokeToken(ctx context.Context, id string, who postgres.AuditEntry) error
	UserOfToken(ctx context.Context, key string) (postgres.User, postgres.Token, error)
}

const (
	tokenPrefix  = "sqa_" // lets scanners for leaked secrets know it
	tokenHint    = 8      // characters shown of it
	tokenMaxDays = 365
	maxTokens    = 20 // that work at a time, per person
)

func (c *Console) tokenRoutes() []route {
	return []route{
		{"GET /tokens", permAccount, c.tokensPage, ""},
		{"POST /tokens", permAccount, c.makeToken, ""},
		{"POST /tokens/{token}/revoke", permAccount, c.revokeToken, ""},
	}
}

type tokensData struct {
	Tokens []postgres.Token
	Fresh  string // the key just made: shown once
	Now    time.Time
}

// Works says whether a token can still be used.
func (d tokensData) Works(t postgres.Token) bool {
	return t.RevokedAt.IsZero() && t.ExpiresAt.After(d.Now)
}

func (c *Console) tokensPage(w http.ResponseWriter, r *http.Request) error {
	return c.showTokens(w, r, "")
}

func (c *Console) showTokens(w http.ResponseWriter, r *http.Request, fresh string) error {
	all, err := c.store.Tokens(r.Context(), visitorOf(r).user.ID)
	if err != nil {
		return fmt.Errorf("tokens: %w", err)
	}
	return c.render(w, r, http.StatusOK, "tokens", tokensData{all, fresh, time.Now()})
}

// makeToken makes a key and shows it, this once.
func (c *Console) makeToken(w http.ResponseWriter, r *http.Request) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	t := postgres.Token{ReadOnly: f.Get("read_only") != ""}
	if t.Name, err = sentence(f.Get("name"), 60); err != nil || t.Name == "" {
		return errBadRequest
	}
	days, err := strconv.Atoi(f.Get("days"))
	if err != nil || days < 1 || days > tokenMaxDays {
		return errBadRequest
	}
	all, err := c.store.Tokens(r.Context(), visitorOf(r).user.ID)
	if err != nil {
		return fmt.Errorf("tokens: %w", err)
	}
	now, working := time.Now(), 0
	for _, o := range all {
		if (tokensData{Now: now}).Works(o) {
			working++
		}
	}
	if working >= maxTokens {
		return errTokens
	}
	t.ExpiresAt = now.AddDate(0, 0, days)
	key := tokenPrefix + rand.Text() + rand.Text()
	t.Hint = key[:tokenHint]
	if _, err := c.store.CreateToken(r.Context(), t, key, who(r)); err != nil {
		return fmt.Errorf("tokens: %w", err)
	}
	return c.showTokens(w, r, key)
}

func (c *Console) revokeToken(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "token")
	if err != nil {
		return err
	}
	if err := c.store.RevokeToken(r.Context(), id, who(r)); err != nil {
		return fmt.Errorf("token %s: %w", id, err)
	}
	http.Redirect(w, r, "/tokens", http.StatusSeeOther)
	return nil
}

// isAPI says whether a request is a program's.
func isAPI(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, apiPath) }

// bearer is the key a request of a program carries; "" for none.
func bearer(r *http.Request) string {
	kind, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !isAPI(r) || !strings.EqualFold(kind, "Bearer") {
		return ""
	}
	return strings.TrimSpace(key)
}

// tokenVisitor is who asks with a key. A key works for the API alone, and one that only reads for GET alone.
func (c *Console) tokenVisitor(r *http.Request, key string) (visitor, error) {
	u, t, err := c.store.UserOfToken(r.Context(), key)
	if errors.Is(err, postgres.ErrNotFound) {
		return visitor{}, errTokenRefused
	}
	if err != nil {
		return visitor{}, fmt.Errorf("load token: %w", err)
	}
	v := visitor{user: u, scope: ScopeOf(u), lang: Chinese}
	if u.Lang != "" {
		v.lang = Lang(u.Lang)
	}
	if t.ReadOnly && r.Method != http.MethodGet {
		return v, errReadOnly
	}
	return v, nil
}
