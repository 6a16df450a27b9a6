-- A language model's second opinion on inspected recordings; what it found lies among the findings, doubtful.
CREATE TABLE opinions (
    recording    uuid PRIMARY KEY REFERENCES recordings (id),
    inspected_at timestamptz NOT NULL,           -- of the inspection it follows
    question     text NOT NULL,                  -- hash of everything that was asked
    answer       jsonb NOT NULL,                 -- findings, before those that the rules have too were left out
    missing      text NOT NULL DEFAULT '',       -- what could not be had
    asked_at     timestamptz NOT NULL DEFAULT now()
);

-- Inspections are gone through in the order of their time; this is how far. No row: nobody has ever asked.
CREATE TABLE opinion_cursor (
    one          boolean PRIMARY KEY DEFAULT true CHECK (one),
    inspected_at timestamptz NOT NULL,
    recording    uuid NOT NULL
);
CREATE INDEX recordings_inspected_in_turn ON recordings (inspected_at, id) WHERE state = 'inspected';
