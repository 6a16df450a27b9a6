-- Runs over second copies are told from those over the recordings themselves.
ALTER TABLE verify_runs ADD COLUMN copies boolean NOT NULL DEFAULT false;
