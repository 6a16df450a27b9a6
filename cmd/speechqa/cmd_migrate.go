package main

import (
	"fmt"

	"github.com/speechqa/speechqa/storage/postgres"
)

// migrateCmd brings the database's schema to this program's version.
type migrateCmd struct {
	databaseFlags
}

func (c *migrateCmd) Run(a *app) error {
	var p problems
	url := c.databaseFlags.read(&p)
	if err := p.err(); err != nil {
		return err
	}
	version, err := postgres.Migrate(a.ctx, url)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "the schema is at version %d\n", version)
	return err
}
