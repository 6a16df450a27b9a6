-- Keys with which a person's programs ask the API in his name. Only a hash of each is kept.
CREATE TABLE tokens (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id    uuid NOT NULL REFERENCES users (id),
    name       text NOT NULL,
    hash       bytea NOT NULL UNIQUE CHECK (length(hash) = 32), -- SHA-256 of the token
    hint       text NOT NULL, -- its first characters, to tell it by
    read_only  boolean NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    used_at    timestamptz -- to the minute
);
CREATE INDEX tokens_user ON tokens (user_id, created_at DESC);
