-- What is inspected again, is inspected newest first; everything else oldest first.
DROP INDEX recordings_waiting;
CREATE INDEX recordings_waiting ON recordings (priority DESC,
        (CASE WHEN priority < 0 AND state = 'transcribed'
            THEN timestamptz '1970-01-01 00:00:00+00' - created_at ELSE created_at - timestamptz '1970-01-01 00:00:00+00' END), id)
    WHERE state IN ('discovered', 'transcribed');
