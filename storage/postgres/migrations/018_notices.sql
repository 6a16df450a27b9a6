-- When a person last looked at what is new for him. What is new is not stored: it is asked of the things themselves.
CREATE TABLE notices_seen (
    user_id uuid PRIMARY KEY REFERENCES users (id),
    at      timestamptz NOT NULL
);
