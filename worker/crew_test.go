package worker_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/storage/embedded"
	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
)

// crew is several worker processes that are started again whenever they end, as systemd or Kubernetes would.
type crew struct {
	f      *fleet
	spec   spec
	procs  []*exec.Cmd
	ended  []chan error
	random *rand.Rand
	Killed int
}

func (f *fleet) crew(s size, seed uint64) *crew {
	processes := s.Processes
	c := &crew{f: f, spec: spec{place: f.place, Takes: s.Takes, Hearers: 2, Rate: float64(s.Recordings) / 5}, random: rand.New(rand.NewPCG(seed, seed)),
		procs: make([]*exec.Cmd, processes), ended: make([]chan error, processes)}
	for i := range c.procs {
		c.spawn(i)
	}
	return c
}

func (c *crew) spawn(i int) {
	cmd, ended := c.f.processWith(c.spec), make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	c.procs[i], c.ended[i] = cmd, ended
}

// tend replaces those that have ended by themselves.
func (c *crew) tend() {
	for i := range c.procs {
		select {
		case <-c.ended[i]:
			c.spawn(i)
		default:
		}
	}
}

// killOne ends one by chance, without a word, and starts another.
func (c *crew) killOne() {
	i := c.random.IntN(len(c.procs))
	_ = c.procs[i].Process.Kill() // it may have ended by itself
	<-c.ended[i]
	c.Killed++
	c.spawn(i)
}

// until tends the crew until so many recordings are inspected; step is called about fifty times a second.
func (c *crew) until(inspected int, limit time.Duration, step func(done int)) {
	c.f.t.Helper()
	c.untilCount(inspected, limit, step, func() (int, error) {
		s, err := c.f.store.Summary(c.f.t.Context(), time.UTC) // fails while the database is away
		return s.ByState[pipeline.StateInspected], err
	})
}

// untilCount is until for whatever is counted.
func (c *crew) untilCount(want int, limit time.Duration, step func(done int), count func() (int, error)) {
	c.f.t.Helper()
	for deadline := time.Now().Add(limit); ; time.Sleep(20 * time.Millisecond) {
		c.tend()
		done, err := count()
		if err == nil && done >= want {
			return
		}
		if err == nil && step != nil {
			step(done)
		}
		if time.Now().After(deadline) {
			c.f.t.Fatalf("%d of %d inspected after %v: %v", done, want, limit, err)
		}
	}
}

// stop ends all and holds that none is left.
func (c *crew) stop() {
	for i := range c.procs {
		if c.procs[i] == nil {
			continue // stopped before
		}
		_ = c.procs[i].Process.Kill() // it may have ended by itself
		<-c.ended[i]
		c.procs[i] = nil
	}
}

// hard is a fleet whose three services can be taken away and come back: its workers reach the object store through
// a proxy, and PostgreSQL and Redis are its own.
type hard struct {
	*fleet
	pg                *embedded.Postgres
	pgDir, redisDir   string
	storeMode         atomic.Value // string: how the object store misbehaves; "" is well
	harmed, throughIt atomic.Int64
}

