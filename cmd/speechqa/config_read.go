package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/hibiken/asynq"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/term"

	"github.com/speechqa/speechqa/pipeline"
	"github.com/speechqa/speechqa/pipeline/audio"
	"github.com/speechqa/speechqa/pipeline/meta"
	"github.com/speechqa/speechqa/pipeline/whisper"
	"github.com/speechqa/speechqa/storage/postgres"
	"github.com/speechqa/speechqa/web"
	"github.com/speechqa/speechqa/worker"
)

// problems collects what is wrong with the settings, so that one start shows all of it.
type problems struct{ list []string }

func (p *problems) add(env, format string, args ...any) {
	p.list = append(p.list, env+": "+fmt.Sprintf(format, args...))
}

// err is nil when nothing is wrong.
func (p *problems) err() error {
	switch len(p.list) {
	case 0:
		return nil
	case 1:
		return errors.New("configuration: " + p.list[0])
	}
	return fmt.Errorf("configuration: %d things are wrong:\n  %s", len(p.list), strings.Join(p.list, "\n  "))
}

func (p *problems) number(env, text string, low, high float64) float64 {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || v < low || v > high {
		p.add(env, "%q is not a number from %g to %g", text, low, high)
	}
	return v
}

func (p *problems) integer(env, text string, low, high int) int {
	v, err := strconv.Atoi(text)
	if err != nil || v < low || v > high {
		p.add(env, "%q is not a whole number from %d to %d", text, low, high)
	}
	return v
}

func (p *problems) choice(env, text string, allowed ...string) string {
	if !slices.Contains(allowed, text) {
		p.add(env, "%q is none of %s", text, strings.Join(allowed, ", "))
	}
	return text
}

func (p *problems) duration(env, text string, low time.Duration) time.Duration {
	v, err := time.ParseDuration(text)
	if err != nil || v < low {
		p.add(env, "%q is not a time of at least %s, like 30s, 5m or 1h", text, low)
	}
	return v
}

func (p *problems) address(env, text string) string {
	if text == "" {
		return ""
	}
	if _, port, err := net.SplitHostPort(text); err != nil {
		p.add(env, "%q is not an address like :8080 or 127.0.0.1:8080", text)
	} else if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		p.add(env, "%q: the port is not a number from 0 to 65535", text)
	}
	return text
}

func (f databaseFlags) read(p *problems) string {
	const env = "SPEECHQA_DATABASE_URL"
	if f.DatabaseURL == "" {
		p.add(env, "is not set; it says where PostgreSQL is, e.g. postgres://speechqa@db/speechqa")
	} else if _, err := pgxpool.ParseConfig(f.DatabaseURL); err != nil {
		// pgx's message repeats the URL with the password masked.
		p.add(env, "is not a PostgreSQL URL: %v", err)
	}
	return f.DatabaseURL
}

// read gives "" where the owner is not told apart.
func (f ownerFlags) read(p *problems) string {
	if f.DatabaseOwnerURL != "" {
		if _, err := pgxpool.ParseConfig(f.DatabaseOwnerURL); err != nil {
			p.add("SPEECHQA_DATABASE_OWNER_URL", "is not a PostgreSQL URL: %v", err)
		}
	}
	return f.DatabaseOwnerURL
}

func (f redisFlags) read(p *problems) asynq.RedisConnOpt {
	const env = "SPEECHQA_REDIS_URL"
	if f.RedisURL == "" {
		p.add(env, "is not set; it says where the queue is, e.g. redis://redis:6379/0")
		return nil
	}
	opt, err := worker.ParseRedis(f.RedisURL)
	if err != nil {
		p.add(env, "is not a Redis URL (redis://, rediss://, redis-socket://, redis-sentinel://, redis+cluster://, rediss+cluster://)")
	}
	return opt
}

// bucketPrefix is one place where recordings lie.
type bucketPrefix struct{ Bucket, Prefix string }

// objectSettings says how to reach the object store.
type objectSettings struct {
	Endpoint, AccessKey, SecretKey, Region, Style, CA, Encrypt string
	Places                                                     []bucketPrefix
}

func (f objectFlags) read(p *problems) objectSettings {
	s := objectSettings{
		Endpoint: f.S3Endpoint, AccessKey: f.S3AccessKey, SecretKey: f.S3SecretKey,
		Region: f.S3Region, Style: f.S3Style, CA: f.S3CA, Encrypt: f.S3Encrypt, Places: f.places(p),
	}
	s.check(p, "SPEECHQA_S3")
	return s
}

