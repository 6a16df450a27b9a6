package web

import (
	"net/http"
	"net/url"
	"time"
)

func (c *Console) operationsEndpoints() []endpoint {
	return []endpoint{
		{route{"GET /api/v1/operations", permOperate, c.apiOperations, ""}, []string{"GET /operations"}, "What waits, what failed and why, how fast it goes", nil, apiOperations{}},
		{route{"POST /api/v1/operations/retry", permOperate, command(apiRetry.form, c.retryFailed, c.apiOperations), ""}, []string{"POST /operations/retry"}, "Try again all that failed for a reason; the answer is how things stand then", apiRetry{}, apiOperations{}},
		{route{"POST /api/v1/operations/hurry", permOperate, command(apiHurry.form, c.hurry, c.apiOperations), ""}, []string{"POST /operations/hurry"}, "Put a waiting recording before all others", apiHurry{}, apiOperations{}},
		{route{"POST /api/v1/operations/queue", permOperate, command(apiPause.form, c.pauseQueue, c.apiOperations), ""}, []string{"POST /operations/queue"}, "Stop a queue, or let it go on", apiPause{}, apiOperations{}},
	}
}

type apiRetry struct {
	Reason string `json:"reason" description:"as in failures"`
}

type apiHurry struct {
	Recording string `json:"recording" description:"id"`
}

type apiPause struct {
	Queue string `json:"queue"`
	Act   string `json:"act" enum:"pause,resume"`
}

func (d apiRetry) form() url.Values { return url.Values{"reason": {d.Reason}} }
func (d apiHurry) form() url.Values { return url.Values{"recording": {d.Recording}} }
func (d apiPause) form() url.Values { return url.Values{"queue": {d.Queue}, "act": {d.Act}} }

type apiOperations struct {
	Waiting  []apiLag        `json:"waiting"`
	Queues   []apiQueue      `json:"queues"`
	NoQueue  bool            `json:"no_queue" description:"the queue does not answer"`
	Flow     []apiFlow       `json:"flow"`
	Failures []apiFailures   `json:"failures"`
	Oldest   []apiWaiting    `json:"oldest"`
	Rescan   apiRescan       `json:"rescan"`
	Copies   apiCopyStanding `json:"copies"`
}

type apiLag struct {
	State  string     `json:"state"`
	Again  bool       `json:"again" description:"waits for another time behind today's work"`
	Count  int64      `json:"count"`
	Oldest *time.Time `json:"oldest,omitempty"`
}

type apiQueue struct {
	Name     string  `json:"name"`
	Pending  int     `json:"pending"`
	Active   int     `json:"active"`
	Retry    int     `json:"retry"`
	Archived int     `json:"archived"`
	Latency  float64 `json:"latency" description:"seconds that the oldest has waited"`
	Paused   bool    `json:"paused"`
}

type apiFlow struct {
	What      string  `json:"what" enum:"arrived,heard,hours,inspected" description:"hours are of sound heard"`
	Today     float64 `json:"today"`
	Yesterday float64 `json:"yesterday" description:"until the same time"`
	WholeDay  float64 `json:"yesterday_whole"`
}

type apiFailures struct {
	Reason string `json:"reason"`
	Count  int    `json:"count"`
}

type apiWaiting struct {
	Recording string    `json:"recording"`
	State     string    `json:"state"`
	Since     time.Time `json:"since"`
	Tries     int       `json:"tries"`
	Reason    string    `json:"reason,omitempty" description:"of the last try that went wrong"`
	Busy      bool      `json:"busy"`
}

type apiRescan struct {
	Began   *time.Time `json:"began,omitempty"`
	Ruleset string     `json:"ruleset,omitempty"`
	Marked  int64      `json:"marked"`
	Left    int64      `json:"left"`
	Rate    float64    `json:"rate" description:"recordings per second, over the last minute"`
}

func (c *Console) apiOperations(w http.ResponseWriter, r *http.Request) error {
	d, err := shown[operationsData](r, c.operationsPage)
	if err != nil {
		return err
	}
	out := apiOperations{Waiting: []apiLag{}, Queues: []apiQueue{}, NoQueue: d.NoQueue, Flow: []apiFlow{}, Failures: []apiFailures{}, Oldest: []apiWaiting{},
		Rescan: apiRescan{moment(d.Rescan.Began), d.Rescan.Ruleset, d.Rescan.Marked, d.Rescan.Left, d.Rescan.Rate}, Copies: apiCopies(d.Copies)}
	for _, l := range d.Lags {
		out.Waiting = append(out.Waiting, apiLag{string(l.State), l.Again, l.Count, moment(l.Oldest)})
	}
	for _, q := range d.Queues {
		out.Queues = append(out.Queues, apiQueue{q.Name, q.Pending, q.Active, q.Retry, q.Archived, q.Latency.Seconds(), q.Paused})
	}
	for _, f := range d.Flow {
		out.Flow = append(out.Flow, apiFlow{f.What, f.Today, f.SameTime, f.AllDay})
	}
	for _, f := range d.Failures {
		out.Failures = append(out.Failures, apiFailures(f))
	}
	for _, x := range d.Oldest {
		out.Oldest = append(out.Oldest, apiWaiting{x.ID, string(x.State), x.Created.UTC(), x.Tries, x.Reason, x.Busy})
	}
	return writeJSON(w, out)
}
