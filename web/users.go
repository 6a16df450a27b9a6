package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/speechqa/speechqa/storage/postgres"
)

// userStore is what the users' pages ask of the database.
type userStore interface {
	// Users lists all users by name.
	Users(ctx context.Context) ([]postgres.User, error)
	// CreateUserAs makes a user; postgres.ErrConflict when the name is taken.
	CreateUserAs(ctx context.Context, by postgres.Actor, u postgres.User) (id string, err error)
	// DisableUser blocks a user at once; postgres.ErrLastAdmin for the last administrator.
	DisableUser(ctx context.Context, by postgres.Actor, user string) error
	// AskChange puts a change of rights before the other administrators; postgres.ErrConflict when one waits.
	AskChange(ctx context.Context, by postgres.Actor, user string, after postgres.Rights) (int64, error)
	// ConfirmChange makes a change that another administrator has asked for; postgres.ErrSamePerson otherwise.
	ConfirmChange(ctx context.Context, by postgres.Actor, id int64) error
	// DropChange takes a change back or refuses it.
	DropChange(ctx context.Context, by postgres.Actor, id int64) error
	// Changes lists the changes that wait.
	Changes(ctx context.Context) ([]postgres.UserChange, error)
}

type usersData struct {
	Users   []userRow
	Changes []changeRow
	Roles   []Role
	Known   postgres.Facets
	Alone   bool // there is one administrator only: nobody could confirm
	Problem string
	Form    userForm
}

func (d usersData) problem() string { return d.Problem }

type userRow struct {
	postgres.User
	Scope  postgres.Scope
	Logins int
	Waits  bool // a change of its rights waits
}

type changeRow struct {
	postgres.UserChange
	Own bool // asked for by the visitor, or about him: another must confirm
}

// userForm is the rights form as it was sent.
type userForm struct {
	Name, Display string
	Rights        postgres.Rights
}

type userData struct {
	userRow
	Roles    []Role
	Known    postgres.Facets
	Change   *changeRow
	Sessions []postgres.Login
	Self     bool
	Guarded  bool   // an administrator: password and second factor are not for another to reset
	Password string // a new one, shown this once
	Problem  string
}

func (d userData) problem() string { return d.Problem }

func (c *Console) usersPage(w http.ResponseWriter, r *http.Request) error {
	return c.showUsers(w, r, http.StatusOK, "", userForm{})
}

func (c *Console) showUsers(w http.ResponseWriter, r *http.Request, status int, problem string, form userForm) error {
	d := usersData{Roles: Roles, Problem: problem, Form: form}
	rows, changes, err := c.userRows(r)
	if err != nil {
		return err
	}
	d.Users, d.Changes = rows, changes
	admins := 0
	for _, u := range rows {
		if Role(u.Role) == RoleAdmin && !u.Disabled {
			admins++
		}
	}
	d.Alone = admins < 2
	if d.Known, err = c.store.Facets(r.Context(), visitorOf(r).scope); err != nil {
		return fmt.Errorf("users: %w", err)
	}
	return c.render(w, r, status, "users", d)
}

// userRows is every user with what waits and where he is logged in.
func (c *Console) userRows(r *http.Request) ([]userRow, []changeRow, error) {
	ctx, me := r.Context(), visitorOf(r).user.ID
	users, err := c.store.Users(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("users: %w", err)
	}
	logins, err := c.store.Logins(ctx, "", c.access.Logins)
	if err != nil {
		return nil, nil, fmt.Errorf("users: %w", err)
	}
	waiting, err := c.store.Changes(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("users: %w", err)
	}
	var changes []changeRow
	waits, active := map[string]bool{}, map[string]int{}
	for _, ch := range waiting {
		changes = append(changes, changeRow{ch, ch.AskedBy == me || ch.UserID == me})
		waits[ch.UserID] = true
	}
	for _, l := range logins {
		active[l.User]++
	}
	var rows []userRow
	for _, u := range users {
		rows = append(rows, userRow{u, ScopeOf(u), active[u.ID], waits[u.ID]})
	}
	return rows, changes, nil
}