// check finds what is wrong with how a store is reached; env begins its variables' names.
func (s objectSettings) check(p *problems, env string) {
	u, err := url.Parse(s.Endpoint)
	switch {
	case s.Endpoint == "":
		p.add(env+"_ENDPOINT", "is not set; it says where the object store is, e.g. http://minio:9000")
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || strings.Trim(u.Path, "/") != "":
		p.add(env+"_ENDPOINT", "%q is not a URL like http://minio:9000", s.Endpoint)
	}
	if s.AccessKey == "" {
		p.add(env+"_ACCESS_KEY", "is not set")
	}
	if s.SecretKey == "" {
		p.add(env+"_SECRET_KEY", "is not set")
	}
	if key, kms := strings.CutPrefix(s.Encrypt, "kms:"); !slices.Contains([]string{"", "off", "s3"}, s.Encrypt) && !(kms && key != "") {
		p.add(env+"_ENCRYPT", "%q is none of off, s3, kms:KEY", s.Encrypt)
	}
	if !slices.Contains([]string{"auto", "path", "virtual"}, s.Style) {
		p.add(env+"_STYLE", "%q is not auto, path or virtual", s.Style)
	}
	if s.CA != "" {
		if _, err := os.Stat(s.CA); err != nil {
			p.add(env+"_CA", "%v", err)
		}
	}
}

// bucketName is what every S3 server accepts as one.
var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

func (f objectFlags) places(p *problems) []bucketPrefix {
	var out []bucketPrefix
	for part := range strings.SplitSeq(f.Buckets, ",") {
		bucket, prefix, _ := strings.Cut(strings.TrimSpace(part), "/")
		if !bucketName.MatchString(bucket) {
			p.add("SPEECHQA_BUCKETS", "%q is not a bucket or bucket/prefix", part)
			continue
		}
		place := bucketPrefix{Bucket: bucket, Prefix: prefix}
		for _, other := range out {
			if other.Bucket == bucket && (strings.HasPrefix(prefix, other.Prefix) || strings.HasPrefix(other.Prefix, prefix)) {
				p.add("SPEECHQA_BUCKETS", "%q overlaps with another entry", part)
			}
		}
		out = append(out, place)
	}
	return out
}

// modelSettings says what hears.
type modelSettings struct {
	Hearing  whisper.Options // for whisper.Open
	Hearers  int
	Patience float64
}

func (f modelFlags) read(p *problems, env func(string) string) modelSettings {
	dir := f.ModelsDir
	if dir == "" {
		dir = whisper.DefaultModelsDir(env)
	}
	model := func(variable, nameOrPath string) string {
		path, err := whisper.FindModel(nameOrPath, dir)
		if err != nil {
			p.add(variable, "%v", err)
		}
		return path
	}
	out := modelSettings{
		Hearers:  p.integer("SPEECHQA_HEARERS", f.Hearers, 1, maxHearers),
		Patience: p.number("SPEECHQA_PATIENCE", f.Patience, 0.1, 10000),
	}
	out.Hearing = whisper.Options{
		Language:   f.Language,
		TimeFactor: out.Patience,
		Pool: whisper.PoolConfig{
			Children: out.Hearers,
			Threads:  p.integer("SPEECHQA_THREADS", f.Threads, 0, maxThreads),
			GPU:      p.choice("SPEECHQA_GPU", f.GPU, "on", "off") == "on",
		},
	}
	if p.choice("SPEECHQA_AGENT_CHANNEL", f.AgentChannel, "left", "right") == "right" {
		out.Hearing.AgentChannel = 1
	}
	if f.Model != "" {
		out.Hearing.Pool.Model = model("SPEECHQA_MODEL", f.Model)
	} else if path, err := findShipped(demoModel, "model file", "--model"); err != nil {
		p.add("SPEECHQA_MODEL", "%v", err)
	} else {
		out.Hearing.Pool.Model = path
	}
	if f.VADModel != "" {
		out.Hearing.Pool.VADModel = model("SPEECHQA_VAD_MODEL", f.VADModel)
	} else {
		out.Hearing.VAD = audio.EnergyVAD{}
	}
	return out
}

func (f rulesFlags) read(p *problems) string {
	if f.Rules != "" {
		if st, err := os.Stat(f.Rules); err != nil || !st.IsDir() {
			p.add("SPEECHQA_RULES", "%q is not a directory", f.Rules)
		}
	}
	return f.Rules
}

