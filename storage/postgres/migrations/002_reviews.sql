-- Every word of a reviewer, never changed; findings carry the last one.
CREATE TABLE review_events (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    recording  uuid NOT NULL REFERENCES recordings (id),
    at         timestamptz NOT NULL DEFAULT now(),
    by         uuid REFERENCES users (id),
    action     text NOT NULL,
    finding    text NOT NULL DEFAULT '',
    rule       text NOT NULL DEFAULT '',
    reason     text NOT NULL DEFAULT '',
    note       text NOT NULL DEFAULT '',
    score      integer NOT NULL,
    detail     jsonb
);
CREATE INDEX review_events_recording ON review_events (recording, id);

ALTER TABLE findings
    ADD COLUMN reason    text NOT NULL DEFAULT '',
    ADD COLUMN note      text NOT NULL DEFAULT '',
    ADD COLUMN judged_by uuid REFERENCES users (id),
    ADD COLUMN judged_at timestamptz;
