-- What the list asks of a recording stands in its row, so that the list walks an index instead of looking at
-- findings; the triggers below keep it true whoever changes findings.
ALTER TABLE recordings
    ADD COLUMN to_judge       integer NOT NULL DEFAULT 0,   -- live findings nobody has judged
    ADD COLUMN live           integer NOT NULL DEFAULT 0,   -- findings that count, or did until a person overturned them
    ADD COLUMN marks          text[] NOT NULL DEFAULT '{}', -- of findings that stand: rule:ID, severity:LEVEL; doubtful where one waits
    ADD COLUMN assignee       uuid REFERENCES users (id),
    ADD COLUMN assigned_until timestamptz;                  -- when a claim ends by itself; null: assigned by a lead, until taken back
ALTER TABLE recordings
    ADD COLUMN stage text NOT NULL GENERATED ALWAYS AS (CASE
        WHEN state = 'inspected' AND to_judge > 0 THEN 'to_judge'
        WHEN state = 'inspected' AND live > 0 THEN 'reviewed'
        WHEN state = 'inspected' THEN 'clean'
        WHEN state IN ('discovered', 'transcribed') THEN 'pending'
        ELSE state END) STORED;

-- What the columns say, from the findings: the one definition.
CREATE VIEW list_truth AS
    SELECT f.recording,
        count(*) FILTER (WHERE f.current AND NOT f.shadow AND f.verdict = 'open')::int AS to_judge,
        count(*) FILTER (WHERE NOT f.shadow AND (f.current OR f.verdict <> 'open'))::int AS live,
        coalesce(array_agg(DISTINCT 'rule:' || f.rule) FILTER (WHERE f.current AND f.verdict <> 'overturned' AND NOT f.shadow), '{}')
        || coalesce(array_agg(DISTINCT 'severity:' || f.severity) FILTER (WHERE f.current AND f.verdict <> 'overturned' AND NOT f.shadow), '{}')
        || CASE WHEN bool_or(f.current AND f.doubtful AND NOT f.shadow AND f.verdict = 'open') THEN ARRAY['doubtful'] ELSE '{}' END AS marks
    FROM findings f GROUP BY f.recording;

CREATE FUNCTION recordings_follow_findings() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE recordings r SET to_judge = n.to_judge, live = n.live, marks = n.marks
    FROM (SELECT c.recording, coalesce(t.to_judge, 0) AS to_judge, coalesce(t.live, 0) AS live, coalesce(t.marks, '{}') AS marks
        FROM (SELECT DISTINCT recording FROM changed) c
        LEFT JOIN LATERAL (SELECT * FROM list_truth t WHERE t.recording = c.recording) t ON true) n
    WHERE r.id = n.recording AND (r.to_judge, r.live, r.marks) IS DISTINCT FROM (n.to_judge, n.live, n.marks);
    RETURN NULL;
END $$;

-- list_rebuild makes the columns anew, after findings were loaded with triggers off.
CREATE FUNCTION list_rebuild() RETURNS void LANGUAGE sql AS $$
    UPDATE recordings r SET to_judge = t.to_judge, live = t.live, marks = t.marks FROM list_truth t
    WHERE r.id = t.recording AND (r.to_judge, r.live, r.marks) IS DISTINCT FROM (t.to_judge, t.live, t.marks)
$$;
CREATE TRIGGER findings_inserted AFTER INSERT ON findings REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION recordings_follow_findings();
CREATE TRIGGER findings_updated AFTER UPDATE ON findings REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION recordings_follow_findings();
CREATE TRIGGER findings_deleted AFTER DELETE ON findings REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION recordings_follow_findings();

-- The list's order, worst first; see worstFirst.
DROP INDEX recordings_list;
CREATE INDEX recordings_stage ON recordings (stage, (NOT fatal), (coalesce(score, 101)), created_at, id);
CREATE INDEX recordings_worst ON recordings ((NOT fatal), (coalesce(score, 101)), created_at, id);
CREATE INDEX recordings_agent_worst ON recordings (agent_id, (NOT fatal), (coalesce(score, 101)), created_at, id);
CREATE INDEX recordings_marks ON recordings USING gin (marks);
CREATE INDEX recordings_contact ON recordings ((coalesce(started_at, created_at)));
CREATE INDEX recordings_assignee ON recordings (assignee) WHERE assignee IS NOT NULL;
-- What the search looks for.
CREATE INDEX recordings_case ON recordings (case_id) WHERE case_id <> '';
CREATE INDEX recordings_phone ON recordings ((right(metadata ->> 'phone', 4))) WHERE metadata ->> 'phone' <> '';

