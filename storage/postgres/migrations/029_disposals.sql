-- Disposals: what is past its date is destroyed once one person has proposed it and another has approved it, item by
-- item, each with a tombstone that is there before anything is gone. The conditions are asked here, too, whoever writes.
ALTER TABLE recordings DROP CONSTRAINT recordings_state_check;
ALTER TABLE recordings ADD CONSTRAINT recordings_state_check
    CHECK (state IN ('discovered', 'transcribed', 'inspected', 'failed', 'duplicate', 'disposed'));
ALTER TABLE custody ADD COLUMN disposed_at timestamptz; -- it has a tombstone in force

CREATE TABLE disposals (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    why           text NOT NULL CHECK (why <> ''),
    holds_until   timestamptz NOT NULL, -- after that it is not approved, and nothing more of it is begun
    state         text NOT NULL DEFAULT 'proposed' CHECK (state IN ('proposed', 'approved', 'refused', 'withdrawn', 'lapsed', 'done')),
    proposed_by   uuid NOT NULL REFERENCES users (id),
    proposed_role text NOT NULL,
    proposed_at   timestamptz NOT NULL DEFAULT now(),
    decided_by    uuid REFERENCES users (id),
    decided_role  text NOT NULL DEFAULT '',
    decided_at    timestamptz,
    note          text NOT NULL DEFAULT '', -- of who decided
    ended_at      timestamptz,
    record        text NOT NULL DEFAULT '', -- JSON, byte for byte as signed
    signature     text NOT NULL DEFAULT '',
    CONSTRAINT second_person_approves CHECK (state NOT IN ('approved', 'done') OR decided_by IS NOT NULL AND decided_at IS NOT NULL AND decided_by <> proposed_by),
    CONSTRAINT ended_with_record CHECK (state <> 'done' OR ended_at IS NOT NULL AND record <> '' AND signature <> '')
);
CREATE INDEX disposals_newest ON disposals (proposed_at DESC);

CREATE TABLE disposal_items (
    disposal  uuid NOT NULL REFERENCES disposals (id),
    recording uuid NOT NULL REFERENCES recordings (id),
    state     text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'tombstoned', 'object_gone', 'copy_gone', 'done', 'stays')),
    reasons   text[] NOT NULL DEFAULT '{}', -- why it stays, or what stands in the way of the next step
    problem   text NOT NULL DEFAULT '',     -- what the last try came to; it is tried again
    PRIMARY KEY (disposal, recording),
    CONSTRAINT stays_for_a_reason CHECK (state <> 'stays' OR reasons <> '{}')
);
CREATE UNIQUE INDEX disposal_items_once ON disposal_items (recording) WHERE state <> 'stays';
CREATE INDEX disposal_items_open ON disposal_items (disposal, recording) WHERE state NOT IN ('stays', 'done');

-- What is left of what was destroyed; for ever.
CREATE TABLE tombstones (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    recording        uuid NOT NULL REFERENCES recordings (id),
    disposal         uuid NOT NULL REFERENCES disposals (id),
    at               timestamptz NOT NULL DEFAULT now(),
    bucket           text NOT NULL,
    key_sha256       text NOT NULL, -- keys may hold telephone numbers
    version          text NOT NULL,
    size             bigint NOT NULL,
    sha256           text NOT NULL CHECK (sha256 <> ''),
    transcript_hash  text NOT NULL,
    recorded_at      timestamptz NOT NULL,
    retain_until     timestamptz NOT NULL,
    copy_at          text NOT NULL CHECK (copy_at <> ''), -- where the second copy was
    copy_sha256      text NOT NULL,
    copy_verified_at timestamptz NOT NULL,
    object_gone_at   timestamptz,
    copy_gone_at     timestamptz,
    erased_at        timestamptz, -- what was said and written about it
    voided_at        timestamptz, -- nothing was destroyed after all
    void_reason      text NOT NULL DEFAULT '',
    CONSTRAINT one_after_the_other CHECK ((copy_gone_at IS NULL OR object_gone_at IS NOT NULL) AND (erased_at IS NULL OR copy_gone_at IS NOT NULL)),
    CONSTRAINT copy_was_the_recording CHECK (copy_sha256 = sha256),
    CONSTRAINT void_while_all_is_there CHECK (voided_at IS NULL OR object_gone_at IS NULL AND void_reason <> '')
);
CREATE UNIQUE INDEX tombstones_recording ON tombstones (recording) WHERE voided_at IS NULL;
CREATE INDEX tombstones_disposal ON tombstones (disposal);

