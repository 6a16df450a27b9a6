-- The figures are also kept with fewer and fewer columns, so that a question reads as few rows as its answer needs:
-- two years of all teams by rule are some thousand rows, whatever number of agents there is.
CREATE TABLE figure_levels (
    level        smallint PRIMARY KEY,
    by_agent     boolean NOT NULL,
    by_team      boolean NOT NULL,
    by_principal boolean NOT NULL,
    by_kind      boolean NOT NULL
);
INSERT INTO figure_levels VALUES
    (0, true, true, true, true), (1, true, true, false, false), (2, false, true, true, false), (3, false, true, false, false),
    (4, false, false, true, false), (5, false, false, false, false);

DROP VIEW figures;
DROP TABLE figure_sums;
CREATE TABLE figure_sums (
    level smallint NOT NULL REFERENCES figure_levels,
    day date NOT NULL, kind text NOT NULL, agent_id text NOT NULL, team text NOT NULL, principal text NOT NULL, rule text NOT NULL, -- '' where the level has no such column
    received bigint NOT NULL, inspected bigint NOT NULL, failed bigint NOT NULL, flagged bigint NOT NULL, judged bigint NOT NULL,
    findings bigint NOT NULL, open bigint NOT NULL, confirmed bigint NOT NULL, overturned bigint NOT NULL,
    score bigint NOT NULL, fatal bigint NOT NULL, seconds bigint NOT NULL,
    PRIMARY KEY (level, rule, day, agent_id, team, principal, kind)
);
CREATE INDEX figure_sums_agent ON figure_sums (level, agent_id, day) WHERE level < 2;
CREATE INDEX figure_sums_principal ON figure_sums (principal, day) WHERE level = 0;

CREATE VIEW figures AS
    SELECT level, day, kind, agent_id, team, principal, rule, received, inspected, failed, flagged, judged, findings, open, confirmed,
        overturned, score, fatal, seconds FROM figure_sums
    UNION ALL
    SELECT l.level, d.day, CASE WHEN l.by_kind THEN d.kind ELSE '' END, CASE WHEN l.by_agent THEN d.agent_id ELSE '' END,
        CASE WHEN l.by_team THEN d.team ELSE '' END, CASE WHEN l.by_principal THEN d.principal ELSE '' END,
        d.rule, d.received, d.inspected, d.failed, d.flagged, d.judged, d.findings, d.open, d.confirmed, d.overturned, d.score, d.fatal, d.seconds
    FROM figure_deltas d CROSS JOIN figure_levels l;

CREATE OR REPLACE FUNCTION figures_fold() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended('speechqa.figures_fold', 0)) THEN
        RETURN;
    END IF;
    INSERT INTO figure_people SELECT DISTINCT agent_id, team, principal FROM figure_deltas ON CONFLICT DO NOTHING;
    WITH gone AS (DELETE FROM figure_deltas RETURNING *)
    INSERT INTO figure_sums AS s
        SELECT l.level, d.day, CASE WHEN l.by_kind THEN d.kind ELSE '' END AS kind, CASE WHEN l.by_agent THEN d.agent_id ELSE '' END AS agent_id,
            CASE WHEN l.by_team THEN d.team ELSE '' END AS team, CASE WHEN l.by_principal THEN d.principal ELSE '' END AS principal, d.rule,
            sum(d.received), sum(d.inspected), sum(d.failed), sum(d.flagged), sum(d.judged), sum(d.findings), sum(d.open), sum(d.confirmed),
            sum(d.overturned), sum(d.score), sum(d.fatal), sum(d.seconds)
        FROM gone d CROSS JOIN figure_levels l GROUP BY 1, 2, 3, 4, 5, 6, 7
    ON CONFLICT (level, rule, day, agent_id, team, principal, kind) DO UPDATE SET received = s.received + excluded.received,
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
        SELECT 0, f.day, f.kind, f.agent_id, f.team, f.principal, f.rule, sum(f.received), sum(f.inspected), sum(f.failed), sum(f.flagged), sum(f.judged),
            sum(f.findings), sum(f.open), sum(f.confirmed), sum(f.overturned), sum(f.score), sum(f.fatal), sum(f.seconds)
        FROM figure_parts p, unnest(p.parts) f
        GROUP BY f.day, f.kind, f.agent_id, f.team, f.principal, f.rule ORDER BY f.day, f.agent_id;
    INSERT INTO figure_sums
        SELECT l.level, s.day, CASE WHEN l.by_kind THEN s.kind ELSE '' END AS kind, CASE WHEN l.by_agent THEN s.agent_id ELSE '' END AS agent_id,
            CASE WHEN l.by_team THEN s.team ELSE '' END AS team, CASE WHEN l.by_principal THEN s.principal ELSE '' END AS principal, s.rule,
            sum(s.received), sum(s.inspected), sum(s.failed), sum(s.flagged), sum(s.judged), sum(s.findings), sum(s.open), sum(s.confirmed),
            sum(s.overturned), sum(s.score), sum(s.fatal), sum(s.seconds)
        FROM figure_sums s CROSS JOIN figure_levels l WHERE s.level = 0 AND l.level > 0 GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 1, 2;
    INSERT INTO figure_people SELECT DISTINCT agent_id, team, principal FROM figure_sums WHERE level = 0;
END $$;

SELECT figures_rebuild(zone) FROM figure_zone;
