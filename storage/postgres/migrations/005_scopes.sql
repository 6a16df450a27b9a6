-- Which recordings a user may see: of these principals, of these teams, of this agent; empty is any. A manager and an
-- agent for whom nothing is set see nothing.
ALTER TABLE users
    ADD COLUMN principals text[] NOT NULL DEFAULT '{}',
    ADD COLUMN teams      text[] NOT NULL DEFAULT '{}',
    ADD COLUMN agent_id   text   NOT NULL DEFAULT '';