-- Is there a second copy that was the recording when it was last read?
CREATE FUNCTION copy_verified(what uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM copies p JOIN custody c ON c.recording = p.recording
        WHERE p.recording = what AND p.due_at IS NULL AND p.verified_at IS NOT NULL AND p.sha256 = c.sha256)
$$;

-- disposal_objections says what stands against destroying a recording; the codes have words in the console. What has
-- a date to come is asked at the moment.
CREATE FUNCTION disposal_objections(what uuid) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT coalesce(array_agg(o.code ORDER BY o.place) FILTER (WHERE o.stands), '{}')
    FROM recordings r JOIN custody c ON c.recording = r.id, LATERAL (VALUES
        (1, 'date', c.retain_until > clock_timestamp()),
        (2, 'hold', EXISTS (SELECT FROM legal_holds h WHERE h.released_at IS NULL AND hold_keeps(h, r, c.recorded_at))),
        (3, 'lock', c.locked_until > clock_timestamp() OR c.held
            OR EXISTS (SELECT FROM copies p WHERE p.recording = r.id AND (p.locked_until > clock_timestamp() OR p.held))),
        (4, 'work', r.state IN ('discovered', 'transcribed')),
        (5, 'review', r.to_judge > 0 OR r.assignee IS NOT NULL AND coalesce(r.assigned_until, 'infinity') > clock_timestamp()),
        (6, 'sample', EXISTS (SELECT FROM sample_seats s JOIN samples p ON p.id = s.sample WHERE s.recording = r.id AND s.judged_at IS NULL AND p.closed_at IS NULL)),
        (7, 'appeal', EXISTS (SELECT FROM appeals a WHERE a.recording = r.id AND a.decided_by IS NULL)),
        (8, 'disposition', EXISTS (SELECT FROM dispositions d WHERE d.recording = r.id AND d.kind <> 'none' AND d.due >= current_date
            AND NOT EXISTS (SELECT FROM dispositions l WHERE l.recording = r.id AND l.id > d.id))),
        (9, 'hash', c.sha256 = ''),
        (10, 'damaged', c.problem <> ''),
        (11, 'copy', NOT copy_verified(r.id))
    ) o (place, code, stands) WHERE r.id = what
$$;

-- Who proposed what and why stays; it is decided once, and ends once.
CREATE FUNCTION disposals_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'disposals are history: they stay' USING ERRCODE = 'restrict_violation';
    END IF;
    IF (OLD.id, OLD.why, OLD.holds_until, OLD.proposed_by, OLD.proposed_role, OLD.proposed_at) IS DISTINCT FROM
        (NEW.id, NEW.why, NEW.holds_until, NEW.proposed_by, NEW.proposed_role, NEW.proposed_at)
        OR OLD.decided_at IS NOT NULL AND (OLD.decided_by, OLD.decided_role, OLD.decided_at, OLD.note) IS DISTINCT FROM (NEW.decided_by, NEW.decided_role, NEW.decided_at, NEW.note)
        OR NOT (OLD.state = NEW.state OR OLD.state = 'proposed' AND NEW.state IN ('approved', 'refused', 'withdrawn', 'lapsed') OR OLD.state = 'approved' AND NEW.state = 'done')
        OR OLD.state NOT IN ('proposed', 'approved') THEN
        RAISE EXCEPTION 'a disposal is decided once and ends once; nothing else of it changes' USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.state = 'proposed' AND NEW.state = 'approved' THEN
        IF OLD.holds_until <= clock_timestamp() THEN
            RAISE EXCEPTION 'the proposal has lapsed' USING ERRCODE = 'restrict_violation';
        END IF;
        IF NOT EXISTS (SELECT FROM users u WHERE u.id = NEW.decided_by AND NOT u.disabled AND u.role = NEW.decided_role) THEN
            RAISE EXCEPTION 'who approves a disposal is a user with the role that is noted' USING ERRCODE = 'restrict_violation';
        END IF;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER disposals_guard BEFORE UPDATE OR DELETE ON disposals FOR EACH ROW EXECUTE FUNCTION disposals_guard();
