package web

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/speechqa/speechqa/storage/embedded"
	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
	"github.com/speechqa/speechqa/storage/storagetest/office"
)

var (
	scaleRecordings = flag.Int("scale.recordings", 20_000, "recordings in the database of BenchmarkPages")
	scaleDir        = flag.String("scale.dir", "", "keep the database of BenchmarkPages there, and use the one that is")
)

// scaleUntil is the office's last day.
var scaleUntil = time.Date(2026, 6, 30, 0, 0, 0, 0, time.UTC)

// bigOffice is a console on the database of a large office, and a lead's cookie; spent is how much processor time
// this process and the database's have taken so far, and statements how many the database was given.
func bigOffice(b *testing.B) (c *Console, o office.Office, cookie *http.Cookie, spent func() time.Duration, statements *atomic.Int64) {
	b.Helper()
	ctx := b.Context()
	o = office.Office{Recordings: *scaleRecordings, Until: scaleUntil}
	dir, keep := *scaleDir, *scaleDir != ""
	if !keep {
		dir = b.TempDir()
	}
	server, err := embedded.StartPostgres(ctx, embedded.Options{Dir: dir, Volatile: !keep})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := server.Stop(context.WithoutCancel(ctx)); err != nil {
			b.Error(err)
		}
	})
	address := server.DatabaseURL("speechqa")
	if _, err := postgres.Migrate(ctx, address, storagetest.AppURL(b, address)); err != nil {
		b.Fatal(err)
	}
	if n := storagetest.Query(b, address, `SELECT count(*) FROM (SELECT FROM recordings LIMIT 1) r`); n[0] == "0" {
		began := time.Now()
		if err := o.Load(ctx, address, func(s string) { fmt.Fprintf(os.Stderr, "%6.0f s  %s\n", time.Since(began).Seconds(), s) }); err != nil {
			b.Fatal(err)
		}
	}
	statements = new(atomic.Int64)
	store, err := postgres.Open(ctx, address, func(string, time.Duration, error) { statements.Add(1) })
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(store.Close)
	spent = func() time.Duration { return processorTime(b, server.PID()) }
	hash, err := HashPassword("correct horse battery")
	if err != nil {
		b.Fatal(err)
	}
	name := "lead" + fmt.Sprint(time.Now().UnixNano())
	if _, err := store.CreateUser(ctx, postgres.User{Name: name, DisplayName: "组长", PasswordHash: hash, Role: string(RoleLead)}); err != nil {
		b.Fatal(err)
	}
	c, err = New(Config{Store: store, Sessions: store.Sessions(), Audio: struct{ AudioSource }{}, Rules: sampleTitles, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		b.Fatal(err)
	}
	form := url.Values{"name": {name}, "password": {"correct horse battery"}}
	r := httptest.NewRequest(http.MethodPost, "/login", strings.NewReader(form.Encode())).WithContext(ctx)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	if len(w.Result().Cookies()) == 0 {
		b.Fatalf("log in: status %d", w.Code)
	}
	return c, o, w.Result().Cookies()[0], spent, statements
}

// processorTime is what this process and the children of another, the database's, have taken: in hundredths of a
// second, as the kernel tells.
func processorTime(b *testing.B, database int) (sum time.Duration) {
	b.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range files {
		line, err := os.ReadFile(f)
		if err != nil {
			continue // it has ended
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(f)))
		if err != nil {
			b.Fatal(err)
		}
		// After the name in brackets: state, parent, … and as 12th and 13th the time in user's and kernel's mode.
		fields := strings.Fields(string(line[bytes.LastIndexByte(line, ')')+1:]))
		parent, _ := strconv.Atoi(fields[1])
		if pid == os.Getpid() || parent == database {
			user, _ := strconv.Atoi(fields[11])
			kernel, _ := strconv.Atoi(fields[12])
			sum += time.Duration(user+kernel) * 10 * time.Millisecond
		}
	}
	return sum
}

