package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/speechqa/speechqa/evidence"
	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/pipeline/audio"
	"github.com/speechqa/speechqa/pipeline/meta"
	"github.com/speechqa/speechqa/pipeline/whisper"
	"github.com/speechqa/speechqa/rulework"
	"github.com/speechqa/speechqa/storage/objects"
	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/web"
	"github.com/speechqa/speechqa/web/hooks"
	"github.com/speechqa/speechqa/worker"
	"github.com/speechqa/speechqa/worker/discovery"
)

// system is the running parts of one process and what they share. Parts are added by the commands and run
// together by run; the first that fails stops the others.
type system struct {
	services
	log     *slog.Logger
	store   *postgres.Store
	objects *objects.Store
	second  *objects.Store // where second copies go; nil: nowhere
	metrics *prometheus.Registry
	rules   *rulework.Live // nil until followRules
	queues  *queues        // nil where the process was not told of Redis
	parts   []part
	closers []func() error // in the order of opening
}

// part is something that works until its context ends.
type part struct {
	name string
	run  func(context.Context) error
}

// openSystem connects to PostgreSQL, whose schema must be up to date, and to the object store.
func openSystem(ctx context.Context, s services, log *slog.Logger) (_ *system, err error) {
	sys := &system{services: s, log: log, metrics: prometheus.NewRegistry()}
	sys.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	defer func() {
		if err != nil {
			err = errors.Join(err, sys.close())
		}
	}()
	seen := newLatencies(sys.metrics)
	if sys.store, err = postgres.Open(ctx, s.DatabaseURL, seen.statement); err != nil {
		return nil, err
	}
	sys.closing(func() error { sys.store.Close(); return nil })
	excess, err := sys.store.Excess(ctx)
	if err != nil {
		return nil, err
	}
	if len(excess) > 0 {
		log.Error("the database trusts this program with too much: "+excessAdvice, "rights", excess)
	}
	if s.Objects.Endpoint != "" {
		if sys.objects, err = openObjects(s.Objects, seen.request); err != nil {
			return nil, err
		}
	}
	if s.Copies.on() {
		if sys.second, err = openObjects(s.Copies.objectSettings, seen.request); err != nil {
			return nil, err
		}
	}
	if s.Redis != nil {
		rdb, ok := s.Redis.MakeRedisClient().(redis.UniversalClient)
		if !ok {
			return nil, errors.New("no Redis client")
		}
		sys.closing(rdb.Close)
		sys.queues = &queues{worker.NewQueue(s.Redis), rdb}
		sys.closing(sys.queues.Close)
	}
	return sys, nil
}

func (s *system) closing(f func() error) { s.closers = append(s.closers, f) }

// close closes what was opened, last first.
func (s *system) close() error {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i]())
	}
	s.closers = nil
	return errors.Join(errs...)
}

func (s *system) add(name string, run func(context.Context) error) {
	s.parts = append(s.parts, part{name, run})
}

// run works until ctx ends or a part fails, and returns when all parts have stopped.
func (s *system) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, p := range s.parts {
		g.Go(func() error {
			if err := p.run(ctx); err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			s.log.Debug("stopped", "part", p.name)
			return nil
		})
	}
	return g.Wait()
}

// addWorker adds the steps.
func (s *system) addWorker(ctx context.Context, w workerSettings, m modelSettings, rules string) (*worker.Worker, error) {
	metrics := worker.NewMetrics(s.metrics)
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("name of this machine: %w", err)
	}
	deps := pipeline.Deps{
		Source: s.objects, TempDir: w.TempDir, MaxObject: w.MaxObject, Patience: m.Patience,
		Audio: audio.Options{TempDir: w.TempDir}, Worker: fmt.Sprintf("%s/%d", host, os.Getpid()),
		Observe: metrics.Observe, Log: s.log,
	}
	if w.does(pipeline.StepInspect) {
		live, err := s.followRules(ctx, rules)
		if err != nil {
			return nil, err
		}
		deps.Inspector, deps.Shadow = live, live
		s.addContacts(func() postgres.Across { return live.Engine() })
	}
	if w.does(pipeline.StepTranscribe) {
		m.Hearing.Pool.Log = s.log
		t, err := whisper.Open(m.Hearing)
		if err != nil {
			return nil, err
		}
		s.closing(t.Close)
		deps.Transcriber = t
	}
	work, err := worker.New(worker.Config{
		Redis: s.Redis, Store: s.store, Deps: deps, Steps: w.Steps, Hearers: m.Hearers, Inspectors: w.Inspectors,
		Grace: w.Grace, Reconcile: w.Reconcile, RescanRate: w.RescanRate, Log: s.log,
	})
	if err != nil {
		return nil, err
	}
	worker.RegisterQueue(s.metrics, work.Queue())
	s.add("worker", work.Run)
	return work, nil
}

