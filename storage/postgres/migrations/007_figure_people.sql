-- Who is in the figures: what filters offer, without looking through the figures. Kept where deltas are folded, which
-- one transaction at a time does; readers add what waits in the deltas.
CREATE TABLE figure_people (
    agent_id text NOT NULL, team text NOT NULL, principal text NOT NULL,
    PRIMARY KEY (agent_id, team, principal)
);
INSERT INTO figure_people SELECT DISTINCT agent_id, team, principal FROM figure_sums;

CREATE OR REPLACE FUNCTION figures_fold() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended('speechqa.figures_fold', 0)) THEN
        RETURN;
    END IF;
    INSERT INTO figure_people SELECT DISTINCT agent_id, team, principal FROM figure_deltas ON CONFLICT DO NOTHING;
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

CREATE OR REPLACE FUNCTION figures_rebuild(new_zone text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE recordings, findings IN SHARE MODE;
    PERFORM pg_advisory_xact_lock(hashtextextended('speechqa.figures_fold', 0));
    UPDATE figure_zone SET zone = new_zone;
    TRUNCATE figure_parts;
    DELETE FROM figure_deltas;
    DELETE FROM figure_sums;
    DELETE FROM figure_people;
    INSERT INTO figure_parts
        SELECT recording, array_agg((day, kind, agent_id, team, principal, rule, received, inspected, failed, flagged, judged, findings, open,
            confirmed, overturned, score, fatal, seconds)::figure ORDER BY rule)
        FROM figure_truth GROUP BY recording;
    INSERT INTO figure_sums
        SELECT f.day, f.kind, f.agent_id, f.team, f.principal, f.rule, sum(f.received), sum(f.inspected), sum(f.failed), sum(f.flagged), sum(f.judged),
            sum(f.findings), sum(f.open), sum(f.confirmed), sum(f.overturned), sum(f.score), sum(f.fatal), sum(f.seconds)
        FROM figure_parts p, unnest(p.parts) f
        GROUP BY f.day, f.kind, f.agent_id, f.team, f.principal, f.rule ORDER BY f.day, f.agent_id;
    INSERT INTO figure_people SELECT DISTINCT agent_id, team, principal FROM figure_sums;
END $$;

-- Examples of a team or a principal, newest first, and the decisions of a span of time.
CREATE INDEX recordings_team ON recordings (team, started_at);
CREATE INDEX recordings_principal ON recordings (principal, started_at);
CREATE INDEX review_events_at ON review_events (at);
