package pipeline

import (
	"context"
	"time"
)

// Batch is recordings that are being inspected again together.
type Batch struct {
	ID    int64
	Taken int // how many; more than Begun where some are not to be inspected again after all
	Begun []Begun
}

// Begun is one of them, with the transcript that is there.
type Begun struct {
	Recording             // its ID, Kind and Metadata only
	Heard     Transcribed // without peaks
}

// Again is what came of one.
type Again struct {
	ID string
	Inspected
}

// InspectAgain inspects up to limit recordings again, newest first, with one statement to take them and one transaction
// for all outcomes; it returns how many it took. Each outcome is what Inspect would commit. Where something goes wrong
// all are given back and go one by one, which finds out whose fault it was.
func InspectAgain(ctx context.Context, d Deps, limit int) (int, error) {
	began := time.Now()
	batch, err := d.Store.BeginAgain(ctx, limit, d.Worker)
	if err != nil && batch.Taken > 0 {
		d.giveBack(ctx, batch)
	}
	if err != nil || batch.Taken == 0 {
		return 0, storeError("begin inspections", err)
	}
	out := make([]Again, len(batch.Begun))
	for i, b := range batch.Begun {
		out[i].ID = b.ID
		if out[i].Inspected, err = d.judge(ctx, b.Recording, b.Heard); err != nil {
			break
		}
	}
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = storeError("commit inspections", d.Store.CommitInspections(ctx, batch.ID, out))
	}
	if err != nil {
		d.giveBack(ctx, batch)
		return 0, err
	}
	if d.Observe != nil && len(out) > 0 {
		took := time.Since(began) / time.Duration(len(out))
		for _, o := range out {
			d.Observe(Event{Step: StepInspect, Took: took, Findings: o.Result.Findings})
		}
	}
	return batch.Taken, nil
}

// giveBack ends a batch without an outcome. What cannot be given back comes back when its lease runs out.
func (d Deps) giveBack(ctx context.Context, batch Batch) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	if err := d.Store.GiveBack(ctx, batch.ID); err != nil {
		d.log().Warn("inspections cannot be given back: they wait for their lease to run out", "recordings", batch.Taken, "error", err)
	}
}
