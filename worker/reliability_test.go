package worker_test

import (
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
)

var discard = log.New(io.Discard, "", 0)

// size is how much is done to the fleet: a little in make test, much in make soak.
type size struct {
	Seed                         uint64
	Recordings, Processes, Kills int
	Away                         time.Duration // how long a service is away
	Takes                        time.Duration // for one recording
	Limit                        time.Duration
}

// disturbances are what is done to a fleet at work. Each gets the crew and how many recordings there are: they are in
// the bucket and discovered, except where the disturbance brings them itself.
var disturbances = []struct {
	name   string
	do     func(*hard, *crew, size)
	brings bool
}{
	{"processes killed", killMany, false},
	{"processes killed while inspecting again", killInRescan, false},
	{"Redis emptied", func(h *hard, c *crew, s size) {
		rdb := redis.NewClient(&redis.Options{Network: "unix", Addr: h.redis.Addr})
		defer rdb.Close()
		for part := 1; part <= 3; part++ {
			c.until(s.Recordings*part/4, s.Limit, nil)
			if err := rdb.FlushAll(h.t.Context()).Err(); err != nil {
				h.t.Error(err)
			}
		}
	}, false},
	{"Redis away, back empty", func(h *hard, c *crew, s size) {
		c.until(s.Recordings/3, s.Limit, nil)
		h.restartRedis(s.Away)
	}, false},
	{"PostgreSQL away", func(h *hard, c *crew, s size) {
		c.until(s.Recordings/3, s.Limit, nil)
		h.restartPostgres(s.Away)
	}, false},
	{"object store: " + strings.Join(storeModes, ", "), harmStore, true},
	{"all of it", func(h *hard, c *crew, s size) {
		s.Kills /= 4
		killMany(h, c, s)
		h.restartRedis(s.Away / 2)
		h.storeMode.Store("cut")
		h.restartPostgres(s.Away / 2)
		h.storeMode.Store("")
	}, false},
}

// harmStore has the object store misbehave in every way, one after the other. A part of the recordings arrives in each
// of these times, so that there is something to fetch however fast the workers are.
func harmStore(h *hard, c *crew, s size) {
	for i, mode := range storeModes {
		from, to := s.Recordings*i/len(storeModes), s.Recordings*(i+1)/len(storeModes)
		before := h.harmed.Load()
		h.storeMode.Store(mode)
		h.uploadMany(from, to)
		h.discover()
		for deadline := time.Now().Add(s.Away); time.Now().Before(deadline) || h.harmed.Load() == before; time.Sleep(20 * time.Millisecond) {
			c.tend()
			if time.Since(deadline) > s.Limit {
				h.t.Fatalf("nobody noticed that the store does %s", mode)
			}
		}
		h.storeMode.Store("")
		c.until(to, s.Limit, nil)
	}
}

// killMany spreads kills over the first nine tenths of the run.
func killMany(h *hard, c *crew, s size) {
	target := s.Recordings * 9 / 10
	c.until(target, s.Limit, func(done int) {
		if due := min(s.Kills, s.Kills*(done+1)/target+1); c.Killed < due {
			c.killOne()
		}
	})
	for c.Killed < s.Kills {
		c.killOne()
	}
}

// killInRescan spreads a quarter of the kills over a rescan that takes five seconds or more: every other recording's
// findings are elsewhere, all scores are too good, and all are to be inspected again.
func killInRescan(h *hard, c *crew, s size) {
	c.until(s.Recordings, s.Limit, nil)
	e, err := engine()
	if err != nil {
		h.t.Fatal(err)
	}
	hash := e.Ruleset().Hash
	storagetest.Exec(h.t, h.Database, `UPDATE findings SET start = start + 1 WHERE recording IN (SELECT id FROM recordings WHERE mod(substr(key, 1, 5)::int, 2) = 0)`,
		`UPDATE recordings SET ruleset_hash = 'older', score = 100, fatal = false`)
	if marked, err := h.store.Rescan(h.t.Context(), postgres.AuditEntry{Name: "test"}, hash); err != nil || marked != int64(s.Recordings) {
		h.t.Fatal(marked, err)
	}
	h.again++
	kills := s.Kills / 4
	c.untilCount(s.Recordings, s.Limit, func(done int) {
		if due := min(kills, kills*(done+1)/s.Recordings+1); c.Killed < due {
			c.killOne()
		}
	}, func() (n int, err error) {
		_, err = fmt.Sscan(h.one(`SELECT count(*) FROM by_rules b JOIN recordings r ON r.id = b.recording WHERE r.state = 'inspected' AND b.ruleset_hash = $1`, hash), &n)
		return n, err
	})
}

// disturb runs every disturbance on a fleet of its own and compares what comes of it with an undisturbed run.
func disturb(t *testing.T, s size) {
	reference := undisturbed(t, s.Recordings)
	var rows []row
	for i, d := range disturbances {
		t.Run(d.name, func(t *testing.T) {
			h := newHard(t)
			if !d.brings {
				h.uploadMany(0, s.Recordings)
				h.discover()
			}
			began := time.Now()
			c := h.crew(s, s.Seed+uint64(i))
			t.Cleanup(c.stop)
			d.do(h, c, s)
			rows = append(rows, h.settle(d.name, c, s.Recordings, s.Limit, began, reference))
		})
	}
	printRows(s, rows)
}

func undisturbed(t *testing.T, n int) map[string]string {
	t.Helper()
	f := newFleet(t)
	f.uploadMany(0, n)
	f.discover()
	w := f.start(&hearing{}, nil)
	f.waitInspected(n)
	w.stop()
	return f.results()
}

func printRows(s size, rows []row) {
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 1, ' ', 0)
	fmt.Fprintf(w, "seed %d, %d worker processes, services away for %v\n", s.Seed, s.Processes, s.Away)
	fmt.Fprintln(w, "| disturbance\t| recordings\t| kills\t| attempts\t| inspected once\t| failed\t| findings differ\t| took\t|")
	fmt.Fprintln(w, "| ---\t| ---:\t| ---:\t| ---:\t| ---:\t| ---:\t| ---:\t| ---:\t|")
	for _, r := range rows {
		fmt.Fprintf(w, "| %s\t| %d\t| %d\t| %s\t| %d\t| %d\t| %d\t| %v\t|\n", r.What, r.Recordings, r.Kills, r.Attempts, r.Once, r.Failed, r.Other, r.Took.Round(time.Second))
	}
	_ = w.Flush() // to standard output
}
