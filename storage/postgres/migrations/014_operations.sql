-- What the operators' page counts, without reading the whole table.
CREATE INDEX recordings_created ON recordings (created_at);
CREATE INDEX recordings_failed ON recordings (reason) WHERE state = 'failed';
CREATE INDEX transcripts_heard_at ON transcripts (heard_at);
