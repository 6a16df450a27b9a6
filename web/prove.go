package web

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/speechqa/speechqa/custody"
	"github.com/speechqa/speechqa/storage/postgres"
)

// proof is what a person shows again before an act that cannot be undone.
type proof struct {
	Password, Code string // typed
	Directory      string // id of the log-in of who came by the company's directory, whose password is there; empty for others
}

// recentLogin is how long ago who came by the company's directory, whose password is there, may have logged in.
const recentLogin = 10 * time.Minute

// prove asks again who it is: the password, or for who came by the company's directory a log-in there a short while ago;
// and with factor also the second factor, which who has one must give in any case, and which the directory has asked who
// has none here. It counts as one attempt to log in. problem is a message key, "" where all is well; wait are seconds.
func (c *Console) prove(ctx context.Context, by postgres.Actor, u postgres.User, p proof, factor bool) (problem string, wait int, err error) {
	name := shortened(u.Name, longestName)
	pause, err := c.store.BeginAttempt(ctx, name, lockout)
	if err != nil {
		return "", 0, fmt.Errorf("proof of who it is: %w", err)
	}
	if pause > 0 {
		return "login.wait", int(pause.Seconds()) + 1, nil
	}
	if problem, err := c.proveFirst(ctx, u, p); problem != "" || err != nil {
		return problem, 0, err
	}
	if problem, err := c.proveFactor(ctx, by, u, p.Code, factor && p.Directory == ""); problem != "" || err != nil {
		return problem, 0, err
	}
	if err := c.store.AttemptSucceeded(ctx, name); err != nil {
		return "", 0, fmt.Errorf("proof of who it is: %w", err)
	}
	return "", 0, nil
}

func (c *Console) proveFactor(ctx context.Context, by postgres.Actor, u postgres.User, code string, factor bool) (problem string, err error) {
	if u.TOTPSecret == "" {
		if factor {
			return "disposals.problem.factor", nil
		}
		return "", nil
	}
	ok, err := c.secondFactor(ctx, by, u, code)
	if err != nil {
		return "", fmt.Errorf("proof of who it is: %w", err)
	}
	if !ok {
		return "login.wrong_code", nil
	}
	return "", nil
}

// proveFirst asks for the password, or for a recent log-in at the company's directory.
func (c *Console) proveFirst(ctx context.Context, u postgres.User, p proof) (problem string, err error) {
	if p.Directory == "" {
		match, err := argon2id.ComparePasswordAndHash(p.Password, u.PasswordHash)
		if err != nil {
			return "", fmt.Errorf("proof of who it is: %w", err)
		}
		if !match {
			return "account.wrong_password", nil
		}
		return "", nil
	}
	logins, err := c.store.Logins(ctx, u.ID, c.access.Logins)
	if err != nil {
		return "", fmt.Errorf("proof of who it is: %w", err)
	}
	for _, l := range logins {
		if l.ID == p.Directory && time.Since(l.Started) < recentLogin {
			return "", nil
		}
	}
	return "disposals.problem.recent", nil
}

// Errand is what a command does in a person's name.
type Errand Permission

// Errands of disposals.
const (
	ErrandPropose = Errand(permPropose)
	ErrandApprove = Errand(permApprove)
	ErrandStop    = Errand(permStop)
)

// ErrNotProven says that a command's giver did not show who he is, or may not do it.
var ErrNotProven = errors.New("not shown to be somebody who may do this")

// ErrandOf gives the person in whose name a command is given, who has to show it as on the pages: with the password, and
// for an approval with the second factor, unless access does without. A nil sealer opens no encrypted second factor.
func ErrandOf(ctx context.Context, store Store, sealer *Sealer, access Access, errand Errand, origin, name, password, code string) (custody.Person, postgres.Scope, error) {
	c := &Console{store: store, access: access, sealer: sealer}
	u, err := store.UserByName(ctx, name)
	if errors.Is(err, postgres.ErrNotFound) {
		return custody.Person{}, postgres.Scope{}, fmt.Errorf("%w: wrong name, password or code", ErrNotProven)
	}
	if err != nil {
		return custody.Person{}, postgres.Scope{}, err
	}
	if !mayLogIn(u) || !may(Role(u.Role), Permission(errand)) {
		return custody.Person{}, postgres.Scope{}, fmt.Errorf("%w: the role of %s is not allowed to", ErrNotProven, name)
	}
	by := postgres.Actor{ID: u.ID, Name: u.Name, Origin: origin}
	problem, wait, err := c.prove(ctx, by, u, proof{Password: password, Code: code}, errand == ErrandApprove && access.SecondFactor)
	switch {
	case err != nil:
		return custody.Person{}, postgres.Scope{}, err
	case wait > 0:
		return custody.Person{}, postgres.Scope{}, fmt.Errorf("%w: too many attempts, try again in %d seconds", ErrNotProven, wait)
	case problem == "disposals.problem.factor":
		return custody.Person{}, postgres.Scope{}, fmt.Errorf("%w: approving needs a second factor; set one up on the account page", ErrNotProven)
	case problem != "":
		return custody.Person{}, postgres.Scope{}, fmt.Errorf("%w: wrong name, password or code", ErrNotProven)
	}
	return custody.Person{Actor: custody.Actor(by), Role: u.Role}, ScopeOf(u), nil
}