func newHard(t *testing.T) *hard {
	t.Helper()
	dir, err := os.MkdirTemp("", "sq-") // short: it holds sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	h := &hard{fleet: &fleet{t: t}, pgDir: dir + "/pg", redisDir: dir + "/redis"}
	h.startPostgres(lastingPort(t))
	h.Database = h.pg.URL()
	if _, err := postgres.Migrate(t.Context(), h.Database, storagetest.AppURL(t, h.Database)); err != nil {
		t.Fatal(err)
	}
	h.store = storagetest.OpenURL(t, h.Database)
	h.startRedis()
	h.Redis, h.Temp = h.redis.URL(), t.TempDir()
	direct := storagetest.S3(t)
	h.objects = storagetest.Objects(t, direct, bucket)
	h.Objects = direct
	h.Objects.Endpoint = h.proxy(direct.Endpoint)
	t.Cleanup(func() {
		if err := errors.Join(h.pg.Stop(t.Context()), h.redis.Stop(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return h
}

// lastingPort is a port that nobody has and that no outgoing connection is given while the server that had it is away.
func lastingPort(t testing.TB) int {
	t.Helper()
	const ephemeral = 32768 // where Linux begins to give ports to connections
	for range 100 {
		port := ephemeral - 1 - rand.IntN(10_000)
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no port below the ephemeral ones is free")
	return 0
}

func (h *hard) startPostgres(port int) {
	h.t.Helper()
	var err error
	if h.pg, err = embedded.StartPostgres(h.t.Context(), embedded.Options{Dir: h.pgDir, Port: port, Volatile: true}); err != nil {
		h.t.Fatal(err)
	}
}

func (h *hard) startRedis() {
	h.t.Helper()
	var err error
	if h.redis, err = embedded.StartRedis(h.t.Context(), embedded.Options{Dir: h.redisDir, Volatile: true}); err != nil {
		h.t.Fatal(err)
	}
}

// restartPostgres takes the database away for a while.
func (h *hard) restartPostgres(away time.Duration) {
	h.t.Helper()
	if err := h.pg.Stop(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	time.Sleep(away)
	h.startPostgres(h.pg.Port)
	if h.pg.URL() != h.Database {
		h.t.Fatal("the database came back elsewhere")
	}
}

// restartRedis takes Redis away for a while; it comes back empty.
func (h *hard) restartRedis(away time.Duration) {
	h.t.Helper()
	if err := h.redis.Stop(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	time.Sleep(away)
	h.startRedis()
	if h.redis.URL() != h.Redis {
		h.t.Fatal("Redis came back elsewhere")
	}
}

// storeModes are the ways in which the object store misbehaves.
var storeModes = []string{"refuse", "hang", "cut", "503", "wrong bytes"}

// proxy stands between the workers and the object store.
func (h *hard) proxy(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		h.t.Fatal(err)
	}
	h.storeMode.Store("")
	mode := func() string { return h.storeMode.Load().(string) }
	rp := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u); r.Out.Host = r.In.Host },
		ModifyResponse: func(r *http.Response) error {
			if r.Request.Method != http.MethodGet {
				return nil
			}
			switch mode() {
			case "hang": // the header comes, and then nothing
				r.Body = io.NopCloser(io.MultiReader(io.LimitReader(r.Body, 100), silence{r.Request.Context().Done()}))
			case "cut":
				r.Body = io.NopCloser(io.LimitReader(r.Body, 1000))
			case "wrong bytes":
				r.Body = io.NopCloser(&flipped{r: r.Body})
			}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
		ErrorLog:     discard,
	}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.throughIt.Add(1)
		switch m := mode(); m {
		case "":
		case "refuse":
			h.harmed.Add(1)
			if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
				if tcp, ok := conn.(*net.TCPConn); ok {
					_ = tcp.SetLinger(0) // a reset instead of an end
				}
				conn.Close()
			}
			return
		case "503":
			h.harmed.Add(1)
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		default:
			h.harmed.Add(1)
		}
		rp.ServeHTTP(w, r)
	}))
	srv.Config.ErrorLog = discard
	srv.Start()
	h.t.Cleanup(srv.Close)
	return srv.URL
}

// silence never sends anything.
type silence struct{ end <-chan struct{} }

func (s silence) Read([]byte) (int, error) { <-s.end; return 0, io.ErrUnexpectedEOF }

// flipped changes one byte in each read.
type flipped struct{ r io.Reader }

func (f *flipped) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if n > 0 {
		p[n/2] ^= 1
	}
	return n, err
}

// row is what a disturbance came to.
type row struct {
	What                string
	Recordings, Kills   int
	Attempts            string
	Once, Failed, Other int
	Took                time.Duration
}

// settle waits for the end and compares with the undisturbed run.
func (h *hard) settle(what string, c *crew, n int, limit time.Duration, began time.Time, reference map[string]string) row {
	h.t.Helper()
	c.until(n, limit, nil)
	took := time.Since(began)
	c.stop()
	r := row{What: what, Recordings: n, Kills: c.Killed, Took: took, Attempts: h.one(`SELECT sum(attempt) FROM recordings`)}
	got := h.results()
	for key, want := range reference {
		if got[key] != want {
			r.Other++
			h.t.Errorf("%s: %s ends as\n  %s\nand undisturbed as\n  %s", what, key, got[key], want)
		}
	}
	if len(got) != len(reference) {
		h.t.Errorf("%s: %d rows, want %d", what, len(got), len(reference))
	}
	for _, g := range got {
		if strings.HasPrefix(g, "failed") {
			r.Failed++
		}
	}
	if _, err := fmt.Sscan(h.one(`SELECT count(*) FROM recordings r JOIN by_rules b ON b.recording = r.id WHERE r.state = 'inspected' AND b.inspections = 1 + $1`, h.again), &r.Once); err != nil {
		h.t.Fatal(err)
	}
	// What killed workers left is swept by those that live, once it is some seconds old.
	left, err := filepath.Glob(filepath.Join(h.Temp, "*"))
	if err != nil {
		h.t.Error(err)
	}
	for _, name := range left {
		old := time.Now().Add(-time.Hour)
		if err := os.Chtimes(name, old, old); err != nil {
			h.t.Error(err)
		}
	}
	if err := pipeline.Sweep(h.Temp); err != nil {
		h.t.Error(err)
	}
	h.noLeftovers()
	return r
}
