-- Figures: what trends, reports and coverage read, so that no page counts recordings. They are kept by every
-- transaction that changes a recording or a finding, whoever wrote it, at its commit:
--
--   figure_truth   what each recording counts for, from its rows: the one definition
--   figure_parts   what each recording has been counted for
--   figure_deltas  differences of the two, one after the other: nobody waits for anybody
--   figure_sums    deltas folded together
--   figures        sums and deltas: what is read
--
-- A part is one recording (rule '') or one rule in one recording.

-- Days are those of one zone; another one needs figures_rebuild.
CREATE TABLE figure_zone (
    one  boolean PRIMARY KEY DEFAULT true CHECK (one),
    zone text NOT NULL
);
INSERT INTO figure_zone (zone) VALUES ('Asia/Shanghai');

CREATE TYPE figure AS (
    day        date,
    kind       text,
    agent_id   text,
    team       text,
    principal  text,
    rule       text,
    received      integer, -- recordings that came in, copies of the same audio not
    inspected  integer, -- of these, or of those with the rule
    failed     integer, -- given up and never inspected
    flagged    integer, -- inspected, with a finding that stands: confirmed, or certain and not yet judged
    judged     integer, -- inspected, with findings, none of which waits for a person
    findings   integer, -- that stand
    open       integer, -- findings that wait for a person
    confirmed  integer,
    overturned integer,
    score      integer, -- sum
    fatal      integer, -- recordings
    seconds    integer  -- of audio inspected
);

CREATE TABLE figure_parts (
    recording uuid PRIMARY KEY,
    parts     figure[] NOT NULL -- by rule
);

CREATE TABLE figure_deltas (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    day date NOT NULL, kind text NOT NULL, agent_id text NOT NULL, team text NOT NULL, principal text NOT NULL, rule text NOT NULL,
    received bigint NOT NULL, inspected bigint NOT NULL, failed bigint NOT NULL, flagged bigint NOT NULL, judged bigint NOT NULL,
    findings bigint NOT NULL, open bigint NOT NULL, confirmed bigint NOT NULL, overturned bigint NOT NULL,
    score bigint NOT NULL, fatal bigint NOT NULL, seconds bigint NOT NULL
);

CREATE TABLE figure_sums (
    day date NOT NULL, kind text NOT NULL, agent_id text NOT NULL, team text NOT NULL, principal text NOT NULL, rule text NOT NULL,
    received bigint NOT NULL, inspected bigint NOT NULL, failed bigint NOT NULL, flagged bigint NOT NULL, judged bigint NOT NULL,
    findings bigint NOT NULL, open bigint NOT NULL, confirmed bigint NOT NULL, overturned bigint NOT NULL,
    score bigint NOT NULL, fatal bigint NOT NULL, seconds bigint NOT NULL,
    PRIMARY KEY (rule, day, agent_id, team, principal, kind)
);
CREATE INDEX figure_sums_agent ON figure_sums (agent_id, day);
CREATE INDEX figure_sums_team ON figure_sums (team);
CREATE INDEX figure_sums_principal ON figure_sums (principal, day);

CREATE VIEW figures AS
    SELECT day, kind, agent_id, team, principal, rule, received, inspected, failed, flagged, judged, findings, open, confirmed,
        overturned, score, fatal, seconds FROM figure_sums
    UNION ALL
    SELECT day, kind, agent_id, team, principal, rule, received, inspected, failed, flagged, judged, findings, open, confirmed,
        overturned, score, fatal, seconds FROM figure_deltas;

