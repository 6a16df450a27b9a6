-- An agent's appeal against a confirmed finding. The first decision is copied from the finding; the second is somebody
-- else's. Both stay.
CREATE TABLE appeals (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    recording    uuid NOT NULL REFERENCES recordings (id),
    finding      text NOT NULL,
    reason       text NOT NULL CHECK (reason <> ''),
    by           uuid NOT NULL REFERENCES users (id),
    at           timestamptz NOT NULL DEFAULT now(),
    first_by     uuid NOT NULL REFERENCES users (id),
    first_at     timestamptz NOT NULL,
    first_note   text NOT NULL DEFAULT '',
    score_before integer NOT NULL,
    decided_by   uuid REFERENCES users (id),
    decided_at   timestamptz,
    outcome      text CHECK (outcome IN ('granted', 'rejected')),
    note         text NOT NULL DEFAULT '',
    score_after  integer,
    UNIQUE (recording, finding), -- heard once
    FOREIGN KEY (recording, finding) REFERENCES findings (recording, key),
    CONSTRAINT second_reviewer CHECK (decided_by <> first_by AND decided_by <> by),
    CONSTRAINT whole_decision CHECK (num_nulls(decided_by, decided_at, outcome, score_after) IN (0, 4)),
    CONSTRAINT reasoned_decision CHECK (decided_by IS NULL OR note <> '')
);
CREATE INDEX appeals_open ON appeals (at, id) WHERE decided_by IS NULL;
CREATE INDEX appeals_decided ON appeals (decided_at DESC, id DESC) WHERE decided_by IS NOT NULL;
CREATE INDEX appeals_by ON appeals (by, at DESC);
CREATE INDEX findings_judged ON findings (judged_at) WHERE verdict = 'confirmed';

-- Whoever had a say about the finding before the appeal does not decide it; an appeal is decided once and nothing else
-- of it ever changes.
CREATE FUNCTION appeals_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'appeals are history: they stay' USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.decided_by IS NOT NULL OR NEW.decided_by IS NULL
        OR to_jsonb(OLD) - ARRAY['decided_by', 'decided_at', 'outcome', 'note', 'score_after']
            <> to_jsonb(NEW) - ARRAY['decided_by', 'decided_at', 'outcome', 'note', 'score_after'] THEN
        RAISE EXCEPTION 'an appeal is decided once, and nothing else of it changes' USING ERRCODE = 'restrict_violation';
    END IF;
    IF EXISTS (SELECT FROM review_events e WHERE e.recording = NEW.recording AND e.finding = NEW.finding AND e.by = NEW.decided_by) THEN
        RAISE EXCEPTION 'who judged the finding does not decide the appeal against it'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'second_reviewer';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER appeals_guard BEFORE UPDATE OR DELETE ON appeals FOR EACH ROW EXECUTE FUNCTION appeals_guard();
CREATE TRIGGER appeals_history_all BEFORE TRUNCATE ON appeals FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- While an appeal waits, and after it, only its decision changes the finding's verdict.
CREATE FUNCTION findings_under_appeal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM appeals a WHERE a.recording = NEW.recording AND a.finding = NEW.key
        AND NOT (a.decided_by IS NOT NULL AND a.decided_by = NEW.judged_by
            AND NEW.verdict = CASE a.outcome WHEN 'granted' THEN 'overturned' ELSE 'confirmed' END)) THEN
        RAISE EXCEPTION 'the finding is under appeal' USING ERRCODE = 'restrict_violation', CONSTRAINT = 'finding_under_appeal';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER findings_under_appeal BEFORE UPDATE OF verdict ON findings FOR EACH ROW
    WHEN (OLD.verdict IS DISTINCT FROM NEW.verdict OR OLD.judged_by IS DISTINCT FROM NEW.judged_by) EXECUTE FUNCTION findings_under_appeal();