CREATE TRIGGER disposals_stay_all BEFORE TRUNCATE ON disposals FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A batch holds what was proposed: nothing is added once it is decided, and an item only goes forward, with its tombstone.
CREATE FUNCTION disposal_items_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'disposals are history: they stay' USING ERRCODE = 'restrict_violation';
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF NEW.state NOT IN ('waiting', 'stays') OR NOT EXISTS (SELECT FROM disposals d WHERE d.id = NEW.disposal AND d.state = 'proposed') THEN
            RAISE EXCEPTION 'nothing is added to a disposal after it was proposed' USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF (OLD.disposal, OLD.recording) <> (NEW.disposal, NEW.recording)
        OR OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN (('waiting', 'tombstoned'), ('waiting', 'stays'), ('tombstoned', 'stays'),
            ('tombstoned', 'object_gone'), ('object_gone', 'copy_gone'), ('copy_gone', 'done')) THEN
        RAISE EXCEPTION 'a disposal goes step by step' USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.state NOT IN ('waiting', 'stays') AND NOT EXISTS (SELECT FROM tombstones t WHERE t.recording = NEW.recording AND t.disposal = NEW.disposal AND t.voided_at IS NULL
        AND (NEW.state = 'tombstoned' OR t.object_gone_at IS NOT NULL) AND (NEW.state IN ('tombstoned', 'object_gone') OR t.copy_gone_at IS NOT NULL)
        AND (NEW.state <> 'done' OR t.erased_at IS NOT NULL)) THEN
        RAISE EXCEPTION 'nothing is destroyed without its tombstone' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER disposal_items_guard BEFORE INSERT OR UPDATE OR DELETE ON disposal_items FOR EACH ROW EXECUTE FUNCTION disposal_items_guard();
CREATE TRIGGER disposal_items_stay_all BEFORE TRUNCATE ON disposal_items FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A tombstone is set only for an item of an approved batch against which nothing stands. Who places a hold, extends,
-- appeals or judges has these rows locked, or waits for them: one of the two comes first.
CREATE FUNCTION tombstones_guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    against text[];
BEGIN
    PERFORM FROM recordings WHERE id = NEW.recording FOR UPDATE;
    PERFORM FROM custody WHERE recording = NEW.recording FOR UPDATE;
    IF NOT FOUND OR NOT EXISTS (SELECT FROM disposals d JOIN disposal_items i ON i.disposal = d.id
        WHERE d.id = NEW.disposal AND d.state = 'approved' AND d.decided_by <> d.proposed_by AND d.holds_until > clock_timestamp()
            AND i.recording = NEW.recording AND i.state = 'waiting') THEN
        RAISE EXCEPTION 'no disposal of it is approved' USING ERRCODE = 'restrict_violation';
    END IF;
    against := disposal_objections(NEW.recording);
    IF against <> '{}' THEN
        RAISE EXCEPTION 'it is not to be destroyed: %', array_to_string(against, ',') USING ERRCODE = 'restrict_violation', CONSTRAINT = 'disposal_objections', DETAIL = array_to_string(against, ',');
    END IF;
    IF NEW.object_gone_at IS NOT NULL OR NEW.voided_at IS NOT NULL
        OR NOT EXISTS (SELECT FROM custody c JOIN copies p ON p.recording = c.recording WHERE c.recording = NEW.recording AND c.sha256 = NEW.sha256
            AND c.retain_until = NEW.retain_until AND p.sha256 = NEW.copy_sha256 AND p.verified_at >= NEW.copy_verified_at)
        OR NEW.copy_verified_at < clock_timestamp() - interval '1 hour' THEN
        RAISE EXCEPTION 'a tombstone says what is to be destroyed, whose copy was read just now' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER tombstones_guard BEFORE INSERT ON tombstones FOR EACH ROW EXECUTE FUNCTION tombstones_guard();

CREATE FUNCTION tombstones_stay() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    steps text[] := ARRAY['object_gone_at', 'copy_gone_at', 'erased_at', 'voided_at', 'void_reason'];
BEGIN
    IF TG_OP = 'DELETE' OR to_jsonb(OLD) - steps <> to_jsonb(NEW) - steps
        OR OLD.object_gone_at IS NOT NULL AND NEW.object_gone_at IS DISTINCT FROM OLD.object_gone_at
        OR OLD.copy_gone_at IS NOT NULL AND NEW.copy_gone_at IS DISTINCT FROM OLD.copy_gone_at
        OR OLD.erased_at IS NOT NULL AND NEW.erased_at IS DISTINCT FROM OLD.erased_at
        OR OLD.voided_at IS NOT NULL THEN
        RAISE EXCEPTION 'tombstones stay for ever' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER tombstones_stay BEFORE UPDATE OR DELETE ON tombstones FOR EACH ROW EXECUTE FUNCTION tombstones_stay();
