-- The second copy of every recording's object: where it is, its hash, when it was made and read again, what went wrong.
-- One row per recording and so per version of an object, whether or not there is a second store yet.
CREATE TABLE copies (
    recording    uuid PRIMARY KEY REFERENCES recordings (id),
    since        timestamptz NOT NULL DEFAULT now(), -- without a copy since then; means nothing while there is one
    due_at       timestamptz DEFAULT now(),          -- when it is to be made; null: it is there and was well when last read
    attempt      bigint NOT NULL DEFAULT 0,          -- fencing token
    alive_at     timestamptz,                        -- last heartbeat of an attempt; null when none runs
    tries        integer NOT NULL DEFAULT 0,         -- since it was last made
    stuck        boolean NOT NULL DEFAULT false,     -- there is nothing to copy: the object is gone, or is not what was taken in
    problem      text NOT NULL DEFAULT '',
    -- the copy; empty until there was one
    bucket       text NOT NULL DEFAULT '',
    key          text NOT NULL DEFAULT '',
    version_id   text NOT NULL DEFAULT '',
    etag         text NOT NULL DEFAULT '',
    size         bigint NOT NULL DEFAULT 0,
    sha256       text NOT NULL DEFAULT '',           -- of the bytes the second store gave back
    copied_at    timestamptz,
    verified_at  timestamptz,                        -- when it was last read and found well
    -- its protection, as in custody
    keep_at      timestamptz,                        -- when the second store is to be told; null: it knows
    locked_until timestamptz,
    lock_mode    text NOT NULL DEFAULT '',
    held         boolean NOT NULL DEFAULT false,
    lock_problem text NOT NULL DEFAULT '',
    CONSTRAINT copy_is_somewhere CHECK (due_at IS NOT NULL OR copied_at IS NOT NULL AND key <> '' AND sha256 <> '')
);
-- What was taken in before has no copy since then, and waits behind what comes in now.
INSERT INTO copies (recording, since, due_at) SELECT id, created_at, created_at FROM recordings;
CREATE INDEX copies_due ON copies (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX copies_since ON copies (since) WHERE due_at IS NOT NULL AND NOT stuck;
CREATE INDEX copies_keep ON copies (keep_at) WHERE keep_at IS NOT NULL;
CREATE INDEX copies_problem ON copies (recording) WHERE problem <> '' OR lock_problem <> '';

-- The second store, as its workers last found it; no row: nobody ever had one.
CREATE TABLE copy_store (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    store      text NOT NULL,        -- its address, or the directory of an embedded one
    bucket     text NOT NULL,
    seen_at    timestamptz NOT NULL, -- when a worker last was there that copies to it
    reached_at timestamptz,          -- when it last answered
    versions   boolean NOT NULL DEFAULT false,
    locks      boolean NOT NULL DEFAULT false,
    checked_at timestamptz,          -- when versions and locks were asked for
    problem    text NOT NULL DEFAULT ''
);

CREATE FUNCTION copy_begins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO copies (recording) SELECT id FROM fresh;
    RETURN NULL;
END $$;
CREATE TRIGGER copy_begins AFTER INSERT ON recordings REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION copy_begins();

-- What the first store is to be told of a recording's protection, the second one is, too.
CREATE FUNCTION copy_kept_alike() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE copies SET keep_at = clock_timestamp() WHERE recording = NEW.recording AND copied_at IS NOT NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER copy_kept_alike AFTER UPDATE ON custody FOR EACH ROW
    WHEN (NEW.due_at IS NOT NULL AND NEW.due_at IS DISTINCT FROM OLD.due_at) EXECUTE FUNCTION copy_kept_alike();

CREATE TRIGGER copies_kept BEFORE DELETE ON copies FOR EACH ROW EXECUTE FUNCTION refuse_removal();
CREATE TRIGGER copies_kept_all BEFORE TRUNCATE ON copies FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal();
