package main

import (
	"fmt"

	"github.com/speechqa/speechqa/storage/postgres"
)

// migrateCmd brings the database's schema to this program's version, as the tables' owner, and gives the role that the
// other commands work with its rights.
type migrateCmd struct {
	databaseFlags
	ownerFlags
}

func (c *migrateCmd) Run(a *app) error {
	var p problems
	url, owner := c.databaseFlags.read(&p), c.ownerFlags.read(&p)
	if err := p.err(); err != nil {
		return err
	}
	if owner == "" {
		owner = url
	}
	version, err := postgres.Migrate(a.ctx, owner, url)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "the schema is at version %d\n", version)
	store, err := postgres.Open(a.ctx, url)
	if err != nil {
		return err
	}
	defer store.Close()
	excess, err := store.Excess(a.ctx)
	if err != nil {
		return err
	}
	for _, what := range excess {
		fmt.Fprintf(a.stderr, "WARNING: %s\n", what)
	}
	if len(excess) > 0 {
		fmt.Fprintf(a.stderr, "WARNING: %s\n", excessAdvice)
	}
	return nil
}

// excessAdvice says what is wrong with an owner at work, and what to do.
const excessAdvice = "whoever gets hold of a running program could change or delete history in the database: give migrate the owner's address in SPEECHQA_DATABASE_OWNER_URL and the programs a role of their own in SPEECHQA_DATABASE_URL (docs/operations.md)"