// workerSettings says what a worker does.
type workerSettings struct {
	Steps            []pipeline.Step
	Inspectors       int
	Grace, Reconcile time.Duration
	RescanRate       float64 // per second; 0 is no limit
	TempDir          string
	MaxObject        int64 // bytes
}

func (s workerSettings) does(step pipeline.Step) bool { return slices.Contains(s.Steps, step) }

func (f workerFlags) read(p *problems) workerSettings {
	s := workerSettings{
		Inspectors: p.integer("SPEECHQA_INSPECTORS", f.Inspectors, 1, maxInspectors),
		Grace:      p.duration("SPEECHQA_GRACE", f.Grace, 0),
		Reconcile:  p.duration("SPEECHQA_RECONCILE", f.Reconcile, minReconcile),
		RescanRate: p.number("SPEECHQA_RESCAN_RATE", f.RescanRate, 0, 1e6),
		TempDir:    f.TempDir,
	}
	for part := range strings.SplitSeq(f.Steps, ",") {
		step := pipeline.Step(strings.TrimSpace(part))
		if step != pipeline.StepTranscribe && step != pipeline.StepInspect {
			p.add("SPEECHQA_STEPS", "%q is not transcribe or inspect", part)
		}
		s.Steps = append(s.Steps, step)
	}
	size, err := humanize.ParseBytes(f.MaxObject)
	if err != nil || size == 0 || size > 1<<40 {
		p.add("SPEECHQA_MAX_OBJECT", "%q is not a size up to 1TiB, like 500MiB or 2GiB", f.MaxObject)
	}
	s.MaxObject = int64(size)
	if f.TempDir != "" {
		if err := writable(f.TempDir); err != nil {
			p.add("SPEECHQA_TEMP_DIR", "%v", err)
		}
	}
	return s
}

