package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/speechqa/speechqa/storage/embedded"
	"github.com/speechqa/speechqa/storage/postgres"
)

// backupCmd copies the database into a file, and proves that it can be had back from there.
type backupCmd struct {
	Make   backupMakeCmd   `cmd:"" help:"Dump the database into a file, with a list of what is in it beside."`
	Verify backupVerifyCmd `cmd:"" help:"Restore a dump into a scratch database and compare every table, and the audit log's chain."`
}

// backupList lies beside a dump as FILE.json.
type backupList struct {
	CreatedAt time.Time           `json:"created_at"`
	SHA256    string              `json:"sha256"` // of the dump, hex
	Tables    []postgres.TableSum `json:"tables"` // at the moment of the dump
}

type backupMakeCmd struct {
	databaseFlags
	File string `arg:"" help:"Where the dump goes (pg_dump -Fc); an existing file is not overwritten."`
}

func (c *backupMakeCmd) Run(a *app) error {
	var p problems
	address := c.databaseFlags.read(&p)
	if err := p.err(); err != nil {
		return err
	}
	if _, err := os.Stat(c.File); err == nil {
		return fmt.Errorf("%s is there already: choose another name", c.File)
	}
	list := backupList{CreatedAt: time.Now().UTC().Truncate(time.Second)}
	err := postgres.Snapshot(a.ctx, address, func(name string, tables []postgres.TableSum) error {
		list.Tables = tables
		return pgTool(a.ctx, address, "pg_dump", "--format=custom", "--no-password", "--snapshot="+name, "--file="+c.File)
	})
	if err == nil {
		list.SHA256, err = hashFile(c.File)
	}
	if err == nil {
		_, err = writeNew(c.File+".json", func(f *os.File) (int, error) { return 0, json.NewEncoder(f).Encode(list) })
	}
	if err != nil {
		if rerr := os.Remove(c.File); !errors.Is(rerr, os.ErrNotExist) {
			err = errors.Join(err, rerr)
		}
		return fmt.Errorf("back up the database: %w", err)
	}
	_, err = fmt.Fprintf(a.stdout, "%s: %d tables, SHA-256 %s\n", c.File, len(list.Tables), list.SHA256)
	return err
}

type backupVerifyCmd struct {
	File string `arg:"" help:"The dump; its list FILE.json lies beside it."`
}

func (c *backupVerifyCmd) Run(a *app) (err error) {
	b, err := os.ReadFile(c.File + ".json")
	if err != nil {
		return err
	}
	var list backupList
	if err := json.Unmarshal(b, &list); err != nil {
		return fmt.Errorf("%s.json: %w", c.File, err)
	}
	sum, err := hashFile(c.File)
	if err != nil {
		return err
	}
	if sum != list.SHA256 {
		return fmt.Errorf("the dump is damaged: its SHA-256 is %s, not %s", sum, list.SHA256)
	}
	dir, err := os.MkdirTemp("", "speechqa-restore-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	scratch, err := embedded.StartPostgres(a.ctx, embedded.Options{Dir: dir, Volatile: true})
	if err != nil {
		return fmt.Errorf("start a scratch database: %w", err)
	}
	defer func() { err = errors.Join(err, scratch.Stop(context.WithoutCancel(a.ctx))) }()
	file, err := filepath.Abs(c.File)
	if err != nil {
		return err
	}
	if err := pgTool(a.ctx, scratch.URL(), "pg_restore", "--no-owner", "--no-privileges", "--exit-on-error", "--no-password", "--dbname=speechqa", file); err != nil {
		return fmt.Errorf("restore the dump: %w", err)
	}
	tables, err := postgres.Sums(a.ctx, scratch.URL())
	if err != nil {
		return err
	}
	if d := cmp.Diff(list.Tables, tables); d != "" {
		return fmt.Errorf("the restored tables are not those that were dumped (-dumped +restored):\n%s", d)
	}
	s, err := postgres.Open(a.ctx, scratch.URL())
	if err != nil {
		return err
	}
	defer s.Close()
	chain, err := s.VerifyAudit(a.ctx, nil)
	if err != nil {
		return err
	}
	var rows int64
	for _, t := range tables {
		rows += t.Rows
	}
	_, err = fmt.Fprintf(a.stdout, "restored: %d tables with %d rows as they were at %s; %d audit entries, unbroken\n",
		len(tables), rows, list.CreatedAt.Format(time.RFC3339), chain.Entries)
	return err
}

// pgTool runs a program of PostgreSQL on a database; the address goes by the environment, where nobody else sees it.
func pgTool(ctx context.Context, address, name string, args ...string) error {
	path, err := embedded.Tool(ctx, name)
	if err != nil {
		return err
	}
	cfg, err := pgx.ParseConfig(address)
	if err != nil {
		return fmt.Errorf("address of the database: %w", err)
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "LC_ALL=C.UTF-8", "PGHOST=" + cfg.Host, "PGPORT=" + strconv.Itoa(int(cfg.Port)),
		"PGUSER=" + cfg.User, "PGPASSWORD=" + cfg.Password, "PGDATABASE=" + cfg.Database, "PGAPPNAME=speechqa"}
	if u, err := url.Parse(address); err == nil {
		for _, option := range []string{"sslmode", "sslrootcert", "sslcert", "sslkey"} {
			if v := u.Query().Get(option); v != "" {
				cmd.Env = append(cmd.Env, "PG"+strings.ToUpper(option)+"="+v)
			}
		}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(string(out)))
	}
	return nil
}

func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
