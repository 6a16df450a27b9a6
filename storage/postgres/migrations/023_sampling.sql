-- Samples that people judge without knowing what the rules found, or what others said: of recordings that nothing was
-- found in (what do the rules miss?), or of any, by all reviewers (do they judge alike?).
CREATE TABLE samples (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    kind       text NOT NULL CHECK (kind IN ('unflagged', 'calibration')),
    title      text NOT NULL,
    since      timestamptz NOT NULL,
    until      timestamptz NOT NULL,
    period     text NOT NULL CHECK (period IN ('week', 'month')),
    team       text NOT NULL,
    principal  text NOT NULL,
    half       double precision NOT NULL, -- wanted half-width of the interval; 0: the size was given
    prior      double precision NOT NULL, -- share that was expected when the size was worked out
    doubled    double precision NOT NULL, -- share that two judge
    seed       text NOT NULL,             -- the same draws the same recordings
    population integer NOT NULL,          -- recordings it was drawn from
    created_by uuid NOT NULL REFERENCES users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    closed_at  timestamptz
);

CREATE TABLE sample_strata (
    sample   uuid NOT NULL REFERENCES samples (id),
    agent_id text NOT NULL,
    period   date NOT NULL, -- its first day
    total    integer NOT NULL,
    drawn    integer NOT NULL,
    PRIMARY KEY (sample, agent_id, period)
);

CREATE TABLE sample_items (
    sample    uuid NOT NULL REFERENCES samples (id),
    recording uuid NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    agent_id  text NOT NULL,
    period    date NOT NULL,
    place     integer NOT NULL, -- in the order in which they are judged
    PRIMARY KEY (sample, recording)
);

-- Who judges what. A judgement is given once: what was said blind is not said again after comparing.
CREATE TABLE sample_seats (
    sample    uuid NOT NULL,
    recording uuid NOT NULL,
    reviewer  uuid NOT NULL REFERENCES users (id),
    seat      integer NOT NULL, -- 1, 2, …; 0: the last word where they differ
    judged_at timestamptz,
    rules     text[],           -- broken in the reviewer's eyes; empty: none
    note      text NOT NULL DEFAULT '',
    PRIMARY KEY (sample, recording, reviewer),
    UNIQUE (sample, recording, seat),
    FOREIGN KEY (sample, recording) REFERENCES sample_items (sample, recording) ON DELETE CASCADE,
    CHECK ((judged_at IS NULL) = (rules IS NULL))
);
CREATE INDEX sample_seats_open ON sample_seats (reviewer, sample) WHERE judged_at IS NULL;

CREATE FUNCTION judged_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.judged_at IS NOT NULL THEN
        RAISE EXCEPTION 'a blind judgement is given once' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER sample_seats_once BEFORE UPDATE ON sample_seats FOR EACH ROW EXECUTE FUNCTION judged_once();
