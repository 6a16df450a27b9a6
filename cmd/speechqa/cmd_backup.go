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
	objectFlags
	custodyFlags
	copyFlags
	File     string `arg:"" optional:"" help:"Where the dump goes (pg_dump -Fc); an existing file is not overwritten."`
	Second   bool   `help:"Write it into the second store's bucket instead, locked where that locks."`
	Keep     int    `default:"30" placeholder:"N" help:"With --second: older backups than the last N are removed, once their lock has ended."`
	LockDays int    `default:"30" placeholder:"N" help:"With --second: days for which a backup is locked."`
}

func (c *backupMakeCmd) Run(a *app) error {
	if c.Second == (c.File != "") {
		return errors.New("say where the backup goes: a FILE, or --second for the second store's bucket")
	}
	if !c.Second {
		return c.dump(a)
	}
	var p problems
	if c.Keep < 1 || c.LockDays < 1 || c.LockDays > maxDays {
		p.add("backup make", "--keep and --lock-days are whole numbers above zero")
	}
	shelf, err := shelfOf(&p, c.objectFlags, c.copyFlags, c.custodyFlags)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "speechqa-backup-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	now := time.Now().UTC()
	c.File = filepath.Join(dir, now.Format("20060102T150405.000Z")+".dump")
	if err := c.dump(a); err != nil {
		return err
	}
	if err := shelf.put(a.ctx, c.File, now.AddDate(0, 0, c.LockDays)); err != nil {
		return err
	}
	removed, locked, err := shelf.prune(a.ctx, c.Keep, now)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "written to the second store and read back: %s; %d older removed, %d older still locked\n", filepath.Base(c.File), removed, locked)
	return err
}

// shelfOf reads where the second store is.
func shelfOf(p *problems, o objectFlags, f copyFlags, k custodyFlags) (*backupShelf, error) {
	first := objectSettings{}
	if f.CopyEndpoint == "" {
		first = o.read(p)
	}
	second, keep := f.read(p, first), k.read(p)
	if f.CopyBucket == "" {
		p.add("SPEECHQA_COPY_BUCKET", "is not set; it says where the second store is")
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	return openShelf(second, keep)
}

// dump writes the dump and its list.
func (c *backupMakeCmd) dump(a *app) error {
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
	objectFlags
	custodyFlags
	copyFlags
	File   string `arg:"" optional:"" help:"The dump; its list FILE.json lies beside it. With --second its name there; default: the newest."`
	Second bool   `help:"Fetch it from the second store."`
}

func (c *backupVerifyCmd) Run(a *app) (err error) {
	if !c.Second {
		if c.File == "" {
			return errors.New("say which backup: a FILE, or --second for the newest in the second store")
		}
		return c.verify(a)
	}
	var p problems
	shelf, err := shelfOf(&p, c.objectFlags, c.copyFlags, c.custodyFlags)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "speechqa-backup-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if c.File, err = shelf.fetch(a.ctx, c.File, dir); err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "%s from the second store\n", filepath.Base(c.File))
	return c.verify(a)
}

func (c *backupVerifyCmd) verify(a *app) (err error) {
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
