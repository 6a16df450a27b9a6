-- Who did what, to what, from where, when: appended only, each entry bound to the one before by its hash, so that
-- nothing can be removed, altered or moved without `speechqa verify audit` finding it.
CREATE TABLE audit_log (
    seq     bigint PRIMARY KEY,
    at      timestamptz NOT NULL,
    actor   text NOT NULL,  -- user id; empty where nobody known did it
    name    text NOT NULL,  -- log-in name at that time
    action  text NOT NULL,
    subject text NOT NULL,  -- kind:id
    origin  text NOT NULL,  -- network address
    detail  text NOT NULL,  -- JSON, byte for byte as hashed
    prev    bytea NOT NULL CHECK (length(prev) = 32),
    hash    bytea NOT NULL CHECK (length(hash) = 32)
);

-- The chain's head: one row, whose lock puts writers in a row.
CREATE TABLE audit_head (
    one  boolean PRIMARY KEY DEFAULT true CHECK (one),
    seq  bigint NOT NULL,
    hash bytea NOT NULL
);
INSERT INTO audit_head (seq, hash) VALUES (0, decode(repeat('00', 32), 'hex'));

-- History is never changed or removed, not even by the owner of the tables in a moment of haste.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is history: rows are only ever added', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER audit_log_history BEFORE UPDATE OR DELETE ON audit_log FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_log_history_all BEFORE TRUNCATE ON audit_log FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER review_events_history BEFORE UPDATE OR DELETE ON review_events FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER review_events_history_all BEFORE TRUNCATE ON review_events FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
