package postgres

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Actor is who changes something, as the audit log keeps it.
type Actor struct {
	ID     string // of a user; empty for somebody at the machine's command line
	Name   string // log-in name
	Origin string // network address; empty for a process
}

// CommandLine is whoever may run the program with the database's address.
var CommandLine = Actor{Name: "(command line)"}

// audit appends what the actor does; detail becomes a JSON object. Call it last in a transaction.
func (a Actor) audit(ctx context.Context, tx pgx.Tx, action, subject string, detail map[string]any) error {
	text := ""
	if detail != nil {
		b, err := json.Marshal(detail)
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		text = string(b)
	}
	return appendAudit(ctx, tx, AuditEntry{Actor: a.ID, Name: a.Name, Origin: a.Origin, Action: action, Subject: subject, Detail: text})
}
