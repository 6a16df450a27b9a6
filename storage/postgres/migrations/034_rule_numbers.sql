-- The number of the rule whose finding a decision was about. After other rules have inspected the recording again the
-- finding carries the number of those; what people said of the earlier one must not go to the later alone.
ALTER TABLE review_events ADD COLUMN rule_version integer NOT NULL DEFAULT 0; -- 0: not known, or none
CREATE OR REPLACE FUNCTION review_event_ruleset() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.finding <> '' AND NEW.action IN ('confirmed', 'overturned', 'reopened') THEN
        SELECT r.ruleset_hash, coalesce(f.finding ->> 'term', ''), coalesce((f.finding ->> 'rule_version')::integer, 0)
            INTO NEW.ruleset, NEW.term, NEW.rule_version
            FROM by_rules r JOIN findings f ON f.recording = r.recording AND f.key = NEW.finding
            WHERE r.recording = NEW.recording AND f.current AND NOT f.shadow;
        NEW.ruleset := coalesce(NEW.ruleset, '');
        NEW.term := coalesce(NEW.term, '');
        NEW.rule_version := coalesce(NEW.rule_version, 0);
    END IF;
    RETURN NEW;
END $$;

-- The numbers of the rules that were live when a sample was drawn: what it says of a rule's recall is of that one.
ALTER TABLE samples ADD COLUMN rules jsonb NOT NULL DEFAULT '{}';
