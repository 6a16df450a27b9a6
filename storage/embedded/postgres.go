package embedded

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Names inside an embedded PostgreSQL.
const (
	pgUser     = "speechqa" // owns everything
	pgApp      = "speechqa_app"
	pgDatabase = "speechqa"
)

// startPatience bounds a server's start; recovery after a crash of a large database may take its time.
const startPatience = 2 * time.Minute

// Postgres is a running PostgreSQL server with its own data directory, listening on a unix socket and on a
// loopback port, both with a password.
type Postgres struct {
	Port     int
	Major    int // version
	password string
	sockets  string
	child    *child
	lock     *dirLock
	stopOnce sync.Once
	stopErr  error
}

// StartPostgres starts PostgreSQL from the machine's own binaries, as another user when this process is root,
// and waits until it answers. An orphan of an earlier, killed process in the same directory is stopped first.
// Stop it with Stop.
func StartPostgres(ctx context.Context, o Options) (*Postgres, error) {
	o, err := o.prepare("PostgreSQL")
	if err != nil {
		return nil, err
	}
	lock, err := lockDir(o.Dir)
	if err != nil {
		return nil, err
	}
	p, err := startPostgres(ctx, o)
	if err != nil {
		lock.release()
		return nil, err
	}
	p.lock = lock
	return p, nil
}

func startPostgres(ctx context.Context, o Options) (*Postgres, error) {
	data := filepath.Join(o.Dir, "data")
	versions, err := installedPostgres(ctx)
	if err != nil {
		return nil, err
	}
	dataMajor, err := majorOf(data)
	if err != nil {
		return nil, err
	}
	version, err := choosePostgres(versions, dataMajor, o.Dir)
	if err != nil {
		return nil, err
	}
	who, err := unprivileged(data)
	if err != nil {
		return nil, err
	}
	password, err := keepSecret(filepath.Join(o.Dir, "password"))
	if err != nil {
		return nil, err
	}
	if dataMajor == 0 {
		if err := initPostgres(ctx, version, who, o, data, password); err != nil {
			return nil, err
		}
	} else if err := stopOrphanPostgres(ctx, data, o); err != nil {
		return nil, err
	}
	sockets, err := socketDir(o.Dir, who)
	if err != nil {
		return nil, err
	}
	if err := clearSockets(sockets); err != nil {
		return nil, err
	}
	p := &Postgres{Major: version.major, password: password, sockets: sockets}
	err = withPort(o.Port, func(port int) (bool, error) { return p.launch(ctx, version, who, o, data, port) })
	if err != nil {
		return nil, err
	}
	if err := p.createDatabase(ctx, pgDatabase); err != nil {
		return nil, errors.Join(err, p.child.stop(ctx, 10*time.Second, syscall.SIGINT, syscall.SIGKILL))
	}
	return p, nil
}

// launch starts the server on the port; busy means that the port was taken.
func (p *Postgres) launch(ctx context.Context, v pgVersion, who account, o Options, data string, port int) (busy bool, err error) {
	attr, err := who.attributes(data)
	if err != nil {
		return false, err
	}
	args := []string{"-D", data,
		"-c", "port=" + strconv.Itoa(port), "-c", "listen_addresses=127.0.0.1",
		"-c", "unix_socket_directories=" + p.sockets, "-c", "unix_socket_permissions=0700",
		"-c", "max_connections=200", "-c", "log_min_messages=warning", "-c", "timezone=UTC",
	}
	death := syscall.SIGINT // fast shutdown: with a checkpoint, so that the next start is quick
	if o.Volatile {
		args = append(args, "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off", "-c", "autovacuum=off")
		death = syscall.SIGQUIT
	}
	cmd := exec.Command(filepath.Join(v.bin, "postgres"), args...)
	cmd.Dir, cmd.Env, cmd.SysProcAttr = "/", serverEnv(), attr
	p.Port = port
	p.child, err = startChild("PostgreSQL", cmd, filepath.Join(o.Dir, "log"), death)
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	if err := p.child.waitReady(ctx, p.ping); err != nil {
		busy = p.child.exited() && strings.Contains(p.child.logTail(), "could not bind") && portTaken(port)
		return busy, errors.Join(err, p.child.stop(ctx, 5*time.Second, syscall.SIGINT, syscall.SIGKILL))
	}
	return false, nil
}

// serverEnv keeps the user's PG* variables and locale away from the server.
func serverEnv() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "TZ=UTC"}
}

func (p *Postgres) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, p.DatabaseURL("postgres"))
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// createDatabase makes the database where it does not exist yet.
func (p *Postgres) createDatabase(ctx context.Context, name string) error {
	conn, err := pgx.Connect(ctx, p.DatabaseURL("postgres"))
	if err != nil {
		return fmt.Errorf("connect to embedded PostgreSQL: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var exists bool
	if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, name).Scan(&exists); err != nil {
		return fmt.Errorf("look for database %s: %w", name, err)
	}
	if exists {
		return nil
	}
	if _, err := conn.Exec(ctx, `CREATE DATABASE `+pgx.Identifier{name}.Sanitize()); err != nil {
		return fmt.Errorf("create database %s: %w", name, err)
	}
	return nil
}

// URL is the connection string of the application's database over the unix socket, password included.
func (p *Postgres) URL() string { return p.DatabaseURL(pgDatabase) }

// DatabaseURL is the connection string of a database over the unix socket.
func (p *Postgres) DatabaseURL(name string) string {
	q := url.Values{"host": {p.sockets}, "port": {strconv.Itoa(p.Port)}, "sslmode": {"disable"}}
	u := url.URL{Scheme: "postgres", User: url.UserPassword(pgUser, p.password), Path: "/" + name, RawQuery: q.Encode()}
	return u.String()
}

// AppURL is the connection string for what works in the application's database: of a role of its own, which whoever
// migrates the database makes.
func (p *Postgres) AppURL() (string, error) { return AppURL(p.URL()) }

// AppURL makes of a connection string of the owner's that of the application. Its password follows from the owner's,
// not the other way round.
func AppURL(owner string) (string, error) {
	u, err := url.Parse(owner)
	if err != nil {
		return "", fmt.Errorf("address of the embedded database: %w", errors.Unwrap(err)) // without the address: it has the password
	}
	password, _ := u.User.Password()
	mac := hmac.New(sha256.New, []byte(password))
	mac.Write([]byte(pgApp))
	u.User = url.UserPassword(pgApp, hex.EncodeToString(mac.Sum(nil)))
	return u.String(), nil
}

// TCPURL is the connection string over the loopback port, for psql and other processes.
func (p *Postgres) TCPURL() string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(pgUser, p.password), Path: "/" + pgDatabase,
		Host: "127.0.0.1:" + strconv.Itoa(p.Port), RawQuery: "sslmode=disable"}
	return u.String()
}

// PID is the server's process id.
func (p *Postgres) PID() int { return p.child.cmd.Process.Pid }

// Done is closed when the server has ended, wanted or not.
func (p *Postgres) Done() <-chan struct{} { return p.child.done }

// Stop ends the server after rolling back open transactions and writing a checkpoint, harsher when it does not
// obey. When Stop returns nil, no process is left.
func (p *Postgres) Stop(ctx context.Context) error {
	p.stopOnce.Do(func() {
		p.stopErr = p.child.stop(ctx, 30*time.Second, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL)
		if p.stopErr == nil && filepath.Base(p.sockets) != "run" {
			p.stopErr = os.RemoveAll(p.sockets)
		}
		p.lock.release()
	})
	return p.stopErr
}
