package postgres_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/speechqa/speechqa/storage/postgres"
)

var limits = postgres.LoginLimits{Idle: time.Hour, Lifetime: 2 * time.Hour, AtOnce: 2}

// person makes a user with a role and returns who he is.
func (b *bed) person(name, role string) postgres.Actor {
	b.t.Helper()
	id, err := b.CreateUser(b.t.Context(), postgres.User{Name: name, DisplayName: name, PasswordHash: "x", Role: role})
	b.noError(err)
	return postgres.Actor{ID: id, Name: name, Origin: "192.0.2.1"}
}

func TestLogins(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	li, wang := b.person("li", "clerk"), b.person("wang", "clerk")
	login := func(by postgres.Actor) string {
		t.Helper()
		id, err := b.StartLogin(ctx, by, "Browser/1", limits)
		b.noError(err)
		return id
	}
	there := func(id string) bool {
		t.Helper()
		u, err := b.UserOfLogin(ctx, id, limits)
		if err != nil && !errors.Is(err, postgres.ErrNotFound) {
			t.Fatal(err)
		}
		return u.ID != ""
	}
	first, second := login(li), login(li)
	other := login(wang)
	if !there(first) || !there(second) || !there(other) {
		t.Fatal("a log-in is not there")
	}
	b.exec(`UPDATE logins SET started_at = started_at - interval '1 second' WHERE id = '` + first + `'`)
	third := login(li)
	if there(first) || !there(second) || !there(third) || !there(other) {
		t.Error("the third log-in did not end the first, or another")
	}
	list, err := b.Logins(ctx, li.ID, limits)
	b.noError(err)
	if len(list) != 2 || list[0].Name != "li" || list[0].Origin != li.Origin || list[0].Browser != "Browser/1" {
		t.Errorf("%+v", list)
	}
	b.noError(b.EndLogin(ctx, wang, third))
	if there(third) {
		t.Error("what was ended is there")
	}
	if err := b.EndLogin(ctx, wang, third); !errors.Is(err, postgres.ErrNotFound) {
		t.Errorf("ended twice: %v", err)
	}
	b.exec(`UPDATE logins SET seen_at = now() - interval '61 minutes' WHERE id = '` + second + `'`)
	if there(second) {
		t.Error("a log-in nobody used for an hour is there")
	}
	b.exec(`UPDATE logins SET started_at = now() - interval '3 hours' WHERE id = '` + other + `'`)
	if there(other) {
		t.Error("a log-in is there after its lifetime")
	}
	fourth := login(li)
	b.exec(`UPDATE logins SET seen_at = now() - interval '30 minutes' WHERE id = '` + fourth + `'`)
	there(fourth)
	if got := b.query(`SELECT now() - seen_at < interval '1 minute' FROM logins WHERE id = $1`, fourth); got[0] != "t" {
		t.Error("being there is not noted")
	}
	b.noError(b.LogOut(ctx, fourth))
	b.noError(b.LogOut(ctx, fourth))
	if there(fourth) {
		t.Error("logged out and there")
	}
}

// However many guesses come at once, no more are looked at than one after the other.
func TestAttempts(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	l := postgres.Lockout{Free: 3, First: time.Hour, Longest: 3 * time.Hour}
	var mu sync.Mutex
	var g sync.WaitGroup
	looked := 0
	for range 20 {
		g.Go(func() {
			wait, err := b.BeginAttempt(ctx, "Li", l)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			} else if wait == 0 {
				looked++
			}
		})
	}
	g.Wait()
	if looked != 3 {
		t.Errorf("%d guesses of 20 at once were looked at, want 3", looked)
	}
	wait := func(name string) time.Duration {
		t.Helper()
		w, err := b.BeginAttempt(ctx, name, l)
		b.noError(err)
		return w.Round(time.Minute)
	}
	for _, want := range []time.Duration{time.Hour, 2 * time.Hour, 3 * time.Hour, 3 * time.Hour} {
		if got := wait("lI"); got != want {
			t.Errorf("waits %v, want %v", got, want)
		}
		b.exec(`UPDATE login_attempts SET until = now()`) // the wait is over
		if got := wait("LI"); got != 0 {
			t.Errorf("waits %v after the wait", got)
		}
	}
	if wait("other") != 0 {
		t.Error("somebody else waits")
	}
	b.noError(b.AttemptSucceeded(ctx, "li"))
	if wait("li") != 0 {
		t.Error("waits after success")
	}
	b.exec(`UPDATE login_attempts SET count = 100, last_at = now() - interval '2 days', until = now() - interval '2 days' WHERE name = 'li'`)
	if wait("li") != 0 {
		t.Error("what happened two days ago is not forgotten")
	}
	b.exec(`UPDATE login_attempts SET last_at = now() - interval '2 days'`)
	b.noError(b.AttemptSucceeded(ctx, "nobody"))
	if n := b.query(`SELECT count(*) FROM login_attempts`); n[0] != "0" {
		t.Errorf("%s old names are kept", n[0])
	}
}

