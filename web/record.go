package web

import (
	"fmt"
	"net"
	"net/http"

	"github.com/speechqa/speechqa/storage/postgres"
)

// record puts on the audit log what the visitor is about to do; an empty action is none worth keeping.
func (c *Console) record(r *http.Request, action string) error {
	if action == "" {
		return nil
	}
	subject := "page:" + r.URL.Path
	if id := r.PathValue("id"); id != "" {
		subject = "recording:" + id
	}
	return c.recordAs(r, visitorOf(r).user, action, subject)
}

// recordAs is record for a visitor who is just being recognised.
func (c *Console) recordAs(r *http.Request, u postgres.User, action, subject string) error {
	err := c.store.Audit(r.Context(), postgres.AuditEntry{
		Actor: u.ID, Name: u.Name, Action: action, Subject: subject, Origin: origin(r),
	})
	if err != nil {
		return fmt.Errorf("%s cannot be put on record: %w", action, err)
	}
	return nil
}

// origin is the network address a request came from.
func origin(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// How many characters are kept of a name that nobody has, and of what a browser calls itself: strangers write them.
const (
	longestName    = 64
	longestBrowser = 200
)

func shortened(s string, longest int) string {
	if rs := []rune(s); len(rs) > longest {
		return string(rs[:longest]) + "…"
	}
	return s
}
