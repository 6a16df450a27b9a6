package web

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"

	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/web/hooks"
)

// hookStore is what the page about hooks asks of the database.
type hookStore interface {
	CreateHook(ctx context.Context, url, secret string, who postgres.AuditEntry) (string, error)
	Hooks(ctx context.Context) ([]postgres.Hook, error)
	RemoveHook(ctx context.Context, id string, who postgres.AuditEntry) error
	TryHook(ctx context.Context, id string, who postgres.AuditEntry) error
	HookDeliveries(ctx context.Context, limit int) ([]postgres.HookDelivery, error)
}

func (c *Console) hookRoutes() []route {
	return []route{
		{"GET /hooks", permHooks, c.hooksPage, ""},
		{"POST /hooks", permHooks, c.makeHook, ""},
		{"POST /hooks/{hook}/try", permHooks, c.tryHook, ""},
		{"POST /hooks/{hook}/remove", permHooks, c.removeHook, ""},
	}
}

type hooksData struct {
	Hooks      []postgres.Hook
	Deliveries []postgres.HookDelivery
	Secret     string // of the hook just made: shown once
}

func (c *Console) hooksPage(w http.ResponseWriter, r *http.Request) error {
	return c.showHooks(w, r, "")
}

func (c *Console) showHooks(w http.ResponseWriter, r *http.Request, secret string) (err error) {
	d := hooksData{Secret: secret}
	if d.Hooks, err = c.store.Hooks(r.Context()); err != nil {
		return fmt.Errorf("hooks: %w", err)
	}
	if d.Deliveries, err = c.store.HookDeliveries(r.Context(), listLimit); err != nil {
		return fmt.Errorf("hooks: %w", err)
	}
	return c.render(w, r, http.StatusOK, "hooks", d)
}

// HookSecret opens the secret of a hook as the database has it.
func HookSecret(s *Sealer) func(secret, url string) (string, error) {
	return func(secret, url string) (string, error) {
		plain, _, err := s.Open(secret, hookOwner(url))
		return plain, err
	}
}

// hookOwner is whose a hook's secret is: signed with it, only what is sent to this address.
func hookOwner(url string) string { return "hook:" + url }

// ResealHook encrypts a hook's secret by the present key; old says that it was not.
func ResealHook(s *Sealer, secret, url string) (fresh string, old bool, err error) {
	plain, old, err := s.Open(secret, hookOwner(url))
	if err != nil || !old {
		return "", false, err
	}
	return s.Seal(plain, hookOwner(url)), true, nil
}

// makeHook keeps an address and shows its secret, this once; the database has it encrypted.
func (c *Console) makeHook(w http.ResponseWriter, r *http.Request) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	if err := hooks.CheckURL(f.Get("url"), c.hookAllow); err != nil {
		c.log.InfoContext(r.Context(), "hook refused", "err", err)
		return errHookAddress
	}
	if c.sealer == nil {
		return errHookKey
	}
	secret := "whs_" + rand.Text() + rand.Text()
	if _, err := c.store.CreateHook(r.Context(), f.Get("url"), c.sealer.Seal(secret, hookOwner(f.Get("url"))), who(r)); err != nil {
		return fmt.Errorf("hooks: %w", err)
	}
	return c.showHooks(w, r, secret)
}

func (c *Console) tryHook(w http.ResponseWriter, r *http.Request) error {
	return c.onHook(w, r, c.store.TryHook)
}

func (c *Console) removeHook(w http.ResponseWriter, r *http.Request) error {
	return c.onHook(w, r, c.store.RemoveHook)
}

func (c *Console) onHook(w http.ResponseWriter, r *http.Request, do func(context.Context, string, postgres.AuditEntry) error) error {
	id, err := pathID(r, "hook")
	if err != nil {
		return err
	}
	if err := do(r.Context(), id, who(r)); err != nil {
		return fmt.Errorf("hook %s: %w", id, err)
	}
	http.Redirect(w, r, "/hooks", http.StatusSeeOther)
	return nil
}
