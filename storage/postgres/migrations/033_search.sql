-- Search in what is said, walking back day by day: a page of what fits is found in the newest days, whatever number of
-- years there is, and the walk can stop anywhere and say how far it came.
--
-- The index holds for every transcript the day of the contact and all pairs of neighbouring characters, which needs
-- no knowledge of where a language's words end. A day's transcripts with all pairs of a word are the few whose text
-- is then looked at. The function is called for every transcript that is stored: it is made of functions written in
-- C, which take a tenth of the time of a query over the characters.
DROP INDEX transcripts_bigrams;
DROP INDEX recordings_key_bigrams; -- its 30 entries were written anew with every change of a recording
DROP FUNCTION bigrams(text);

-- contact_day_key is a day as the index holds it. No pair of characters looks like it.
CREATE FUNCTION contact_day_key(day date) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT 'day' || (day - date '2000-01-01')
$$;
-- character_pairs are those of a text, in lower case, some of them more than once.
CREATE FUNCTION character_pairs(said text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT string_to_array(regexp_replace(lower(said), '..', E'\\&\x01', 'g'), E'\x01')
        || string_to_array(regexp_replace(substr(lower(said), 2), '..', E'\\&\x01', 'g'), E'\x01')
$$;

ALTER TABLE transcripts ADD COLUMN contact_day date; -- in UTC
UPDATE transcripts t SET contact_day = (coalesce(r.started_at, r.created_at) AT TIME ZONE 'UTC')::date FROM recordings r WHERE r.id = t.recording;
ALTER TABLE transcripts ALTER COLUMN contact_day SET NOT NULL;

CREATE FUNCTION transcripts_contact_day() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT (coalesce(r.started_at, r.created_at) AT TIME ZONE 'UTC')::date INTO NEW.contact_day FROM recordings r WHERE r.id = NEW.recording;
    RETURN NEW;
END $$;
CREATE TRIGGER transcripts_contact_day BEFORE INSERT ON transcripts FOR EACH ROW EXECUTE FUNCTION transcripts_contact_day();

CREATE FUNCTION recordings_contact_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE transcripts SET contact_day = (coalesce(NEW.started_at, NEW.created_at) AT TIME ZONE 'UTC')::date WHERE recording = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER recordings_contact_moved AFTER UPDATE OF started_at, created_at ON recordings FOR EACH ROW
    WHEN (coalesce(OLD.started_at, OLD.created_at) <> coalesce(NEW.started_at, NEW.created_at)) EXECUTE FUNCTION recordings_contact_moved();

CREATE INDEX transcripts_search ON transcripts USING gin ((ARRAY[contact_day_key(contact_day)] || character_pairs(said)));

-- Files are found by the beginning of their name, without its folders.
CREATE INDEX recordings_name ON recordings ((lower(regexp_replace(key, '^.*/', '')) COLLATE "C"));

-- A span of days, worst first, is the worst of each of its days put together, however many recordings a day has.
CREATE INDEX recordings_day_worst ON recordings (((coalesce(started_at, created_at) AT TIME ZONE 'UTC')::date), (NOT fatal), (coalesce(score, 101)), created_at, id);
-- What is to be judged is a small part of an agent's recordings.
CREATE INDEX recordings_agent_to_judge ON recordings (agent_id, (NOT fatal), (coalesce(score, 101)), created_at, id) WHERE stage = 'to_judge';
-- A spot check draws from the visits of a span.
CREATE INDEX recordings_visits ON recordings (started_at, id) WHERE kind = 'visit';
