-- An agent's page lists his latest findings: the recordings that have any, in the order in which it lists them.
CREATE INDEX recordings_agent_live ON recordings (agent_id, started_at DESC, id) WHERE live > 0;
