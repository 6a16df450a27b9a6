-- Rulesets at work. A version is immutable; only where it stands changes, and every step of that is in the audit log.
CREATE TABLE ruleset_blobs (
    sha256  text PRIMARY KEY,
    content bytea NOT NULL
);

CREATE TABLE ruleset_versions (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hash         text NOT NULL UNIQUE, -- of all files, as findings carry it
    name         text NOT NULL,
    label        text NOT NULL,
    files        jsonb NOT NULL,       -- path → sha256 of its content
    base         bigint REFERENCES ruleset_versions (id),
    origin       text NOT NULL CHECK (origin IN ('program', 'import', 'editor')),
    why          text NOT NULL,
    author       uuid REFERENCES users (id),
    editors      uuid[] NOT NULL DEFAULT '{}',
    created_at   timestamptz NOT NULL DEFAULT now(),
    state        text NOT NULL CHECK (state IN ('draft', 'shadow', 'live', 'retired')),
    approver     uuid REFERENCES users (id),
    approved_at  timestamptz,
    publisher    uuid REFERENCES users (id),
    published_at timestamptz, -- last
    retired_at   timestamptz,
    override     text NOT NULL DEFAULT '',
    stale_marked boolean NOT NULL DEFAULT true, -- recordings that other rules inspected have been marked
    CONSTRAINT author_is_known CHECK (origin = 'program' OR author IS NOT NULL),
    CONSTRAINT second_person_approves CHECK (approver IS NULL OR approver IS DISTINCT FROM author AND NOT approver = ANY (editors)),
    CONSTRAINT approved_before_published CHECK (published_at IS NULL OR origin = 'program' OR approver IS NOT NULL),
    CONSTRAINT live_is_published CHECK (state <> 'live' OR published_at IS NOT NULL)
);
CREATE UNIQUE INDEX ruleset_versions_live ON ruleset_versions ((true)) WHERE state = 'live';

-- What a version is made of never changes, not even by the owner of the tables in a moment of haste.
CREATE FUNCTION refuse_ruleset_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (OLD.id, OLD.hash, OLD.name, OLD.label, OLD.files, OLD.base, OLD.origin, OLD.why, OLD.author, OLD.editors, OLD.created_at)
        IS DISTINCT FROM (NEW.id, NEW.hash, NEW.name, NEW.label, NEW.files, NEW.base, NEW.origin, NEW.why, NEW.author, NEW.editors, NEW.created_at) THEN
        RAISE EXCEPTION 'a version of the ruleset is immutable' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER ruleset_versions_immutable BEFORE UPDATE OR DELETE ON ruleset_versions FOR EACH ROW EXECUTE FUNCTION refuse_ruleset_change();
CREATE TRIGGER ruleset_blobs_history BEFORE UPDATE OR DELETE ON ruleset_blobs FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- Working copies of the editor.
CREATE TABLE ruleset_drafts (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    title      text NOT NULL,
    base       bigint NOT NULL REFERENCES ruleset_versions (id),
    files      jsonb NOT NULL DEFAULT '{}', -- path → changed text
    author     uuid NOT NULL REFERENCES users (id),
    editors    uuid[] NOT NULL,
    changes    bigint NOT NULL DEFAULT 0, -- optimistic lock
    created_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE backtests (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    old_version bigint NOT NULL REFERENCES ruleset_versions (id),
    new_version bigint NOT NULL REFERENCES ruleset_versions (id),
    since       timestamptz, -- of the contacts
    until       timestamptz,
    sample      integer NOT NULL DEFAULT 0, -- at most so many recordings; 0: all
    state       text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'done', 'cancelled', 'failed')),
    total       integer NOT NULL DEFAULT 0,
    done        integer NOT NULL DEFAULT 0,
    after       uuid, -- the last recording that is counted: a run that was broken off goes on from here
    tally       jsonb,
    blocks      jsonb NOT NULL DEFAULT '[]',
    problem     text NOT NULL DEFAULT '',
    engine      text NOT NULL DEFAULT '',
    asked_by    uuid REFERENCES users (id),
    created_at  timestamptz NOT NULL DEFAULT now(),
    alive_at    timestamptz, -- null: nobody works on it
    turn        bigint NOT NULL DEFAULT 0, -- fencing token
    ended_at    timestamptz
);
CREATE INDEX backtests_versions ON backtests (new_version, old_version, created_at DESC);

-- What a version on shadow would find and lose on new recordings. Nothing here counts for anybody.
CREATE TABLE shadow_findings (
    version   bigint NOT NULL REFERENCES ruleset_versions (id),
    recording uuid NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    key       text NOT NULL,
    rule      text NOT NULL,
    change    text NOT NULL CHECK (change IN ('found', 'lost')),
    finding   jsonb NOT NULL,
    at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (version, recording, key)
);
CREATE TABLE shadow_runs (
    version   bigint NOT NULL REFERENCES ruleset_versions (id),
    recording uuid NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    PRIMARY KEY (version, recording)
);

-- Decisions proposed as examples of a rule; the text is masked.
CREATE TABLE rule_proposals (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rule      text NOT NULL,
    kind      text NOT NULL CHECK (kind IN ('flag', 'pass')),
    said      text NOT NULL,
    quote     text NOT NULL,
    reason    text NOT NULL DEFAULT '',
    recording uuid REFERENCES recordings (id) ON DELETE SET NULL,
    finding   text NOT NULL,
    proposer  uuid NOT NULL REFERENCES users (id),
    at        timestamptz NOT NULL DEFAULT now(),
    state     text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'used', 'dismissed')),
    UNIQUE (recording, finding)
);

-- Under which ruleset, and of which term, a decision was made: filled in here, so that no writer can forget it. A finding
-- that the present rules no longer make is not theirs.
ALTER TABLE review_events
    ADD COLUMN ruleset text NOT NULL DEFAULT '',
    ADD COLUMN term    text NOT NULL DEFAULT '';
CREATE INDEX review_events_ruleset ON review_events (ruleset, rule) WHERE ruleset <> '';
CREATE FUNCTION review_event_ruleset() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.finding <> '' AND NEW.action IN ('confirmed', 'overturned', 'reopened') THEN
        SELECT r.ruleset_hash, coalesce(f.finding ->> 'term', '') INTO NEW.ruleset, NEW.term
            FROM recordings r JOIN findings f ON f.recording = r.id AND f.key = NEW.finding
            WHERE r.id = NEW.recording AND f.current AND NOT f.shadow;
        NEW.ruleset := coalesce(NEW.ruleset, '');
        NEW.term := coalesce(NEW.term, '');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER review_events_ruleset BEFORE INSERT ON review_events FOR EACH ROW EXECUTE FUNCTION review_event_ruleset();

-- Whatever was inspected by other rules than those that are live by now waits to be inspected again. Publishing takes the
-- lock alone and marks what is inspected already; whoever commits with old rules after that is caught here, so that no
-- recording keeps findings of retired rules, whichever of the two comes first.
CREATE FUNCTION inspected_by_live_rules() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('speechqa live ruleset', 0));
    IF EXISTS (SELECT FROM ruleset_versions WHERE state = 'live' AND hash <> NEW.ruleset_hash) THEN
        NEW.state := 'transcribed';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER recordings_inspected_by_live_rules BEFORE UPDATE OF state ON recordings FOR EACH ROW
    WHEN (OLD.state = 'transcribed' AND NEW.state = 'inspected') EXECUTE FUNCTION inspected_by_live_rules();
