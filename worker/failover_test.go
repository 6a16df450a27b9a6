package worker_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/speechqa/speechqa/storage/embedded"
	"github.com/speechqa/speechqa/storage/storagetest"
	"github.com/speechqa/speechqa/worker"
)

// standby starts a copy of the database that follows it until it is promoted.
func (h *hard) standby() *embedded.Postgres {
	h.t.Helper()
	noError := func(err error) {
		h.t.Helper()
		if err != nil {
			h.t.Fatal(err)
		}
	}
	dir := filepath.Join(filepath.Dir(h.pgDir), "pg2")
	noError(os.Mkdir(dir, 0o755))
	st, err := os.Stat(filepath.Join(h.pgDir, "data"))
	noError(err)
	owner := st.Sys().(*syscall.Stat_t)
	data := filepath.Join(dir, "data")
	noError(os.Mkdir(data, 0o700))
	copying := exec.Command("pg_basebackup", "--pgdata", data, "--dbname", h.pg.TCPURL(), "--checkpoint", "fast", "--write-recovery-conf")
	copying.Dir = "/"
	if os.Getuid() == 0 {
		noError(os.Chown(data, int(owner.Uid), int(owner.Gid)))
		copying.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}}
	}
	if out, err := copying.CombinedOutput(); err != nil {
		h.t.Fatalf("copy the database (Debian, Ubuntu: apt-get install postgresql-client): %v, %s", err, out)
	}
	password, err := os.ReadFile(filepath.Join(h.pgDir, "password"))
	noError(err)
	noError(os.WriteFile(filepath.Join(dir, "password"), password, 0o600))
	second, err := embedded.StartPostgres(h.t.Context(), embedded.Options{Dir: dir, Port: lastingPort(h.t), Volatile: true})
	noError(err)
	h.t.Cleanup(func() {
		if err := second.Stop(context.WithoutCancel(h.t.Context())); err != nil {
			h.t.Error(err)
		}
	})
	return second
}

// The database dies, and its copy, which may not have heard of the last changes, takes its place: both hosts are in the
// address, and whichever takes writes is used. Nothing is lost and nothing is double.
func TestDatabaseFailsOver(t *testing.T) {
	t.Parallel()
	const n = 20
	reference := undisturbed(t, n)
	h := newHard(t)
	second := h.standby()
	u, err := url.Parse(h.pg.TCPURL())
	if err != nil {
		t.Fatal(err)
	}
	u.Host = ""
	u.RawQuery = url.Values{"host": {"127.0.0.1,127.0.0.1"}, "port": {fmt.Sprintf("%d,%d", h.pg.Port, second.Port)}, "sslmode": {"disable"},
		"target_session_attrs": {"read-write"}}.Encode()
	h.Database = u.String()
	h.store = storagetest.OpenURL(t, h.Database)
	h.uploadMany(0, n)
	h.discover()
	h.start(&hearing{Takes: 50 * time.Millisecond}, func(c *worker.Config) { c.Overdue = 2 * time.Second })
	h.waitInspected(n / 4)
	if err := syscall.Kill(h.pg.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-h.pg.Done()
	if got := storagetest.Query(t, second.URL(), `SELECT pg_promote()`); got[0] != "t" {
		t.Fatalf("the copy is not promoted: %s", got[0])
	}
	h.wait("all inspected", func() bool {
		s, err := h.store.Summary(t.Context(), time.UTC)
		return err == nil && s.ByState["inspected"] == n
	})
	if diff := cmp.Diff(reference, h.results()); diff != "" {
		t.Errorf("undisturbed (-) and with another database in the end (+): %s", diff)
	}
}
