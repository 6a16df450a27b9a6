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

// A program that works as the tables' owner says so at every start, loudly, and works.
func TestOwnerAtWorkIsLoud(t *testing.T) {
	s3 := storagetest.S3(t)
	storagetest.Objects(t, s3, "recordings")
	owner := storagetest.Database(t)
	for _, c := range []struct {
		url  string
		loud bool
	}{{owner, true}, {storagetest.AppURL(t, owner), false}} {
		p := start(t, []string{"SPEECHQA_DATABASE_URL=" + c.url, "SPEECHQA_S3_ENDPOINT=" + s3.Endpoint, "SPEECHQA_S3_ACCESS_KEY=" + s3.AccessKey,
			"SPEECHQA_S3_SECRET_KEY=" + s3.SecretKey, "SPEECHQA_METRICS_LISTEN=off", "SPEECHQA_LISTEN=127.0.0.1:0"}, "serve")
		p.says("console: ")
		p.stop()
		if loud := strings.Contains(p.stderr.String(), `"level":"ERROR","msg":"the database trusts this program with too much`); loud != c.loud {
			t.Errorf("loud: %v, want %v:\n%s", loud, c.loud, p.stderr.String())
		}
	}
}
