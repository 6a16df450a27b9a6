package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/speechqa/speechqa/lexicon"
	"github.com/speechqa/speechqa/rulework"
	"github.com/speechqa/speechqa/storage/postgres"
)

// actorFlags say in whose name a command changes the stored rules.
type actorFlags struct {
	As string `required:"" placeholder:"NAME" help:"Log-in name of the person who does this; it is put on record."`
}

func (f actorFlags) actor(a *app, s *postgres.Store) (rulework.Actor, error) {
	u, err := s.UserByName(a.ctx, f.As)
	if errors.Is(err, postgres.ErrNotFound) {
		return rulework.Actor{}, fmt.Errorf("there is no user %s; `speechqa user list` shows all", f.As)
	}
	return rulework.Actor{UserID: u.ID, Name: u.Name}, err
}

type rulesImportCmd struct {
	databaseFlags
	actorFlags
	Why string `required:"" placeholder:"SENTENCE" help:"What the version is for."`
	Dir string `arg:"" help:"Directory with a ruleset."`
}

// Run stores the files of a directory as a version, a draft that a second person must approve.
func (c *rulesImportCmd) Run(a *app) error {
	if _, err := loadRules(c.Dir); err != nil {
		return fmt.Errorf("the ruleset has errors:\n%w", err)
	}
	files, err := lexicon.ReadFiles(os.DirFS(c.Dir))
	if err != nil {
		return err
	}
	check, err := rulework.Check(files, "")
	if err != nil {
		return err
	}
	if !check.OK() {
		for _, e := range slices.Concat(check.Errors, check.Failed) {
			fmt.Fprintln(a.stderr, e.Error())
		}
		return errors.New("nothing was stored: the ruleset is not right")
	}
	return withStore(a, c.databaseFlags, func(s *postgres.Store) error {
		by, err := c.actor(a, s)
		if err != nil {
			return err
		}
		v, err := s.AddRuleset(a.ctx, rulework.NewVersion{Files: files, Name: check.Ruleset.Name, Label: check.Ruleset.Version,
			From: rulework.OriginImport, Why: c.Why, Author: by})
		var exists *rulework.ExistsError
		if errors.As(err, &exists) {
			fmt.Fprintf(a.stdout, "these files are version %d already (%s)\n", exists.Version.ID, exists.Version.State)
			return nil
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(a.stdout, "version %d, hash %s\n", v.ID, v.Hash)
		return c.warn(a, s, files)
	})
}

// warn names rules that find something else than the live ones and carry the same number: files are kept as they are.
func (c *rulesImportCmd) warn(a *app, s *postgres.Store, files map[string][]byte) error {
	live, err := s.LiveRuleset(a.ctx)
	if errors.Is(err, postgres.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	old, err := s.RulesetFiles(a.ctx, live.ID)
	if err != nil {
		return err
	}
	_, raised, err := rulework.Raise(old, files, nil)
	for _, r := range raised {
		fmt.Fprintf(a.stderr, "rule %s differs from the live one and has its number %d: raise it, or figures by version mix the two\n", r.Rule, r.From)
	}
	return err
}

type rulesExportCmd struct {
	databaseFlags
	Version string `arg:"" help:"Number of the version, or live."`
	Dir     string `arg:"" help:"Directory that is new or empty."`
}

// Run writes a version's files as they were.
func (c *rulesExportCmd) Run(a *app) error {
	return withStore(a, c.databaseFlags, func(s *postgres.Store) error {
		v, err := storedVersion(a, s, c.Version)
		if err != nil {
			return err
		}
		files, err := s.RulesetFiles(a.ctx, v.ID)
		if err != nil {
			return err
		}
		if err := writeRuleset(c.Dir, files); err != nil {
			return err
		}
		fmt.Fprintf(a.stdout, "version %d: %d files in %s\n", v.ID, len(files), c.Dir)
		return nil
	})
}

func writeRuleset(dir string, files map[string][]byte) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	there, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if len(there) > 0 {
		return fmt.Errorf("%s is not empty", dir)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, p := range slices.Sorted(maps.Keys(files)) {
		if d := filepath.Dir(filepath.FromSlash(p)); d != "." {
			if err := root.MkdirAll(d, 0o755); err != nil {
				return err
			}
		}
		if err := root.WriteFile(filepath.FromSlash(p), files[p], 0o644); err != nil {
			return err
		}
	}
	return nil
}

// storedVersion finds a version by its number, v and number, or "live".
func storedVersion(a *app, s *postgres.Store, name string) (rulework.Version, error) {
	if name == "live" {
		v, err := s.LiveRuleset(a.ctx)
		if errors.Is(err, postgres.ErrNotFound) {
			err = errors.New("no version is live yet: start the worker or the console once, or import and publish one")
		}
		return v, err
	}
	id, err := strconv.ParseInt(strings.TrimPrefix(name, "v"), 10, 64)
	if err != nil {
		return rulework.Version{}, fmt.Errorf("%q is no number of a version; `speechqa rules list --stored` shows all", name)
	}
	v, err := s.RulesetVersion(a.ctx, id)
	if errors.Is(err, postgres.ErrNotFound) {
		err = fmt.Errorf("there is no version %d; `speechqa rules list --stored` shows all", id)
	}
	return v, err
}

// listStored prints the versions in the database.
func listStored(a *app, f databaseFlags) error {
	return withStore(a, f, func(s *postgres.Store) error {
		versions, err := s.RulesetVersions(a.ctx)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(a.stdout, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "version\tstate\thash\tlabel\tfrom\tby\tapproved by\tlive since\twhy")
		for _, v := range versions {
			since := ""
			if v.Published() {
				since = v.PublishedAt.Format("2006-01-02 15:04")
			}
			fmt.Fprintf(w, "%d\t%s\t%.12s\t%s\t%s\t%s\t%s\t%s\t%s\n", v.ID, v.State, v.Hash, v.Label, v.From, v.Author, v.Approver, since, v.Why)
		}
		return w.Flush()
	})
}

// versionCmd is what the steps of a version's life have in common.
type versionCmd struct {
	databaseFlags
	actorFlags
	Version string `arg:"" help:"Number of the version."`
}

// onVersion calls f with the version that name stands for and the person in whose name it is done.
func onVersion(a *app, db databaseFlags, as actorFlags, name string, f func(s *postgres.Store, v rulework.Version, by rulework.Actor) error) error {
	return withStore(a, db, func(s *postgres.Store) error {
		by, err := as.actor(a, s)
		if err != nil {
			return err
		}
		v, err := storedVersion(a, s, name)
		if err != nil {
			return err
		}
		return f(s, v, by)
	})
}

func (c versionCmd) do(a *app, step func(s *postgres.Store, id int64, by rulework.Actor) error) error {
	return onVersion(a, c.databaseFlags, c.actorFlags, c.Version, func(s *postgres.Store, v rulework.Version, by rulework.Actor) error {
		if err := step(s, v.ID, by); err != nil {
			return err
		}
		v, err := s.RulesetVersion(a.ctx, v.ID)
		if err != nil {
			return err
		}
		fmt.Fprintf(a.stdout, "version %d: %s\n", v.ID, v.State)
		return nil
	})
}

type rulesApproveCmd struct{ versionCmd }

// Run is the second person's word.
func (c *rulesApproveCmd) Run(a *app) error {
	return c.do(a, func(s *postgres.Store, id int64, by rulework.Actor) error { return s.ApproveRuleset(a.ctx, id, by) })
}

type rulesShadowCmd struct {
	versionCmd
	Off bool `help:"Take it back."`
}

// Run puts a draft on shadow.
func (c *rulesShadowCmd) Run(a *app) error {
	return c.do(a, func(s *postgres.Store, id int64, by rulework.Actor) error {
		return s.ShadowRuleset(a.ctx, id, by, !c.Off)
	})
}

type rulesPublishCmd struct {
	versionCmd
	Override string `placeholder:"REASON" help:"Publish though the back-test forbids it; the reason is put on record."`
}

// Run makes an approved version live.
func (c *rulesPublishCmd) Run(a *app) error {
	return c.do(a, func(s *postgres.Store, id int64, by rulework.Actor) error {
		return s.PublishRuleset(a.ctx, id, by, c.Override)
	})
}

type rulesRollbackCmd struct {
	versionCmd
	Why string `required:"" placeholder:"SENTENCE" help:"Why; it is put on record."`
}

// Run makes a version live that was so before.
func (c *rulesRollbackCmd) Run(a *app) error {
	return c.do(a, func(s *postgres.Store, id int64, by rulework.Actor) error {
		return s.RollbackRuleset(a.ctx, id, by, c.Why)
	})
}
