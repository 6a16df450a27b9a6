package main

import (
	"context"

	"github.com/speechqa/speechqa/custody"
	"github.com/speechqa/speechqa/evidence"
	"github.com/speechqa/speechqa/storage/objects"
	"github.com/speechqa/speechqa/storage/postgres"
)

// disposalFlags say when and how fast what was approved is destroyed.
type disposalFlags struct {
	DisposalWindow string `config:"SPEECHQA_DISPOSAL_WINDOW" default:"01:00-05:00 Asia/Shanghai" group:"Custody" placeholder:"FROM-TO ZONE" help:"Off-peak hours of every day in which approved disposals run; they stop at its end and go on in the next one."`
	DisposalRate   string `config:"SPEECHQA_DISPOSAL_RATE" default:"5" group:"Custody" placeholder:"N" help:"At most this many recordings destroyed per second; 0 is no limit."`
}

type disposalSettings struct {
	Window custody.Window
	Rate   float64 // recordings per second; 0 is no limit
}

func (f disposalFlags) read(p *problems) (s disposalSettings) {
	var err error
	if s.Window, err = custody.ParseWindow(f.DisposalWindow); err != nil {
		p.add("SPEECHQA_DISPOSAL_WINDOW", "%v", err)
	}
	s.Rate = p.number("SPEECHQA_DISPOSAL_RATE", f.DisposalRate, 0, 1e6)
	return s
}

// disposer destroys what was approved; second may be nil, and key.
func (d disposalSettings) disposer(db *postgres.Store, first, second *objects.Store, key *evidence.Key) *custody.Disposer {
	out := &custody.Disposer{Store: db, Objects: first, Window: d.Window, Rate: d.Rate}
	if second != nil {
		out.Copies, out.Second = &custody.Copies{Store: db, Second: second}, second
	}
	if key != nil {
		out.Key = key
	}
	return out
}

// addDisposals adds what destroys approved recordings in the off-peak window. A process that could not finish one leaves
// them to others.
func (s *system) addDisposals(d disposalSettings, key *evidence.Key) {
	if s.second == nil || key == nil {
		s.log.Info("this process carries out no disposals: it needs a second store and a signing key for that (docs/custody.md)")
		return
	}
	disposer := d.disposer(s.store, s.objects, s.second, key)
	disposer.Log = s.log
	s.add("disposals", func(ctx context.Context) error { disposer.Run(ctx); return nil })
}