// userName is what a log-in name may be.
var userName = regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{N}._@-]{1,63}$`)

// readRights reads the rights form; problem is the message of what is wrong with it, "" for nothing.
func readRights(r *http.Request) (rights postgres.Rights, problem string) {
	rights = postgres.Rights{Role: r.PostForm.Get("role"), Principals: listOf(r.PostForm.Get("principals")),
		Teams: listOf(r.PostForm.Get("teams")), AgentID: strings.TrimSpace(r.PostForm.Get("agent"))}
	switch {
	case !slices.Contains(Roles, Role(rights.Role)):
		return rights, "users.no_role"
	case Role(rights.Role) == RoleAgent && rights.AgentID == "":
		return rights, "users.no_agent"
	case Role(rights.Role) == RoleManager && len(rights.Principals)+len(rights.Teams) == 0:
		return rights, "users.no_scope"
	}
	if Role(rights.Role) != RoleAgent {
		rights.AgentID = ""
	}
	return rights, ""
}

// listOf splits what was typed at commas, as they are typed in Chinese too.
func listOf(s string) []string {
	out := []string{}
	for _, part := range strings.FieldsFunc(clean(s), func(r rune) bool { return strings.ContainsRune(",，、;；\n", r) }) {
		if part = strings.TrimSpace(part); part != "" && !slices.Contains(out, part) {
			out = append(out, part)
		}
	}
	return out
}

// createUser makes an account without rights, with a password for the first log-in, and asks the other
// administrators for its rights.
func (c *Console) createUser(w http.ResponseWriter, r *http.Request) error {
	if err := readForm(w, r); err != nil {
		return err
	}
	rights, problem := readRights(r)
	f := userForm{strings.TrimSpace(r.PostForm.Get("name")), strings.TrimSpace(clean(r.PostForm.Get("display"))), rights}
	if problem == "" && (!userName.MatchString(f.Name) || utf8.RuneCountInString(f.Display) > longestName) {
		problem = "users.bad_name"
	}
	if problem != "" {
		return c.showUsers(w, r, http.StatusBadRequest, problem, f)
	}
	password := RandomPassword()
	hash, err := hashPassword(password)
	if err != nil {
		return fmt.Errorf("users: %w", err)
	}
	if f.Display == "" {
		f.Display = f.Name
	}
	id, err := c.store.CreateUserAs(r.Context(), actor(r), postgres.User{Name: f.Name, DisplayName: f.Display, PasswordHash: hash, MustChange: true})
	if errors.Is(err, postgres.ErrConflict) {
		return c.showUsers(w, r, http.StatusConflict, "users.name_taken", f)
	}
	if err != nil {
		return fmt.Errorf("users: %w", err)
	}
	if _, err := c.store.AskChange(r.Context(), actor(r), id, rights); err != nil {
		return fmt.Errorf("users: %w", err)
	}
	return c.showUser(w, r, http.StatusOK, id, password, "")
}

func (c *Console) userPage(w http.ResponseWriter, r *http.Request) error {
	id, err := pathUUID(r, "user")
	if err != nil {
		return err
	}
	return c.showUser(w, r, http.StatusOK, id, "", "")
}

func (c *Console) showUser(w http.ResponseWriter, r *http.Request, status int, id, password, problem string) error {
	rows, changes, err := c.userRows(r)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(rows, func(u userRow) bool { return u.ID == id })
	if at < 0 {
		return errNotFound
	}
	d := userData{userRow: rows[at], Roles: Roles, Self: id == visitorOf(r).user.ID, Password: password, Problem: problem,
		Guarded: Role(rows[at].Role) == RoleAdmin}
	for i := range changes {
		if changes[i].UserID == id {
			d.Change = &changes[i]
		}
	}
	if d.Known, err = c.store.Facets(r.Context(), visitorOf(r).scope); err != nil {
		return fmt.Errorf("users: %w", err)
	}
	if d.Sessions, err = c.store.Logins(r.Context(), id, c.access.Logins); err != nil {
		return fmt.Errorf("users: %w", err)
	}
	return c.render(w, r, status, "user", d)
}

// ofUser reads the form of a page about a user and loads the user.
func (c *Console) ofUser(w http.ResponseWriter, r *http.Request) (u postgres.User, err error) {
	id, err := pathUUID(r, "user")
	if err != nil {
		return u, err
	}
	if err := readForm(w, r); err != nil {
		return u, err
	}
	if u, err = c.store.User(r.Context(), id); err != nil {
		return u, fmt.Errorf("user %s: %w", id, err)
	}
	return u, nil
}

// backToUser shows the user's page after something was done to him.
func (c *Console) backToUser(w http.ResponseWriter, r *http.Request, id, flash string) error {
	c.flash(r, flash)
	http.Redirect(w, r, "/users/"+id, http.StatusSeeOther)
	return nil
}

// askRights asks the other administrators for other rights of a user; of a blocked one also to let him in again.
func (c *Console) askRights(w http.ResponseWriter, r *http.Request) error {
	u, err := c.ofUser(w, r)
	if err != nil {
		return err
	}
	rights, problem := readRights(r)
	if problem == "" && sameRights(rights, u.Rights()) {
		problem = "users.no_change"
	}
	if problem == "" {
		_, err = c.store.AskChange(r.Context(), actor(r), u.ID, rights)
		if errors.Is(err, postgres.ErrConflict) {
			problem = "users.waits"
		} else if err != nil {
			return fmt.Errorf("users: %w", err)
		}
	}
	if problem != "" {
		return c.showUser(w, r, http.StatusBadRequest, u.ID, "", problem)
	}
	return c.backToUser(w, r, u.ID, "flash.asked")
}

func sameRights(a, b postgres.Rights) bool {
	return a.Role == b.Role && a.AgentID == b.AgentID && a.Disabled == b.Disabled &&
		slices.Equal(a.Principals, b.Principals) && slices.Equal(a.Teams, b.Teams)
}

// disableUser blocks a user at once.
func (c *Console) disableUser(w http.ResponseWriter, r *http.Request) error {
	u, err := c.ofUser(w, r)
	if err != nil {
		return err
	}
	if u.ID == visitorOf(r).user.ID {
		return c.showUser(w, r, http.StatusBadRequest, u.ID, "", "users.not_self")
	}
	switch err := c.store.DisableUser(r.Context(), actor(r), u.ID); {
	case errors.Is(err, postgres.ErrLastAdmin):
		return c.showUser(w, r, http.StatusBadRequest, u.ID, "", "users.last_admin")
	case err != nil:
		return fmt.Errorf("users: %w", err)
	}
	return c.backToUser(w, r, u.ID, "flash.disabled")
}

// resetPassword gives a user a password for his next log-in. Not an administrator: one could become the other with it.
func (c *Console) resetPassword(w http.ResponseWriter, r *http.Request) error {
	u, err := c.ofUser(w, r)
	if err != nil {
		return err
	}
	if Role(u.Role) == RoleAdmin {
		return c.showUser(w, r, http.StatusBadRequest, u.ID, "", "users.guarded")
	}
	password := RandomPassword()
	hash, err := hashPassword(password)
	if err != nil {
		return fmt.Errorf("users: %w", err)
	}
	if err := c.store.SetPasswordAs(r.Context(), actor(r), u.ID, hash, "", true); err != nil {
		return fmt.Errorf("users: %w", err)
	}
	return c.showUser(w, r, http.StatusOK, u.ID, password, "")
}

// resetFactor turns off the second factor of a user who has lost it.
func (c *Console) resetFactor(w http.ResponseWriter, r *http.Request) error {
	u, err := c.ofUser(w, r)
	if err != nil {
		return err
	}
	if Role(u.Role) == RoleAdmin {
		return c.showUser(w, r, http.StatusBadRequest, u.ID, "", "users.guarded")
	}
	if err := c.store.ClearTOTP(r.Context(), actor(r), u.ID); err != nil {
		return fmt.Errorf("users: %w", err)
	}
	return c.backToUser(w, r, u.ID, "flash.factor")
}

// endLogin ends a log-in of a user.
func (c *Console) endLogin(w http.ResponseWriter, r *http.Request) error {
	u, err := c.ofUser(w, r)
	if err != nil {
		return err
	}
	login, err := pathUUID(r, "login")
	if err != nil {
		return err
	}
	if err := c.store.EndLogin(r.Context(), actor(r), login); err != nil {
		return fmt.Errorf("users: %w", err)
	}
	return c.backToUser(w, r, u.ID, "flash.ended")
}

// decideChange confirms, refuses or takes back a change of rights.
func (c *Console) decideChange(w http.ResponseWriter, r *http.Request) error {
	id, err := strconv.ParseInt(r.PathValue("change"), 10, 64)
	if err != nil {
		return errNotFound
	}
	if err := readForm(w, r); err != nil {
		return err
	}
	flash, do := "flash.confirmed", c.store.ConfirmChange
	switch r.PostForm.Get("decision") {
	case "confirm":
	case "drop":
		flash, do = "flash.dropped", c.store.DropChange
	default:
		return errBadRequest
	}
	switch err := do(r.Context(), actor(r), id); {
	case errors.Is(err, postgres.ErrSamePerson):
		return c.showUsers(w, r, http.StatusForbidden, "users.same_person", userForm{})
	case errors.Is(err, postgres.ErrLastAdmin):
		return c.showUsers(w, r, http.StatusBadRequest, "users.last_admin", userForm{})
	case errors.Is(err, postgres.ErrConflict):
		return c.showUsers(w, r, http.StatusConflict, "users.stale", userForm{})
	case err != nil:
		return fmt.Errorf("users: %w", err)
	}
	c.flash(r, flash)
	http.Redirect(w, r, "/users", http.StatusSeeOther)
	return nil
}

// userRoutes are for who manages users; an auditor may look.
func (c *Console) userRoutes() []route {
	return []route{
		{"GET /users", permSeeUsers, c.usersPage, ""},
		{"GET /users/{user}", permSeeUsers, c.userPage, ""},
		{"POST /users", permUsers, c.createUser, ""},
		{"POST /users/{user}/rights", permUsers, c.askRights, ""},
		{"POST /users/{user}/disable", permUsers, c.disableUser, ""},
		{"POST /users/{user}/password", permUsers, c.resetPassword, ""},
		{"POST /users/{user}/factor", permUsers, c.resetFactor, ""},
		{"POST /users/{user}/logins/{login}/end", permUsers, c.endLogin, ""},
		{"POST /changes/{change}", permUsers, c.decideChange, ""},
	}
}
