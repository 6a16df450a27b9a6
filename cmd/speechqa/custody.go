package main

import (
	"context"
	"strings"

	"github.com/speechqa/speechqa/custody"
)

// custodySettings say how recordings are kept.
type custodySettings struct {
	Mode custody.LockMode
}

func (f custodyFlags) read(p *problems) custodySettings {
	return custodySettings{Mode: custody.LockMode(strings.ToUpper(p.choice("SPEECHQA_LOCK_MODE", f.LockMode, "compliance", "governance")))}
}

// keeper tells the object store how long each recording is kept.
func (s *system) keeper(c custodySettings) *custody.Keeper {
	k := &custody.Keeper{Store: s.store, Objects: s.objects, Mode: c.Mode, Log: s.log}
	seen := map[string]bool{}
	for _, p := range s.Objects.Places {
		if !seen[p.Bucket] {
			seen[p.Bucket] = true
			k.Buckets = append(k.Buckets, p.Bucket)
		}
	}
	return k
}

// addCustody adds what keeps recordings: their locks and holds in the store.
func (s *system) addCustody(c custodySettings) {
	k := s.keeper(c)
	s.add("custody", func(ctx context.Context) error { k.Run(ctx); return nil })
}

// addLockWarning says at the start whether the buckets protect what lies in them.
func (s *system) addLockWarning() {
	k := s.keeper(custodySettings{})
	s.add("lock warning", func(ctx context.Context) error {
		if _, err := k.Look(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("how the buckets are protected cannot be found out", "error", err)
		}
		return nil
	})
}
