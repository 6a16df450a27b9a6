package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/storage/postgres"
)

// operationsStore is what the operators' page asks of the database.
type operationsStore interface {
	// Lags gives what waits, by state.
	Lags(ctx context.Context) ([]postgres.Lag, error)
	// Throughput counts what happened in [from, to).
	Throughput(ctx context.Context, from, to time.Time) (postgres.Throughput, error)
	// OldestWaiting gives the recordings that have waited for longest.
	OldestWaiting(ctx context.Context, limit int) ([]postgres.Waiting, error)
	// Failures counts what was given up by reason.
	Failures(ctx context.Context, limit int) ([]postgres.FailureCount, error)
	// RescanProgress gives how far the last rescan has come.
	RescanProgress(ctx context.Context) (postgres.Progress, error)
	// CopyStanding tells how the second copies stand.
	CopyStanding(ctx context.Context) (postgres.CopyStanding, error)
	// Retry puts what was given up back to where it waits; without ids all with the reason.
	Retry(ctx context.Context, by postgres.AuditEntry, reason string, ids ...string) (int64, error)
	// Hurry puts a waiting recording before all others; false when it does not wait behind any.
	Hurry(ctx context.Context, by postgres.AuditEntry, id string) (bool, error)
}

// Queue is one of the queues that workers take tasks from.
type Queue struct {
	Name                             string
	Pending, Active, Retry, Archived int
	Latency                          time.Duration // age of the oldest pending task
	Paused                           bool
}

// Queues is what steers the queues.
type Queues interface {
	// Queues describes all.
	Queues(ctx context.Context) ([]Queue, error)
	// Pause stops workers from taking tasks of a queue, or lets them go on.
	Pause(ctx context.Context, queue string, paused bool) error
}

const (
	oldestLimit   = 20
	failuresLimit = 50
)

type operationsData struct {
	Now       time.Time
	Lags      []postgres.Lag
	Queues    []Queue
	NoQueue   bool // the queue does not answer, or this process was not told where it is
	Flow      []flowRow
	Failures  []postgres.FailureCount
	Oldest    []postgres.Waiting
	Rescan    postgres.Progress
	Copies    postgres.CopyStanding
	ShowKeys  bool // file names often hold a number or a name
	QueueTool bool
}

// flowRow is one figure of today against yesterday.
type flowRow struct {
	What                    string // message key below "operations.flow."
	Today, SameTime, AllDay float64
}

// Change is today's part more or less than yesterday's until the same time; has is false where there was nothing.
func (f flowRow) Change() float64 { return f.Today/f.SameTime - 1 }

// Comparable says whether there is something to compare with.
func (f flowRow) Comparable() bool { return f.SameTime > 0 }

func (c *Console) operationsRoutes() []route {
	return []route{
		{"GET /operations", permOperate, c.operationsPage, ""},
		{"POST /operations/retry", permOperate, c.retryFailed, ""},
		{"POST /operations/hurry", permOperate, c.hurry, ""},
		{"POST /operations/queue", permOperate, c.pauseQueue, ""},
		{"GET /operations/queues/", permOperate, c.queueToolPage, ""},
	}
}

// operationsPage shows what is late and why.
func (c *Console) operationsPage(w http.ResponseWriter, r *http.Request) error {
	ctx, v := r.Context(), visitorOf(r)
	d := operationsData{Now: time.Now(), ShowKeys: may(Role(v.user.Role), permOwn), QueueTool: c.queueTool != nil}
	var err error
	if d.Lags, err = c.store.Lags(ctx); err != nil {
		return fmt.Errorf("operations: what waits: %w", err)
	}
	if d.Flow, err = c.flow(ctx, d.Now); err != nil {
		return fmt.Errorf("operations: %w", err)
	}
	if d.Failures, err = c.store.Failures(ctx, failuresLimit); err != nil {
		return fmt.Errorf("operations: failures: %w", err)
	}
	if d.Oldest, err = c.store.OldestWaiting(ctx, oldestLimit); err != nil {
		return fmt.Errorf("operations: oldest: %w", err)
	}
	if d.Rescan, err = c.store.RescanProgress(ctx); err != nil {
		return fmt.Errorf("operations: rescan: %w", err)
	}
	if d.Copies, err = c.store.CopyStanding(ctx); err != nil {
		return fmt.Errorf("operations: second copies: %w", err)
	}
	// Redis may be what is wrong: then the page is needed most.
	d.NoQueue = c.queues == nil
	if !d.NoQueue {
		if d.Queues, err = c.queues.Queues(ctx); err != nil {
			c.log.WarnContext(ctx, "the queue does not answer", "error", err)
			d.NoQueue = true
		}
	}
	return c.render(w, r, http.StatusOK, "operations", d)
}