// BenchmarkPages asks for the pages of an office of -scale.recordings in a thousand ways and reports the times of the
// server, from request to the last byte: the median, the 95th of a hundred, and the longest; with them the mean
// processor time of both processes, which tells more than the clock where other programs run, and statements.
func BenchmarkPages(b *testing.B) {
	c, o, cookie, spent, statements := bigOffice(b)
	random := rand.New(rand.NewPCG(1, 2))
	get := func(path string) (time.Duration, string) {
		r := httptest.NewRequest(http.MethodGet, path, nil).WithContext(b.Context())
		r.AddCookie(cookie)
		w := httptest.NewRecorder()
		began := time.Now()
		c.ServeHTTP(w, r)
		took := time.Since(began)
		if w.Code != http.StatusOK {
			b.Fatalf("%s: status %d", path, w.Code)
		}
		return took, w.Body.String()
	}
	recording := func() office.Recording {
		for {
			if r := o.Recording(random.IntN(o.Recordings)); r.State == "inspected" {
				return r
			}
		}
	}
	span := func(days int) string {
		to := o.Until.AddDate(0, 0, -random.IntN(60))
		return "from=" + to.AddDate(0, 0, -days+1).Format(time.DateOnly) + "&to=" + to.Format(time.DateOnly)
	}
	q := url.QueryEscape
	for _, page := range []struct {
		name string
		path func() string
	}{
		{"list", func() string { return "/" }},
		{"list/narrowed", func() string {
			m := recording().Metadata
			return "/?" + []string{"team=" + q(m.Team), "principal=" + q(m.Principal), "agent=" + q(m.AgentID), "rule=threat", "severity=critical&team=" + q(m.Team), "status=all&" + span(7)}[random.IntN(6)]
		}},
		{"review", func() string { return "/recordings/" + recording().ID.String() }},
		{"search/number", func() string {
			m := recording().Metadata
			return "/?status=all&q=" + q([]string{m.CaseID, m.AgentID, m.Phone[len(m.Phone)-4:]}[random.IntN(3)])
		}},
		{"search/words", func() string {
			return "/?status=all&q=" + q([]string{"私下处理", "让你坐牢", "刘秀兰", "我要去银行核实", "欠款金额29900元"}[random.IntN(5)])
		}},
		{"agent", func() string { return "/agents/" + recording().Metadata.AgentID + "?" + span(28) }},
		{"trends/agents", func() string { return "/trends?by=agent&" + span(28) }},
		{"trends/team of a quarter", func() string { return "/trends?by=team&" + span(91) }},
		{"trends/rules of a year", func() string { return "/trends?by=rule&" + span(365) }},
		{"trends/weeks of two years", func() string { return "/trends?by=week&" + span(730) }},
		{"heat map", func() string { return "/heat?" + span(28) }},
		{"coverage", func() string { return "/coverage?" + span(28) }},
		{"training", func() string { return "/training?" + span(28) }},
		{"daily report", func() string {
			return "/daily?day=" + o.Until.AddDate(0, 0, -random.IntN(60)).Format(time.DateOnly) + "&principal=" + q(recording().Metadata.Principal)
		}},
		{"spot check", func() string { return "/spotcheck?" + span(28) }},
	} {
		b.Run(page.name, func(b *testing.B) {
			for range 10 {
				get(page.path())
			}
			var times []time.Duration
			cpu, asked := spent(), statements.Load()
			for b.Loop() {
				took, _ := get(page.path())
				times = append(times, took)
			}
			each := float64(len(times))
			b.ReportMetric((spent()-cpu).Seconds()*1000/each, "cpu-ms")
			b.ReportMetric(float64(statements.Load()-asked)/each, "statements")
			slices.Sort(times)
			at := func(share float64) float64 {
				return float64(times[int(share*float64(len(times)-1))].Microseconds()) / 1000
			}
			b.ReportMetric(at(.5), "p50-ms")
			b.ReportMetric(at(.95), "p95-ms")
			b.ReportMetric(at(1), "max-ms")
			b.ReportMetric(0, "ns/op")
		})
	}
}
