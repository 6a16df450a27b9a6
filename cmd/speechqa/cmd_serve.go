package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/speechqa/speechqa/evidence"
	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/web"
)

// serveCmd runs the console; with --embedded everything, for a small office.
type serveCmd struct {
	Embedded bool   `help:"Run the whole system in this process, with PostgreSQL, Redis and an object store of its own."`
	DataDir  string `placeholder:"DIR" help:"Where --embedded keeps its data."`
	databaseFlags
	redisFlags
	objectFlags
	custodyFlags
	copyFlags
	disposalFlags
	signingFlags
	modelFlags
	rulesFlags
	workerFlags
	llmFlags
	ingestFlags
	webFlags
	tlsFlags
	accessFlags
	directoryFlags
	consoleFlags
	observeFlags
	logFlags
}

// settings of a process that may do everything.
type everything struct {
	services
	model   modelSettings
	rules   string
	work    workerSettings
	llm     llmSettings
	ingest  ingestSettings
	keep    custodySettings
	dispose disposalSettings
	key     *evidence.Key  // nil: nothing is signed
	dir     *web.Directory // nil: by password only
	sealer  *web.Sealer    // nil: nobody can set up a second factor
	listen  string
	public  string
	cert    *certificate // nil: HTTP
	access  web.Access
	console consoleSettings
	metrics string
	log     *slog.Logger
}

// secure says whether browsers come by https only.
func (e everything) secure() bool { return e.cert != nil || strings.HasPrefix(e.public, "https:") }

// address is that of the console where it listens.
func (e everything) address(listen net.Addr) string {
	if e.cert != nil {
		return "https://" + listen.String()
	}
	return "http://" + listen.String()
}

// read takes only those settings that the mode needs, so that an office need not name services it starts itself.
func (c *serveCmd) read(a *app, p *problems) everything {
	e := everything{log: c.logFlags.read(p, a.stderr), ingest: c.ingestFlags.read(p), rules: c.rulesFlags.read(p),
		metrics: c.observeFlags.read(p), keep: c.custodyFlags.read(p), dispose: c.disposalFlags.read(p), key: c.signingFlags.read(p)}
	e.listen, e.public = c.webFlags.read(p)
	e.cert = c.tlsFlags.read(p, e.log)
	e.access, e.sealer = c.accessFlags.read(p, false), c.accessFlags.sealer(p)
	e.dir = c.directoryFlags.read(p, e.public)
	e.console = c.consoleFlags.read(p)
	if c.Embedded {
		e.model, e.work, e.llm = c.modelFlags.read(p, a.env), c.workerFlags.read(p), c.llmFlags.read(p)
		if c.DataDir == "" {
			p.add("--data-dir", "is needed with --embedded: the place where everything is kept")
		}
		e.Copies = c.copyFlags.read(p, objectSettings{})
		return e
	}
	e.services = services{DatabaseURL: c.databaseFlags.read(p), Objects: c.objectFlags.read(p)}
	e.Copies = c.copyFlags.read(p, e.Objects)
	if c.RedisURL != "" { // only the operators' page needs it
		e.Redis = c.redisFlags.read(p)
	}
	return e
}

func (c *serveCmd) Run(a *app) (err error) {
	var p problems
	e := c.read(a, &p)
	if err := p.err(); err != nil {
		return err
	}
	if c.Embedded {
		return runOffice(a.ctx, c.DataDir, e, func(_ context.Context, o *running) error {
			return o.announce(a)
		})
	}
	sys, err := openSystem(a.ctx, e.services, e.log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sys.close()) }()
	if err := sys.useZone(a.ctx, e.ingest.Zone); err != nil {
		return err
	}
	addr, err := sys.addConsole(a.ctx, e)
	if err != nil {
		return err
	}
	if e.sealer == nil {
		e.log.Error("nobody can set up a second factor: set SPEECHQA_FACTOR_KEY, which encrypts its key (openssl rand -base64 32)")
	}
	sys.addLockWarning()
	sys.metrics.MustRegister(newStanding(sys.store))
	if err := sys.addObserve(e.metrics); err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "console: %s\n", e.address(addr))
	return sys.run(a.ctx)
}

// running is an office at work.
type running struct {
	*system
	Address string     // of the console
	users   []demoUser // created by this start
}