// flow compares today until now with yesterday until the same time.
func (c *Console) flow(ctx context.Context, now time.Time) ([]flowRow, error) {
	y, m, day := now.In(c.loc).Date()
	today := time.Date(y, m, day, 0, 0, 0, 0, c.loc)
	yesterday := today.AddDate(0, 0, -1)
	var t [3]postgres.Throughput
	for i, span := range [][2]time.Time{{today, now}, {yesterday, yesterday.Add(now.Sub(today))}, {yesterday, today}} {
		var err error
		if t[i], err = c.store.Throughput(ctx, span[0], span[1]); err != nil {
			return nil, err
		}
	}
	row := func(what string, of func(postgres.Throughput) float64) flowRow {
		return flowRow{what, of(t[0]), of(t[1]), of(t[2])}
	}
	return []flowRow{
		row("arrived", func(t postgres.Throughput) float64 { return float64(t.Arrived) }),
		row("heard", func(t postgres.Throughput) float64 { return float64(t.Heard) }),
		row("hours", func(t postgres.Throughput) float64 { return t.Hours }),
		row("inspected", func(t postgres.Throughput) float64 { return float64(t.Inspected) }),
	}, nil
}

// whoAsks is the visitor, for what the store puts on the audit log.
func whoAsks(r *http.Request) postgres.AuditEntry {
	u := visitorOf(r).user
	return postgres.AuditEntry{Actor: u.ID, Name: u.Name, Origin: origin(r)}
}

// operated goes back to the page and says what was done.
func (c *Console) operated(w http.ResponseWriter, r *http.Request, flash string) error {
	c.flash(r, flash)
	http.Redirect(w, r, "/operations", http.StatusSeeOther)
	return nil
}

// retryFailed puts all that failed for a reason back to where it waits.
func (c *Console) retryFailed(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
	reason := r.PostFormValue("reason")
	if reason == "" {
		return errBadRequest
	}
	n, err := c.store.Retry(r.Context(), whoAsks(r), reason)
	if err != nil {
		return fmt.Errorf("retry: %w", err)
	}
	if n == 0 {
		return c.operated(w, r, "operations.done.nothing")
	}
	return c.operated(w, r, "operations.done.retried")
}

// hurry puts a recording before all others.
func (c *Console) hurry(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
	id, err := uuid.Parse(r.PostFormValue("recording"))
	if err != nil {
		return errBadRequest
	}
	hurried, err := c.store.Hurry(r.Context(), whoAsks(r), id.String())
	if err != nil {
		return fmt.Errorf("hurry: %w", err)
	}
	if !hurried {
		return c.operated(w, r, "operations.done.nothing")
	}
	return c.operated(w, r, "operations.done.hurried")
}

// pauseQueue stops a queue, or lets it go on. The audit log has it first: Redis takes part in no transaction.
func (c *Console) pauseQueue(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
	name, act := r.PostFormValue("queue"), r.PostFormValue("act")
	if act != "pause" && act != "resume" {
		return errBadRequest
	}
	if c.queues == nil {
		return errNoQueue
	}
	known, err := c.queues.Queues(r.Context())
	if err != nil {
		return errors.Join(errNoQueue, err)
	}
	if !slices.ContainsFunc(known, func(q Queue) bool { return q.Name == name }) {
		return errBadRequest
	}
	entry := whoAsks(r)
	entry.Action, entry.Subject = "queue."+act, "queue:"+name
	if err := c.store.Audit(r.Context(), entry); err != nil {
		return fmt.Errorf("%s cannot be put on record: %w", entry.Action, err)
	}
	if err := c.queues.Pause(r.Context(), name, act == "pause"); err != nil {
		return errors.Join(errNoQueue, err)
	}
	return c.operated(w, r, "operations.done."+act)
}

// lagName is the message key of what waits.
func lagName(l postgres.Lag) string {
	if l.Again {
		return map[pipeline.State]string{pipeline.StateDiscovered: "operations.rehear", pipeline.StateTranscribed: "operations.reinspect"}[l.State]
	}
	return "state." + string(l.State)
}

// ago is a length of time in words of the language, in its two largest units.
func (c *Console) ago(l Lang, d time.Duration) string {
	minutes := int(d.Round(time.Minute) / time.Minute)
	switch {
	case d < time.Minute:
		return c.messages.text(l, "operations.seconds", int(d/time.Second))
	case minutes < 60:
		return c.messages.text(l, "operations.minutes", minutes)
	case minutes < 48*60:
		return c.messages.text(l, "operations.hours", minutes/60, minutes%60)
	}
	return c.messages.text(l, "operations.days", minutes/(24*60), minutes/60%24)
}
