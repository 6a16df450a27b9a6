-- What was decided with a date and is not done yet: the open rows are what the notices look at, so that they need not
-- search all dispositions. A row is closed once: by who says that it was done, or by a later disposition (done_by null).
CREATE TABLE disposition_follow_ups (
    disposition bigint PRIMARY KEY REFERENCES dispositions (id),
    recording   uuid NOT NULL REFERENCES recordings (id),
    due         date NOT NULL,
    closed_at   timestamptz,
    done_by     uuid REFERENCES users (id),
    CHECK (done_by IS NULL OR closed_at IS NOT NULL)
);
CREATE INDEX disposition_follow_ups_due ON disposition_follow_ups (due) WHERE closed_at IS NULL;
CREATE UNIQUE INDEX disposition_follow_ups_open ON disposition_follow_ups (recording) WHERE closed_at IS NULL;

CREATE FUNCTION follow_up_disposition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE disposition_follow_ups SET closed_at = now() WHERE recording = NEW.recording AND closed_at IS NULL;
    IF NEW.due IS NOT NULL AND NEW.kind <> 'none' THEN
        INSERT INTO disposition_follow_ups (disposition, recording, due) VALUES (NEW.id, NEW.recording, NEW.due);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER dispositions_follow_up AFTER INSERT ON dispositions FOR EACH ROW EXECUTE FUNCTION follow_up_disposition();

INSERT INTO disposition_follow_ups (disposition, recording, due)
    SELECT id, recording, due FROM (SELECT DISTINCT ON (recording) * FROM dispositions ORDER BY recording, id DESC) d
    WHERE due IS NOT NULL AND kind <> 'none';

CREATE TRIGGER disposition_follow_ups_closed BEFORE UPDATE ON disposition_follow_ups FOR EACH ROW
    WHEN (OLD.closed_at IS NOT NULL OR NEW.closed_at IS NULL OR (OLD.disposition, OLD.recording, OLD.due) IS DISTINCT FROM (NEW.disposition, NEW.recording, NEW.due))
    EXECUTE FUNCTION refuse_change();
CREATE TRIGGER disposition_follow_ups_history BEFORE DELETE ON disposition_follow_ups FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER disposition_follow_ups_history_all BEFORE TRUNCATE ON disposition_follow_ups FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What a lead gave to a person or took back from him, for that person's notices.
CREATE TABLE assignment_notices (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id    uuid NOT NULL REFERENCES users (id),
    at         timestamptz NOT NULL DEFAULT now(),
    by         uuid NOT NULL REFERENCES users (id),
    kind       text NOT NULL CHECK (kind IN ('assigned', 'taken_back')),
    recordings integer NOT NULL CHECK (recordings > 0)
);
CREATE INDEX assignment_notices_user ON assignment_notices (user_id, at);
