package pipeline

import (
	"context"
	"time"
)

// Begun is an attempt at inspecting a recording again, with the transcript that is there.
type Begun struct {
	Recording
	Heard Transcribed // without peaks
}

// Again is what came of one.
type Again struct {
	ID      string
	Attempt int64
	Inspected
}

// InspectAgain inspects up to limit recordings that wait behind today's work, newest first, with one transaction to
// begin and one for all outcomes; it returns how many it began with. Each outcome is what Inspect would commit. Where
// something goes wrong all are given back and go one by one, which finds out whose fault it was.
func InspectAgain(ctx context.Context, d Deps, limit int) (int, error) {
	began := time.Now()
	batch, err := d.Store.BeginAgain(ctx, limit, d.Worker)
	if err != nil || len(batch) == 0 {
		return 0, storeError("begin inspections", err)
	}
	out := make([]Again, len(batch))
	for i, b := range batch {
		out[i] = Again{ID: b.ID, Attempt: b.Attempt}
		if out[i].Inspected, err = d.judge(ctx, b.Recording, b.Heard); err != nil {
			break
		}
	}
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = storeError("commit inspections", d.Store.CommitInspections(ctx, out))
	}
	if err != nil {
		d.giveBack(ctx, batch)
		return 0, err
	}
	if d.Observe != nil {
		took := time.Since(began) / time.Duration(len(out))
		for _, o := range out {
			d.Observe(Event{Step: StepInspect, Took: took, Findings: o.Result.Findings})
		}
	}
	return len(batch), nil
}

// giveBack ends attempts without an outcome. What cannot be given back comes back when its lease runs out.
func (d Deps) giveBack(ctx context.Context, batch []Begun) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	attempts := make(map[string]int64, len(batch))
	for _, b := range batch {
		attempts[b.ID] = b.Attempt
	}
	if err := d.Store.GiveBack(ctx, attempts); err != nil {
		d.log().Warn("inspections cannot be given back: they wait for their lease to run out", "recordings", len(batch), "error", err)
	}
}
