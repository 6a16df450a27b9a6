package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/speechqa/speechqa/custody"
	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/storage/objects"
	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/storage/storagetest"
	"github.com/speechqa/speechqa/web"
)

// As two people and a worker go about it: proposed, approved with the second factor, destroyed in the window, the record
// checked without a server.
func TestDisposeCommands(t *testing.T) {
	env, db, ids := custodyEnv(t)
	url := env["SPEECHQA_DATABASE_OWNER_URL"]
	as := func(stdin string, args ...string) (int, string, string) {
		t.Helper()
		var out, errs bytes.Buffer
		status := run(t.Context(), args, func(k string) string { return env[k] }, strings.NewReader(stdin), &out, &errs)
		return status, out.String(), errs.String()
	}
	denied := func(sentence, stdin string, args ...string) {
		t.Helper()
		if status, out, errs := as(stdin, args...); status == 0 || !strings.Contains(errs, sentence) {
			t.Errorf("%v: status %d: %s%s, want %q", args, status, out, errs, sentence)
		}
	}
	const password = "a long enough password"
	hash, err := web.HashPassword(password)
	if err != nil {
		t.Fatal(err)
	}
	people := map[string]string{}
	for name, role := range map[string]string{"li": "lead", "wang": "manager", "ops": "operator"} {
		u := postgres.User{Name: name, DisplayName: name, PasswordHash: hash, Role: role}
		if role == "manager" {
			u.Teams = []string{"*"}
		}
		if people[name], err = db.CreateUser(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	propose := []string{"retention", "dispose", "propose", "--as", "li", "--why", "期满"}
	denied("nothing is past its date", password, propose...)

	// Both are past their date; that in the bucket with lock gets its second copy and is of no more use.
	storagetest.Exec(t, url, `ALTER TABLE custody DISABLE TRIGGER USER`, `UPDATE custody SET recorded_at = now() - interval '6 years', retain_until = now() - interval '1 year'`, `ALTER TABLE custody ENABLE TRIGGER USER`,
		`UPDATE recordings SET state = 'failed', reason = 'no speech'`)
	env["SPEECHQA_COPY_BUCKET"] = "second"
	store := openTestObjects(t, env)
	if err := store.EnsureLockedBucket(t.Context(), "second"); err != nil {
		t.Fatal(err)
	}
	must(t, env, "verify", "storage")
	objectsOf := map[string]pipeline.Object{}
	for _, id := range ids {
		r, err := db.Recording(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		objectsOf[id] = r.Object
	}
	copyAll(t, url, db, store)
	copied, err := db.CopyOf(t.Context(), ids[0])
	if err != nil {
		t.Fatal(err)
	}
	storagetest.Exec(t, url, fmt.Sprintf(`UPDATE copies SET due_at = now() WHERE recording = '%s'`, ids[1])) // as if it had been found damaged

	denied("not shown to be", "wrong", propose...)
	denied("the role of ops is not allowed", password, "retention", "dispose", "propose", "--as", "ops", "--why", "x")
	denied("90 days", password, append(propose, "--days", "91")...)
	status, out, errs := as(password+"\n", propose...)
	if status != 0 || !strings.Contains(out, "1 recordings proposed, 1 stay") {
		t.Fatalf("status %d: %s%s", status, out, errs)
	}
	batch, _, _ := strings.Cut(out, ":")
	if out := must(t, env, "retention", "dispose", "show", batch); !regexp.MustCompile(ids[1] + ` +stays .* not verified +copy\n`).MatchString(out) {
		t.Errorf("show:\n%s", out)
	}
	if out := must(t, env, "retention", "report"); !regexp.MustCompile(`in a batch under way +1\n`).MatchString(out) || !regexp.MustCompile(`past their date +1\n(.*\n)*stay because: copy +1\n`).MatchString(out) {
		t.Errorf("report:\n%s", out)
	}

	approve := []string{"retention", "dispose", "approve", batch, "--as", "wang"}
	denied("needs a second factor", password, approve...)
	key, err := totp.Generate(totp.GenerateOpts{Issuer: "x", AccountName: "wang"})
	if err == nil {
		env["SPEECHQA_FACTOR_KEY"] = base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("k"), 32))
		sealer, serr := web.NewSealer(env["SPEECHQA_FACTOR_KEY"])
		if serr != nil {
			t.Fatal(serr)
		}
		err = db.SetTOTP(t.Context(), postgres.Actor{ID: people["wang"]}, people["wang"], sealer.Seal(key.Secret(), people["wang"]), 0, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	code := func() string {
		c, err := totp.GenerateCode(key.Secret(), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	denied("wrong name, password or code", password+"\n000000\n", approve...)
	denied("the role of li is not allowed", password, "retention", "dispose", "approve", batch, "--as", "li")
	if status, out, errs := as(password+"\n"+code()+"\n", approve...); status != 0 || !strings.Contains(out, "1 recordings will be destroyed") {
		t.Fatalf("approve: status %d: %s%s", status, out, errs)
	}

	runs := []string{"retention", "dispose", "run"}
	hour := time.Now().UTC().Add(2 * time.Hour).Hour()
	denied("only in the off-peak window", "", append(runs, "--disposal-window", fmt.Sprintf("%02d:00-%02d:01 UTC", hour, hour))...)
	allDay := append(runs, "--disposal-window", "00:00-24:00 UTC")
	denied("no signing key", "", allDay...)
	dir := t.TempDir()
	must(t, env, "evidence", "key", filepath.Join(dir, "sign"))
	must(t, env, "evidence", "key", filepath.Join(dir, "other"))
	env["SPEECHQA_SIGNING_KEY_FILE"] = filepath.Join(dir, "sign")
	without := maps.Clone(env)
	delete(without, "SPEECHQA_COPY_BUCKET")
	refused(t, without, "no second store", allDay...)
	if out := must(t, env, allDay...); !strings.Contains(out, ids[0]+" destroyed") || !strings.Contains(out, "1 recordings destroyed by this run") {
		t.Errorf("run:\n%s", out)
	}
	for _, o := range []pipeline.Object{objectsOf[ids[0]], copied.Object} {
		if _, err := store.Kept(t.Context(), o); err == nil {
			t.Errorf("%s/%s is still there", o.Bucket, o.Key)
		}
	}
	if _, err := store.Stat(t.Context(), "plain", "a.wav"); err != nil {
		t.Errorf("what stays is gone: %v", err)
	}
	if out := must(t, env, "retention", "dispose", "list"); !regexp.MustCompile(batch + ` +done `).MatchString(out) {
		t.Errorf("list:\n%s", out)
	}
	if out := must(t, env, "retention", "report"); !regexp.MustCompile(`\ndestroyed +1\n`).MatchString(out) {
		t.Errorf("report:\n%s", out)
	}

	record := filepath.Join(dir, "record.json")
	must(t, env, "retention", "dispose", "show", batch, "--record", record)
	check := []string{"verify", "disposal", record, "--key", filepath.Join(dir, "sign.pub")}
	if out := must(t, nil, check...); !strings.Contains(out, "proposed by li (lead)") || !strings.Contains(out, "1 recordings destroyed") || !strings.Contains(out, "1 stay") {
		t.Errorf("verify:\n%s", out)
	}
	refused(t, nil, "not as it was signed", "verify", "disposal", record, "--key", filepath.Join(dir, "other.pub"))
	b, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(b); i += 97 { // any byte
		damaged := bytes.Clone(b)
		damaged[i] ^= 1
		if err := os.WriteFile(record, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		refused(t, nil, "not as it was signed", check...)
	}
	must(t, env, "verify", "audit")
	if got := storagetest.Query(t, url, `SELECT count(*) FROM audit_log WHERE action IN ('disposal.propose', 'disposal.approve') AND origin LIKE 'command of %' AND actor <> ''`); got[0] != "2" {
		t.Errorf("%s entries of people", got[0])
	}
}

// openTestObjects opens the store of the environment.
func openTestObjects(t *testing.T, env map[string]string) *objects.Store {
	t.Helper()
	return storagetest.Objects(t, objects.Config{Endpoint: env["SPEECHQA_S3_ENDPOINT"], AccessKey: env["SPEECHQA_S3_ACCESS_KEY"], SecretKey: env["SPEECHQA_S3_SECRET_KEY"], Region: "us-east-1", Style: "path"})
}

// copyAll has all recordings copied to the second bucket, as a worker does.
func copyAll(t *testing.T, url string, db *postgres.Store, store *objects.Store) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	copier := custody.Copier{Store: db, From: store, Second: store, Name: "here", Bucket: "second", Log: slog.New(slog.DiscardHandler)}
	go func() { defer close(done); copier.Run(ctx) }()
	eventually(t, "the copies", func() bool {
		return storagetest.Query(t, url, `SELECT count(*) FROM copies WHERE due_at IS NOT NULL`)[0] == "0"
	})
	stop()
	<-done
}
