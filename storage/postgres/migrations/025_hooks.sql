-- Addresses that are told when a recording becomes fatal (一票否决), and what is to be told. The trigger writes in the
-- transaction that makes it so; a loop sends.
CREATE TABLE hooks (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    url        text NOT NULL,
    secret     text NOT NULL, -- signs what is sent; the receiver has it too
    created_by uuid NOT NULL REFERENCES users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    removed_at timestamptz
);

CREATE TABLE hook_deliveries (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    hook       uuid NOT NULL REFERENCES hooks (id),
    recording  uuid REFERENCES recordings (id), -- null: a trial
    created_at timestamptz NOT NULL DEFAULT now(),
    next_at    timestamptz DEFAULT now(),       -- null: delivered or given up
    tries      integer NOT NULL DEFAULT 0,
    done_at    timestamptz,                     -- when it was delivered
    problem    text NOT NULL DEFAULT ''         -- of the last try
);
CREATE INDEX hook_deliveries_due ON hook_deliveries (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX hook_deliveries_newest ON hook_deliveries (created_at DESC, id);

CREATE FUNCTION hooks_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO hook_deliveries (hook, recording) SELECT id, NEW.id FROM hooks WHERE removed_at IS NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER recordings_tell_hooks AFTER UPDATE OF fatal ON recordings FOR EACH ROW
    WHEN (NEW.fatal AND NOT OLD.fatal) EXECUTE FUNCTION hooks_tell();
