-- Objects that were put back into the first store from their second copy. In a bucket with versions what is put back is
-- another version; the damaged one stays as long as it is locked. One row per attempt that began to write.
CREATE TABLE restorations (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    recording     uuid NOT NULL REFERENCES recordings (id),
    begun_at      timestamptz NOT NULL DEFAULT now(),
    by            text NOT NULL,
    problem       text NOT NULL,                 -- why: what was wrong with the object
    sha256        text NOT NULL,                 -- first taken of the object, and of what is put back
    version       text NOT NULL,                 -- what the recording's object was
    version_id    text NOT NULL,
    etag          text NOT NULL,
    ended_at      timestamptz,                   -- null: under way, or cut off and to be gone on with
    to_version    text NOT NULL DEFAULT '',      -- what it is since
    to_version_id text NOT NULL DEFAULT '',
    to_etag       text NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX restorations_open ON restorations (recording) WHERE ended_at IS NULL;
CREATE INDEX restorations_recording ON restorations (recording, id);

CREATE FUNCTION restored_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.ended_at IS NOT NULL OR to_jsonb(NEW) - ARRAY['ended_at', 'to_version', 'to_version_id', 'to_etag']
            <> to_jsonb(OLD) - ARRAY['ended_at', 'to_version', 'to_version_id', 'to_etag'] THEN
        RAISE EXCEPTION 'that an object was put back is noted once, and nothing else of it changes' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER restorations_once BEFORE UPDATE ON restorations FOR EACH ROW EXECUTE FUNCTION restored_once();
CREATE TRIGGER restorations_kept BEFORE DELETE ON restorations FOR EACH ROW EXECUTE FUNCTION refuse_removal();
CREATE TRIGGER restorations_kept_all BEFORE TRUNCATE ON restorations FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal();

-- Which version a recording's object is changes only as its restoration ends, in the same transaction.
CREATE OR REPLACE FUNCTION object_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF erasing(OLD.id) AND NEW.key = 'disposed/' || OLD.id
        AND (OLD.bucket, OLD.version, OLD.version_id) = (NEW.bucket, NEW.version, NEW.version_id) THEN
        RETURN NEW; -- the name may hold a telephone number
    END IF;
    IF (OLD.bucket, OLD.key) = (NEW.bucket, NEW.key) AND EXISTS (SELECT FROM restorations x JOIN custody c ON c.recording = x.recording
        WHERE x.recording = OLD.id AND x.ended_at = now() AND x.sha256 = c.sha256
            AND (x.version, x.version_id) = (OLD.version, OLD.version_id) AND (x.to_version, x.to_version_id) = (NEW.version, NEW.version_id)) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'which object a recording is stays as it was found' USING ERRCODE = 'restrict_violation';
END $$;

-- What is being put back is no recording of its own, though the store tells of it as of anything new. Should something
-- else come under the same key meanwhile, the next listing finds it.
CREATE FUNCTION restored_meanwhile() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM restorations x JOIN recordings r ON r.id = x.recording
        WHERE x.ended_at IS NULL AND r.bucket = NEW.bucket AND r.key = NEW.key) THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER restored_meanwhile BEFORE INSERT ON recordings FOR EACH ROW EXECUTE FUNCTION restored_meanwhile();