-- Search in text of any language, above all one that does not put spaces between words: all pairs of neighbouring
-- characters. A text holds a phrase only if it holds all of the phrase's pairs.
CREATE FUNCTION bigrams(said text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(DISTINCT pair), '{}')
    FROM (SELECT c || lead(c) OVER (ORDER BY i) AS pair FROM unnest(string_to_array(lower(said), NULL)) WITH ORDINALITY AS x (c, i)) p
    WHERE pair IS NOT NULL
$$;
CREATE INDEX transcripts_bigrams ON transcripts USING gin (bigrams(said));
CREATE INDEX recordings_key_bigrams ON recordings USING gin (bigrams(key));

-- What the company does about a recording. The last row of a recording is in force; none is ever changed.
CREATE TABLE dispositions (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    recording uuid NOT NULL REFERENCES recordings (id),
    at        timestamptz NOT NULL DEFAULT now(),
    by        uuid REFERENCES users (id),
    kind      text NOT NULL CHECK (kind IN ('advice', 'rectify', 'penalty', 'retrain', 'none')), -- 建议, 责令整改, 处罚, 话术整改+再培训; none: taken back
    note      text NOT NULL DEFAULT '',
    due       date,
    told      text NOT NULL DEFAULT '' -- who was told
);
CREATE INDEX dispositions_recording ON dispositions (recording, id);
CREATE INDEX dispositions_at ON dispositions (at);

-- Who speaks, corrected by a person: speakers by utterance index, all corrections so far together. before is how the
-- recording stood until then: {score, fatal, roles, findings}.
CREATE TABLE speaker_corrections (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    recording       uuid NOT NULL REFERENCES recordings (id),
    at              timestamptz NOT NULL DEFAULT now(),
    by              uuid REFERENCES users (id),
    transcript_hash text NOT NULL, -- of the transcript whose utterances are meant
    roles           jsonb NOT NULL,
    note            text NOT NULL DEFAULT '',
    before          jsonb NOT NULL
);
CREATE INDEX speaker_corrections_recording ON speaker_corrections (recording, id);

-- roles_in_force are the corrections of a recording's transcript; as_corrected is the transcript with them: whoever
-- inspects, tries rules or shows a talk reads it through this. What a person said about a speaker counts as certain.
CREATE FUNCTION roles_in_force(what uuid, hash text) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT c.roles FROM speaker_corrections c WHERE c.recording = what AND c.transcript_hash = hash ORDER BY c.id DESC LIMIT 1), '{}')
$$;
CREATE FUNCTION as_corrected(what uuid, hash text, transcript jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN roles = '{}' THEN transcript ELSE jsonb_set(transcript, '{utterances}', (
        SELECT jsonb_agg(CASE WHEN roles ? (i - 1)::text THEN (u - 'speaker_confidence') || jsonb_build_object('speaker', roles -> (i - 1)::text) ELSE u END ORDER BY i)
        FROM jsonb_array_elements(transcript -> 'utterances') WITH ORDINALITY AS x (u, i))) END
    FROM (SELECT roles_in_force(what, hash) AS roles) r
$$;

CREATE TRIGGER dispositions_history BEFORE UPDATE OR DELETE ON dispositions FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER dispositions_history_all BEFORE TRUNCATE ON dispositions FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER speaker_corrections_history BEFORE UPDATE OR DELETE ON speaker_corrections FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER speaker_corrections_history_all BEFORE TRUNCATE ON speaker_corrections FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A clerk's day: how many recordings are expected of him, and what he has done.
ALTER TABLE users ADD COLUMN daily_quota integer NOT NULL DEFAULT 120 CHECK (daily_quota BETWEEN 0 AND 10000);
CREATE INDEX review_events_by ON review_events (by, at);

CREATE TABLE saved_filters (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id),
    name    text NOT NULL,
    query   text NOT NULL, -- of the list's address
    UNIQUE (user_id, name)
);

SELECT list_rebuild();
