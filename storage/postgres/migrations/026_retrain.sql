-- A version may come from the statistical model's learning from decisions.
ALTER TABLE ruleset_versions DROP CONSTRAINT ruleset_versions_origin_check,
    ADD CONSTRAINT ruleset_versions_origin_check CHECK (origin IN ('program', 'import', 'editor', 'retrain'));
