package main

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
)

// user reseal encrypts what is not encrypted yet, and again what a key of before has encrypted.
func TestReseal(t *testing.T) {
	store, owner := storagetest.Open(t)
	id, err := store.CreateUser(t.Context(), postgres.User{Name: "chief", PasswordHash: "x", Role: "admin"})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.SetTOTP(t.Context(), postgres.CommandLine, id, "SECRET", 1, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := store.CreateHook(t.Context(), "https://a.example/", "whs_PLAIN", postgres.AuditEntry{Actor: id}); err != nil {
		t.Fatal(err)
	}
	key := func(b string) string { return base64.StdEncoding.EncodeToString([]byte(strings.Repeat(b, 32))) }
	for _, step := range []struct {
		keys, says string
		status     int
	}{
		{"", "SPEECHQA_FACTOR_KEY", 1}, {"short", "openssl", 1},
		{key("a"), "1 keys of second factors and 1 secrets", 0}, {key("a"), "0 keys of second factors and 0 secrets", 0},
		{key("b") + "," + key("a"), "1 keys of second factors and 1 secrets", 0}, {key("b"), "0 keys", 0}, {key("a"), "--drop-factor", 1}, {key("a"), "webhook https://a.example/", 1},
	} {
		env := map[string]string{"SPEECHQA_DATABASE_URL": storagetest.AppURL(t, owner), "SPEECHQA_FACTOR_KEY": step.keys}
		status, out, errs := speechqa(t, env, "user", "reseal")
		if (status == 0) != (step.status == 0) || !strings.Contains(out+errs, step.says) || strings.Contains(out+errs, "SECRET\n") {
			t.Errorf("%.8s: status %d, %q %q", step.keys, status, out, errs)
		}
	}
	hooks, err := store.HookSecrets(t.Context())
	if err != nil || len(hooks) != 1 || strings.Contains(hooks[0].Secret, "PLAIN") {
		t.Errorf("webhooks: %v %v", hooks, err)
	}
	u, err := store.User(t.Context(), id)
	if err != nil || strings.Contains(u.TOTPSecret, "SECRET") {
		t.Errorf("%q %v", u.TOTPSecret, err)
	}
}