// discoverer makes what finds recordings.
func (s *system) discoverer(in ingestSettings, priority pipeline.Priority, observe func(discovery.Tally)) *discovery.Discoverer {
	var places []discovery.Place
	for _, p := range s.Objects.Places {
		places = append(places, discovery.Place(p))
	}
	var manifest *meta.ManifestFile
	if in.Manifest != "" {
		manifest = meta.NewManifestFile(in.Manifest, func(bad meta.LineError) { s.log.Warn("manifest row not used", "file", in.Manifest, "reason", bad) })
	}
	return discovery.New(discovery.Config{
		Store: s.store, Bucket: s.objects, Places: places, Match: in.Match,
		Resolver: meta.Resolver{Pattern: in.KeyPattern, Location: in.Zone}, Manifest: manifest,
		Every: in.ScanEvery, Rate: in.ScanRate, Priority: priority, Observe: observe, Log: s.log,
	})
}

// anchors note the audit log's head in the first of the buckets, and in the second store where there is one.
func (s *system) anchors(keep custodySettings) allAnchors {
	all := allAnchors{{store: s.store, objects: s.objects, bucket: s.Objects.Places[0].Bucket, mode: keep.Mode, log: s.log}}
	if s.second != nil {
		all = append(all, anchors{store: s.store, objects: s.second, bucket: s.Copies.bucket(), mode: keep.Mode, log: s.log})
	}
	return all
}

// addConsole adds the web console; the address it listens on is told at once, so that a taken port is an error now.
func (s *system) addConsole(ctx context.Context, e everything) (net.Addr, error) {
	live, err := s.followRules(ctx, e.rules)
	if err != nil {
		return nil, err
	}
	cfg := web.Config{
		Store: s.store, Sessions: s.store.Sessions(), Audio: s.objects, Rules: liveRules{live}, Log: s.log,
		Location: e.ingest.Zone, SecureCookies: e.secure(), Access: e.access, Sealer: e.sealer, Directory: e.dir,
		AppealDays: e.console.appealDays, HookAllow: e.console.hookAllow, Anchors: s.anchors(e.keep).read,
		Health:   s.storesReady,
		Evidence: &evidence.Exporter{Store: s.store, Source: s.objects, Key: e.key, Zone: e.ingest.Zone},
	}
	if s.queues != nil {
		cfg.Queues = s.queues
		var closing func() error
		cfg.QueueTool, closing = newQueueTool(s.Redis)
		s.closing(closing)
	}
	for _, a := range s.anchors(e.keep) {
		s.add("anchors of the audit log", func(ctx context.Context) error { a.run(ctx); return nil })
	}
	console, err := web.New(cfg)
	if err != nil {
		return nil, err
	}
	backtests := &rulework.Runner{Store: s.store, Log: s.log}
	s.add("back-tests", backtests.Run)
	sender := &hooks.Sender{Store: s.store, Allow: e.console.hookAllow, Log: s.log, Secret: web.HookSecret(e.sealer)}
	s.add("webhooks", sender.Run)
	return s.addHTTP("console", e.listen, console, e.cert)
}

// addObserve adds /metrics, /healthz and /readyz.
func (s *system) addObserve(listen string) error {
	if listen == "" {
		return nil
	}
	_, err := s.addHTTP("metrics", listen, s.observeHandler(), nil)
	return err
}

// addHTTP serves until the context ends, and then lets requests finish; over TLS where there is a certificate.
func (s *system) addHTTP(name, listen string, h http.Handler, cert *certificate) (net.Addr, error) {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("the %s cannot listen on %s (is it in use?): %w", name, listen, err)
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn)}
	s.closing(func() error {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	s.add(name, func(ctx context.Context) error {
		stopped := make(chan error, 1)
		go func() {
			<-ctx.Done()
			grace, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			err := srv.Shutdown(grace)
			if errors.Is(err, context.DeadlineExceeded) {
				err = srv.Close() // e.g. a browser that reads audio slowly
			}
			stopped <- err
		}()
		serve := srv.Serve
		if cert != nil {
			srv.TLSConfig = cert.config()
			serve = func(l net.Listener) error { return srv.ServeTLS(l, "", "") }
		}
		if err := serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return <-stopped
	})
	return l.Addr(), nil
}

// openObjects connects to the object store.
func openObjects(s objectSettings, observer ...objects.Observer) (*objects.Store, error) {
	return objects.Open(objects.Config{Endpoint: s.Endpoint, AccessKey: s.AccessKey, SecretKey: s.SecretKey,
		Region: s.Region, Style: s.Style, CA: s.CA, Encrypt: s.Encrypt}, observer...)
}
