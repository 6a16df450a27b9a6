package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/speechqa/speechqa/evidence"
	"github.com/speechqa/speechqa/storage/postgres"
)

// evidenceCmd makes packs of what findings rest on.
type evidenceCmd struct {
	Export evidenceExportCmd `cmd:"" help:"Write a signed pack with audio, transcript, findings, rules, reviews and audit log of recordings."`
	Key    evidenceKeyCmd    `cmd:"" help:"Make a key pair for signing."`
}

type signingFlags struct {
	SigningKey         string `config:"SPEECHQA_SIGNING_KEY" secret:"" group:"Custody" placeholder:"KEY" help:"Secret key that signs evidence packs and records of disposal, as minisign or 'speechqa evidence key' writes it; usually given as a file."`
	SigningKeyPassword string `config:"SPEECHQA_SIGNING_KEY_PASSWORD" secret:"" group:"Custody" placeholder:"TEXT" help:"Password of an encrypted signing key."`
}

// read gives nil where no key is configured.
func (f signingFlags) read(p *problems) *evidence.Key {
	if f.SigningKey == "" {
		return nil
	}
	k, err := evidence.ParseKey(f.SigningKey, f.SigningKeyPassword)
	if err != nil {
		p.add("SPEECHQA_SIGNING_KEY", "%v", err)
	}
	return k
}

type evidenceExportCmd struct {
	databaseFlags
	objectFlags
	signingFlags
	givenBy
	Zone       string   `name:"time-zone" config:"SPEECHQA_TIME_ZONE" default:"Asia/Shanghai" placeholder:"ZONE" help:"Zone of the report's times."`
	Out        string   `short:"o" default:"evidence.zip" placeholder:"FILE" help:"Where the pack goes; an existing file is not overwritten."`
	Recordings []string `arg:"" name:"recording" help:"Ids of recordings."`
}

func (c *evidenceExportCmd) Run(a *app) (err error) {
	var p problems
	s, key := c.objectFlags.read(&p), c.signingFlags.read(&p)
	zone, zerr := time.LoadLocation(c.Zone)
	if zerr != nil {
		p.add("SPEECHQA_TIME_ZONE", "%q is no time zone this machine knows", c.Zone)
	}
	if err := p.err(); err != nil {
		return err
	}
	store, err := openObjects(s)
	if err != nil {
		return err
	}
	return withStore(a, c.databaseFlags, func(db *postgres.Store) error {
		by := c.actor()
		x := evidence.Exporter{Store: db, Source: store, Key: key, Zone: zone}
		pack, err := x.Prepare(a.ctx, by.Name, c.Recordings...)
		if errors.Is(err, postgres.ErrNotFound) {
			return fmt.Errorf("there is no such recording: %w", err)
		}
		if err != nil {
			return err
		}
		for _, id := range c.Recordings { // first the entry, then the act
			if err := db.Audit(a.ctx, postgres.AuditEntry{Name: by.Name, Origin: by.Origin, Action: "recording.evidence", Subject: "recording:" + id}); err != nil {
				return err
			}
		}
		m, err := writeNew(c.Out, func(f *os.File) (*evidence.Manifest, error) { return pack.Write(a.ctx, f) })
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(a.stdout, "%s: %d recordings, %d members, signed\n", c.Out, len(m.Recordings), len(m.Files)+2)
		return err
	})
}

// writeNew fills a new file; one that was not finished is removed.
func writeNew[T any](path string, fill func(*os.File) (T, error)) (out T, err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return out, err
	}
	out, err = fill(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		err = errors.Join(err, os.Remove(path))
	}
	return out, err
}

type evidenceKeyCmd struct {
	Password bool   `help:"Ask for a password that encrypts the secret key."`
	File     string `arg:"" help:"Where the secret key goes; the public one goes beside it as FILE.pub."`
}

func (c *evidenceKeyCmd) Run(a *app) error {
	password := ""
	if c.Password {
		var err error
		if password, err = readSecret(a); err != nil {
			return err
		}
	}
	if err := makeSigningKey(c.File, password); err != nil {
		return err
	}
	_, err := fmt.Fprintf(a.stdout, "secret key: %s (keep it where only this program can read it)\npublic key: %s.pub (give it to whoever shall verify packs)\n", c.File, c.File)
	return err
}

func makeSigningKey(file, password string) error {
	secret, public, err := evidence.NewKey(password)
	if err != nil {
		return err
	}
	for _, f := range []struct {
		path, text string
		mode       os.FileMode
	}{{file, secret, 0o600}, {file + ".pub", public, 0o644}} {
		if _, err := writeNew(f.path, func(w *os.File) (int, error) { return w.WriteString(f.text) }); err != nil {
			return fmt.Errorf("write the key: %w", err)
		}
		if err := os.Chmod(f.path, f.mode); err != nil {
			return fmt.Errorf("write the key: %w", err)
		}
	}
	return nil
}

// officeKey is the signing key of an office that runs everything in one process: configured, or made once.
func officeKey(dir string, configured *evidence.Key) (*evidence.Key, error) {
	if configured != nil {
		return configured, nil
	}
	path := filepath.Join(dir, "signing.key")
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		if err := makeSigningKey(path, ""); err != nil {
			return nil, err
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the signing key: %w", err)
	}
	return evidence.ParseKey(string(b), "")
}
