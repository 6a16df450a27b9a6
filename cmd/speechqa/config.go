package main

import (
	"time"
)

// The settings of the running system. Each is a flag and an environment variable (the config tag); a secret
// can also be given as the name of a file that holds it (VARIABLE_FILE). Values are text here and are read by
// the methods of config_read.go, so that every mistake is reported at once and not one per start.

type databaseFlags struct {
	DatabaseURL string `config:"SPEECHQA_DATABASE_URL" secret:"" group:"Database" placeholder:"URL" help:"PostgreSQL 14 or later, e.g. postgres://speechqa@db/speechqa?sslmode=verify-full; with a role of the programs' own that owns no table."`
}

type ownerFlags struct {
	DatabaseOwnerURL string `config:"SPEECHQA_DATABASE_OWNER_URL" secret:"" group:"Database" placeholder:"URL" help:"The same database with the role that owns the tables; only migrate needs it. Without it SPEECHQA_DATABASE_URL's role owns them, and could change history."`
}

type redisFlags struct {
	RedisURL string `config:"SPEECHQA_REDIS_URL" secret:"" group:"Queue" placeholder:"URL" help:"Redis or Valkey 6.2 or later: redis://, rediss:// (TLS), redis-socket:///path, redis-sentinel://host1,host2?master=NAME, or redis+cluster://host1,host2 (rediss+cluster:// with TLS). Set it to maxmemory-policy noeviction."`
}

type objectFlags struct {
	S3Endpoint  string `name:"s3-endpoint" config:"SPEECHQA_S3_ENDPOINT" group:"Recordings" placeholder:"URL" help:"The object store, e.g. https://minio.example:9000."`
	S3AccessKey string `name:"s3-access-key" config:"SPEECHQA_S3_ACCESS_KEY" secret:"" group:"Recordings" placeholder:"KEY" help:"Access key of the object store."`
	S3SecretKey string `name:"s3-secret-key" config:"SPEECHQA_S3_SECRET_KEY" secret:"" group:"Recordings" placeholder:"KEY" help:"Secret key of the object store."`
	S3Region    string `name:"s3-region" config:"SPEECHQA_S3_REGION" default:"us-east-1" group:"Recordings" placeholder:"NAME" help:"Region of the buckets."`
	S3Style     string `name:"s3-style" config:"SPEECHQA_S3_STYLE" default:"auto" group:"Recordings" placeholder:"STYLE" help:"How buckets are addressed: auto, path (host/bucket) or virtual (bucket.host)."`
	S3Encrypt   string `name:"s3-encrypt" config:"SPEECHQA_S3_ENCRYPT" default:"off" group:"Recordings" placeholder:"off|s3|kms:KEY" help:"What this program writes is encrypted by the store: off, with the store's own key (s3), or with a key of its key service. The bucket's own default holds for what others upload."`
	S3CA        string `name:"s3-ca" config:"SPEECHQA_S3_CA" group:"Recordings" placeholder:"FILE" help:"PEM file with further authorities the store's certificate may be signed by."`
	Buckets     string `config:"SPEECHQA_BUCKETS" default:"recordings" group:"Recordings" placeholder:"LIST" help:"Where recordings lie: bucket or bucket/prefix, separated by commas."`
}

type custodyFlags struct {
	LockMode string `config:"SPEECHQA_LOCK_MODE" default:"compliance" group:"Custody" placeholder:"MODE" help:"How recordings are locked in the store until their date: compliance (nobody can end it) or governance (an account of the store with that permission can)."`
}

