package main

import (
	"context"
	"time"

	"github.com/speechqa/speechqa/lexicon"
	"github.com/speechqa/speechqa/pipeline/secondopinion"
)

// How often inspections are looked for that no opinion was had on, and how old they are by then.
const (
	opinionEvery  = 10 * time.Second
	opinionSettle = time.Minute
)

// addOpinions has a second opinion on what is inspected, where a language model is configured.
func (s *system) addOpinions(ctx context.Context, l llmSettings, rules string) error {
	if l.URL == "" {
		return nil
	}
	live, err := s.followRules(ctx, rules)
	if err != nil {
		return err
	}
	var client *secondopinion.Client // of the rules it was made for; it remembers answers
	var of *lexicon.Ruleset
	adviser := func() (secondopinion.Adviser, error) {
		if now := live.Ruleset(); now != of {
			c, err := secondopinion.New(l.Config, now)
			if err != nil {
				return nil, err
			}
			client, of = c, now
		}
		return client, nil
	}
	if _, err := adviser(); err != nil {
		return err
	}
	o := &secondopinion.Follower{Store: s.store, Adviser: adviser, AtOnce: l.AtOnce, Every: opinionEvery, Settle: opinionSettle, Log: s.log}
	s.add("second opinion", o.Run)
	return nil
}
