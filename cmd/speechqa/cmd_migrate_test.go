package main

import (
	"strings"
	"testing"

	"github.com/speechqa/speechqa/storage/storagetest"
)

// migrate gives the programs a role of their own; with one address for both it warns, and works as before.
func TestMigrateTwoRoles(t *testing.T) {
	owner := storagetest.Empty(t)
	storagetest.Exec(t, owner, `DROP OWNED BY speechqa_app`) // rights the role has in this database
	env := map[string]string{"SPEECHQA_DATABASE_URL": owner}
	status, out, errs := speechqa(t, env, "migrate")
	if status != 0 || !strings.Contains(out, "at version") || !strings.Contains(errs, "WARNING") || !strings.Contains(errs, "SPEECHQA_DATABASE_OWNER_URL") {
		t.Fatalf("one address for both: status %d, %q, %q", status, out, errs)
	}
	env["SPEECHQA_DATABASE_URL"] = storagetest.AppURL(t, owner)
	if status, _, errs := speechqa(t, env, "user", "list"); status == 0 || !strings.Contains(errs, "speechqa migrate") {
		t.Errorf("a role without rights: status %d, %q", status, errs)
	}
	env["SPEECHQA_DATABASE_OWNER_URL"] = owner
	if status, out, errs := speechqa(t, env, "migrate"); status != 0 || errs != "" {
		t.Fatalf("two roles: status %d, %q, %q", status, out, errs)
	}
	if status, _, errs := speechqa(t, env, "user", "list"); status != 0 || errs != "" {
		t.Errorf("status %d, %q", status, errs)
	}
	env["SPEECHQA_DATABASE_OWNER_URL"] = "postgres://u:secret-word@h:x/d"
	if status, _, errs := speechqa(t, env, "migrate"); status == 0 || !strings.Contains(errs, "SPEECHQA_DATABASE_OWNER_URL") || strings.Contains(errs, "secret-word") {
		t.Errorf("a bad address: status %d, %q", status, errs)
	}
}
