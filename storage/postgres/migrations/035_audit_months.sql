-- The audit log grows with every page that somebody opens and is kept for as long as recordings are. It lies in one
-- table per month (UTC): an auditor's question about a time reads its months only, and what is old is neither
-- vacuumed nor written again. What was there before is the first part.
ALTER TABLE audit_log RENAME TO audit_log_first;
ALTER TABLE audit_log_first RENAME CONSTRAINT audit_log_pkey TO audit_log_first_pkey;
ALTER TABLE audit_log_first DROP CONSTRAINT audit_log_first_pkey;
ALTER INDEX audit_log_name RENAME TO audit_log_first_name;
ALTER INDEX audit_log_action RENAME TO audit_log_first_action;
ALTER INDEX audit_log_subject RENAME TO audit_log_first_subject;
ALTER INDEX audit_log_at RENAME TO audit_log_first_at;
DROP TRIGGER audit_log_history ON audit_log_first; -- comes back with the whole's

CREATE TABLE audit_log (LIKE audit_log_first INCLUDING CONSTRAINTS) PARTITION BY RANGE (at);
-- That no number is there twice is due to audit_head, whose row each writer locks; `verify audit` would find it.
ALTER TABLE audit_log ADD PRIMARY KEY (seq, at);
CREATE INDEX audit_log_name ON audit_log (lower(name), seq);
CREATE INDEX audit_log_action ON audit_log (action text_pattern_ops, seq);
CREATE INDEX audit_log_subject ON audit_log (subject, seq);
CREATE INDEX audit_log_at ON audit_log (at);
CREATE TRIGGER audit_log_history BEFORE UPDATE OR DELETE ON audit_log FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_log_history_all BEFORE TRUNCATE ON audit_log FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The application's roles keep their rights. On the parts they may only read, which pg_dump does.
DO $$
DECLARE
    g record;
BEGIN
    FOR g IN SELECT a.grantee::regrole AS role, string_agg(a.privilege_type, ', ') AS rights FROM pg_class c, aclexplode(c.relacl) a
        WHERE c.oid = 'audit_log_first'::regclass AND a.grantee NOT IN (0, c.relowner) GROUP BY 1
    LOOP
        EXECUTE format('GRANT %s ON audit_log TO %s', g.rights, g.role);
        EXECUTE format('REVOKE ALL ON audit_log_first FROM %s', g.role);
        EXECUTE format('GRANT SELECT ON audit_log_first TO %s', g.role);
    END LOOP;
END $$;

DO $$
BEGIN
    EXECUTE format('ALTER TABLE audit_log ATTACH PARTITION audit_log_first FOR VALUES FROM (MINVALUE) TO (%L)',
        date_trunc('month', greatest(now(), (SELECT max(at) FROM audit_log_first)) AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + interval '1 month');
END $$;

-- An entry of a time that has no part of its own is not lost: it lies here.
CREATE TABLE audit_log_other PARTITION OF audit_log DEFAULT;
CREATE TRIGGER audit_log_history_all BEFORE TRUNCATE ON audit_log_other FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- audit_months makes the parts of this month and so many that follow, where they are not there, and says how many it
-- made. A month of which entries lie in audit_log_other keeps them there. The application calls it and has no
-- right to make tables itself.
CREATE FUNCTION audit_months(ahead integer) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    month timestamptz;
    part text;
    made integer := 0;
    g record;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('speechqa.audit_months', 0));
    FOR month IN SELECT generate_series(date_trunc('month', now() AT TIME ZONE 'UTC'),
        date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => least(greatest(ahead, 0), 60)), '1 month') AT TIME ZONE 'UTC'
    LOOP
        part := 'audit_log_' || to_char(month AT TIME ZONE 'UTC', 'YYYY_MM');
        CONTINUE WHEN to_regclass(part) IS NOT NULL OR month < (SELECT coalesce(max(upto), month) FROM (
                SELECT substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \(''(.*)''\)')::timestamptz AS upto FROM pg_class c WHERE c.oid = 'audit_log_first'::regclass) b)
            OR EXISTS (SELECT FROM audit_log_other WHERE at >= month AND at < (month AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC');
        EXECUTE format('CREATE TABLE %I PARTITION OF audit_log FOR VALUES FROM (%L) TO (%L)', part, month, (month AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC');
        EXECUTE format('CREATE TRIGGER audit_log_history_all BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', part);
        FOR g IN SELECT DISTINCT a.grantee::regrole AS role FROM pg_class c, aclexplode(c.relacl) a
            WHERE c.oid = 'audit_log'::regclass AND a.grantee NOT IN (0, c.relowner) AND a.privilege_type = 'SELECT'
        LOOP
            EXECUTE format('GRANT SELECT ON %I TO %s', part, g.role);
        END LOOP;
        made := made + 1;
    END LOOP;
    RETURN made;
END $$;
SELECT audit_months(12);