func TestPasswords(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	li, admin := b.person("li", "clerk"), b.person("admin", "admin")
	keep, err := b.StartLogin(ctx, li, "", limits)
	b.noError(err)
	lose, err := b.StartLogin(ctx, li, "", limits)
	b.noError(err)
	for i := range 7 {
		b.noError(b.SetPasswordAs(ctx, li, li.ID, fmt.Sprint("hash", i), keep, false))
	}
	hashes, err := b.PasswordsOfBefore(ctx, li.ID)
	b.noError(err)
	if want := []string{"hash6", "hash5", "hash4", "hash3", "hash2"}; !slices.Equal(hashes, want) {
		t.Errorf("%v, want %v", hashes, want)
	}
	if _, err := b.UserOfLogin(ctx, lose, limits); !errors.Is(err, postgres.ErrNotFound) {
		t.Errorf("a log-in elsewhere goes on: %v", err)
	}
	if u, err := b.UserOfLogin(ctx, keep, limits); err != nil || u.MustChange {
		t.Errorf("%+v %v", u, err)
	}
	b.noError(b.SetPasswordAs(ctx, admin, li.ID, "hash", "", true))
	if u, err := b.User(ctx, li.ID); err != nil || !u.MustChange || time.Since(u.PasswordSetAt) > time.Minute {
		t.Errorf("%+v %v", u, err)
	}
	if _, err := b.UserOfLogin(ctx, keep, limits); !errors.Is(err, postgres.ErrNotFound) {
		t.Errorf("a log-in goes on after a reset: %v", err)
	}
	if err := b.SetPasswordAs(ctx, admin, uuid.NewString(), "hash", "", true); !errors.Is(err, postgres.ErrNotFound) {
		t.Errorf("password of nobody: %v", err)
	}
}

func TestSecondFactor(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	li := b.person("li", "manager")
	b.noError(b.SetTOTP(ctx, li, li.ID, "SECRET", 100, []string{"a", "b"}))
	for _, tc := range []struct {
		step int64
		want bool
	}{{100, false}, {99, false}, {101, true}, {101, false}, {103, true}, {102, false}} {
		if ok, err := b.UseTOTPStep(ctx, li.ID, tc.step); err != nil || ok != tc.want {
			t.Errorf("step %d: %v %v", tc.step, ok, err)
		}
	}
	for _, tc := range []struct {
		code string
		want bool
	}{{"a", true}, {"a", false}, {"c", false}} {
		if ok, err := b.UseRecoveryCode(ctx, li, tc.code); err != nil || ok != tc.want {
			t.Errorf("recovery code %s: %v %v", tc.code, ok, err)
		}
	}
	if n, err := b.RecoveryCodesLeft(ctx, li.ID); err != nil || n != 1 {
		t.Errorf("%d left, %v", n, err)
	}
	b.noError(b.ClearTOTP(ctx, li, li.ID))
	u, err := b.User(ctx, li.ID)
	b.noError(err)
	if n, err := b.RecoveryCodesLeft(ctx, li.ID); err != nil || n != 0 || u.TOTPSecret != "" {
		t.Errorf("%d left, secret %q, %v", n, u.TOTPSecret, err)
	}
	for _, err := range []error{b.ClearTOTP(ctx, li, uuid.NewString()), b.SetTOTP(ctx, li, uuid.NewString(), "S", 1, nil)} {
		if !errors.Is(err, postgres.ErrNotFound) {
			t.Errorf("of nobody: %v", err)
		}
	}
}

