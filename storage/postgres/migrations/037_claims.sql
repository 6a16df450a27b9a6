-- A claim that has run out passes to the next who asks; who had it is told, with the recording.
ALTER TABLE assignment_notices DROP CONSTRAINT assignment_notices_kind_check;
ALTER TABLE assignment_notices ADD COLUMN recording uuid REFERENCES recordings (id),
    ADD CONSTRAINT assignment_notices_kind_check CHECK (kind IN ('assigned', 'taken_back', 'claim_passed')),
    ADD CONSTRAINT assignment_notices_recording_check CHECK ((kind = 'claim_passed') = (recording IS NOT NULL));

-- Trainers are told what retraining was ordered.
CREATE INDEX dispositions_retrain ON dispositions (at) WHERE kind = 'retrain';

-- Whoever has no display name goes by the log-in name, everywhere.
UPDATE users SET display_name = name WHERE display_name = '';
CREATE FUNCTION users_display_name() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.display_name := NEW.name;
    RETURN NEW;
END $$;
CREATE TRIGGER users_display_name BEFORE INSERT OR UPDATE ON users FOR EACH ROW WHEN (NEW.display_name = '') EXECUTE FUNCTION users_display_name();
