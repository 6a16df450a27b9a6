-- What was gone through with an agent, by whom, when: added only.
CREATE TABLE coaching (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agent_id text NOT NULL CHECK (agent_id <> ''),
    at       timestamptz NOT NULL DEFAULT now(),
    by       uuid NOT NULL REFERENCES users (id),
    rule     text NOT NULL DEFAULT '', -- that it was about; '' for none
    note     text NOT NULL CHECK (note <> '')
);
CREATE INDEX coaching_agent ON coaching (agent_id, id DESC);
CREATE TRIGGER coaching_history BEFORE UPDATE OR DELETE ON coaching FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER coaching_history_all BEFORE TRUNCATE ON coaching FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
