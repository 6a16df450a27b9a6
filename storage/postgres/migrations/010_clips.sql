-- Clips for training point into a recording and copy nothing of it, so that they end with it.
CREATE TABLE clips (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    recording  uuid NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    from_at    double precision NOT NULL CHECK (from_at >= 0),
    to_at      double precision NOT NULL CHECK (to_at > from_at),
    title      text NOT NULL,
    note       text NOT NULL DEFAULT '',
    tags       text[] NOT NULL DEFAULT '{}',
    example    text NOT NULL CHECK (example IN ('good', 'bad')),
    rule       text NOT NULL DEFAULT '',
    finding    text NOT NULL DEFAULT '', -- key of the finding it was cut for
    plain      text[] NOT NULL DEFAULT '{}',  -- personal data that was found and is to be heard all the same
    bleeped    jsonb NOT NULL DEFAULT '[]',   -- stretches bleeped besides what is found: [{from, to}] in seconds
    created_by uuid NOT NULL REFERENCES users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now(),
    version    bigint NOT NULL DEFAULT 0 -- optimistic lock
);
CREATE INDEX clips_newest ON clips (created_at DESC, id DESC);
CREATE INDEX clips_recording ON clips (recording);
CREATE INDEX clips_tags ON clips USING gin (tags);

-- A course: clips in an order.
CREATE TABLE playlists (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    title      text NOT NULL,
    note       text NOT NULL DEFAULT '',
    created_by uuid NOT NULL REFERENCES users (id),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE playlist_clips (
    playlist uuid NOT NULL REFERENCES playlists (id) ON DELETE CASCADE,
    clip     uuid NOT NULL REFERENCES clips (id) ON DELETE CASCADE,
    place    integer NOT NULL,
    PRIMARY KEY (playlist, clip)
);
CREATE INDEX playlist_clips_clip ON playlist_clips (clip);
