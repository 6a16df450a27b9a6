-- Each time that stored transcripts were to be inspected again, for showing how far that has come.
CREATE TABLE rescans (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    began        timestamptz NOT NULL DEFAULT now(),
    ruleset_hash text NOT NULL,
    marked       bigint NOT NULL
);

-- Throughput: what was inspected when.
CREATE INDEX recordings_inspected_at ON recordings (inspected_at) WHERE inspected_at IS NOT NULL;