// writable says in one sentence why files cannot be made in dir.
func writable(dir string) error {
	f, err := os.CreateTemp(dir, ".speechqa-probe-*")
	if err != nil {
		return fmt.Errorf("cannot write in %s: %w", dir, errors.Unwrap(err))
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// ingestSettings says how recordings are discovered.
type ingestSettings struct {
	ScanEvery     time.Duration
	ScanRate      float64 // recordings per second; 0 is no limit
	Match         []string
	KeyPattern    *meta.Pattern // nil: keys tell nothing
	Manifest      string        // path; "": none
	Zone          *time.Location
	WebhookListen string
	WebhookToken  string
}

func (f ingestFlags) read(p *problems) ingestSettings {
	s := ingestSettings{
		ScanEvery:     p.duration("SPEECHQA_SCAN_EVERY", f.ScanEvery, minScanEvery),
		ScanRate:      p.number("SPEECHQA_SCAN_RATE", f.ScanRate, 0, 1e6),
		WebhookListen: p.address("SPEECHQA_WEBHOOK_LISTEN", f.WebhookListen),
		WebhookToken:  f.WebhookToken,
	}
	for glob := range strings.SplitSeq(f.Match, ",") {
		glob = strings.TrimSpace(glob)
		if _, err := path.Match(glob, ""); err != nil || glob == "" {
			p.add("SPEECHQA_MATCH", "%q is not a pattern like *.wav", glob)
		}
		s.Match = append(s.Match, glob)
	}
	var err error
	if f.KeyPattern != "" {
		if s.KeyPattern, err = meta.ParsePattern(f.KeyPattern); err != nil {
			p.add("SPEECHQA_KEY_PATTERN", "%v", err)
		}
	}
	if f.Manifest != "" {
		s.Manifest = f.Manifest
		if _, err := meta.NewManifestFile(f.Manifest, nil).Row(""); err != nil {
			p.add("SPEECHQA_MANIFEST", "%v", err)
		}
	}
	if s.Zone, err = time.LoadLocation(f.TimeZone); err != nil {
		p.add("SPEECHQA_TIME_ZONE", "%q is no time zone this machine knows, like Asia/Shanghai", f.TimeZone)
	}
	if f.WebhookListen != "" && len(f.WebhookToken) < minToken {
		p.add("SPEECHQA_WEBHOOK_TOKEN", "needs at least %d characters while SPEECHQA_WEBHOOK_LISTEN is set", minToken)
	}
	return s
}

func (f webFlags) read(p *problems) (listen, publicURL string) {
	if f.Listen == "" {
		p.add("SPEECHQA_LISTEN", "is empty; it is the console's address, e.g. :8080")
	}
	if f.PublicURL != "" {
		if u, err := url.Parse(f.PublicURL); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			p.add("SPEECHQA_PUBLIC_URL", "%q is not a URL like https://qa.example", f.PublicURL)
		}
	}
	return p.address("SPEECHQA_LISTEN", f.Listen), f.PublicURL
}

// read says how people get in; demo is a demonstration, in which nobody has a telephone to set up.
func (f accessFlags) read(p *problems, demo bool) web.Access {
	factor := p.choice("SPEECHQA_SECOND_FACTOR", f.SecondFactor, "auto", "on", "off")
	a := web.Access{
		SecondFactor: factor == "on" || factor == "auto" && !demo,
		PasswordAge:  time.Duration(p.integer("SPEECHQA_PASSWORD_DAYS", f.PasswordDays, 0, maxDays)) * 24 * time.Hour,
		Logins: postgres.LoginLimits{
			Idle:     p.duration("SPEECHQA_SESSION_IDLE", f.SessionIdle, minSession),
			Lifetime: p.duration("SPEECHQA_SESSION_LIFETIME", f.SessionLifetime, minSession),
			AtOnce:   p.integer("SPEECHQA_SESSIONS", f.Sessions, 1, maxSessions),
		},
	}
	if a.Logins.Lifetime < a.Logins.Idle {
		p.add("SPEECHQA_SESSION_LIFETIME", "%s is shorter than SPEECHQA_SESSION_IDLE, %s", a.Logins.Lifetime, a.Logins.Idle)
	}
	return a
}

// sealer is nil where no key is set.
func (f accessFlags) sealer(p *problems) *web.Sealer {
	if f.FactorKey == "" {
		return nil
	}
	s, err := web.NewSealer(f.FactorKey)
	if err != nil {
		p.add("SPEECHQA_FACTOR_KEY", "%v", err)
	}
	return s
}

// read gives nil where there is no directory; public is the console's address.
func (f directoryFlags) read(p *problems, public string) *web.Directory {
	if f.OIDCIssuer == "" {
		if f.OIDCClient != "" || f.OIDCSecret != "" {
			p.add("SPEECHQA_OIDC_ISSUER", "is not set, but SPEECHQA_OIDC_CLIENT or SPEECHQA_OIDC_SECRET is")
		}
		return nil
	}
	u, err := url.Parse(f.OIDCIssuer)
	if err != nil || u.Host == "" || u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())) {
		p.add("SPEECHQA_OIDC_ISSUER", "%q is not a URL like https://login.example", f.OIDCIssuer)
	}
	if f.OIDCClient == "" {
		p.add("SPEECHQA_OIDC_CLIENT", "is not set")
	}
	if public == "" {
		p.add("SPEECHQA_PUBLIC_URL", "is not set: the directory has to know where to send people back to")
	}
	return &web.Directory{Issuer: f.OIDCIssuer, ClientID: f.OIDCClient, ClientSecret: f.OIDCSecret, Claim: f.OIDCClaim, PublicURL: public,
		Factors: strings.FieldsFunc(f.OIDCFactors, func(r rune) bool { return r == ',' || r == ' ' })}
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// read gives the address, or "" where nothing shall listen: an empty variable counts as not set, hence the word.
func (f observeFlags) read(p *problems) string {
	if f.MetricsListen == "off" {
		return ""
	}
	return p.address("SPEECHQA_METRICS_LISTEN", f.MetricsListen)
}

// read makes the logger: key=value for people, JSON for collectors.
func (f logFlags) read(p *problems, w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.LogLevel)); err != nil {
		p.add("SPEECHQA_LOG_LEVEL", "%q is not debug, info, warn or error", f.LogLevel)
	}
	opt := &slog.HandlerOptions{Level: level}
	switch f.LogFormat {
	case "json":
		return slog.New(slog.NewJSONHandler(w, opt))
	case "text":
		return slog.New(slog.NewTextHandler(w, opt))
	case "auto":
		if isTerminal(w) {
			return slog.New(slog.NewTextHandler(w, opt))
		}
		return slog.New(slog.NewJSONHandler(w, opt))
	}
	p.add("SPEECHQA_LOG_FORMAT", "%q is not auto, text or json", f.LogFormat)
	return slog.New(slog.DiscardHandler)
}

// isTerminal tells a person's screen from a file or a pipe.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