CREATE TRIGGER tombstones_stay_all BEFORE TRUNCATE ON tombstones FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A recording counts as disposed of exactly while it has a tombstone; what has one is not worked on again.
CREATE FUNCTION disposed_has_tombstone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.disposed_at IS NOT NULL) <> EXISTS (SELECT FROM tombstones t WHERE t.recording = NEW.recording AND t.voided_at IS NULL) THEN
        RAISE EXCEPTION 'a recording is disposed of by its tombstone' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER custody_disposed BEFORE UPDATE ON custody FOR EACH ROW
    WHEN (OLD.disposed_at IS DISTINCT FROM NEW.disposed_at) EXECUTE FUNCTION disposed_has_tombstone();
CREATE FUNCTION disposed_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.state = 'disposed') <> EXISTS (SELECT FROM tombstones t WHERE t.recording = NEW.id AND t.voided_at IS NULL) THEN
        RAISE EXCEPTION 'a recording is disposed of by its tombstone' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER recordings_disposed BEFORE UPDATE OF state ON recordings FOR EACH ROW
    WHEN ((OLD.state = 'disposed') <> (NEW.state = 'disposed')) EXECUTE FUNCTION disposed_stays();

-- What is disposed of is not copied again, nor is its copy's end a problem.
CREATE FUNCTION disposed_is_not_copied() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM tombstones t WHERE t.recording = NEW.recording AND t.voided_at IS NULL) THEN
        NEW.due_at := NULL;
        NEW.stuck := false;
        NEW.problem := '';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER copies_disposed BEFORE UPDATE ON copies FOR EACH ROW WHEN (NEW.due_at IS NOT NULL OR NEW.stuck OR NEW.problem <> '')
    EXECUTE FUNCTION disposed_is_not_copied();

