package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/worker"
)

// statusCmd shows how the recordings and the queue stand.
type statusCmd struct {
	databaseFlags
	redisFlags
	TimeZone string `config:"SPEECHQA_TIME_ZONE" default:"Asia/Shanghai" placeholder:"ZONE" help:"Zone in which a day begins."`
	JSON     bool   `name:"json" help:"As JSON."`
}

func (c *statusCmd) Run(a *app) error {
	var p problems
	url, redis := c.databaseFlags.read(&p), c.redisFlags.read(&p)
	zone, err := time.LoadLocation(c.TimeZone)
	if err != nil {
		p.add("SPEECHQA_TIME_ZONE", "%q is no time zone this machine knows", c.TimeZone)
	}
	if err := p.err(); err != nil {
		return err
	}
	store, err := postgres.Open(a.ctx, url)
	if err != nil {
		return err
	}
	defer store.Close()
	sum, err := store.Summary(a.ctx, zone)
	if err != nil {
		return err
	}
	rescan, err := store.RescanProgress(a.ctx)
	if err != nil {
		return err
	}
	buckets, err := store.Buckets(a.ctx)
	if err != nil {
		return err
	}
	copies, err := store.CopyStanding(a.ctx)
	if err != nil {
		return err
	}
	queue := worker.NewQueue(redis)
	defer queue.Close()
	infos, err := queue.Info()
	if err != nil {
		return fmt.Errorf("the queue does not answer; check SPEECHQA_REDIS_URL: %w", err)
	}
	if c.JSON {
		return json.NewEncoder(a.stdout).Encode(map[string]any{"recordings": sum, "queues": infos, "rescan": rescan, "buckets": buckets, "copies": copies})
	}
	writeUnprotected(a.stdout, buckets)
	writeCopyAlarm(a.stdout, copies)
	w := tabwriter.NewWriter(a.stdout, 0, 4, 2, ' ', 0)
	for _, s := range pipeline.States {
		fmt.Fprintf(w, "%s\t%d\n", s, sum.ByState[s])
	}
	fmt.Fprintf(w, "inspected today\t%d\n", sum.Today)
	if !sum.Oldest.IsZero() {
		fmt.Fprintf(w, "oldest waiting\t%s (for %s)\n", sum.Oldest.In(zone).Format(time.DateTime), time.Since(sum.Oldest).Round(time.Second))
	}
	if rescan.Left > 0 {
		fmt.Fprintf(w, "inspecting again\t%.1f %%, %d left, %.0f a second%s\n", 100*rescan.Done(), rescan.Left, rescan.Rate, remaining(rescan))
	}
	writeCopies(w, copies)
	fmt.Fprintln(w, "\nQUEUE\tPENDING\tACTIVE\tRETRY\tGIVEN UP\tOLDEST\t")
	for _, i := range infos {
		paused := ""
		if i.Paused {
			paused = "paused"
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%s\t%s\n", i.Name, i.Pending, i.Active, i.Retry, i.Archived, i.Latency.Round(time.Second), paused)
	}
	if len(sum.Failures) > 0 {
		fmt.Fprintln(w, "\nFAILED\tREASON")
		for _, f := range sum.Failures {
			fmt.Fprintf(w, "%d\t%s\n", f.Count, f.Reason)
		}
	}
	return w.Flush()
}

// remaining is how long the rest of a rescan takes, where that can be said.
func remaining(p postgres.Progress) string {
	if t := p.Remaining(); t > 0 {
		return ", " + t.String() + " to go"
	}
	return ""
}