type copyFlags struct {
	CopyBucket    string `config:"SPEECHQA_COPY_BUCKET" group:"Second copy" placeholder:"BUCKET" help:"Bucket of the second store, into which every recording is copied. Without it there is no second copy, and the program says so."`
	CopyEndpoint  string `config:"SPEECHQA_COPY_ENDPOINT" group:"Second copy" placeholder:"URL" help:"The second store; it should be in another place. Without it the second bucket is in the first store."`
	CopyAccessKey string `config:"SPEECHQA_COPY_ACCESS_KEY" secret:"" group:"Second copy" placeholder:"KEY" help:"Access key of the second store; without an endpoint of its own, the first store's."`
	CopySecretKey string `config:"SPEECHQA_COPY_SECRET_KEY" secret:"" group:"Second copy" placeholder:"KEY" help:"Secret key of the second store."`
	CopyRegion    string `config:"SPEECHQA_COPY_REGION" default:"us-east-1" group:"Second copy" placeholder:"NAME" help:"Region of the second store's bucket."`
	CopyStyle     string `config:"SPEECHQA_COPY_STYLE" default:"auto" group:"Second copy" placeholder:"STYLE" help:"How its bucket is addressed: auto, path or virtual."`
	CopyEncrypt   string `name:"copy-encrypt" config:"SPEECHQA_COPY_ENCRYPT" default:"off" group:"Second copy" placeholder:"off|s3|kms:KEY" help:"Second copies and backups are encrypted by the second store, as with SPEECHQA_S3_ENCRYPT; without an endpoint of its own, as that says."`
	CopyCA        string `name:"copy-ca" config:"SPEECHQA_COPY_CA" group:"Second copy" placeholder:"FILE" help:"PEM file with further authorities the second store's certificate may be signed by."`
	CopyDir       string `config:"SPEECHQA_COPY_DIR" group:"Second copy" placeholder:"DIR" help:"With serve --embedded: directory, on another disk, of a second embedded store instead of the above."`
	Copiers       string `config:"SPEECHQA_COPIERS" default:"4" group:"Second copy" placeholder:"N" help:"Recordings a worker copies at the same time; each takes up to 16 MB of memory."`
}

type modelFlags struct {
	Model        string `config:"SPEECHQA_MODEL" group:"Hearing" placeholder:"NAME|FILE" help:"The whisper.cpp model: a name of 'speechqa model list' or a file (ggml). Without it: the demo model beside the program, which hears synthetic demo speech only."`
	ModelsDir    string `config:"SPEECHQA_MODELS_DIR" group:"Hearing" placeholder:"DIR" help:"Where 'speechqa model get' keeps models; default below the user's data directory."`
	VADModel     string `name:"vad-model" config:"SPEECHQA_VAD_MODEL" group:"Hearing" placeholder:"NAME|FILE" help:"A Silero model that finds the speech; without it loudness, pitch and steadiness do."`
	Language     string `config:"SPEECHQA_LANGUAGE" group:"Hearing" placeholder:"CODE" help:"Spoken language, or auto; the model's profile says zh."`
	AgentChannel string `config:"SPEECHQA_AGENT_CHANNEL" default:"left" group:"Hearing" placeholder:"SIDE" help:"The agent's channel in stereo recordings whose metadata does not say: left or right."`
	Hearers      string `config:"SPEECHQA_HEARERS" default:"1" group:"Hearing" placeholder:"N" help:"Recordings transcribed at the same time: the number of models loaded."`
	Threads      string `config:"SPEECHQA_THREADS" default:"0" group:"Hearing" placeholder:"N" help:"Threads of one transcription; 0 shares the cores among them."`
	GPU          string `name:"gpu" config:"SPEECHQA_GPU" default:"off" group:"Hearing" placeholder:"on|off" help:"Use a GPU where a ggml back-end plug-in offers one."`
	Patience     string `config:"SPEECHQA_PATIENCE" default:"20" group:"Hearing" placeholder:"FACTOR" help:"A transcription is given up after this many times the recording's length, or after ten minutes, whichever is longer."`
}

type rulesFlags struct {
	Rules string `config:"SPEECHQA_RULES" group:"Rules" placeholder:"DIR" help:"Rules to use instead of those built in."`
}

