-- The auditor's questions: what somebody did, what was done of a kind, what was done to something, when.
CREATE INDEX audit_log_name ON audit_log (lower(name), seq);
CREATE INDEX audit_log_action ON audit_log (action text_pattern_ops, seq);
CREATE INDEX audit_log_subject ON audit_log (subject, seq);
CREATE INDEX audit_log_at ON audit_log (at);
