package main

import (
	"strings"
	"testing"

	"github.com/speechqa/speechqa/storage/storagetest"
)

// What is secret in the settings is written nowhere, whether a command works, fails or has settings that are wrong.
func TestSettingsAreNotLogged(t *testing.T) {
	secrets := map[string]string{
		"SPEECHQA_DATABASE_URL": "postgres://u:hidden-1@127.0.0.1:1/d?sslmode=disable&connect_timeout=2", "SPEECHQA_DATABASE_OWNER_URL": "postgres://u:hidden-2@127.0.0.1:1/d?connect_timeout=2",
		"SPEECHQA_REDIS_URL": "redis://:hidden-3@127.0.0.1:1/0", "SPEECHQA_S3_SECRET_KEY": "hidden-4", "SPEECHQA_S3_ACCESS_KEY": "hidden-5",
		"SPEECHQA_WEBHOOK_TOKEN": "hidden-6", "SPEECHQA_FACTOR_KEY": "hidden-7", "SPEECHQA_OIDC_SECRET": "hidden-8", "SPEECHQA_S3_ENDPOINT": "http://127.0.0.1:1", "SPEECHQA_LOG_LEVEL": "debug",
	}
	for _, s := range settings() {
		if s.Secret && secrets[s.Env] == "" {
			secrets[s.Env] = "hidden-" + s.Env
		}
	}
	hidden := func(what, text string) {
		t.Helper()
		if strings.Contains(text, "hidden-") {
			t.Errorf("%s writes a secret: %s", what, text)
		}
	}
	broken := map[string]string{"SPEECHQA_DATABASE_URL": "postgres://u:hidden-1@127.0.0.1:port/d", "SPEECHQA_REDIS_URL": "redis://:hidden-3@h:port", "SPEECHQA_WEBHOOK_LISTEN": ":1"}
	for _, args := range [][]string{{"migrate"}, {"serve"}, {"worker", "--steps", "inspect"}, {"ingest"}, {"status"}, {"user", "list"}, {"user", "reseal"}, {"backup", "make", t.TempDir() + "/x"}} {
		for _, wrong := range []bool{false, true} {
			env := map[string]string{}
			for k, v := range secrets {
				env[k] = v
			}
			if wrong {
				for k, v := range broken {
					env[k] = v
				}
			} else if args[0] != "user" {
				delete(env, "SPEECHQA_FACTOR_KEY") // which is wrong
				delete(env, "SPEECHQA_OIDC_SECRET")
			}
			status, out, errs := speechqa(t, env, args...)
			if status == 0 || errs == "" {
				t.Errorf("%v: status %d, %q", args, status, errs)
			}
			hidden(strings.Join(args, " "), out+errs)
		}
	}
	if status, out, errs := speechqa(t, secrets, "config"); status != 0 || !strings.Contains(out, "(set)") {
		t.Errorf("config: status %d, %s", status, errs)
	} else {
		hidden("config", out+errs)
	}

	s3 := storagetest.S3(t)
	storagetest.Objects(t, s3, "recordings")
	app := storagetest.AppURL(t, storagetest.Database(t))
	p := start(t, []string{"SPEECHQA_DATABASE_URL=" + app, "SPEECHQA_S3_ENDPOINT=" + s3.Endpoint, "SPEECHQA_S3_ACCESS_KEY=" + s3.AccessKey, "SPEECHQA_S3_SECRET_KEY=" + s3.SecretKey,
		"SPEECHQA_METRICS_LISTEN=off", "SPEECHQA_LOG_LEVEL=debug", "SPEECHQA_WEBHOOK_LISTEN=127.0.0.1:0", "SPEECHQA_WEBHOOK_TOKEN=hidden-token-of-16"}, "ingest")
	p.says(`bucket|recordings`)
	p.stop()
	text := p.stdout.String() + p.stderr.String()
	password := app[strings.LastIndex(app[:strings.Index(app, "@")], ":")+1 : strings.Index(app, "@")]
	hidden("ingest at work", text)
	for _, secret := range []string{s3.SecretKey, password} {
		if strings.Contains(text, secret) {
			t.Errorf("ingest at work writes a secret: %s", text)
		}
	}
}