-- A recording counts as inspected from its first inspection on, also while it waits for another: a rescan must not
-- empty the reports.
CREATE VIEW figure_truth AS
    SELECT r.id AS recording, (coalesce(r.started_at, r.created_at) AT TIME ZONE (SELECT zone FROM figure_zone))::date AS day,
        r.kind, r.agent_id, r.team, r.principal, '' AS rule,
        1 AS received, (r.score IS NOT NULL)::int AS inspected, (r.state = 'failed' AND r.score IS NULL)::int AS failed,
        (r.score IS NOT NULL AND f.findings > 0)::int AS flagged,
        (r.score IS NOT NULL AND f.live > 0 AND f.open = 0)::int AS judged,
        CASE WHEN r.score IS NULL THEN 0 ELSE f.findings END AS findings, CASE WHEN r.score IS NULL THEN 0 ELSE f.open END AS open,
        CASE WHEN r.score IS NULL THEN 0 ELSE f.confirmed END AS confirmed, CASE WHEN r.score IS NULL THEN 0 ELSE f.overturned END AS overturned,
        coalesce(r.score, 0) AS score, (r.score IS NOT NULL AND r.fatal)::int AS fatal,
        CASE WHEN r.score IS NULL THEN 0 ELSE least(round(r.duration), 1000000)::int END AS seconds
    FROM recordings r, LATERAL (
        SELECT count(*)::int AS live,
            count(*) FILTER (WHERE f.verdict = 'confirmed' OR f.verdict = 'open' AND f.current AND NOT f.doubtful)::int AS findings,
            count(*) FILTER (WHERE f.verdict = 'open' AND f.current)::int AS open,
            count(*) FILTER (WHERE f.verdict = 'confirmed')::int AS confirmed,
            count(*) FILTER (WHERE f.verdict = 'overturned')::int AS overturned
        FROM findings f WHERE f.recording = r.id AND NOT f.shadow AND (f.current OR f.verdict <> 'open')) f
    WHERE r.state <> 'duplicate'
    UNION ALL
    SELECT r.id, (coalesce(r.started_at, r.created_at) AT TIME ZONE (SELECT zone FROM figure_zone))::date,
        r.kind, r.agent_id, r.team, r.principal, f.rule,
        0, 1, 0, bool_or(f.verdict = 'confirmed' OR f.verdict = 'open' AND f.current AND NOT f.doubtful)::int, (count(*) FILTER (WHERE f.verdict = 'open' AND f.current) = 0)::int,
        count(*) FILTER (WHERE f.verdict = 'confirmed' OR f.verdict = 'open' AND f.current AND NOT f.doubtful)::int,
        count(*) FILTER (WHERE f.verdict = 'open' AND f.current)::int, count(*) FILTER (WHERE f.verdict = 'confirmed')::int,
        count(*) FILTER (WHERE f.verdict = 'overturned')::int, 0, 0, 0
    FROM recordings r JOIN findings f ON f.recording = r.id AND NOT f.shadow AND (f.current OR f.verdict <> 'open')
    WHERE r.state <> 'duplicate' AND r.score IS NOT NULL
    GROUP BY r.id, f.rule;

-- figures_fold puts the deltas into the sums. One transaction at a time does it; the others leave it be.
CREATE FUNCTION figures_fold() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended('speechqa.figures_fold', 0)) THEN
        RETURN;
    END IF;
    WITH gone AS (DELETE FROM figure_deltas RETURNING *)
    INSERT INTO figure_sums AS s SELECT day, kind, agent_id, team, principal, rule, sum(received), sum(inspected), sum(failed), sum(flagged),
            sum(judged), sum(findings), sum(open), sum(confirmed), sum(overturned), sum(score), sum(fatal), sum(seconds)
        FROM gone GROUP BY day, kind, agent_id, team, principal, rule ORDER BY day, agent_id
    ON CONFLICT (rule, day, agent_id, team, principal, kind) DO UPDATE SET received = s.received + excluded.received,
        inspected = s.inspected + excluded.inspected, failed = s.failed + excluded.failed, flagged = s.flagged + excluded.flagged,
        judged = s.judged + excluded.judged, findings = s.findings + excluded.findings, open = s.open + excluded.open,
        confirmed = s.confirmed + excluded.confirmed, overturned = s.overturned + excluded.overturned,
        score = s.score + excluded.score, fatal = s.fatal + excluded.fatal, seconds = s.seconds + excluded.seconds;
END $$;

