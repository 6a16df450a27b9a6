-- One row per version of an object, with a state and a reason: nothing that was ever seen is without one.
CREATE TABLE recordings (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    bucket          text NOT NULL,
    key             text NOT NULL,
    version         text NOT NULL, -- version id, or the ETag where the bucket has no versions
    version_id      text NOT NULL DEFAULT '',
    etag            text NOT NULL DEFAULT '',
    size            bigint NOT NULL,
    last_modified   timestamptz,
    user_metadata   jsonb NOT NULL DEFAULT '{}',
    kind            text NOT NULL CHECK (kind IN ('call', 'visit')),
    metadata        jsonb NOT NULL DEFAULT '{}',
    notes           text[] NOT NULL DEFAULT '{}',
    agent_id        text NOT NULL DEFAULT '',
    team            text NOT NULL DEFAULT '',
    principal       text NOT NULL DEFAULT '',
    case_id         text NOT NULL DEFAULT '',
    started_at      timestamptz,
    state           text NOT NULL DEFAULT 'discovered'
                    CHECK (state IN ('discovered', 'transcribed', 'inspected', 'failed', 'duplicate')),
    reason          text NOT NULL DEFAULT '',
    detail          text NOT NULL DEFAULT '', -- the last error's chain, for operators
    original        uuid REFERENCES recordings (id),
    sha256          text NOT NULL DEFAULT '',
    duration        double precision NOT NULL DEFAULT 0,
    -- the current or last attempt
    attempt         bigint NOT NULL DEFAULT 0, -- fencing token
    worker          text NOT NULL DEFAULT '',
    alive_at        timestamptz,               -- last heartbeat; null when no attempt runs
    tries           integer NOT NULL DEFAULT 0,
    crashed         integer NOT NULL DEFAULT 0,
    -- the queue
    priority        smallint NOT NULL DEFAULT 0,
    queued_at       timestamptz,               -- when a task was last put in Redis; null: not there
    -- the inspection
    transcript_hash text NOT NULL DEFAULT '',
    score           integer,
    fatal           boolean NOT NULL DEFAULT false,
    slots           jsonb NOT NULL DEFAULT '{}',
    ruleset_hash    text NOT NULL DEFAULT '',
    engine_version  text NOT NULL DEFAULT '',
    inspected_at    timestamptz,
    inspections     integer NOT NULL DEFAULT 0,
    reviews         bigint NOT NULL DEFAULT 0, -- optimistic lock of the review
    created_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (bucket, key, version)
);
CREATE INDEX recordings_waiting ON recordings (priority DESC, created_at) WHERE state IN ('discovered', 'transcribed');
CREATE INDEX recordings_sha256 ON recordings (sha256) WHERE sha256 <> '';
CREATE INDEX recordings_list ON recordings (fatal DESC, score, created_at, id) WHERE state = 'inspected';
CREATE INDEX recordings_agent ON recordings (agent_id, started_at);
CREATE INDEX recordings_started ON recordings (started_at);

CREATE TABLE transcripts (
    recording  uuid PRIMARY KEY REFERENCES recordings (id),
    sha256     text NOT NULL,
    audio      jsonb NOT NULL,
    peaks      jsonb NOT NULL,
    transcript jsonb NOT NULL,
    hash       text NOT NULL,
    said       text NOT NULL, -- all utterances, for searching
    heard_at   timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE findings (
    recording  uuid NOT NULL REFERENCES recordings (id),
    key        text NOT NULL,
    rule       text NOT NULL,
    severity   text NOT NULL,
    doubtful   boolean NOT NULL,
    shadow     boolean NOT NULL,
    start      double precision NOT NULL,
    finding    jsonb NOT NULL,
    current    boolean NOT NULL DEFAULT true, -- false: no longer found by the rules, kept because it was judged
    added      boolean NOT NULL DEFAULT false,
    verdict    text NOT NULL DEFAULT 'open' CHECK (verdict IN ('open', 'confirmed', 'overturned')),
    PRIMARY KEY (recording, key)
);
CREATE INDEX findings_rule ON findings (rule);

CREATE TABLE listings (
    bucket     text NOT NULL,
    prefix     text NOT NULL,
    after      text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (bucket, prefix)
);

CREATE TABLE users (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name          text NOT NULL,
    display_name  text NOT NULL,
    password_hash text NOT NULL,
    role          text NOT NULL,
    lang          text NOT NULL DEFAULT '',
    disabled      boolean NOT NULL DEFAULT false,
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX users_name ON users (lower(name));

CREATE TABLE sessions (
    token  text PRIMARY KEY,
    data   bytea NOT NULL,
    expiry timestamptz NOT NULL
);
CREATE INDEX sessions_expiry ON sessions (expiry);
