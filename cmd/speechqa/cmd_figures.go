package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/speechqa/speechqa/storage/postgres"
)

// figuresCmd is about the figures that trends and reports read. They follow every change by themselves.
type figuresCmd struct {
	Check   figuresCheckCmd   `cmd:"" help:"Compare the figures of trends and reports with a count of all recordings."`
	Rebuild figuresRebuildCmd `cmd:"" help:"Count the figures anew; whoever writes waits meanwhile."`
}

type figuresCheckCmd struct {
	databaseFlags
}

func (c *figuresCheckCmd) Run(a *app) error {
	return withStore(a, c.databaseFlags, func(s *postgres.Store) error {
		drift, err := s.CheckFigures(a.ctx)
		if err != nil {
			return fmt.Errorf("count: %w", err)
		}
		for _, d := range drift {
			fmt.Fprintf(a.stdout, "%s\t%d figures differ\n", d.Day.Format(time.DateOnly), d.Parts)
		}
		if len(drift) > 0 {
			return errors.New("some figures are not what a count gives: run `speechqa figures rebuild`, and tell the developers")
		}
		fmt.Fprintln(a.stdout, "all figures are what a count gives")
		return nil
	})
}

type figuresRebuildCmd struct {
	databaseFlags
	TimeZone string `config:"SPEECHQA_TIME_ZONE" default:"Asia/Shanghai" placeholder:"ZONE" help:"Zone in which a day begins."`
}

func (c *figuresRebuildCmd) Run(a *app) error {
	zone, err := time.LoadLocation(c.TimeZone)
	if err != nil {
		return fmt.Errorf("SPEECHQA_TIME_ZONE: %q is no time zone this machine knows", c.TimeZone)
	}
	return withStore(a, c.databaseFlags, func(s *postgres.Store) error {
		if err := s.RebuildFigures(a.ctx, zone); err != nil {
			return err
		}
		_, err := fmt.Fprintf(a.stdout, "counted anew, by days of %s\n", zone)
		return err
	})
}

// useZone makes the figures go by the days that the console shows.
func (s *system) useZone(ctx context.Context, zone *time.Location) error {
	rebuilt, err := s.store.UseFigureZone(ctx, zone)
	if rebuilt && err == nil {
		s.log.Info("figures counted anew: the time zone has changed", "zone", zone.String())
	}
	return err
}
