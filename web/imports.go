package web

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/speechqa/speechqa/storage/postgres"
)

// importStore is what the page about imports asks of the database.
type importStore interface {
	// Imports counts what arrived since a moment under keys that begin so, by day, the newest first.
	Imports(ctx context.Context, sc postgres.Scope, since time.Time, prefix string) ([]postgres.ImportDay, error)
}

func (c *Console) importRoutes() []route {
	return []route{{"GET /imports", permImports, c.importsPage, ""}}
}

// How many days back the page looks, unless told otherwise, and at most.
const (
	importDays    = 7
	importMaxDays = 31
	longestPrefix = 200 // characters
)

type importsData struct {
	Days   []postgres.ImportDay
	Total  postgres.ImportDay
	Back   int // days
	Prefix string
	// Hours is how long what waits takes at the pace of the last hour; 0 where nothing waits or nothing was heard.
	Hours   float64
	MayList bool // may see the recordings themselves
}

// importsPage shows how far what arrived in the last days is: all of it, or one import by what its objects' names begin with.
func (c *Console) importsPage(w http.ResponseWriter, r *http.Request) error {
	v, q := visitorOf(r), r.URL.Query()
	d := importsData{Back: importDays, Prefix: strings.TrimSpace(q.Get("prefix")), MayList: may(Role(v.user.Role), permOwn)}
	if s := q.Get("days"); s != "" {
		var err error
		if d.Back, err = strconv.Atoi(s); err != nil || d.Back < 1 || d.Back > importMaxDays {
			return errBadRequest
		}
	}
	if utf8.RuneCountInString(d.Prefix) > longestPrefix || !utf8.ValidString(d.Prefix) || strings.ContainsRune(d.Prefix, 0) {
		return errBadRequest
	}
	var err error
	if d.Days, err = c.store.Imports(r.Context(), v.scope, c.midnight().AddDate(0, 0, 1-d.Back), d.Prefix); err != nil {
		return fmt.Errorf("imports: %w", err)
	}
	for _, x := range d.Days {
		d.Total.Arrived += x.Arrived
		d.Total.ToHear += x.ToHear
		d.Total.ToInspect += x.ToInspect
		d.Total.Inspected += x.Inspected
		d.Total.Duplicates += x.Duplicates
		d.Total.Failed += x.Failed
	}
	if d.Total.ToHear > 0 {
		now := time.Now()
		pace, err := c.store.Throughput(r.Context(), now.Add(-time.Hour), now)
		if err != nil {
			return fmt.Errorf("imports: %w", err)
		}
		if pace.Heard > 0 {
			d.Hours = float64(d.Total.ToHear) / float64(pace.Heard)
		}
	}
	return c.render(w, r, http.StatusOK, "imports", d)
}
