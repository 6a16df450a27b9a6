package rulework

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/speechqa/speechqa/detectors"
)

// Selection says which stored conversations a back-test is about.
type Selection struct {
	Since, Until time.Time // of the contact; Until exclusive; zero: no bound
	// Sample is the most recordings to look at; 0 is all. Recordings are taken in the order of their ids, which are
	// random, so that the first ones are a fair sample, and the same one every time.
	Sample int
}

// BackTestState is where a back-test stands.
type BackTestState string

// States of a back-test.
const (
	BackTestWaiting   BackTestState = "waiting" // or under way
	BackTestDone      BackTestState = "done"
	BackTestCancelled BackTestState = "cancelled"
	BackTestFailed    BackTestState = "failed"
)

// BackTest compares two versions over stored conversations.
type BackTest struct {
	ID        string
	Old, New  int64 // versions
	Selection Selection
	State     BackTestState
	Total     int // recordings; counted when it begins
	Done      int
	After     string // the last recording counted
	Tally     *Tally // nil before the first part
	Blocks    []Block
	Problem   string // why it failed, for staff
	By        string // display name
	CreatedAt time.Time
	EndedAt   time.Time
	Turn      int64 // fencing token of whoever works on it
}

// Progress is the share that is done, 0 to 100.
func (b BackTest) Progress() int {
	if b.State == BackTestDone {
		return 100
	}
	if b.Total == 0 {
		return 0
	}
	return min(99, 100*b.Done/b.Total)
}

// ErrLost says that a back-test was cancelled, or that another process works on it by now.
var ErrLost = errors.New("the back-test was cancelled or taken over")

// BackTests keeps back-tests and gives the conversations they are about.
type BackTests interface {
	// TakeBackTest gives a back-test that waits and that nobody works on, or ok = false.
	TakeBackTest(ctx context.Context) (b BackTest, ok bool, err error)
	// SaveBackTest stores how far it has come; ErrLost when it is no longer the caller's.
	SaveBackTest(ctx context.Context, b BackTest) error
	CountCases(ctx context.Context, s Selection) (int, error)
	CaseStore
	RulesetFiles(ctx context.Context, id int64) (map[string][]byte, error)
}

// Sizes of the parts of a back-test: one part is counted and stored as a whole.
const (
	partSize  = 500
	chunkSize = 50 // conversations that one goroutine reads at a time
	lookEvery = time.Second
)

// Runner runs back-tests.
type Runner struct {
	Store BackTests
	Log   *slog.Logger
}

// Run takes back-tests that wait, one after the other, until ctx ends. One that was broken off goes on where it was.
func (r *Runner) Run(ctx context.Context) error {
	for {
		b, ok, err := r.Store.TakeBackTest(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			r.Log.Warn("look for a back-test", "error", err)
		case ok:
			if err := r.Do(ctx, b, nil); err != nil && ctx.Err() == nil {
				r.Log.Warn("back-test", "id", b.ID, "error", err)
			}
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(lookEvery):
		}
	}
}

// Do runs one back-test to its end and tells progress, which may be nil, after every part. An error of the rules or the
// data is kept with the back-test; when ctx ends it stays as it is and can be gone on with.
func (r *Runner) Do(ctx context.Context, b BackTest, progress func(done, total int)) error {
	err := r.run(ctx, &b, progress)
	if err == nil || errors.Is(err, ErrLost) || ctx.Err() != nil {
		return err
	}
	b.State, b.Problem = BackTestFailed, err.Error()
	return errors.Join(err, r.Store.SaveBackTest(ctx, b))
}

func (r *Runner) run(ctx context.Context, b *BackTest, progress func(done, total int)) error {
	compare, err := r.engines(ctx, b.Old, b.New)
	if err != nil {
		return err
	}
	if b.Total, err = r.Store.CountCases(ctx, b.Selection); err != nil {
		return fmt.Errorf("count the recordings: %w", err)
	}
	if b.Tally == nil {
		b.Tally = NewTally()
	}
	err = EachPart(ctx, r.Store, compare, b.Selection, b.After, b.Done, func(t *Tally, n int, last string) error {
		b.Tally.Add(t)
		b.Done, b.After = b.Done+n, last
		if progress != nil {
			progress(b.Done, b.Total)
		}
		return r.Store.SaveBackTest(ctx, *b)
	})
	if err != nil {
		return err
	}
	b.State, b.Blocks = BackTestDone, Blocks(b.Tally, compare.Old.Ruleset(), compare.New.Ruleset())
	return r.Store.SaveBackTest(ctx, *b)
}

