package main

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"slices"
	"time"

	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/worker"
)

// queueCmd steers the queue.
type queueCmd struct {
	Pause  queuePauseCmd  `cmd:"" help:"Workers take no more tasks; running ones go on."`
	Resume queueResumeCmd `cmd:"" help:"Workers take tasks again."`
	Retry  queueRetryCmd  `cmd:"" help:"Try failed recordings again."`
	Rescan queueRescanCmd `cmd:"" help:"Inspect again what other rules inspected, newest first; nothing is transcribed again."`
	Rehear queueRehearCmd `cmd:"" help:"Transcribe again what another model heard, by the time of the contact."`
}

// operator is who works at the command line, for the audit log.
func operator() postgres.AuditEntry {
	u, err := user.Current()
	if err != nil {
		return postgres.AuditEntry{Name: "command line"}
	}
	return postgres.AuditEntry{Name: "command line: " + u.Username}
}

type queueNames struct {
	redisFlags
	Queues []string `arg:"" optional:"" name:"queue" help:"urgent, transcribe, backfill, inspect, rescan; default: all."`
}

// each does something to every queue named.
func (n queueNames) each(do func(*worker.Queue, string) error) error {
	var p problems
	redis := n.redisFlags.read(&p)
	names := n.Queues
	if len(names) == 0 {
		names = worker.Queues
	}
	for _, name := range names {
		if !slices.Contains(worker.Queues, name) {
			p.add("queue", "%q is none of %v", name, worker.Queues)
		}
	}
	if err := p.err(); err != nil {
		return err
	}
	q := worker.NewQueue(redis)
	defer q.Close()
	for _, name := range names {
		if err := do(q, name); err != nil {
			return err
		}
	}
	return nil
}

type queuePauseCmd struct{ queueNames }

func (c *queuePauseCmd) Run(*app) error { return c.each((*worker.Queue).Pause) }

type queueResumeCmd struct{ queueNames }

func (c *queueResumeCmd) Run(*app) error { return c.each((*worker.Queue).Resume) }

type queueRetryCmd struct {
	databaseFlags
	Reason string   `xor:"what" placeholder:"SENTENCE" help:"All that failed for this reason, as status shows it."`
	IDs    []string `arg:"" optional:"" name:"recording" help:"Ids of recordings."`
}

func (c *queueRetryCmd) Run(a *app) error {
	if c.Reason == "" && len(c.IDs) == 0 {
		return fmt.Errorf("say which: --reason SENTENCE or ids of recordings")
	}
	return withStore(a, c.databaseFlags, func(s *postgres.Store) error {
		n, err := s.Retry(a.ctx, operator(), c.Reason, c.IDs...)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(a.stdout, "%d recordings wait again\n", n)
		return err
	})
}

type queueRescanCmd struct {
	databaseFlags
	rulesFlags
}

func (c *queueRescanCmd) Run(a *app) error {
	var p problems
	rules := c.rulesFlags.read(&p)
	if err := p.err(); err != nil {
		return err
	}
	return withStore(a, c.databaseFlags, func(s *postgres.Store) error {
		hash, err := presentRules(a.ctx, s, rules)
		if err != nil {
			return err
		}
		n, err := s.Rescan(a.ctx, operator(), hash)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(a.stdout, "%d recordings wait for inspection by the present rules\n", n)
		return err
	})
}

// presentRules is the hash of the rules that recordings are inspected by: the live version, or, before any was recorded,
// the program's own.
func presentRules(ctx context.Context, s *postgres.Store, dir string) (string, error) {
	live, err := s.LiveRuleset(ctx)
	if err == nil || !errors.Is(err, postgres.ErrNotFound) {
		return live.Hash, err
	}
	rs, err := loadRules(dir)
	if err != nil {
		return "", err
	}
	return rs.Hash, nil
}

type queueRehearCmd struct {
	databaseFlags
	From  time.Time `required:"" format:"2006-01-02" placeholder:"DAY" help:"First day of the contacts, e.g. 2026-03-01, in the time zone below."`
	To    time.Time `required:"" format:"2006-01-02" placeholder:"DAY" help:"Day after the last."`
	Zone  string    `name:"time-zone" config:"SPEECHQA_TIME_ZONE" default:"Asia/Shanghai" placeholder:"ZONE" help:"Zone in which a day begins."`
	Model string    `required:"" placeholder:"SHA256" help:"SHA-256 of the model file that the workers have now ('speechqa model list'); what it heard already is left alone."`
}

func (c *queueRehearCmd) Run(a *app) error {
	zone, err := time.LoadLocation(c.Zone)
	if err != nil {
		return fmt.Errorf("%q is no time zone this machine knows", c.Zone)
	}
	day := func(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, zone) }
	return withStore(a, c.databaseFlags, func(s *postgres.Store) error {
		n, err := s.Retranscribe(a.ctx, day(c.From), day(c.To), c.Model)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(a.stdout, "%d recordings wait for transcription by the present model\n", n)
		return err
	})
}
