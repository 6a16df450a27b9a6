-- Rules about several recordings. Every inspected recording that has a time is a contact; what one of them changes for
-- others is worked out after its transaction, from a list that the transaction leaves.
CREATE TABLE contacts (
    recording   uuid PRIMARY KEY REFERENCES recordings (id) ON DELETE CASCADE,
    at          timestamptz NOT NULL,
    kind        text NOT NULL,
    principal   text NOT NULL,
    case_id     text NOT NULL,
    number      text NOT NULL,
    agent_id    text NOT NULL,
    case_key    text NOT NULL, -- the same for the contacts of one case; empty: of none
    number_key  text NOT NULL,
    third_party boolean NOT NULL,
    answered    boolean NOT NULL,
    duration    double precision NOT NULL, -- seconds
    met         jsonb NOT NULL,            -- rules met in it alone, what people overturned left out
    pattern     boolean NOT NULL           -- one of them makes a pattern of the agent's
);
CREATE INDEX contacts_case ON contacts (case_key, at) WHERE case_key <> '';
CREATE INDEX contacts_number ON contacts (number_key, at) WHERE number_key <> '';
CREATE INDEX contacts_pattern ON contacts (agent_id, at) WHERE pattern;

-- Appended only by those who change something, so that nobody waits for anybody.
CREATE TABLE contacts_due (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    recording uuid NOT NULL
);
INSERT INTO contacts_due (recording) SELECT id FROM recordings WHERE score IS NOT NULL ORDER BY started_at, id;

ALTER TABLE findings ADD COLUMN across boolean NOT NULL DEFAULT false; -- found by looking at several recordings
ALTER TABLE recordings ADD COLUMN profile text NOT NULL DEFAULT '';    -- the principal's policy that judged it, name/version

CREATE FUNCTION contacts_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO contacts_due (recording) VALUES (NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER contacts_inspected AFTER UPDATE ON recordings FOR EACH ROW
    WHEN (NEW.score IS NOT NULL AND (OLD.inspections, OLD.kind, OLD.metadata, OLD.principal, OLD.case_id, OLD.agent_id, OLD.started_at)
        IS DISTINCT FROM (NEW.inspections, NEW.kind, NEW.metadata, NEW.principal, NEW.case_id, NEW.agent_id, NEW.started_at))
    EXECUTE FUNCTION contacts_follow();
CREATE FUNCTION contacts_follow_finding() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO contacts_due (recording) VALUES (CASE WHEN TG_OP = 'DELETE' THEN OLD.recording ELSE NEW.recording END);
    RETURN NULL;
END $$;
CREATE TRIGGER contacts_judged AFTER UPDATE ON findings FOR EACH ROW
    WHEN (NOT NEW.across AND OLD.verdict <> NEW.verdict) EXECUTE FUNCTION contacts_follow_finding();
CREATE TRIGGER contacts_added AFTER INSERT ON findings FOR EACH ROW WHEN (NEW.added) EXECUTE FUNCTION contacts_follow_finding();
CREATE TRIGGER contacts_taken_back AFTER DELETE ON findings FOR EACH ROW WHEN (OLD.added) EXECUTE FUNCTION contacts_follow_finding();