func (r *Runner) engines(ctx context.Context, old, now int64) (c Comparison, err error) {
	for _, x := range []struct {
		id int64
		to **detectors.Engine
	}{{old, &c.Old}, {now, &c.New}} {
		files, err := r.Store.RulesetFiles(ctx, x.id)
		if err != nil {
			return c, fmt.Errorf("read version %d of the rules: %w", x.id, err)
		}
		if *x.to, err = Engine(files); err != nil {
			return c, fmt.Errorf("version %d: %w", x.id, err)
		}
	}
	return c, nil
}

// CaseStore gives conversations.
type CaseStore interface {
	// CaseIDs gives recordings with a transcript in the order of their ids, beginning behind one.
	CaseIDs(ctx context.Context, s Selection, after string, limit int) ([]string, error)
	// Cases gives conversations in the order of their ids; WithoutWords leaves out Utterance.Words, which are most of a
	// transcript.
	Cases(ctx context.Context, ids []string, detail Detail) ([]Case, error)
}

// Detail is how much of a conversation is read.
type Detail bool

// Details.
const (
	WithoutWords Detail = false
	WithWords    Detail = true
)

// EachPart compares two rulesets over stored conversations behind the given one, of which done are counted already, and
// hands every part's outcome on, with how many conversations it had and the last of them.
func EachPart(ctx context.Context, store CaseStore, compare Comparison, s Selection, after string, done int, part func(t *Tally, n int, last string) error) error {
	for {
		limit := partSize
		if s.Sample > 0 {
			limit = min(limit, s.Sample-done)
		}
		if limit <= 0 {
			return nil
		}
		ids, err := store.CaseIDs(ctx, s, after, limit)
		if err != nil {
			return fmt.Errorf("list the recordings: %w", err)
		}
		if len(ids) == 0 {
			return nil
		}
		t, err := comparePart(ctx, store, compare, ids)
		if err != nil {
			return err
		}
		after, done = ids[len(ids)-1], done+len(ids)
		if err := part(t, len(ids), after); err != nil {
			return err
		}
	}
}

// comparePart reads and compares on all cores.
func comparePart(ctx context.Context, store CaseStore, compare Comparison, ids []string) (*Tally, error) {
	g, ctx := errgroup.WithContext(ctx)
	chunks := make(chan []string)
	g.Go(func() error {
		defer close(chunks)
		for len(ids) > 0 {
			n := min(chunkSize, len(ids))
			select {
			case <-ctx.Done():
				return ctx.Err()
			case chunks <- ids[:n]:
				ids = ids[n:]
			}
		}
		return nil
	})
	tallies := make([]*Tally, runtime.GOMAXPROCS(0))
	for i := range tallies {
		tallies[i] = NewTally()
		g.Go(func() error {
			for chunk := range chunks {
				if err := compare.addAll(ctx, tallies[i], store, chunk); err != nil {
					return fmt.Errorf("read transcripts: %w", err)
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	sum := NewTally()
	for _, t := range tallies {
		sum.Add(t)
	}
	return sum, nil
}

// addAll reads and counts some conversations. Those in which nothing was found in any utterance, which are most, are
// read and inspected without their words.
func (c Comparison) addAll(ctx context.Context, t *Tally, store CaseStore, ids []string) error {
	cases, err := store.Cases(ctx, ids, WithoutWords)
	if err != nil {
		return err
	}
	var again []string
	for _, in := range cases {
		if o := c.inspect(in); o.asksForWords() {
			again = append(again, in.Conversation.ID)
		} else {
			c.count(t, in, o)
		}
	}
	if len(again) == 0 {
		return nil
	}
	if cases, err = store.Cases(ctx, again, WithWords); err != nil {
		return err
	}
	for _, in := range cases {
		c.Add(t, in)
	}
	return nil
}