type workerFlags struct {
	Steps      string `config:"SPEECHQA_STEPS" default:"transcribe,inspect" group:"Worker" placeholder:"LIST" help:"What this worker does: transcribe (costly), inspect (cheap) or both."`
	Inspectors string `config:"SPEECHQA_INSPECTORS" default:"2" group:"Worker" placeholder:"N" help:"Recordings inspected at the same time."`
	Grace      string `config:"SPEECHQA_GRACE" default:"30s" group:"Worker" placeholder:"TIME" help:"How long running transcriptions may take to finish on stop before they are handed back."`
	Reconcile  string `config:"SPEECHQA_RECONCILE" default:"15s" group:"Worker" placeholder:"TIME" help:"How often the database is compared with the queue."`
	RescanRate string `config:"SPEECHQA_RESCAN_RATE" default:"0" group:"Worker" placeholder:"N" help:"At most this many recordings inspected again per second by all workers together, e.g. after new rules; 0 is no limit."`
	TempDir    string `config:"SPEECHQA_TEMP_DIR" group:"Worker" placeholder:"DIR" help:"Where recordings lie while they are heard; needs about 12 MB per minute of stereo audio. Default: the system's."`
	MaxObject  string `config:"SPEECHQA_MAX_OBJECT" default:"2GiB" group:"Worker" placeholder:"SIZE" help:"Larger objects are not fetched and end as failed."`
}

type ingestFlags struct {
	ScanEvery     string `config:"SPEECHQA_SCAN_EVERY" default:"5m" group:"Discovery" placeholder:"TIME" help:"How often the buckets are listed for what no notification told of."`
	ScanRate      string `config:"SPEECHQA_SCAN_RATE" default:"0" group:"Discovery" placeholder:"N" help:"At most this many recordings taken in per second by listing; 0 is no limit."`
	Match         string `config:"SPEECHQA_MATCH" default:"*.wav,*.mp3,*.m4a,*.mp4,*.aac,*.amr,*.awb,*.opus,*.ogg,*.flac,*.wma,*.g729,*.gsm,*.au,*.3gp,*.webm,*.v3,*.vox,*.pcm" group:"Discovery" placeholder:"GLOBS" help:"Names of objects that are recordings, separated by commas; others are counted and ignored."`
	KeyPattern    string `config:"SPEECHQA_KEY_PATTERN" group:"Discovery" default:"{kind}/{yyyy}/{mm}/{dd}/{agent}_{yyyymmddThhmmss}_{callee}_{case}.wav" placeholder:"PATTERN" help:"How keys are built; names in braces are metadata, * is anything without a slash."`
	Manifest      string `config:"SPEECHQA_MANIFEST" group:"Discovery" placeholder:"FILE" help:"The dialer's list of recordings, CSV or XLSX, read again whenever it changes; it must know a recording before that is discovered."`
	TimeZone      string `config:"SPEECHQA_TIME_ZONE" default:"Asia/Shanghai" group:"Discovery" placeholder:"ZONE" help:"Zone of times that come without one, and of calling hours."`
	WebhookListen string `config:"SPEECHQA_WEBHOOK_LISTEN" group:"Discovery" placeholder:"ADDRESS" help:"Address on which ingest receives bucket notifications at /notify, e.g. :8090; empty turns it off."`
	WebhookToken  string `config:"SPEECHQA_WEBHOOK_TOKEN" secret:"" group:"Discovery" placeholder:"TOKEN" help:"What the store sends as Authorization: Bearer; at least 16 characters."`
}

type webFlags struct {
	Listen    string `config:"SPEECHQA_LISTEN" default:"127.0.0.1:8080" group:"Console" placeholder:"ADDRESS" help:"Address of the console."`
	PublicURL string `name:"public-url" config:"SPEECHQA_PUBLIC_URL" group:"Console" placeholder:"URL" help:"Address under which people reach the console; https turns on secure cookies, as does SPEECHQA_TLS_CERT."`
}

