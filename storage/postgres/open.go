package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/tern/v2/migrate"

	"github.com/speechqa/speechqa/pipeline"
)

//go:embed migrations/*.sql
var migrations embed.FS

// versionTable holds the schema's version.
const versionTable = "schema_version"

// Store is PostgreSQL as the system's memory. It is safe for concurrent use.
type Store struct {
	pool *pgxpool.Pool
	idle time.Duration // see idleParam

	names  recent[string] // of agents, by scope and id
	facets recent[Facets] // by scope
}

// How old what agents are called, and what filters offer, may be on a page.
const (
	namesKeep  = 10 * time.Minute
	facetsKeep = 30 * time.Second
)

// idleParam has PostgreSQL end transactions in which nothing happens for so long, with the locks they hold: a process
// that froze or was cut off in the middle of one would else keep a recording, or the lead, for as long as it likes.
// It is a lease's length; the database's address may say otherwise (…?idle_in_transaction_session_timeout=20s).
const idleParam = "idle_in_transaction_session_timeout"

// Open connects and makes sure that the schema is this program's. Close the store. At most one observer is told of
// every statement.
func Open(ctx context.Context, url string, observer ...Observer) (*Store, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("address of the database: %w", err)
	}
	cfg.ConnConfig.RuntimeParams["application_name"] = "speechqa"
	params := cfg.ConnConfig.RuntimeParams
	if params[idleParam] == "" {
		params[idleParam] = pipeline.Lease.String()
	}
	if params["jit"] == "" {
		params["jit"] = "off" // compiling a page's query takes longer than running it
	}
	idle, err := time.ParseDuration(params[idleParam])
	if err != nil || idle <= 0 {
		return nil, fmt.Errorf("address of the database: %s=%s must be a time above zero, such as 30s", idleParam, params[idleParam])
	}
	if len(observer) > 0 {
		cfg.ConnConfig.Tracer = tracer{observer[0]}
	}
	cfg.MaxConns = max(cfg.MaxConns, 8) // one is held by each listing and by the reconciler
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	s := &Store{pool: pool, idle: idle}
	s.names.keep, s.facets.keep = namesKeep, facetsKeep
	if err := s.checkSchema(ctx); err != nil {
		pool.Close()
		return nil, err
	}
	return s, nil
}

// Close ends all connections.
func (s *Store) Close() { s.pool.Close() }

// Ping says whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return s.pool.Ping(ctx) }

func (s *Store) checkSchema(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	var have, want int32
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	want = int32(len(files))
	err = s.pool.QueryRow(ctx, `SELECT version FROM `+versionTable).Scan(&have)
	var missing interface{ SQLState() string }
	switch {
	case errors.As(err, &missing) && missing.SQLState() == "42P01":
		return errors.New("the database has no tables yet: run `speechqa migrate` first")
	case errors.As(err, &missing) && missing.SQLState() == "42501":
		return errors.New("the role in SPEECHQA_DATABASE_URL has no rights in the database: run `speechqa migrate` with SPEECHQA_DATABASE_OWNER_URL beside it")
	case err != nil:
		return fmt.Errorf("the database does not answer; check SPEECHQA_DATABASE_URL and that PostgreSQL runs: %w", err)
	case have < want:
		return fmt.Errorf("the database's schema is at version %d and this program needs %d: run `speechqa migrate`", have, want)
	case have > want:
		return fmt.Errorf("the database's schema is at version %d, newer than this program's %d: update the program", have, want)
	}
	return nil
}

// Migrate brings the schema to this program's version, which it returns, as the tables' owner, whose address url is. The
// roles of the application's addresses, and those that worked here before, are then given their rights; a role that
// is not there is made. Processes that migrate at once wait for each other.
func Migrate(ctx context.Context, url string, application ...string) (int32, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return 0, fmt.Errorf("the database does not answer; check SPEECHQA_DATABASE_URL and that PostgreSQL runs: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	m, err := migrate.NewMigrator(ctx, conn, versionTable)
	if err != nil {
		return 0, fmt.Errorf("prepare migration: %w", err)
	}
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return 0, err
	}
	if err := m.LoadMigrations(dir); err != nil {
		return 0, fmt.Errorf("load migrations: %w", err)
	}
	if err := m.Migrate(ctx); err != nil {
		return 0, fmt.Errorf("migrate: %w", err)
	}
	var roles []string
	for _, address := range application {
		role, err := makeRole(ctx, conn, address)
		if err != nil {
			return 0, err
		}
		if role != "" {
			roles = append(roles, role)
		}
	}
	if err := grant(ctx, conn, roles); err != nil {
		return 0, err
	}
	return m.GetCurrentVersion(ctx)
}

// tx runs f in one transaction.
func (s *Store) tx(ctx context.Context, f func(pgx.Tx) error) error {
	err := pgx.BeginFunc(ctx, s.pool, f)
	if violates(err, "finding_under_appeal") {
		return ErrUnderAppeal
	}
	return err
}
