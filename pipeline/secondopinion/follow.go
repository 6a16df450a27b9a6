package secondopinion

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/speechqa/speechqa/detectors"
	"github.com/speechqa/speechqa/pipeline"
)

// lead is the advisory lock of the one process that asks.
const lead = "speechqa second opinion"

// maxTries is how often a conversation is asked about whose answers are not all there, before that is put on record.
const maxTries = 3

// Store is what Follower needs of PostgreSQL.
type Store interface {
	// DueOpinions gives inspected recordings on which no opinion was had since, in the order of their inspections.
	DueOpinions(ctx context.Context, settle time.Duration, limit int) ([]pipeline.OpinionDue, error)
	// CommitOpinion puts an opinion on record, unless the recording was inspected again meanwhile.
	CommitOpinion(ctx context.Context, o pipeline.Opinion) error
	// AdvanceOpinions notes that opinions were had up to a recording's inspection.
	AdvanceOpinions(ctx context.Context, id string, inspectedAt time.Time) error
	// Lead calls f while this process alone holds the named advisory lock, and otherwise returns at once.
	Lead(ctx context.Context, name string, f func(ctx context.Context) error) (bool, error)
}

// Adviser has a second opinion on conversations.
type Adviser interface {
	// Question is a hash of everything Ask would ask about a conversation.
	Question(c *detectors.Conversation) string
	// Ask returns what was found even where some answers are missing, which the error says; ErrDown
	// where there are no answers to be had at present.
	Ask(ctx context.Context, c *detectors.Conversation) ([]detectors.Finding, error)
}

// Follower has a second opinion on recordings after their inspection. Nothing waits for it: a recording is inspected
// when the rules have judged it, and what is found here comes later, doubtful and without a score.
type Follower struct {
	Store   Store
	Adviser func() (Adviser, error) // for the rules as they are now
	AtOnce  int                     // conversations asked about at the same time
	Every   time.Duration           // how often the database is looked at
	Settle  time.Duration           // an inspection is left alone for so long; longer than a transaction takes
	Log     *slog.Logger

	tries map[string]int // of conversations whose answers are not all there
}

// Run asks until ctx ends. Of several processes one asks.
func (o *Follower) Run(ctx context.Context) error {
	o.tries = map[string]int{}
	tick := time.NewTicker(o.Every)
	defer tick.Stop()
	for {
		if _, err := o.Store.Lead(ctx, lead, o.all); err != nil && ctx.Err() == nil {
			o.Log.Warn("second opinion", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// all asks about everything that is due. Where the server is down it stops, and nothing is passed over.
func (o *Follower) all(ctx context.Context) error {
	adviser, err := o.Adviser()
	if err != nil {
		return err
	}
	for {
		due, err := o.Store.DueOpinions(ctx, o.Settle, o.AtOnce)
		if err != nil || len(due) == 0 {
			return err
		}
		opinions, errs := make([]pipeline.Opinion, len(due)), make([]error, len(due))
		var asking sync.WaitGroup
		for i := range due {
			final := o.tries[due[i].ID]+1 >= maxTries
			asking.Go(func() { opinions[i], errs[i] = on(ctx, adviser, &due[i], final) })
		}
		asking.Wait()
		for i, err := range errs {
			if err != nil && !errors.Is(err, ErrDown) {
				o.tries[due[i].ID]++
			}
		}
		if err := errors.Join(errs...); err != nil {
			return err
		}
		for _, opinion := range opinions {
			if opinion.Missing != "" {
				o.Log.Warn("second opinion is incomplete", "recording", opinion.ID, "missing", opinion.Missing)
			}
			if err := o.Store.CommitOpinion(ctx, opinion); err != nil {
				return err
			}
			delete(o.tries, opinion.ID)
		}
		last := due[len(due)-1]
		if err := o.Store.AdvanceOpinions(ctx, last.ID, last.InspectedAt); err != nil {
			return err
		}
	}
}

// on has an opinion on one recording; what was asked before is not asked again. final puts missing answers on record
// instead of giving them back as an error.
func on(ctx context.Context, adviser Adviser, due *pipeline.OpinionDue, final bool) (pipeline.Opinion, error) {
	c := due.Conversation()
	opinion := pipeline.Opinion{ID: due.ID, InspectedAt: due.InspectedAt, Question: adviser.Question(c), Answer: due.Answer}
	if opinion.Question != due.Question {
		answer, err := adviser.Ask(ctx, c)
		switch {
		case ctx.Err() != nil:
			return opinion, ctx.Err()
		case errors.Is(err, ErrDown), err != nil && !final:
			return opinion, err
		case err != nil:
			opinion.Missing = err.Error()
		}
		opinion.Answer = answer
	}
	if opinion.Answer == nil {
		opinion.Answer = []detectors.Finding{}
	}
	merged := Merge(c, detectors.Result{Findings: due.Findings}, opinion.Answer)
	opinion.Findings = merged.Findings[len(due.Findings):]
	return opinion, nil
}