type accessFlags struct {
	SecondFactor    string `config:"SPEECHQA_SECOND_FACTOR" default:"auto" group:"Access" placeholder:"auto|on|off" help:"Administrators and managers must use a second factor (TOTP): on, off, or auto, which is off in the demo and on otherwise."`
	FactorKey       string `config:"SPEECHQA_FACTOR_KEY" secret:"" group:"Access" placeholder:"KEY" help:"Encrypts the keys of second factors and the secrets of webhooks in the database: 32 random bytes in base64 (openssl rand -base64 32). To replace it, put the new one before the old one, separated by a comma, and run user reseal. Without it nobody can set up a second factor or a webhook; serve --embedded and the demo make one."`
	PasswordDays    string `config:"SPEECHQA_PASSWORD_DAYS" default:"180" group:"Access" placeholder:"N" help:"Passwords must be changed after this many days; 0 is never. An administrator's after 30 at most."`
	SessionIdle     string `config:"SPEECHQA_SESSION_IDLE" default:"2h" group:"Access" placeholder:"TIME" help:"A log-in ends after this time without a request."`
	SessionLifetime string `config:"SPEECHQA_SESSION_LIFETIME" default:"12h" group:"Access" placeholder:"TIME" help:"A log-in ends after this time in any case."`
	Sessions        string `config:"SPEECHQA_SESSIONS" default:"2" group:"Access" placeholder:"N" help:"Log-ins a person may have at a time; one more ends the oldest."`
}

type directoryFlags struct {
	OIDCIssuer  string `name:"oidc-issuer" config:"SPEECHQA_OIDC_ISSUER" group:"Access" placeholder:"URL" help:"The company's directory (OpenID Connect), e.g. https://login.example/realms/office: people may log in by it then, besides by password. It says who somebody is; rights stay with the accounts here. Its client needs the redirect address PUBLIC-URL/login/directory/back."`
	OIDCClient  string `name:"oidc-client" config:"SPEECHQA_OIDC_CLIENT" group:"Access" placeholder:"ID" help:"This program's client id there."`
	OIDCSecret  string `name:"oidc-secret" config:"SPEECHQA_OIDC_SECRET" secret:"" group:"Access" placeholder:"SECRET" help:"The client's secret; empty for a public client."`
	OIDCClaim   string `name:"oidc-claim" config:"SPEECHQA_OIDC_CLAIM" default:"preferred_username" group:"Access" placeholder:"NAME" help:"The claim that holds the log-in name of the account here; let nobody choose its value for himself. Of email, only verified addresses count."`
	OIDCFactors string `name:"oidc-factors" config:"SPEECHQA_OIDC_FACTORS" group:"Access" placeholder:"LIST" help:"Values of amr or acr by which the directory says that it has asked for a second factor, e.g. mfa,otp. Empty: whoever needs one is asked for it here."`
}

type observeFlags struct {
	MetricsListen string `config:"SPEECHQA_METRICS_LISTEN" default:"127.0.0.1:9090" group:"Watching" placeholder:"ADDRESS" help:"Address of /metrics, /healthz and /readyz; off turns them off. A second process on the same machine needs another."`
}

type logFlags struct {
	LogLevel  string `config:"SPEECHQA_LOG_LEVEL" default:"info" group:"Watching" placeholder:"LEVEL" help:"debug, info, warn or error."`
	LogFormat string `config:"SPEECHQA_LOG_FORMAT" default:"auto" group:"Watching" placeholder:"FORMAT" help:"text, json, or auto: text on a terminal."`
}

// allFlags is every setting once, for the table of `speechqa config`.
type allFlags struct {
	databaseFlags
	ownerFlags
	redisFlags
	objectFlags
	custodyFlags
	copyFlags
	disposalFlags
	signingFlags
	modelFlags
	rulesFlags
	llmFlags
	workerFlags
	ingestFlags
	webFlags
	tlsFlags
	accessFlags
	directoryFlags
	consoleFlags
	observeFlags
	logFlags
}

// Bounds of settings that are numbers or times.
const (
	maxHearers    = 256
	maxCopiers    = 64
	maxInspectors = 1024
	maxThreads    = 1024
	minReconcile  = time.Second
	minScanEvery  = time.Second
	minToken      = 16
	minSession    = time.Minute
	maxSessions   = 100
	maxDays       = 3650
	minLLMTime    = 100 * time.Millisecond
)
