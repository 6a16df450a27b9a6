package main

import (
	"fmt"

	"github.com/schollz/progressbar/v3"

	"github.com/speechqa/speechqa/custody"
	"github.com/speechqa/speechqa/storage/postgres"
)

type verifyStorageCmd struct {
	databaseFlags
	objectFlags
	Sample int64 `placeholder:"N" help:"Only so many recordings, chosen at random; default: all."`
	New    bool  `help:"Start anew instead of going on with an interrupted run."`
	AtOnce int   `default:"4" placeholder:"N" help:"Recordings read at a time."`
}

func (c *verifyStorageCmd) Run(a *app) error {
	var p problems
	s := c.objectFlags.read(&p)
	if c.Sample < 0 || c.AtOnce < 1 {
		p.add("verify storage", "--sample and --at-once are whole numbers above zero")
	}
	if err := p.err(); err != nil {
		return err
	}
	store, err := openObjects(s)
	if err != nil {
		return err
	}
	return withStore(a, c.databaseFlags, func(db *postgres.Store) error {
		bar := progressbar.NewOptions64(-1, progressbar.OptionSetWriter(a.stderr), progressbar.OptionSetDescription("recordings read"),
			progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetVisibility(isTerminal(a.stderr)))
		relocked := 0
		v := custody.Verifier{Store: db, Objects: store, AtOnce: c.AtOnce, Sample: c.Sample, Fresh: c.New,
			Observe: func(r custody.Run, results []custody.Checked) {
				bar.ChangeMax64(r.Total)
				_ = bar.Set64(r.Checked)
				for _, x := range results {
					if x.Problem != "" {
						fmt.Fprintf(a.stdout, "%s %s/%s: %s\n", x.ID, x.Object.Bucket, x.Object.Key, x.Problem)
					}
					if x.Relock {
						relocked++
						fmt.Fprintf(a.stdout, "%s %s/%s: the store has not the lock it confirmed; it is set anew\n", x.ID, x.Object.Bucket, x.Object.Key)
					}
				}
			}}
		r, err := v.Run(a.ctx)
		_ = bar.Finish()
		if err != nil {
			return fmt.Errorf("interrupted after %d of %d recordings; start again and it goes on from there: %w", r.Checked, r.Total, err)
		}
		fmt.Fprintf(a.stdout, "%d recordings read, %d with a problem, %d to be locked again\n", r.Checked, r.Bad, relocked)
		if r.Bad > 0 {
			return fmt.Errorf("%d of %d recordings are not as they were taken in", r.Bad, r.Checked)
		}
		return nil
	})
}
