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

// makeHook keeps an address and shows its secret, this once.
func (c *Console) makeHook(w http.ResponseWriter, r *http.Request) error {
	f, err := form(w, r)
	if err != nil {
		return err
	}
	if err := hooks.CheckURL(f.Get("url"), c.hookAllow); err != nil {
		c.log.InfoContext(r.Context(), "hook refused", "err", err)
		return errHookAddress
	}
	secret := "whs_" + rand.Text() + rand.Text()
	if _, err := c.store.CreateHook(r.Context(), f.Get("url"), secret, who(r)); err != nil {
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
