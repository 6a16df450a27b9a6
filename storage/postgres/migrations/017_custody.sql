-- How long each recording is kept, and how far the object store has been told.

-- Years from the contact on; the principal '' stands for all without a term of their own.
CREATE TABLE retention_terms (
    principal text PRIMARY KEY,
    years     integer NOT NULL CHECK (years BETWEEN 3 AND 100)
);
INSERT INTO retention_terms VALUES ('', 5);

CREATE FUNCTION after_years(at timestamptz, years integer) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS
    $$ SELECT (at AT TIME ZONE 'UTC' + make_interval(years => years)) AT TIME ZONE 'UTC' $$;

CREATE TABLE custody (
    recording    uuid PRIMARY KEY REFERENCES recordings (id),
    recorded_at  timestamptz NOT NULL,
    retain_until timestamptz NOT NULL,
    due_at       timestamptz DEFAULT now(), -- when the store is to be told; null: it knows
    locked_until timestamptz,               -- as the store confirmed
    lock_mode    text NOT NULL DEFAULT '',
    held         boolean NOT NULL DEFAULT false, -- the store was told of a legal hold
    lock_problem text NOT NULL DEFAULT '',
    sha256       text NOT NULL DEFAULT '',  -- of the object, as first taken; it never changes
    checked_at   timestamptz,               -- when the object was last read against its hash
    problem      text NOT NULL DEFAULT '',  -- what was wrong then
    CONSTRAINT kept_three_years CHECK (retain_until >= after_years(recorded_at, 3))
);
CREATE INDEX custody_due ON custody (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX custody_retain_until ON custody (retain_until);
CREATE INDEX custody_problem ON custody (recording) WHERE problem <> '' OR lock_problem <> '';

CREATE TABLE custody_buckets (
    name       text PRIMARY KEY,
    versions   boolean NOT NULL,
    locks      boolean NOT NULL,
    checked_at timestamptz NOT NULL
);

CREATE TABLE legal_holds (
    id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    recording      uuid REFERENCES recordings (id),
    case_id        text NOT NULL DEFAULT '',
    agent_id       text NOT NULL DEFAULT '',
    recorded_from  timestamptz,
    recorded_to    timestamptz,
    reason         text NOT NULL CHECK (reason <> ''),
    owner          text NOT NULL CHECK (owner <> ''),
    placed_by      text NOT NULL,
    placed_at      timestamptz NOT NULL DEFAULT now(),
    released_at    timestamptz,
    released_by    text NOT NULL DEFAULT '',
    release_reason text NOT NULL DEFAULT '',
    CONSTRAINT hold_names_something CHECK (recording IS NOT NULL OR case_id <> '' OR agent_id <> '' OR recorded_from IS NOT NULL OR recorded_to IS NOT NULL),
    CONSTRAINT release_has_reason CHECK (released_at IS NULL OR (released_by <> '' AND release_reason <> ''))
);

-- Does the hold keep the recording?
CREATE FUNCTION hold_keeps(h legal_holds, r recordings, recorded_at timestamptz) RETURNS boolean LANGUAGE sql STABLE AS
    $$ SELECT (h.recording IS NULL OR h.recording = r.id) AND (h.case_id = '' OR h.case_id = r.case_id)
        AND (h.agent_id = '' OR h.agent_id = r.agent_id)
        AND (h.recorded_from IS NULL OR recorded_at >= h.recorded_from) AND (h.recorded_to IS NULL OR recorded_at < h.recorded_to) $$;

CREATE TABLE verify_runs (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    started_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    first       uuid NOT NULL, -- where it began; it ends after total recordings
    after       uuid,          -- how far it has come
    total       bigint NOT NULL,
    checked     bigint NOT NULL DEFAULT 0,
    bad         bigint NOT NULL DEFAULT 0
);

-- Transcripts that a later hearing replaced.
CREATE TABLE transcript_versions (
    recording   uuid NOT NULL REFERENCES recordings (id),
    hash        text NOT NULL,
    transcript  jsonb NOT NULL,
    heard_at    timestamptz NOT NULL,
    replaced_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX transcript_versions_recording ON transcript_versions (recording, replaced_at);

-- A contact's time that cannot be true is not believed: it would let a recording go too early, or keep it for ever.
CREATE FUNCTION recorded_at(started timestamptz, modified timestamptz, seen timestamptz) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS
    $$ SELECT CASE WHEN started >= timestamptz '2000-01-01 00:00:00+00' AND started <= seen + interval '24 hours' THEN started
        WHEN modified >= timestamptz '2000-01-01 00:00:00+00' AND modified <= seen + interval '24 hours' THEN modified ELSE seen END $$;

INSERT INTO custody (recording, recorded_at, retain_until, sha256)
    SELECT id, x.recorded_at, after_years(x.recorded_at, 5), r.sha256
    FROM recordings r, LATERAL (SELECT recorded_at(r.started_at, r.last_modified, r.created_at) AS recorded_at) x;

CREATE FUNCTION custody_begins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO custody (recording, recorded_at, retain_until)
        SELECT f.id, x.at, after_years(x.at, greatest(3, coalesce(t.years, d.years, 5)))
        FROM fresh f CROSS JOIN LATERAL (SELECT recorded_at(f.started_at, f.last_modified, f.created_at) AS at) x
            LEFT JOIN retention_terms t ON t.principal = f.principal LEFT JOIN retention_terms d ON d.principal = '';
    RETURN NULL;
END $$;
CREATE TRIGGER custody_begins AFTER INSERT ON recordings REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION custody_begins();

CREATE FUNCTION custody_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.recording <> OLD.recording OR NEW.recorded_at <> OLD.recorded_at OR NEW.retain_until < OLD.retain_until
        OR OLD.sha256 <> '' AND NEW.sha256 <> OLD.sha256 THEN
        RAISE EXCEPTION 'retention can be extended, not shortened' USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.retain_until > OLD.retain_until THEN
        NEW.due_at := clock_timestamp();
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER custody_only_grows BEFORE UPDATE ON custody FOR EACH ROW EXECUTE FUNCTION custody_only_grows();

CREATE FUNCTION refuse_removal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% are kept: nothing is deleted here before its date and outside of a disposal', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER custody_kept BEFORE DELETE ON custody FOR EACH ROW EXECUTE FUNCTION refuse_removal();
CREATE TRIGGER custody_kept_all BEFORE TRUNCATE ON custody FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal();
CREATE TRIGGER recordings_kept BEFORE DELETE ON recordings FOR EACH ROW EXECUTE FUNCTION refuse_removal();
CREATE TRIGGER recordings_kept_all BEFORE TRUNCATE ON recordings FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal();
CREATE TRIGGER transcripts_kept BEFORE DELETE ON transcripts FOR EACH ROW EXECUTE FUNCTION refuse_removal();
CREATE TRIGGER transcripts_kept_all BEFORE TRUNCATE ON transcripts FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal();
CREATE TRIGGER transcript_versions_kept BEFORE UPDATE OR DELETE ON transcript_versions FOR EACH ROW EXECUTE FUNCTION refuse_removal();
CREATE TRIGGER transcript_versions_kept_all BEFORE TRUNCATE ON transcript_versions FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal();
CREATE TRIGGER findings_kept_all BEFORE TRUNCATE ON findings FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal();
CREATE TRIGGER legal_holds_kept BEFORE DELETE ON legal_holds FOR EACH ROW EXECUTE FUNCTION refuse_removal();
CREATE TRIGGER legal_holds_kept_all BEFORE TRUNCATE ON legal_holds FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal();

-- Which object a row is about never changes, nor what was heard in it without leaving the earlier version.
CREATE FUNCTION object_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'which object a recording is stays as it was found' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER recordings_object_stays BEFORE UPDATE ON recordings FOR EACH ROW
    WHEN (OLD.bucket <> NEW.bucket OR OLD.key <> NEW.key OR OLD.version <> NEW.version OR OLD.version_id <> NEW.version_id)
    EXECUTE FUNCTION object_stays();

-- The first hash taken of an object is the one it is measured by ever after.
CREATE FUNCTION object_hashed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE custody SET sha256 = CASE WHEN sha256 = '' THEN NEW.sha256 ELSE sha256 END,
            problem = CASE WHEN sha256 IN ('', NEW.sha256) THEN problem ELSE 'the object''s SHA-256 is not the one first taken of it' END
        WHERE recording = NEW.id AND sha256 <> NEW.sha256;
    RETURN NULL;
END $$;
CREATE TRIGGER recordings_object_hashed AFTER UPDATE OF sha256 ON recordings FOR EACH ROW
    WHEN (NEW.sha256 <> '' AND NEW.sha256 <> OLD.sha256) EXECUTE FUNCTION object_hashed();

CREATE FUNCTION transcript_replaced() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO transcript_versions (recording, hash, transcript, heard_at) VALUES (OLD.recording, OLD.hash, OLD.transcript, OLD.heard_at);
    RETURN NEW;
END $$;
CREATE TRIGGER transcript_replaced BEFORE UPDATE ON transcripts FOR EACH ROW
    WHEN (OLD.transcript IS DISTINCT FROM NEW.transcript) EXECUTE FUNCTION transcript_replaced();

-- Findings nobody has judged give way to those of another inspection, in the transaction of that inspection only.
-- They can be made again from the transcript and the rules; what people judged or added stays. Those made by looking at
-- several recordings follow the others.
CREATE FUNCTION findings_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.verdict <> 'open' OR OLD.added
        OR NOT OLD.across AND NOT EXISTS (SELECT FROM recordings WHERE id = OLD.recording AND inspected_at = now()) THEN
        RAISE EXCEPTION 'findings are kept: they are replaced by another inspection only, and never once judged' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER findings_kept BEFORE DELETE ON findings FOR EACH ROW EXECUTE FUNCTION findings_kept();

-- A hold is changed once: by its release.
CREATE FUNCTION hold_released_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.released_at IS NOT NULL OR NEW.released_at IS NULL
        OR (to_jsonb(NEW) - 'released_at' - 'released_by' - 'release_reason') <> (to_jsonb(OLD) - 'released_at' - 'released_by' - 'release_reason') THEN
        RAISE EXCEPTION 'a legal hold can be released, not changed' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER legal_holds_released_once BEFORE UPDATE ON legal_holds FOR EACH ROW EXECUTE FUNCTION hold_released_once();

CREATE FUNCTION terms_have_a_floor() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.principal = '' THEN
        RAISE EXCEPTION 'the general term can be changed, not removed' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER retention_terms_general BEFORE DELETE ON retention_terms FOR EACH ROW EXECUTE FUNCTION terms_have_a_floor();