-- Is this the erasing of a recording that is destroyed? Only erase_recording says so.
CREATE FUNCTION erasing(what uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT coalesce(current_setting('speechqa.erasing', true), '') = what::text
        AND EXISTS (SELECT FROM tombstones t WHERE t.recording = what AND t.voided_at IS NULL AND t.copy_gone_at IS NOT NULL)
$$;

CREATE FUNCTION kept_until_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND erasing(OLD.recording) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% are kept: nothing is deleted here before its date and outside of a disposal', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
DROP TRIGGER transcripts_kept ON transcripts;
CREATE TRIGGER transcripts_kept BEFORE DELETE ON transcripts FOR EACH ROW EXECUTE FUNCTION kept_until_erased();
DROP TRIGGER transcript_versions_kept ON transcript_versions;
CREATE TRIGGER transcript_versions_kept BEFORE UPDATE OR DELETE ON transcript_versions FOR EACH ROW EXECUTE FUNCTION kept_until_erased();

-- Of history only words go, never who did what and when.
CREATE FUNCTION words_until_erased() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    words text[] := TG_ARGV;
BEGIN
    IF TG_OP = 'UPDATE' AND erasing(OLD.recording) AND to_jsonb(OLD) - words = to_jsonb(NEW) - words THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is history: rows are only ever added', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
DROP TRIGGER review_events_history ON review_events;
CREATE TRIGGER review_events_history BEFORE UPDATE OR DELETE ON review_events FOR EACH ROW EXECUTE FUNCTION words_until_erased('note', 'detail');
DROP TRIGGER dispositions_history ON dispositions;
CREATE TRIGGER dispositions_history BEFORE UPDATE OR DELETE ON dispositions FOR EACH ROW EXECUTE FUNCTION words_until_erased('note', 'told');
DROP TRIGGER speaker_corrections_history ON speaker_corrections;
CREATE TRIGGER speaker_corrections_history BEFORE UPDATE OR DELETE ON speaker_corrections FOR EACH ROW EXECUTE FUNCTION words_until_erased('note', 'before');

CREATE OR REPLACE FUNCTION appeals_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'appeals are history: they stay' USING ERRCODE = 'restrict_violation';
    END IF;
    IF erasing(OLD.recording) AND to_jsonb(OLD) - ARRAY['reason', 'note', 'first_note'] = to_jsonb(NEW) - ARRAY['reason', 'note', 'first_note'] THEN
        RETURN NEW;
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

CREATE OR REPLACE FUNCTION judged_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.judged_at IS NOT NULL AND NOT (erasing(OLD.recording) AND to_jsonb(OLD) - 'note' = to_jsonb(NEW) - 'note') THEN
        RAISE EXCEPTION 'a blind judgement is given once' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION object_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF erasing(OLD.id) AND NEW.key = 'disposed/' || OLD.id
        AND (OLD.bucket, OLD.version, OLD.version_id) = (NEW.bucket, NEW.version, NEW.version_id) THEN
        RETURN NEW; -- the name may hold a telephone number
    END IF;
    RAISE EXCEPTION 'which object a recording is stays as it was found' USING ERRCODE = 'restrict_violation';
END $$;

-- without takes words out of an array of objects.
CREATE FUNCTION without(list jsonb, words text[]) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN jsonb_typeof(list) = 'array' THEN coalesce((SELECT jsonb_agg(x - words) FROM jsonb_array_elements(list) x), '[]') ELSE '[]' END
$$;

-- erase_recording takes away what was said in a destroyed recording and what people wrote about it: transcripts,
-- quotes, notes, names, numbers, clips. What is counted stays: findings by rule, decisions, scores, who, when. It is the
-- only way, and asks for approval, date and holds again. The audit log is not touched.
CREATE FUNCTION erase_recording(what uuid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM FROM recordings WHERE id = what FOR UPDATE;
    PERFORM FROM custody WHERE recording = what FOR UPDATE;
    IF NOT EXISTS (SELECT FROM tombstones t JOIN disposals d ON d.id = t.disposal JOIN disposal_items i ON i.disposal = d.id AND i.recording = what
        WHERE t.recording = what AND t.voided_at IS NULL AND t.object_gone_at IS NOT NULL AND t.copy_gone_at IS NOT NULL AND t.erased_at IS NULL
            AND d.state = 'approved' AND d.decided_by IS NOT NULL AND d.decided_by <> d.proposed_by AND i.state = 'copy_gone') THEN
        RAISE EXCEPTION 'no disposal of it has come so far' USING ERRCODE = 'restrict_violation';
    END IF;
    IF EXISTS (SELECT FROM recordings r JOIN custody c ON c.recording = r.id WHERE r.id = what AND (c.retain_until > clock_timestamp()
        OR EXISTS (SELECT FROM legal_holds h WHERE h.released_at IS NULL AND hold_keeps(h, r, c.recorded_at)))) THEN
        RAISE EXCEPTION 'it is to be kept' USING ERRCODE = 'restrict_violation', CONSTRAINT = 'disposal_held';
    END IF;
    PERFORM set_config('speechqa.erasing', what::text, true);
    DELETE FROM transcripts WHERE recording = what;
    DELETE FROM transcript_versions WHERE recording = what;
    DELETE FROM opinions WHERE recording = what;
    DELETE FROM shadow_findings WHERE recording = what;
    DELETE FROM contacts WHERE recording = what;
    DELETE FROM clips WHERE recording = what;
    UPDATE findings SET note = '', finding = coalesce((SELECT jsonb_object_agg(k, v) FROM jsonb_each(finding) x (k, v)
        WHERE k IN ('key', 'rule', 'rule_version', 'severity', 'turn', 'start', 'end', 'how', 'confidence', 'doubtful', 'shadow')), '{}')
        WHERE recording = what;
    UPDATE review_events SET note = '', detail = NULL WHERE recording = what;
    UPDATE dispositions SET note = '', told = '' WHERE recording = what;
    UPDATE speaker_corrections SET note = '', before = '{}' WHERE recording = what;
    UPDATE appeals SET reason = '–', first_note = '', note = CASE WHEN note = '' THEN '' ELSE '–' END WHERE recording = what;
    UPDATE sample_seats SET note = '' WHERE recording = what AND note <> '';
    UPDATE rule_proposals SET said = '', quote = '', reason = '' WHERE recording = what;
    UPDATE backtests SET tally = jsonb_set(tally, '{differences}',
            coalesce((SELECT jsonb_agg(d) FROM jsonb_array_elements(tally -> 'differences') d WHERE d ->> 'recording' <> what::text), '[]'))
        WHERE tally -> 'differences' @> jsonb_build_array(jsonb_build_object('recording', what::text));
    UPDATE copies SET key = 'disposed/' || recording, problem = '', lock_problem = '' WHERE recording = what;
    UPDATE recordings SET key = 'disposed/' || id, user_metadata = '{}', notes = '{}', reason = '', detail = '', case_id = '',
        metadata = coalesce((SELECT jsonb_object_agg(k, v) FROM jsonb_each(metadata) x (k, v) WHERE k IN ('agent_id', 'team', 'principal', 'started_at')), '{}'),
        slots = coalesce((SELECT jsonb_object_agg(k, without(v, ARRAY['quote'])) FROM jsonb_each(slots) x (k, v)), '{}')
        WHERE id = what;
    UPDATE tombstones SET erased_at = clock_timestamp() WHERE recording = what AND voided_at IS NULL;
    PERFORM set_config('speechqa.erasing', '', true);
END $$;
