-- What stands against destroying each recording, so that it can be asked of many at once. The moment is the transaction's
-- beginning, which errs on the side of keeping.
CREATE VIEW disposal_stands AS
    SELECT r.id AS recording, array_remove(ARRAY[
        CASE WHEN c.retain_until > now() THEN 'date' END,
        CASE WHEN EXISTS (SELECT FROM legal_holds h WHERE h.released_at IS NULL AND hold_keeps(h, r, c.recorded_at)) THEN 'hold' END,
        CASE WHEN c.locked_until > now() OR c.held OR p.locked_until > now() OR p.held THEN 'lock' END,
        CASE WHEN r.state IN ('discovered', 'transcribed') THEN 'work' END,
        CASE WHEN r.to_judge > 0 OR r.assignee IS NOT NULL AND coalesce(r.assigned_until, 'infinity') > now() THEN 'review' END,
        CASE WHEN EXISTS (SELECT FROM sample_seats s JOIN samples q ON q.id = s.sample WHERE s.recording = r.id AND s.judged_at IS NULL AND q.closed_at IS NULL) THEN 'sample' END,
        CASE WHEN EXISTS (SELECT FROM appeals a WHERE a.recording = r.id AND a.decided_by IS NULL) THEN 'appeal' END,
        CASE WHEN EXISTS (SELECT FROM dispositions d WHERE d.recording = r.id AND d.kind <> 'none' AND d.due >= current_date
            AND NOT EXISTS (SELECT FROM dispositions l WHERE l.recording = d.recording AND l.id > d.id)) THEN 'disposition' END,
        CASE WHEN c.sha256 = '' THEN 'hash' END,
        CASE WHEN c.problem <> '' THEN 'damaged' END,
        CASE WHEN p.due_at IS NULL AND p.verified_at IS NOT NULL AND p.sha256 = c.sha256 THEN NULL ELSE 'copy' END
    ], NULL) AS against
    FROM recordings r JOIN custody c ON c.recording = r.id LEFT JOIN copies p ON p.recording = r.id;

-- A recording nobody knows is not to be destroyed either.
CREATE OR REPLACE FUNCTION disposal_objections(what uuid) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT against FROM disposal_stands WHERE recording = what), '{work}')
$$;
