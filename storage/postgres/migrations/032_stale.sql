-- What other rules inspected stays inspected, with the findings it has, until the new rules have judged it: people go on
-- working with it meanwhile. That it waits, and by which rules it was judged with the same outcome as before, is kept in
-- narrow tables here, so that judging a million recordings again writes wide rows, with all their indexes, only where
-- something comes out otherwise.
CREATE TABLE stale (
    recording  uuid PRIMARY KEY,
    created_at timestamptz NOT NULL, -- the recording's: the newest come first
    rescan     bigint NOT NULL       -- rescans.id: who marked it last
);
CREATE INDEX stale_turn ON stale (created_at DESC, recording);

-- Batches of stale recordings in the hands of a worker, and later what became of them. One that was not ended within
-- the lease died with its worker.
CREATE TABLE rescan_batches (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    worker         text NOT NULL,
    began_at       timestamptz NOT NULL DEFAULT now(),
    recordings     uuid[] NOT NULL,           -- in the worker's hands; none once it has ended
    ended_at       timestamptz,
    ruleset_hash   text NOT NULL DEFAULT '',  -- by which rules they were judged
    engine_version text NOT NULL DEFAULT '',
    judged         integer NOT NULL DEFAULT 0,
    same           integer NOT NULL DEFAULT 0 -- of these, with the outcome they had
);
CREATE INDEX rescan_batches_running ON rescan_batches (began_at) WHERE ended_at IS NULL;
CREATE INDEX rescan_batches_ended ON rescan_batches (ended_at) WHERE ended_at IS NOT NULL;

-- Recordings that came out as they were: their own rows still name the rules before.
CREATE TABLE judged_same (
    recording uuid PRIMARY KEY,
    batch     bigint NOT NULL, -- rescan_batches.id, the last one
    times     integer NOT NULL -- since the inspection in the recording's row
) WITH (fillfactor = 60);

-- by_rules is by which rules, and how often, recordings were inspected.
CREATE VIEW by_rules AS
    SELECT r.id AS recording, coalesce(b.ruleset_hash, r.ruleset_hash) AS ruleset_hash, coalesce(b.engine_version, r.engine_version) AS engine_version,
        r.inspections + coalesce(s.times, 0) AS inspections
    FROM recordings r LEFT JOIN judged_same s ON s.recording = r.id LEFT JOIN rescan_batches b ON b.id = s.batch;

CREATE OR REPLACE FUNCTION review_event_ruleset() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.finding <> '' AND NEW.action IN ('confirmed', 'overturned', 'reopened') THEN
        SELECT r.ruleset_hash, coalesce(f.finding ->> 'term', '') INTO NEW.ruleset, NEW.term
            FROM by_rules r JOIN findings f ON f.recording = r.recording AND f.key = NEW.finding
            WHERE r.recording = NEW.recording AND f.current AND NOT f.shadow;
        NEW.ruleset := coalesce(NEW.ruleset, '');
        NEW.term := coalesce(NEW.term, '');
    END IF;
    RETURN NEW;
END $$;

-- What follows from changes of many recordings in one transaction is worked out at its end for all of them at once, by
-- recordings_changed or, where they are new, figures_follow_many. Such a transaction sets speechqa.many to 'on', and the
-- triggers of single rows leave it to it.
CREATE FUNCTION one_by_one() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT current_setting('speechqa.many', true) IS DISTINCT FROM 'on'
$$;

DROP TRIGGER figures_new ON recordings;
CREATE CONSTRAINT TRIGGER figures_new AFTER INSERT OR DELETE ON recordings DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (one_by_one()) EXECUTE FUNCTION figures_follow_recording();
DROP TRIGGER figures_changed ON recordings;
CREATE CONSTRAINT TRIGGER figures_changed AFTER UPDATE ON recordings DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN ((OLD.kind, OLD.agent_id, OLD.team, OLD.principal, OLD.started_at, OLD.created_at, OLD.score, OLD.fatal, OLD.duration,
            OLD.state = 'duplicate', OLD.state = 'failed')
        IS DISTINCT FROM (NEW.kind, NEW.agent_id, NEW.team, NEW.principal, NEW.started_at, NEW.created_at, NEW.score, NEW.fatal, NEW.duration,
            NEW.state = 'duplicate', NEW.state = 'failed') AND one_by_one())
    EXECUTE FUNCTION figures_follow_recording();
DROP TRIGGER figures_found ON findings;
CREATE CONSTRAINT TRIGGER figures_found AFTER INSERT OR DELETE ON findings DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (one_by_one()) EXECUTE FUNCTION figures_follow_finding();
DROP TRIGGER figures_judged ON findings;
CREATE CONSTRAINT TRIGGER figures_judged AFTER UPDATE ON findings DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN ((OLD.recording, OLD.rule, OLD.shadow, OLD.current, OLD.verdict, OLD.doubtful)
        IS DISTINCT FROM (NEW.recording, NEW.rule, NEW.shadow, NEW.current, NEW.verdict, NEW.doubtful) AND one_by_one())
    EXECUTE FUNCTION figures_follow_finding();

