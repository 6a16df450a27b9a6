package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/speechqa/speechqa/custody"
	"github.com/speechqa/speechqa/storage/postgres"
)

// restoreCmd puts back what was lost.
type restoreCmd struct {
	Object restoreObjectCmd `cmd:"" help:"Put recordings that are gone or damaged back into the first store, from their second copies."`
}

type restoreObjectCmd struct {
	databaseFlags
	objectFlags
	copyFlags
	custodyFlags
	givenBy
	IDs []string `arg:"" optional:"" name:"recording" help:"Ids of recordings."`
	All bool     `help:"All that 'verify storage' found to be gone or damaged, and that are so still."`
}

// restoring is the lock under which one process at a time puts objects back.
const restoring = "speechqa restore"

func (c *restoreObjectCmd) Run(a *app) error {
	var p problems
	settings := c.objectFlags.read(&p)
	second := c.copyFlags.read(&p, settings)
	keep := c.custodyFlags.read(&p)
	if !second.on() {
		p.add("SPEECHQA_COPY_BUCKET", "is not set; it says where the second copies are")
	}
	if c.All == (len(c.IDs) > 0) {
		p.add("restore object", "name recordings, or say --all")
	}
	if err := p.err(); err != nil {
		return err
	}
	first, err := openObjects(settings)
	if err != nil {
		return err
	}
	there, err := openObjects(second.objectSettings)
	if err != nil {
		return err
	}
	return withStore(a, c.databaseFlags, func(db *postgres.Store) error {
		r := custody.Restorer{Store: db, First: first, Second: there, By: c.actor()}
		var back, well, failed int
		ours, err := db.Lead(a.ctx, restoring, func(ctx context.Context) error {
			return r.Each(ctx, c.IDs, func(b custody.Broken, isWell bool, err error) {
				said := "put back from its second copy"
				switch {
				case err != nil:
					failed++
					said = "NOT put back: " + err.Error()
				case isWell:
					well++
					said = "is as it was taken in; nothing to do"
				default:
					back++
				}
				fmt.Fprintf(a.stdout, "%s %s/%s: %s\n", b.ID, b.Object.Bucket, b.Object.Key, said)
			})
		})
		if err == nil && !ours {
			err = errors.New("another process is putting objects back: wait until it is through")
		}
		if err != nil {
			return fmt.Errorf("interrupted after %d recordings; give the command again: %w", back+well+failed, err)
		}
		sys := &system{store: db, objects: first, log: slog.New(slog.NewTextHandler(a.stderr, nil))}
		sys.Objects = settings
		k := sys.keeper(keep)
		lockable, err := k.Look(a.ctx)
		if err == nil {
			err = k.Once(a.ctx, lockable)
		}
		if err != nil {
			return fmt.Errorf("%d put back; a worker locks them, here it failed: %w", back, err)
		}
		fmt.Fprintf(a.stdout, "%d put back and locked as before, %d well already, %d not put back\n", back, well, failed)
		if failed > 0 {
			return fmt.Errorf("%d of %d recordings could not be put back", failed, back+well+failed)
		}
		return nil
	})
}