// runOffice starts the three services below dir and the whole system on them, calls ready once everything runs,
// and works until ctx ends, ready fails, or a part does. Everything is stopped in reverse order.
func runOffice(ctx context.Context, dir string, e everything, ready func(context.Context, *running) error) (err error) {
	office, err := startOffice(ctx, dir, e.Copies, e.log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, office.stop()) }()
	if _, err := postgres.Migrate(ctx, office.pg.URL(), office.DatabaseURL); err != nil {
		return err
	}
	if e.work.TempDir == "" {
		e.work.TempDir = filepath.Join(dir, "tmp")
		if err := os.MkdirAll(e.work.TempDir, 0o700); err != nil {
			return fmt.Errorf("directory of temporary files: %w", err)
		}
	}
	sys, err := openSystem(ctx, office.services, e.log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sys.close()) }()
	if err := sys.freshQueue(ctx); err != nil {
		return err
	}
	r := &running{system: sys}
	if r.users, err = sys.firstUsers(ctx); err != nil {
		return err
	}
	for _, p := range office.Objects.Places {
		if err := sys.objects.EnsureLockedBucket(ctx, p.Bucket); err != nil {
			return err
		}
	}
	if e.Copies.Dir != "" {
		if err := sys.second.EnsureLockedBucket(ctx, office.Copies.bucket()); err != nil {
			return err
		}
	}
	if _, err := sys.addWorker(ctx, e.work, e.model, e.rules); err != nil {
		return err
	}
	if err := sys.addOpinions(ctx, e.llm, e.rules); err != nil {
		return err
	}
	if err := sys.addIngest(e.ingest, e.cert); err != nil {
		return err
	}
	sys.addCustody(e.keep)
	sys.addCopies(e.keep)
	if err := sys.useZone(ctx, e.ingest.Zone); err != nil {
		return err
	}
	if e.key, err = officeKey(dir, e.key); err != nil {
		return err
	}
	if e.sealer, err = officeSealer(dir, e.sealer); err != nil {
		return err
	}
	sys.addDisposals(e.dispose, e.key)
	addr, err := sys.addConsole(ctx, e)
	if err != nil {
		return err
	}
	sys.metrics.MustRegister(newStanding(sys.store))
	r.Address = e.address(addr)
	if err := sys.addObserve(e.metrics); err != nil {
		return err
	}
	sys.add("services", office.watch)
	sys.add("start", func(ctx context.Context) error { return ready(ctx, r) })
	if err := sys.run(ctx); !errors.Is(err, errFinished) {
		return err
	}
	return nil
}

// errFinished ends an office that has done what it was started for.
var errFinished = errors.New("finished")

// freshQueue empties Redis and ends attempts of an earlier process: nobody else uses this office, so whatever
// was under way was killed. The reconciler makes the queue anew from the database at once.
func (s *system) freshQueue(ctx context.Context) error {
	if err := emptyRedis(ctx, s.Redis); err != nil {
		return err
	}
	if err := s.store.Abandon(ctx); err != nil {
		return fmt.Errorf("end earlier attempts: %w", err)
	}
	return nil
}

// demoUser is a user with a password to be shown once.
type demoUser struct{ Name, Role, Password string }

// firstUsers creates one user per kind of work in an empty office.
func (s *system) firstUsers(ctx context.Context) ([]demoUser, error) {
	have, err := s.store.Users(ctx)
	if err != nil {
		return nil, fmt.Errorf("read users: %w", err)
	}
	if len(have) > 0 {
		return nil, nil
	}
	var out []demoUser
	for _, u := range []struct {
		name, display string
		role          web.Role
	}{
		{"clerk", "质检员", web.RoleClerk}, {"lead", "质检组长", web.RoleLead}, {"manager", "经理", web.RoleManager}, {"trainer", "培训师", web.RoleTrainer},
		{"admin", "管理员", web.RoleAdmin},
	} {
		password := web.RandomPassword()
		hash, err := web.HashPassword(password)
		if err != nil {
			return nil, err
		}
		user := postgres.User{Name: u.name, DisplayName: u.display, PasswordHash: hash, Role: string(u.role)}
		if u.role == web.RoleManager {
			user.Teams = []string{web.EveryTeam} // nobody knows the teams yet
		}
		if _, err := s.store.CreateUser(ctx, user); err != nil {
			return nil, fmt.Errorf("create user %s: %w", u.name, err)
		}
		out = append(out, demoUser{u.name, string(u.role), password})
	}
	return out, nil
}

// announce shows where the console is and, the first time, who can log in.
func (r *running) announce(a *app) error {
	fmt.Fprintf(a.stderr, "\nconsole: %s\n", r.Address)
	for _, u := range r.users {
		fmt.Fprintf(a.stderr, "  user %-7s password %s  (shown this once; role %s)\n", u.Name, u.Password, u.Role)
	}
	if len(r.users) == 0 {
		fmt.Fprintln(a.stderr, "  passwords were shown at the first start; `speechqa user password NAME` gives another")
	}
	return nil
}