DROP TRIGGER contacts_inspected ON recordings;
CREATE TRIGGER contacts_inspected AFTER UPDATE ON recordings FOR EACH ROW
    WHEN (NEW.score IS NOT NULL AND (OLD.inspections, OLD.kind, OLD.metadata, OLD.principal, OLD.case_id, OLD.agent_id, OLD.started_at)
        IS DISTINCT FROM (NEW.inspections, NEW.kind, NEW.metadata, NEW.principal, NEW.case_id, NEW.agent_id, NEW.started_at) AND one_by_one())
    EXECUTE FUNCTION contacts_follow();

CREATE FUNCTION list_follow(changed uuid[]) RETURNS void LANGUAGE sql AS $$
    UPDATE recordings r SET to_judge = n.to_judge, live = n.live, marks = n.marks
    FROM (SELECT c.recording, coalesce(t.to_judge, 0) AS to_judge, coalesce(t.live, 0) AS live, coalesce(t.marks, '{}') AS marks
        FROM (SELECT DISTINCT recording FROM unnest(changed) AS c (recording)) c
        LEFT JOIN LATERAL (SELECT * FROM list_truth t WHERE t.recording = c.recording) t ON true) n
    WHERE r.id = n.recording AND (r.to_judge, r.live, r.marks) IS DISTINCT FROM (n.to_judge, n.live, n.marks)
$$;
CREATE OR REPLACE FUNCTION recordings_follow_findings() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF one_by_one() THEN
        PERFORM list_follow(array_agg(recording)) FROM changed;
    END IF;
    RETURN NULL;
END $$;

-- figures_follow_many is figures_follow for recordings whose rows the transaction holds.
CREATE FUNCTION figures_follow_many(changed uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    turn boolean;
BEGIN
    WITH truth AS MATERIALIZED (
        SELECT t.recording, array_agg((t.day, t.kind, t.agent_id, t.team, t.principal, t.rule, t.received, t.inspected, t.failed, t.flagged, t.judged, t.findings,
                t.open, t.confirmed, t.overturned, t.score, t.fatal, t.seconds)::figure ORDER BY t.rule) AS parts
            FROM figure_truth t WHERE t.recording = ANY(changed) GROUP BY t.recording),
    differ AS MATERIALIZED (
        SELECT c.recording, t.parts AS fresh, p.parts AS before
            FROM (SELECT DISTINCT recording FROM unnest(changed) AS c (recording)) c
                LEFT JOIN truth t ON t.recording = c.recording LEFT JOIN figure_parts p ON p.recording = c.recording
            WHERE t.parts IS DISTINCT FROM p.parts),
    gone AS (DELETE FROM figure_parts p USING differ d WHERE p.recording = d.recording AND d.fresh IS NULL),
    kept AS (
        INSERT INTO figure_parts (recording, parts) SELECT recording, fresh FROM differ WHERE fresh IS NOT NULL
        ON CONFLICT (recording) DO UPDATE SET parts = excluded.parts),
    added AS (
        INSERT INTO figure_deltas (day, kind, agent_id, team, principal, rule, received, inspected, failed, flagged, judged, findings, open,
                confirmed, overturned, score, fatal, seconds)
            SELECT day, kind, agent_id, team, principal, rule, sum(n * received), sum(n * inspected), sum(n * failed), sum(n * flagged),
                sum(n * judged), sum(n * findings), sum(n * open), sum(n * confirmed), sum(n * overturned), sum(n * score),
                sum(n * fatal), sum(n * seconds)
            FROM (SELECT 1 AS n, f.* FROM differ, unnest(fresh) f UNION ALL SELECT -1, f.* FROM differ, unnest(before) f) parts
            GROUP BY day, kind, agent_id, team, principal, rule
        RETURNING id)
    SELECT bool_or(id % 256 = 0) INTO turn FROM added;
    IF turn THEN
        PERFORM figures_fold();
    END IF;
END $$;

-- recordings_changed works out what follows from new findings or scores of many recordings, whose rows the transaction holds.
CREATE FUNCTION recordings_changed(changed uuid[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM list_follow(changed);
    INSERT INTO contacts_due (recording) SELECT DISTINCT recording FROM unnest(changed) AS c (recording);
    PERFORM figures_follow_many(changed);
END $$;

-- By which rules about several recordings, and which words about who listens, the contacts were judged last.
CREATE TABLE contact_rules (
    one  boolean PRIMARY KEY DEFAULT true CHECK (one),
    mark text NOT NULL
);
