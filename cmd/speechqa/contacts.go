package main

import (
	"context"
	"time"

	"github.com/speechqa/speechqa/storage/postgres"
)

// contactsEvery is how often the rules about several recordings look for what has changed, and contactsBatch how many
// changes they take at a time.
const (
	contactsEvery = time.Second
	contactsBatch = 200
)

// addContacts keeps the findings about several recordings in step with those that come in; of several processes one does
// it at a time. rules gives the live ones.
func (s *system) addContacts(rules func() postgres.Across) {
	s.add("contacts", func(ctx context.Context) error {
		tick := time.NewTicker(contactsEvery)
		defer tick.Stop()
		for {
			for {
				n, err := s.store.FollowContacts(ctx, rules(), contactsBatch)
				if err != nil && ctx.Err() == nil {
					s.log.Warn("rules about several recordings", "error", err)
				}
				if err != nil || n == 0 {
					break
				}
			}
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
		}
	})
}
