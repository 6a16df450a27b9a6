-- Accounts: passwords with a history and an age, a second factor, log-ins that can be seen and ended, and rights that
-- change only when a second administrator agrees.
ALTER TABLE users
    ADD COLUMN password_set_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN must_change     boolean     NOT NULL DEFAULT false, -- set by somebody else: to be changed at the next log-in
    ADD COLUMN totp_secret     text        NOT NULL DEFAULT '',    -- base32; empty: no second factor
    ADD COLUMN totp_step       bigint      NOT NULL DEFAULT 0;     -- of the last code used; none works twice

CREATE TABLE recovery_codes (
    user_id uuid  NOT NULL REFERENCES users (id),
    hash    bytea NOT NULL, -- SHA-256; the codes are random enough not to need more
    PRIMARY KEY (user_id, hash)
);

-- Passwords of before, so that they are not used again.
CREATE TABLE password_history (
    user_id uuid        NOT NULL REFERENCES users (id),
    hash    text        NOT NULL,
    set_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX password_history_user ON password_history (user_id, set_at);

-- Attempts to log in by name since the last that succeeded. Names nobody has are here too, for a day.
CREATE TABLE login_attempts (
    name    text PRIMARY KEY,
    count   integer     NOT NULL,
    last_at timestamptz NOT NULL,
    until   timestamptz NOT NULL -- no attempt is looked at before
);
CREATE INDEX login_attempts_last ON login_attempts (last_at);

-- Who is logged in where. The session's data names its row; a session whose row has ended is none.
CREATE TABLE logins (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id    uuid        NOT NULL REFERENCES users (id),
    started_at timestamptz NOT NULL DEFAULT now(),
    seen_at    timestamptz NOT NULL DEFAULT now(), -- to the minute
    origin     text        NOT NULL,               -- network address
    browser    text        NOT NULL,
    ended_at   timestamptz,
    why        text        NOT NULL DEFAULT ''     -- logout, replaced, ended, password, disabled
);
CREATE INDEX logins_user ON logins (user_id, seen_at) WHERE ended_at IS NULL;

-- A change of a user's rights: asked for by one administrator, decided by another.
CREATE TABLE user_changes (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id    uuid        NOT NULL REFERENCES users (id),
    before     jsonb       NOT NULL,
    after      jsonb       NOT NULL,
    asked_by   uuid        NOT NULL REFERENCES users (id),
    asked_at   timestamptz NOT NULL DEFAULT now(),
    decision   text        NOT NULL DEFAULT '' CHECK (decision IN ('', 'confirmed', 'refused', 'withdrawn')),
    decided_by uuid REFERENCES users (id),
    decided_at timestamptz,
    CHECK (decision <> 'confirmed' OR decided_by <> asked_by AND decided_by <> user_id)
);
CREATE UNIQUE INDEX user_changes_waiting ON user_changes (user_id) WHERE decision = '';