-- figures_follow counts a recording for what its rows now say. Two transactions that change one recording come one
-- after the other by its row's lock, which those that change more than a finding hold already.
CREATE FUNCTION figures_follow(what uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    fresh figure[];
    before figure[];
    turn boolean; -- to fold: one in 256
BEGIN
    PERFORM FROM recordings WHERE id = what FOR NO KEY UPDATE;
    SELECT array_agg((day, kind, agent_id, team, principal, rule, received, inspected, failed, flagged, judged, findings, open, confirmed,
            overturned, score, fatal, seconds)::figure ORDER BY rule)
        INTO fresh FROM figure_truth WHERE recording = what;
    SELECT parts INTO before FROM figure_parts WHERE recording = what;
    IF fresh IS NOT DISTINCT FROM before THEN
        RETURN;
    END IF;
    WITH added AS (
        INSERT INTO figure_deltas (day, kind, agent_id, team, principal, rule, received, inspected, failed, flagged, judged, findings, open,
                confirmed, overturned, score, fatal, seconds)
            SELECT day, kind, agent_id, team, principal, rule, sum(n * received), sum(n * inspected), sum(n * failed), sum(n * flagged),
                sum(n * judged), sum(n * findings), sum(n * open), sum(n * confirmed), sum(n * overturned), sum(n * score),
                sum(n * fatal), sum(n * seconds)
            FROM (SELECT 1 AS n, * FROM unnest(fresh) UNION ALL SELECT -1, * FROM unnest(before)) parts
            GROUP BY day, kind, agent_id, team, principal, rule
        RETURNING id)
    SELECT bool_or(id % 256 = 0) INTO turn FROM added;
    IF fresh IS NULL THEN
        DELETE FROM figure_parts WHERE recording = what;
    ELSE
        INSERT INTO figure_parts (recording, parts) VALUES (what, fresh) ON CONFLICT (recording) DO UPDATE SET parts = excluded.parts;
    END IF;
    IF turn THEN
        PERFORM figures_fold();
    END IF;
END $$;

-- The many events of one recording in one transaction are counted once: the triggers run at commit, when the first of
-- a row of them sees all that happened.
CREATE FUNCTION figures_follow_once(what uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('speechqa.counted', true) IS DISTINCT FROM what::text THEN
        PERFORM figures_follow(what);
        PERFORM set_config('speechqa.counted', what::text, true);
    END IF;
END $$;

CREATE FUNCTION figures_follow_recording() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM figures_follow_once(CASE WHEN TG_OP = 'DELETE' THEN OLD.id ELSE NEW.id END);
    RETURN NULL;
END $$;

CREATE FUNCTION figures_follow_finding() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM figures_follow_once(CASE WHEN TG_OP = 'DELETE' THEN OLD.recording ELSE NEW.recording END);
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER figures_new AFTER INSERT OR DELETE ON recordings DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION figures_follow_recording();
CREATE CONSTRAINT TRIGGER figures_changed AFTER UPDATE ON recordings DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN ((OLD.kind, OLD.agent_id, OLD.team, OLD.principal, OLD.started_at, OLD.created_at, OLD.score, OLD.fatal, OLD.duration,
            OLD.state = 'duplicate', OLD.state = 'failed')
        IS DISTINCT FROM (NEW.kind, NEW.agent_id, NEW.team, NEW.principal, NEW.started_at, NEW.created_at, NEW.score, NEW.fatal, NEW.duration,
            NEW.state = 'duplicate', NEW.state = 'failed'))
    EXECUTE FUNCTION figures_follow_recording();
CREATE CONSTRAINT TRIGGER figures_found AFTER INSERT OR DELETE ON findings DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION figures_follow_finding();
CREATE CONSTRAINT TRIGGER figures_judged AFTER UPDATE ON findings DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN ((OLD.recording, OLD.rule, OLD.shadow, OLD.current, OLD.verdict, OLD.doubtful)
        IS DISTINCT FROM (NEW.recording, NEW.rule, NEW.shadow, NEW.current, NEW.verdict, NEW.doubtful))
    EXECUTE FUNCTION figures_follow_finding();

-- figures_rebuild counts everything anew, by days of a zone. Who writes waits meanwhile; who reads does not.
CREATE FUNCTION figures_rebuild(new_zone text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE recordings, findings IN SHARE MODE;
    PERFORM pg_advisory_xact_lock(hashtextextended('speechqa.figures_fold', 0));
    UPDATE figure_zone SET zone = new_zone;
    TRUNCATE figure_parts;
    DELETE FROM figure_deltas;
    DELETE FROM figure_sums;
    INSERT INTO figure_parts
        SELECT recording, array_agg((day, kind, agent_id, team, principal, rule, received, inspected, failed, flagged, judged, findings, open,
            confirmed, overturned, score, fatal, seconds)::figure ORDER BY rule)
        FROM figure_truth GROUP BY recording;
    INSERT INTO figure_sums
        SELECT f.day, f.kind, f.agent_id, f.team, f.principal, f.rule, sum(f.received), sum(f.inspected), sum(f.failed), sum(f.flagged), sum(f.judged),
            sum(f.findings), sum(f.open), sum(f.confirmed), sum(f.overturned), sum(f.score), sum(f.fatal), sum(f.seconds)
        FROM figure_parts p, unnest(p.parts) f
        GROUP BY f.day, f.kind, f.agent_id, f.team, f.principal, f.rule ORDER BY f.day, f.agent_id;
END $$;

SELECT figures_rebuild(zone) FROM figure_zone;
