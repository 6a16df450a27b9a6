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
	copyFlags
	Copies bool  `help:"Read the second copies instead; one that is bad counts no more and is made again by a worker."`
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
	what := "recordings"
	if c.Copies {
		second := c.copyFlags.read(&p, s)
		if !second.on() {
			p.add("SPEECHQA_COPY_BUCKET", "is not set; it says where the second copies are")
		}
		if err := p.err(); err != nil {
			return err
		}
		s, what = second.objectSettings, "second copies"
	}
	store, err := openObjects(s)
	if err != nil {
		return err
	}
	return withStore(a, c.databaseFlags, func(db *postgres.Store) error {
		bar := progressbar.NewOptions64(-1, progressbar.OptionSetWriter(a.stderr), progressbar.OptionSetDescription(what+" read"),
			progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetVisibility(isTerminal(a.stderr)))
		relocked := 0
		var checks custody.VerifyStore = db
		if c.Copies {
			checks = postgres.CopyChecks{Store: db}
		}
		v := custody.Verifier{Store: checks, Objects: store, AtOnce: c.AtOnce, Sample: c.Sample, Fresh: c.New,
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
			return fmt.Errorf("interrupted after %d of %d %s; start again and it goes on from there: %w", r.Checked, r.Total, what, err)
		}
		fmt.Fprintf(a.stdout, "%d %s read, %d with a problem, %d to be locked again\n", r.Checked, what, r.Bad, relocked)
		if r.Bad > 0 {
			return fmt.Errorf("%d of %d %s are not as they were taken in", r.Bad, r.Checked, what)
		}
		return nil
	})
}