func TestChangesNeedTwo(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	one, two, li := b.person("one", "admin"), b.person("two", "admin"), b.person("li", "clerk")
	after := postgres.Rights{Role: "manager", Teams: []string{"north"}}
	id, err := b.AskChange(ctx, one, li.ID, after)
	b.noError(err)
	if _, err := b.AskChange(ctx, two, li.ID, after); !errors.Is(err, postgres.ErrConflict) {
		t.Errorf("a second change of the same user: %v", err)
	}
	if err := b.ConfirmChange(ctx, one, id); !errors.Is(err, postgres.ErrSamePerson) {
		t.Errorf("confirmed by who asked: %v", err)
	}
	if err := b.ConfirmChange(ctx, li, id); !errors.Is(err, postgres.ErrSamePerson) {
		t.Errorf("confirmed by whom it is about: %v", err)
	}
	if u, err := b.User(ctx, li.ID); err != nil || u.Role != "clerk" {
		t.Errorf("changed before it was confirmed: %+v %v", u, err)
	}
	list, err := b.Changes(ctx)
	b.noError(err)
	if len(list) != 1 || list[0].UserName != "li" || list[0].AskedByName != "one" || list[0].Before.Role != "clerk" || list[0].After.Role != "manager" {
		t.Errorf("%+v", list)
	}
	b.noError(b.ConfirmChange(ctx, two, id))
	if u, err := b.User(ctx, li.ID); err != nil || u.Role != "manager" || !slices.Equal(u.Teams, after.Teams) {
		t.Errorf("%+v %v", u, err)
	}
	if err := b.ConfirmChange(ctx, two, id); !errors.Is(err, postgres.ErrNotFound) {
		t.Errorf("confirmed twice: %v", err)
	}
	// The database holds it too.
	for _, by := range []string{one.ID, li.ID} {
		if err := b.try(`UPDATE user_changes SET decided_by = '` + by + `'`); err == nil {
			t.Error("the database let one person alone change rights")
		}
	}

	id, err = b.AskChange(ctx, one, li.ID, postgres.Rights{Role: "lead"})
	b.noError(err)
	b.exec(`UPDATE users SET role = 'trainer' WHERE id = '` + li.ID + `'`)
	if err := b.ConfirmChange(ctx, two, id); !errors.Is(err, postgres.ErrConflict) {
		t.Errorf("confirmed although the rights are others meanwhile: %v", err)
	}
	b.noError(b.DropChange(ctx, two, id))
	id, err = b.AskChange(ctx, one, li.ID, postgres.Rights{Role: "lead"})
	b.noError(err)
	b.noError(b.DropChange(ctx, one, id))
	if got := b.query(`SELECT decision FROM user_changes ORDER BY id`); !slices.Equal(got, []string{"confirmed", "refused", "withdrawn"}) {
		t.Errorf("decisions %v", got)
	}

	// Somebody must be left to manage users.
	id, err = b.AskChange(ctx, one, two.ID, postgres.Rights{Role: "clerk"})
	b.noError(err)
	b.exec(`UPDATE users SET disabled = true WHERE id = '` + one.ID + `'`)
	if err := b.ConfirmChange(ctx, li, id); !errors.Is(err, postgres.ErrLastAdmin) {
		t.Errorf("the last administrator became a clerk: %v", err)
	}
	if err := b.DisableUser(ctx, li, two.ID); !errors.Is(err, postgres.ErrLastAdmin) {
		t.Errorf("the last administrator was blocked: %v", err)
	}
	if got := b.query(`SELECT action FROM audit_log WHERE action LIKE 'user.change%' ORDER BY seq`); strings.Join(got, " ") !=
		"user.change_asked user.change user.change_asked user.change_refused user.change_asked user.change_withdrawn user.change_asked" {
		t.Errorf("on record: %v", got)
	}
}

func TestDisableUser(t *testing.T) {
	b := newBed(t)
	ctx := t.Context()
	one, li := b.person("one", "admin"), b.person("li", "clerk")
	login, err := b.StartLogin(ctx, li, "", limits)
	b.noError(err)
	_, err = b.AskChange(ctx, one, li.ID, postgres.Rights{Role: "lead"})
	b.noError(err)
	waiting, judged := b.inspected(found("1.wav"), 50, finding("threat", 1)), b.inspected(found("2.wav"), 100)
	_, err = b.Assign(ctx, postgres.Scope{}, one.ID, "", li.ID, []string{waiting, judged})
	b.noError(err)
	b.exec(`INSERT INTO tokens (user_id, name, hash, hint, read_only, expires_at) VALUES ('` + li.ID + `', 'x', sha256('x'), 'x', true, now() + interval '1 day')`)
	b.noError(b.DisableUser(ctx, one, li.ID))
	if got := b.query(`SELECT key FROM recordings WHERE assignee IS NOT NULL`); !slices.Equal(got, []string{"2.wav"}) {
		t.Errorf("still assigned: %v", got)
	}
	if got := b.query(`SELECT detail FROM audit_log WHERE action = 'user.disable'`); len(got) != 1 || !strings.Contains(got[0], `handed_back`) || !strings.Contains(got[0], `1`) {
		t.Errorf("on record: %v", got)
	}
	if got := b.query(`SELECT revoked_at IS NOT NULL FROM tokens`); got[0] != "t" {
		t.Error("a key of a blocked user works on")
	}
	if _, err := b.UserOfLogin(ctx, login, limits); !errors.Is(err, postgres.ErrNotFound) {
		t.Errorf("a blocked user is logged in: %v", err)
	}
	if list, err := b.Changes(ctx); err != nil || len(list) != 0 {
		t.Errorf("%+v %v", list, err)
	}
	if err := b.DisableUser(ctx, one, uuid.NewString()); !errors.Is(err, postgres.ErrNotFound) {
		t.Errorf("blocked nobody: %v", err)
	}
}
