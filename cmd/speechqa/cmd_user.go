package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"golang.org/x/term"

	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/web"
)

// userCmd manages who may log in.
type userCmd struct {
	Create   userCreateCmd   `cmd:"" aliases:"add" help:"Create a user, such as the first administrator."`
	Password userPasswordCmd `cmd:"" help:"Give a user another password."`
	Block    userBlockCmd    `cmd:"" help:"Block a user at once."`
	List     userListCmd     `cmd:"" help:"Show all users."`
	Reseal   userResealCmd   `cmd:"" help:"Encrypt the keys of all second factors and the secrets of webhooks by the present SPEECHQA_FACTOR_KEY, such as after putting a new one before the old one."`
}

type userCreateCmd struct {
	databaseFlags
	Name    string `arg:"" help:"Log-in name."`
	Display string `help:"Name on the pages; default: the log-in name."`
	Role    string `default:"clerk" help:"clerk, lead, manager, trainer, agent, auditor, operator or admin."`

	Principals []string `placeholder:"NAME,…" help:"See only recordings of these principals."`
	Teams      []string `placeholder:"NAME,…" help:"See only recordings of these teams. A manager without teams and principals sees nothing; * is every team."`
	Agent      string   `placeholder:"ID" help:"Agent id of a user who is an agent: sees only recordings of his own."`
}

func (c *userCreateCmd) Run(a *app) error {
	if !slices.Contains(web.Roles, web.Role(c.Role)) {
		return fmt.Errorf("%q is no role: choose one of %v", c.Role, web.Roles)
	}
	u := postgres.User{Name: c.Name, DisplayName: or(c.Display, c.Name), Role: c.Role,
		Principals: c.Principals, Teams: c.Teams, AgentID: c.Agent}
	var err error
	if u.PasswordHash, err = askPassword(a, u); err != nil {
		return err
	}
	return withStore(a, c.databaseFlags, func(s *postgres.Store) error {
		_, err := s.CreateUser(a.ctx, u)
		if errors.Is(err, postgres.ErrConflict) {
			return fmt.Errorf("there is a user %s already; `speechqa user password %s` gives another password", c.Name, c.Name)
		}
		return err
	})
}

type userPasswordCmd struct {
	databaseFlags
	Name       string `arg:"" help:"Log-in name."`
	DropFactor bool   `help:"Remove the second factor too, such as of an administrator who has lost it."`
}

func (c *userPasswordCmd) Run(a *app) error {
	return withStore(a, c.databaseFlags, func(s *postgres.Store) error {
		u, err := userNamed(a, s, c.Name)
		if err != nil {
			return err
		}
		hash, err := askPassword(a, u)
		if err != nil {
			return err
		}
		if err := s.SetPassword(a.ctx, c.Name, hash); err != nil || !c.DropFactor {
			return err
		}
		return s.ClearTOTP(a.ctx, postgres.CommandLine, u.ID)
	})
}

type userBlockCmd struct {
	databaseFlags
	Name string `arg:"" help:"Log-in name."`
}

func (c *userBlockCmd) Run(a *app) error {
	return withStore(a, c.databaseFlags, func(s *postgres.Store) error {
		u, err := userNamed(a, s, c.Name)
		if err != nil {
			return err
		}
		err = s.DisableUser(a.ctx, postgres.CommandLine, u.ID)
		if errors.Is(err, postgres.ErrLastAdmin) {
			return fmt.Errorf("%s is the last administrator; create another one first", c.Name)
		}
		return err
	})
}

// userNamed finds a user for a command.
func userNamed(a *app, s *postgres.Store, name string) (postgres.User, error) {
	u, err := s.UserByName(a.ctx, name)
	if errors.Is(err, postgres.ErrNotFound) {
		return u, fmt.Errorf("there is no user %s; `speechqa user list` shows all", name)
	}
	return u, err
}

type userListCmd struct {
	databaseFlags
}

func (c *userListCmd) Run(a *app) error {
	return withStore(a, c.databaseFlags, func(s *postgres.Store) error {
		users, err := s.Users(a.ctx)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(a.stdout, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "NAME\tDISPLAYED\tROLE\tSEES\tBLOCKED")
		for _, u := range users {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%v\n", u.Name, u.DisplayName, u.Role, scopeText(u), u.Disabled)
		}
		return w.Flush()
	})
}

// scopeText says in a few words which recordings a user sees.
func scopeText(u postgres.User) string {
	sc := web.ScopeOf(u)
	switch {
	case sc.None:
		return "nothing"
	case sc.Everything():
		return "everything"
	}
	var parts []string
	for _, p := range []struct {
		what   string
		values []string
	}{{"principals", sc.Principals}, {"teams", sc.Teams}, {"agent", strings.Fields(sc.Agent)}} {
		if len(p.values) > 0 {
			parts = append(parts, p.what+" "+strings.Join(p.values, ","))
		}
	}
	return strings.Join(parts, "; ")
}

// withStore opens the database for one use.
func withStore(a *app, f databaseFlags, use func(*postgres.Store) error) error {
	var p problems
	url := f.read(&p)
	if err := p.err(); err != nil {
		return err
	}
	s, err := postgres.Open(a.ctx, url)
	if err != nil {
		return err
	}
	defer s.Close()
	return use(s)
}

// askPassword reads a password of the user without showing it, or from a pipe, and returns its hash.
func askPassword(a *app, u postgres.User) (string, error) {
	password, err := readSecret(a)
	if err != nil {
		return "", err
	}
	if err := web.CheckPassword(password, u); err != nil {
		return "", err
	}
	return web.HashPassword(password)
}

// readSecret reads a password without showing it, or from a pipe.
func readSecret(a *app) (string, error) {
	if f, ok := a.stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprint(a.stderr, "password: ")
		b, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(a.stderr)
		if err != nil {
			return "", fmt.Errorf("read the password: %w", err)
		}
		return string(b), nil
	}
	line, err := bufio.NewReader(a.stdin).ReadString('\n')
	if err != nil && line == "" {
		return "", errors.New("no password on standard input")
	}
	return strings.TrimRight(line, "\r\n"), nil
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
